"""Fixtures of the ledger's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.dimensions.cardinality import SERVICE
from storage.ingest.writer import Writer
from tests.storage.deliveries import Deliveries
from tests.storage.late import late_ledger


@pytest.fixture
def writer(migrated_database: str) -> Iterator[Writer]:
    """A writer on a database of the test's own."""
    made = Writer(migrated_database)
    yield made
    made.close()


@pytest.fixture
def deliveries(migrated_database: str) -> Iterator[Deliveries]:
    caps = {SERVICE: 20}  # most deliveries are booked under `__other__`, which must not show in any row
    with late_ledger(migrated_database, caps=caps) as late:
        yield Deliveries(late)
