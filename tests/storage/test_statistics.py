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


def test_columns_that_are_only_summed_are_not_sampled(migrated_database: str) -> None:
    """Sampling all of them was half of what ANALYZE costs; on TimescaleDB in chunks, which are made later."""
    writer = Writer(migrated_database)
    write(writer, [call(str(number)) for number in range(50)])
    writer.close()
    with connect(migrated_database) as conn:
        conn.execute("ANALYZE")
    query = (
        "SELECT DISTINCT attname FROM pg_stats WHERE schemaname IN ('_genai', '_timescaledb_internal')"
        " AND tablename ~ 'model_call|hyper|usage_|call_key|open_call'"
    )
    sampled = {name for (name,) in rows(migrated_database, query)}
    assert {"time", "call_key", "series_id", "identity_id", "shape_id", "bucket", "calls"} <= sampled
    assert {"cost_pico_usd", "conversation_id", "unpriced_calls"} <= sampled
    assert not {name for name in sampled if name.endswith("_tokens") or name.startswith("latency_")}
    assert sampled.isdisjoint({"input_cost_pico_usd", "key", "call", "span_id", "response_id"})


def test_brin_indexes_are_summarised_as_they_grow(migrated_database: str) -> None:
    """What is not summarised is read by every search."""
    query = (
        "SELECT relname FROM pg_class c JOIN pg_am a ON a.oid = c.relam"
        " WHERE amname = 'brin' AND relnamespace = '_genai'::regnamespace"
        " AND NOT 'autosummarize=on' = ANY (coalesce(reloptions, '{}'))"
    )
    assert rows(migrated_database, query) == []
