"""The checker of sums: finds what differs, in slices, and sees no half transaction (LEDGER §11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.connection import connect
from storage.ingest.writer import Writer
from storage.schema.measures import MEASURES
from storage.statements import query
from storage.upkeep.retention import Periods, keep
from storage.upkeep.rollup_check import (
    ANYWAY,
    DAY,
    HOUR,
    Checker,
    Finding,
    Slice,
    compare,
    count_differences,
    slices,
)
from tests.storage.ledger import NOON_NS, SECOND_NS, call, rows, value, write

pytestmark = pytest.mark.both_servers

NOW = datetime.fromtimestamp(NOON_NS / 1e9, UTC)
DAY_NS = 86_400 * SECOND_NS


def look(conn: psycopg.Connection[Any], now: datetime, seconds: float = 60.0) -> list[Finding]:
    """What a checker finds that never rests and starts anew."""
    return Checker(share=1.0).run(conn, now, seconds)


def stored(dsn: str, *days_ago: int) -> None:
    """One call for each number of days."""
    writer = Writer(dsn)
    write(writer, [call(f"{days}", time_ns=NOON_NS - days * DAY_NS) for days in days_ago])
    writer.close()


def test_an_empty_ledger_has_nothing_to_compare(migrated_database: str) -> None:
    with connect(migrated_database) as conn:
        assert slices(conn) == []
        assert look(conn, NOW) == []


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
        assert look(conn, NOW) == []
        for table in ("usage_minute", "usage_hour", "usage_identity_hour", "usage_identity_day"):
            conn.execute(f"UPDATE _genai.{table} SET input_tokens = input_tokens + 5".encode())  # noqa: S608
        conn.execute("UPDATE _genai.rollup_check SET checked_at = checked_at - interval '1 year'")
        found = look(conn, NOW)
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


def test_the_newest_comes_first_and_what_did_not_change_is_looked_at_once(migrated_database: str) -> None:
    stored(migrated_database, *range(3))
    with connect(migrated_database) as conn:
        every = slices(conn)
        for number in range(1, 4):
            look(conn, NOW, 0.0)
            assert looked_at(conn) == [part.start for part in reversed(every[-number:])]
        look(conn, NOW)
        assert len(looked_at(conn)) == len(every)
        before = times_of_looks(conn)
        look(conn, NOW)
        assert times_of_looks(conn) == before, "all were looked at, and nothing was written"


def test_an_hour_is_looked_at_again_when_it_was_written_or_was_not_over(migrated_database: str) -> None:
    stored(migrated_database, *range(3))
    with connect(migrated_database) as conn:
        look(conn, NOW)
        shift(conn, timedelta(hours=1))
        conn.execute("UPDATE _genai.call_key SET received_at = received_at - interval '2 minutes'")
        write(writer := Writer(migrated_database), [call("late", time_ns=NOON_NS - DAY_NS)])
        writer.close()
        now = datetime.now(UTC)
        before = times_of_looks(conn)
        look(conn, now)
        after = times_of_looks(conn)
        assert {start for start in after if after[start] != before[start]} == {written_hour()}
        shift(conn, ANYWAY)
        look(conn, now + timedelta(minutes=6))
        assert all(at > now for at in times_of_looks(conn).values()), "everything after a month"


def test_a_checker_takes_no_more_than_its_share_of_a_core(migrated_database: str) -> None:
    stored(migrated_database, *range(3))
    ticks = count()
    with connect(migrated_database) as conn:
        checker = Checker(
            share=0.02, clock=lambda: next(ticks)
        )  # a second from each look at the clock to the next
        checker.run(conn, NOW, 0.0)
        (first,) = looked_at(conn)
        begun = next(ticks)
        while len(looked_at(conn)) == 1:
            checker.run(conn, NOW, 0.0)
        assert next(ticks) - begun > 49
        assert looked_at(conn)[0] == first


def looked_at(conn: psycopg.Connection[Any]) -> list[datetime]:
    return [row[0] for row in conn.execute("SELECT from_time FROM _genai.rollup_check ORDER BY checked_at")]


def times_of_looks(conn: psycopg.Connection[Any]) -> dict[datetime, datetime]:
    return dict(conn.execute("SELECT from_time, checked_at FROM _genai.rollup_check").fetchall())


def shift(conn: psycopg.Connection[Any], past: timedelta) -> None:
    """As if everything so far had been done so much earlier."""
    conn.execute("UPDATE _genai.rollup_check SET checked_at = checked_at - %s", (past,))
    conn.execute("UPDATE _genai.call_key SET received_at = received_at - %s", (past,))


def written_hour() -> datetime:
    return (NOW - timedelta(days=1)).replace(minute=0, second=0, microsecond=0)


@pytest.mark.parametrize("table", ["usage_minute", "usage_hour", "usage_identity_hour"])
def test_sums_under_another_series_are_found_although_the_total_is_the_same(
    migrated_database: str, table: str
) -> None:
    writer = Writer(migrated_database)
    write(writer, [call("1", model="gpt-4o"), call("2", model="gpt-4o-mini")])
    writer.close()
    with connect(migrated_database) as conn:
        assert look(conn, NOW) == []
        swap = f"""
            UPDATE _genai.{table} u SET input_tokens = input_tokens + d.more
            FROM (SELECT series_id, (row_number() OVER (ORDER BY series_id) * 2 - 3)::bigint AS more
                  FROM _genai.{table}) d
            WHERE d.series_id = u.series_id"""  # noqa: S608 - names are ours
        conn.execute(swap.encode())
        shift(conn, timedelta(days=1))
        (finding,) = look(conn, datetime.now(UTC))
        assert finding.differences == 2


@given(st.dictionaries(st.sampled_from(MEASURES), st.integers(1, 10**15), min_size=1, max_size=3))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_no_difference_in_any_measure_goes_unseen(migrated_database: str, more: dict[str, int]) -> None:
    with connect(migrated_database) as conn:
        if not slices(conn):
            stored(migrated_database, 0)
        with conn.transaction(force_rollback=True):
            changes = ", ".join(f"{name} = coalesce({name}, 0) + {value}" for name, value in more.items())
            conn.execute(f"UPDATE _genai.usage_hour SET {changes}".encode())  # noqa: S608 - names are ours
            span = {"start": NOW - HOUR, "end": NOW + HOUR}
            assert conn.execute(query("find_uneven"), span).fetchall() == [("hour",)]


def test_what_cannot_be_compared_any_more_is_forgotten(migrated_database: str) -> None:
    stored(migrated_database, 0, 40, 89)
    with connect(migrated_database) as conn:
        for part in slices(conn, NOW - 90 * DAY, NOW - 88 * DAY):
            compare(conn, part)
    keep(migrated_database, Periods(), NOW + timedelta(days=3))
    with connect(migrated_database) as conn:
        look(conn, NOW + timedelta(days=3), 0.0)
    assert value(migrated_database, "SELECT count(*) FROM genai.rollup_check") == 1


def test_a_check_beside_ingest_raises_no_false_alarm(migrated_database: str) -> None:
    writer = Writer(migrated_database)
    with connect(migrated_database) as conn:
        for n in range(20):
            write(writer, [call(f"{n} {i}") for i in range(5)])
            conn.execute("UPDATE _genai.rollup_check SET checked_at = now() - interval '1 day'")
            assert look(conn, NOW, 0.0) == []
    writer.close()
