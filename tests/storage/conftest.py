"""Fixtures of the ledger's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.ingest.writer import Writer


@pytest.fixture
def writer(migrated_database: str) -> Iterator[Writer]:
    """A writer on a database of the test's own."""
    made = Writer(migrated_database)
    yield made
    made.close()
