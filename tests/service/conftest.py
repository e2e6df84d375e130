"""Fixtures of the service's tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psycopg
import pytest

from operations.inbox.receive import receive
from operations.inbox.story import explain_due
from service.postgres.server import EmbeddedPostgres
from tests import machine
from tests.machine import require
from tests.operations.alert_documents import grafana
from tests.operations.ledger import fill
from tests.operations.test_classify import BEFORE, NOW, V2, tokens, traffic
from tests.operations.test_inbox_story import drifted


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of a module's own, for tests that lock, freeze or stop it."""
    folder = tmp_path_factory.mktemp("database")
    with EmbeddedPostgres(folder, settings={"fsync": "off"}, stop_signal=signal.SIGQUIT) as running:
        yield running


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
