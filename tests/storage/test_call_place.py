"""A call found by its key alone, and the address of the page that explains it."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest

from processor.calls.call import Flag
from storage.ingest.writer import Writer
from tests.storage.ledger import NOON_NS, SECOND_NS, call, rows, value, write

KINDS: dict[str, dict[str, Any]] = {
    "a span": {},
    "a span with a provider's id": {"response_id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG"},
    "a span at the last microsecond": {"time_ns": NOON_NS + 999_999_000},
    "a direct report": {"report_key": hashlib.sha256(b"r1").digest()[:16], "trace_id": b"", "span_id": b""},
    "a span whose clock was ahead": {
        "flags": int(Flag.CLOCK_MOVED),
        "claimed_time_ns": NOON_NS + 86_400 * SECOND_NS,
    },
    "a span whose clock was ahead, with a provider's id": {
        "flags": int(Flag.CLOCK_MOVED),
        "claimed_time_ns": NOON_NS + 86_400 * SECOND_NS,
        "response_id": "chatcmpl-9dkfJw02mdKs81nmQpWoe",
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key_leads_to_its_call(migrated_database: str, writer: Writer, kind: str) -> None:
    others = [call(f"other {n}", time_ns=NOON_NS + n * 1_000_000) for n in range(-3, 4)]
    write(writer, [call(kind, input_tokens=7, **KINDS[kind]), *others])
    query = "SELECT call_key, time FROM genai.model_call WHERE input_tokens = 7"
    ((key, time),) = rows(migrated_database, query)
    assert value(migrated_database, "SELECT genai.call_time(%s)", key) == time


def test_a_key_of_nothing_leads_nowhere(migrated_database: str, writer: Writer) -> None:
    write(writer, [call("one", response_id="chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG")])
    claimed = "SELECT key FROM genai.call_key WHERE key <> call LIMIT 1"
    for key in ("00000000-0000-0000-0000-000000000000", "f" * 32, value(migrated_database, claimed)):
        assert value(migrated_database, "SELECT genai.call_time(%s::uuid)", key) is None


@pytest.mark.parametrize("kind", ["a span", "a direct report"])
def test_no_day_is_read_through_for_a_key(migrated_database: str, writer: Writer, kind: str) -> None:
    write(writer, [call(kind, input_tokens=7, **KINDS[kind])])
    write(writer, [call(f"before {n}", time_ns=NOON_NS - n * 600 * SECOND_NS) for n in range(1, 3001)])
    key = value(migrated_database, "SELECT call_key FROM genai.model_call WHERE input_tokens = 7")
    read = (
        "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
        " WHERE relname = 'model_call' OR relname LIKE '!_hyper%' ESCAPE '!'"
    )
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        with connection.transaction():
            connection.execute("SELECT genai.call_time(%s)", (key,))
            found = connection.execute(read).fetchone()
    assert found is not None
    assert found[0] <= 2


@pytest.mark.parametrize("root", ["https://ledger.example/spend", "https://ledger.example/spend/"])
def test_the_address_of_its_page_follows_the_setting(migrated_database: str, root: str) -> None:
    at = datetime(2026, 9, 21, 15, 33, 20, 5, tzinfo=timezone(timedelta(hours=2)))
    query = "SELECT p.call_url, p.call_link FROM genai.call_page('k1', %s) p"
    assert rows(migrated_database, query, at) == [("", "")]
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("INSERT INTO _genai.setting (key, value) VALUES ('public_url', '')")
        assert rows(migrated_database, query, at) == [("", "")]
        connection.execute("UPDATE _genai.setting SET value = %s", (root,))
    shown = "https://ledger.example/spend/call/k1?at=2026-09-21T13:33:20.000005Z"
    assert rows(migrated_database, query, at) == [(shown, "bill")]
