"""Fixtures of the service's tests."""

from __future__ import annotations

import psycopg
import pytest

from operations.inbox.receive import receive
from operations.inbox.story import explain_due
from tests import machine
from tests.machine import require
from tests.operations.alert_documents import grafana
from tests.operations.ledger import fill
from tests.operations.test_classify import BEFORE, NOW, V2, tokens, traffic
from tests.operations.test_inbox_story import drifted


@pytest.fixture
def chromium(request: pytest.FixtureRequest) -> str:
    require(request.config, "chromium")
    return machine.chromium() or ""


@pytest.fixture
def explained(migrated_database: str) -> str:
    """A ledger with the planted incident and its alert, explained."""
    fill(migrated_database, [*traffic(BEFORE, 200), *traffic(NOW, 220, tokens(1.6, like=V2))])
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        receive(connection, grafana(drifted()))
        explain_due(connection)
    return migrated_database
