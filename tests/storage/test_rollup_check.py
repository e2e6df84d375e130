"""The checker of sums: finds what differs, in slices, and sees no half transaction (LEDGER §11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from storage.connection import connect
from storage.ingest.writer import Writer
from storage.upkeep.retention import Periods, keep
from storage.upkeep.rollup_check import DAY, HOUR, Slice, compare, compare_due, count_differences, slices
from tests.storage.ledger import NOON_NS, SECOND_NS, call, rows, value, write

pytestmark = pytest.mark.both_servers

NOW = datetime.fromtimestamp(NOON_NS / 1e9, UTC)
DAY_NS = 86_400 * SECOND_NS


def stored(dsn: str, *days_ago: int) -> None:
    """One call for each number of days."""
    writer = Writer(dsn)
    write(writer, [call(f"{days}", time_ns=NOON_NS - days * DAY_NS) for days in days_ago])
    writer.close()


def test_an_empty_ledger_has_nothing_to_compare(migrated_database: str) -> None:
    with connect(migrated_database) as conn:
        assert slices(conn) == []
        assert compare_due(conn, NOW, 1.0) == []


def test_slices_are_hours_and_folded_days_down_to_the_oldest_call(migrated_database: str) -> None:
    stored(migrated_database, 0, 40, 100)
    keep(migrated_database, Periods(), NOW)
    with connect(migrated_database) as conn:
        every = slices(conn)
        some = slices(conn, NOW, NOW + HOUR)
    widths = [part.end - part.start for part in every]
    assert set(widths) == {HOUR, DAY}
    assert widths == sorted(widths, reverse=True)
    assert all(before.end == after.start for before, after in pairwise(every))
    assert every[0].start == (NOW - timedelta(days=40)).replace(hour=0, minute=0, second=0)
    assert every[-1] == Slice(NOW.replace(minute=0, second=0), NOW.replace(minute=0, second=0) + HOUR)
    assert some == [every[-1]]


def test_every_level_that_was_tampered_with_is_found_and_shown(migrated_database: str) -> None:
    stored(migrated_database, 0, 40)
    keep(migrated_database, Periods(), NOW)
    with connect(migrated_database) as conn:
        assert compare_due(conn, NOW, 60.0) == []
        for table in ("usage_minute", "usage_hour", "usage_identity_hour", "usage_identity_day"):
            conn.execute(f"UPDATE _genai.{table} SET input_tokens = input_tokens + 5".encode())  # noqa: S608
        found = compare_due(conn, NOW + timedelta(days=1), 60.0)
        assert count_differences(conn) == sum(finding.differences for finding in found) == 5
    levels = rows(
        migrated_database,
        "SELECT level, model, difference FROM genai.rollup_check WHERE differences > 0 ORDER BY 1",
    )
    assert levels == [
        ("hour", "gpt-4o-mini", {"input_tokens": -5}),
        ("identity_day", "gpt-4o-mini", {"input_tokens": -5}),
    ]
    assert "the calls have {'input_tokens': -5} more" in found[0].describe()


def test_the_newest_hours_come_first_and_then_what_waited_longest(migrated_database: str) -> None:
    stored(migrated_database, *range(3))
    now = NOW + timedelta(minutes=1)
    with connect(migrated_database) as conn:
        every = slices(conn)
        for _ in range(3):
            compare_due(conn, now, 0.0)
        looked = [
            row[0] for row in conn.execute("SELECT from_time FROM _genai.rollup_check ORDER BY checked_at")
        ]
        assert looked == [part.start for part in reversed(every[-3:])]
        conn.execute("UPDATE _genai.rollup_check SET checked_at = now() - interval '1 year'")
        compare_due(conn, now, 0.0)
        newest = conn.execute(
            "SELECT max(from_time) FROM _genai.rollup_check WHERE checked_at > now() - interval '1 hour'"
        )
        assert newest.fetchone() == (every[-1].start,)


def test_what_cannot_be_compared_any_more_is_forgotten(migrated_database: str) -> None:
    stored(migrated_database, 0, 40, 89)
    with connect(migrated_database) as conn:
        for part in slices(conn, NOW - 90 * DAY, NOW - 88 * DAY):
            compare(conn, part)
    keep(migrated_database, Periods(), NOW + timedelta(days=3))
    with connect(migrated_database) as conn:
        compare_due(conn, NOW + timedelta(days=3), 0.0)
    assert value(migrated_database, "SELECT count(*) FROM genai.rollup_check") == 1


def test_a_check_beside_ingest_raises_no_false_alarm(migrated_database: str) -> None:
    writer = Writer(migrated_database)
    with connect(migrated_database) as conn:
        for n in range(20):
            write(writer, [call(f"{n} {i}") for i in range(5)])
            conn.execute("UPDATE _genai.rollup_check SET checked_at = now() - interval '1 day'")
            assert compare_due(conn, NOW, 0.0) == []
    writer.close()
