"""Sums of days: what is read from them is what hours say, whatever changes an hour afterwards."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from storage.connection import connect
from storage.ingest.writer import Writer
from storage.upkeep.day_sums import sum_days
from storage.upkeep.retention import Periods, keep
from storage.upkeep.rollup_check import compare, slices
from tests.operations.ledger import fill
from tests.operations.test_compare_sql import random_call
from tests.storage.ledger import NOON_NS, SECOND_NS, call, write

pytestmark = pytest.mark.both_servers

START = datetime(2026, 3, 27, tzinfo=UTC)
DAYS = 4
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ALL = "NULL, NULL, NULL, NULL, NULL, NULL"
QUESTIONS = (
    "SELECT u.* FROM genai.usage_of_both(%(from)s, %(to)s, '24h', '*', '*', 'endpoint', {all}, NULL) u",
    "SELECT u.side, u.segment, sum(u.calls), sum(u.errors), sum(u.unpriced_calls), sum(u.cost_pico_usd)"
    " FROM genai.spend_of_both(%(from)s, %(to)s, '24h', 'prod', 'real', 'user', {all}) u GROUP BY 1, 2",
    "SELECT u.side, u.segment, sum(u.calls), sum(u.requests), sum(u.cost_pico_usd)"
    " FROM genai.spend_of_both("
    "%(from)s, %(to)s, '24h', '*', '*', 'tenant', NULL, NULL, 'h:1', NULL, NULL, NULL) u GROUP BY 1, 2",
    "SELECT u.* FROM genai.usage_by_step(%(from)s, %(to)s, '1 day', 'prod', '*', 'model', {all}) u",
    "SELECT u.time, u.segment, u.calls, u.requests, u.successes, u.errors, u.input_tokens, u.output_tokens,"
    " u.cost_pico_usd, u.priced FROM genai.usage_by_step("
    "%(from)s, %(to)s, '1 day', 'prod', '*', 'user', {all}) u",
)
WINDOWS = [
    (START + timedelta(hours=a), START + timedelta(hours=b))
    for a, b in ((0, 96), (24, 72), (5, 90), (30, 40), (24, 96.5))
]


@pytest.fixture
def ledger(migrated_database: str) -> str:
    """Random calls of four days, some on the edges of hours and days."""
    rng = random.Random(3)
    calls = [
        replace(random_call(rng), time=START + rng.randrange(DAYS * 24 * 60) * timedelta(minutes=1))
        for _ in range(800)
    ]
    fill(migrated_database, calls)
    return migrated_database


def answers(conn: psycopg.Connection[Any]) -> list[list[str]]:
    found = []
    for question in QUESTIONS:
        for start, end in WINDOWS:
            rows = conn.execute(question.format(all=ALL).encode(), {"from": start, "to": end}).fetchall()
            found.append(sorted(map(str, rows)))
    return found


def read_from_days(conn: psycopg.Connection[Any]) -> int:
    """Days that the longest window takes from sums."""
    query = "SELECT count(*) FROM genai.level_pieces(%s, %s, NULL, %s) p WHERE p.level = 'day'"
    counts = [conn.execute(query, (*WINDOWS[0], source)).fetchone() for source in ("series", "person")]
    return sum(int(row[0]) for row in counts if row)


def test_days_answer_what_hours_answer(ledger: str) -> None:
    with connect(ledger) as conn:
        by_hours = answers(conn)
        assert read_from_days(conn) == 0
        assert sum_days(conn) == 2 * DAYS
        assert read_from_days(conn) == 2 * DAYS
        assert answers(conn) == by_hours
        assert sum_days(conn) == 0


def test_a_changed_hour_takes_its_day_back_to_the_hours_until_it_is_summed_again(ledger: str) -> None:
    with connect(ledger) as conn:
        sum_days(conn)
        for table in ("usage_hour", "usage_identity_hour"):
            changed = f"UPDATE _genai.{table} SET calls = calls + 1 WHERE bucket >= %s"  # noqa: S608
            conn.execute(changed.encode(), [START + 2 * DAY])
            conn.execute(f"DELETE FROM _genai.{table} WHERE bucket < %s".encode(), [START + 7 * HOUR])  # noqa: S608
        assert read_from_days(conn) == 2
        by_hours = answers(conn)
        assert sum_days(conn) == 6
        assert read_from_days(conn) == 2 * DAYS
        assert answers(conn) == by_hours


def test_a_late_call_of_the_writer_is_in_the_answer_at_once(migrated_database: str) -> None:
    day_ns = 86_400 * SECOND_NS
    writer = Writer(migrated_database)
    query = f"SELECT sum(u.calls) FROM genai.usage_of(%s, %s, '*', '*', 'endpoint', {ALL}, NULL) u"  # noqa: S608
    window = (datetime(2000, 1, 1, tzinfo=UTC), datetime.fromtimestamp(NOON_NS / 1e9, UTC) + DAY)
    with connect(migrated_database) as conn:
        write(writer, [call("a", time_ns=NOON_NS - 3 * day_ns)])
        assert sum_days(conn) > 0
        write(writer, [call("b", time_ns=NOON_NS - 3 * day_ns + SECOND_NS)])
        counted = conn.execute(query.encode(), window).fetchone()
    writer.close()
    assert counted is not None
    assert counted[0] == 2


def test_summing_waits_for_a_change_that_is_under_way(ledger: str) -> None:
    with connect(ledger) as conn, connect(ledger) as other:
        conn.execute("SET lock_timeout = '100ms'")
        with other.transaction():
            other.execute(
                "UPDATE _genai.usage_hour SET calls = calls + 5 WHERE bucket >= %s", [START + 3 * DAY]
            )
            with pytest.raises(psycopg.errors.LockNotAvailable):
                sum_days(conn)
        sum_days(conn)
        assert read_from_days(conn) == 2 * DAYS
        query = "SELECT sum(calls) FROM _genai.{} WHERE bucket >= %s"
        hours, days = (
            conn.execute(query.format(table).encode(), [START]).fetchone()
            for table in ("usage_hour", "usage_day")
        )
        assert hours == days


def test_today_is_not_summed_and_retention_leaves_no_day_behind(migrated_database: str) -> None:
    now = datetime.now(UTC)
    noon_ns = int(now.timestamp() * 1e9)
    writer = Writer(migrated_database)
    write(writer, [call("now", time_ns=noon_ns), call("old", time_ns=noon_ns - 30 * 86_400 * SECOND_NS)])
    writer.close()
    with connect(migrated_database) as conn:
        while sum_days(conn):
            pass
        newest = conn.execute("SELECT max(bucket) FROM genai.summed_day").fetchone()
        assert newest is not None
        assert newest[0] + DAY <= now - 6 * HOUR
        keep(migrated_database, Periods(), now + 10 * DAY)
        while sum_days(conn):
            pass
        assert conn.execute("SELECT count(*) FROM _genai.usage_person_day").fetchone() == (0,)


@pytest.mark.parametrize(("table", "level"), [("usage_day", "day"), ("usage_person_day", "person_day")])
def test_the_checker_finds_a_day_that_differs_from_its_hours(ledger: str, table: str, level: str) -> None:
    with connect(ledger) as conn:
        assert sum_days(conn) == 2 * DAYS
        assert not any(compare(conn, part).differences for part in slices(conn))
        wrong = f"UPDATE _genai.{table} SET input_tokens = coalesce(input_tokens, 0) + 5 WHERE bucket = %s"  # noqa: S608
        changed = conn.execute(wrong.encode(), (START + DAY,)).rowcount
        found = [finding for part in slices(conn) if (finding := compare(conn, part)).differences]
        assert [(f.level, f.bucket, f.differences, f.slice.end) for f in found] == [
            (level, START + DAY, changed, START + 2 * DAY)
        ]
        assert found[0].difference == {"input_tokens": -5}
        conn.execute("UPDATE _genai.summed_day SET stale = true")
        assert not any(compare(conn, part).differences for part in slices(conn))
