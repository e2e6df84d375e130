"""The planner knows the calls before a long run reads them."""

from __future__ import annotations

import pytest

from storage.connection import connect
from storage.ingest.writer import Writer
from storage.upkeep.statistics import ensure_statistics
from tests.storage.ledger import call, rows, write

pytestmark = pytest.mark.both_servers


def test_calls_that_were_never_analysed_are_analysed_once(migrated_database: str) -> None:
    with connect(migrated_database) as conn:
        assert ensure_statistics(conn) == 0, "nothing is stored"
        writer = Writer(migrated_database)
        write(writer, [call(str(number)) for number in range(50)])
        writer.close()
        assert ensure_statistics(conn) == 1
        assert ensure_statistics(conn) == 0
    query = (
        "SELECT sum(reltuples)::int FROM pg_class"
        " WHERE reltuples >= 50 AND relkind = 'r' AND relname ~ 'model_call|hyper'"
    )
    assert rows(migrated_database, query) == [(50,)]
