"""Sums of weeks: what is read from them is what days and hours say, whatever changes a day afterwards."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from processor.calls.identity import Kind
from storage.connection import connect
from storage.ingest.writer import Writer
from storage.journal.erasure import Identity, erase_data_mode, erase_identity
from storage.upkeep.day_sums import sum_days
from storage.upkeep.retention import Periods, keep
from storage.upkeep.rollup_check import Slice, compare, slices
from storage.upkeep.week_sums import sum_weeks
from tests.operations.ledger import fill
from tests.operations.test_compare_sql import random_call
from tests.storage.ledger import call, write
from tests.storage.test_day_sums import QUESTIONS

both_servers = pytest.mark.both_servers  # where calls are read; weeks, days and hours are plain tables

SECOND, DAY, WEEK = timedelta(seconds=1), timedelta(days=1), timedelta(days=7)
START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
WEEKS = 4
TABLES = ("usage_hour", "usage_identity_hour")
ALL = "NULL, NULL, NULL, NULL, NULL, NULL"
WINDOWS = [
    (START + timedelta(days=a), START + timedelta(days=b))
    for a, b in ((0, 28), (14, 28), (9.21, 25.5), (13, 21), (20.5, 27), (7, 14), (10, 12))
]


@pytest.fixture
def ledger(migrated_database: str) -> str:
    """Random calls of four weeks, many of them on the edges of days and weeks."""
    rng = random.Random(7)
    edges = [START + day * DAY + edge for day in range(WEEKS * 7) for edge in (timedelta(0), DAY - SECOND)]
    calls = [
        replace(
            random_call(rng),
            time=rng.choice([rng.choice(edges), START + rng.random() * WEEKS * WEEK]),
        )
        for _ in range(900)
    ]
    fill(migrated_database, calls)
    return migrated_database


def answers(conn: psycopg.Connection[Any]) -> list[list[str]]:
    """What windows and their baselines say: the week before, a day before."""
    found = []
    for question in QUESTIONS:
        for start, end in WINDOWS:
            for baseline in ("'24h'", "'168h'"):
                asked = question.replace("'24h'", baseline).format(all=ALL)
                rows = conn.execute(asked.encode(), {"from": start, "to": end}).fetchall()
                found.append(sorted(map(str, rows)))
    return found


def read_from(conn: psycopg.Connection[Any], level: str) -> int:
    """Pieces of a day that the whole time takes from this level."""
    query = "SELECT count(*) FROM genai.level_pieces(%s, %s, NULL, %s) p WHERE p.level = %s"
    counts = [conn.execute(query, (*WINDOWS[0], source, level)).fetchone() for source in ("series", "person")]
    return sum(int(row[0]) for row in counts if row)


def sum_all(conn: psycopg.Connection[Any]) -> None:
    while sum_days(conn):
        pass
    while sum_weeks(conn):
        pass


def forget_sums(conn: psycopg.Connection[Any]) -> None:
    """Every reader goes to the hours from now on."""
    conn.execute("UPDATE _genai.summed_week SET stale = true")
    conn.execute("UPDATE _genai.summed_day SET stale = true")


@both_servers
def test_weeks_answer_what_days_and_hours_answer(ledger: str) -> None:
    with connect(ledger) as conn:
        by_hours = answers(conn)
        assert sum_weeks(conn) == 0  # no day may be read yet
        while sum_days(conn):
            pass
        assert answers(conn) == by_hours
        assert read_from(conn, "week") == 0
        assert sum_weeks(conn, limit=3) == 3
        assert answers(conn) == by_hours
        assert sum_weeks(conn) == 2 * WEEKS - 3
        assert sum_weeks(conn) == 0
        assert (read_from(conn, "week"), read_from(conn, "day")) == (2 * 7 * WEEKS, 0)
        assert answers(conn) == by_hours


@pytest.mark.parametrize(
    "question",
    [
        f"SELECT u.* FROM genai.usage_over_time(%s, %s, '*', '*', 'user', {ALL}) u",  # noqa: S608
        "SELECT u.* FROM genai.people_over_time(%s, %s, '*', '*', 'user', NULL, NULL, 2) u ORDER BY 1, 2",
        "SELECT u.* FROM genai.people_over_time(%s, %s, 'prod', 'real', 'tenant', 'h:1', NULL, 1) u"
        " ORDER BY 1, 2",
    ],
)
def test_charts_by_days_do_not_read_weeks(ledger: str, question: str) -> None:
    with connect(ledger) as conn:
        by_hours = conn.execute(question.encode(), WINDOWS[0]).fetchall()
        sum_all(conn)
        assert conn.execute(question.encode(), WINDOWS[0]).fetchall() == by_hours
        assert len({row[0] for row in by_hours}) > 7 * (WEEKS - 1)


def test_a_changed_hour_takes_its_week_back_until_its_day_and_then_the_week_are_summed_again(
    ledger: str,
) -> None:
    with connect(ledger) as conn:
        sum_all(conn)
        for table in TABLES:
            changed = f"UPDATE _genai.{table} SET calls = calls + 1 WHERE bucket >= %s AND bucket < %s"  # noqa: S608
            conn.execute(changed.encode(), [START + 8 * DAY, START + 9 * DAY])
            conn.execute(f"DELETE FROM _genai.{table} WHERE bucket < %s".encode(), [START + DAY])  # noqa: S608
        assert read_from(conn, "week") == 2 * 7 * (WEEKS - 2)
        assert sum_weeks(conn) == 0  # a day of each is stale
        by_days = answers(conn)
        while sum_days(conn):
            pass
        assert answers(conn) == by_days
        assert sum_weeks(conn) == 4
        assert read_from(conn, "week") == 2 * 7 * WEEKS
        assert answers(conn) == by_days
        forget_sums(conn)
        assert answers(conn) == by_days


@both_servers
def test_a_late_call_of_the_writer_is_in_the_answer_at_once(migrated_database: str) -> None:
    now = datetime.now(UTC)
    monday = (
        now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=now.weekday()) - 2 * WEEK
    )
    query = f"SELECT sum(u.calls) FROM genai.usage_of(%s, %s, '*', '*', 'endpoint', {ALL}, NULL) u"  # noqa: S608
    window = (monday - DAY, monday + 8 * DAY)
    writer = Writer(migrated_database)

    def send(span: str, day: int) -> None:
        write(writer, [call(span, time_ns=int((monday + day * DAY).timestamp()) * 10**9)])

    with connect(migrated_database) as conn:
        for day in range(7):
            send(f"on{day}", day)
        sum_all(conn)
        assert read_weeks(conn) == [False, False]
        send("late", 3)
        assert read_weeks(conn) == [True, True]
        assert conn.execute(query.encode(), window).fetchone() == (8,)
        sum_all(conn)
        assert read_weeks(conn) == [False, False]
        assert conn.execute(query.encode(), window).fetchone() == (8,)
    writer.close()


def read_weeks(conn: psycopg.Connection[Any]) -> list[bool]:
    """Whether each summed week is stale."""
    return [row[0] for row in conn.execute("SELECT stale FROM _genai.summed_week ORDER BY level").fetchall()]


def test_summing_waits_for_a_change_that_is_under_way(ledger: str) -> None:
    with connect(ledger) as conn, connect(ledger) as other:
        while sum_days(conn):
            pass
        conn.execute("SET lock_timeout = '100ms'")
        with other.transaction():
            other.execute(
                "UPDATE _genai.usage_hour SET calls = calls + 5 WHERE bucket >= %s", [START + 27 * DAY]
            )
            with pytest.raises(psycopg.errors.LockNotAvailable):
                sum_weeks(conn)
        sum_all(conn)
        query = "SELECT sum(calls) FROM _genai.{} WHERE bucket >= %s"
        hours, weeks = (
            conn.execute(query.format(table).encode(), [START]).fetchone()
            for table in ("usage_hour", "usage_week")
        )
        assert hours == weeks


@both_servers
@pytest.mark.parametrize("floor", [14, 17])
def test_a_week_of_folded_days_answers_what_the_days_answer(ledger: str, floor: int) -> None:
    """With the floor of the hours between two weeks, and inside of one."""
    with connect(ledger) as conn:
        sum_all(conn)
        keep(ledger, Periods(raw=36, identity_hour=35), START + (35 + floor) * DAY)
        folded = floor // 7 + (1 if floor % 7 else 0)
        assert sum(read_weeks(conn)) == folded
        by_days = answers(conn)
        sum_all(conn)
        assert read_from(conn, "week") == 2 * 7 * WEEKS
        assert answers(conn) == by_days
        assert not sum(read_weeks(conn))
        conn.execute(
            "UPDATE _genai.usage_identity_day SET calls = calls + 1 WHERE bucket < %s", [START + DAY]
        )
        assert sum(read_weeks(conn)) == 1


def test_erasure_and_corrections_of_any_day_stay_right(ledger: str) -> None:
    """In turns with summing, by the ways that change what is stored."""
    with connect(ledger) as conn:
        sum_all(conn)
        before = answers(conn)
        erase_identity(ledger, Identity(Kind.USER, ("h:1",)))
        erase_data_mode(ledger, "test")
        changed = answers(conn)
        assert changed != before
        sum_all(conn)
        assert answers(conn) == changed
        assert read_from(conn, "week") == 2 * 7 * WEEKS
        forget_sums(conn)
        assert answers(conn) == changed


def test_random_changes_between_random_sums(ledger: str) -> None:
    rng = random.Random(11)
    with connect(ledger) as conn:
        for _ in range(12):
            day = START + rng.randrange(7 * WEEKS) * DAY
            change = rng.choice(["calls = calls + 3", "input_cost_pico_usd = 7"])
            statement = f"UPDATE _genai.{rng.choice(TABLES)} SET {change} WHERE bucket >= %s AND bucket < %s"  # noqa: S608
            conn.execute(statement.encode(), [day, day + DAY])
            sum_days(conn, limit=rng.choice([0, 3, 60]))
            sum_weeks(conn, limit=rng.choice([0, 2, 8]))
        mixed = answers(conn)
        forget_sums(conn)
        assert answers(conn) == mixed


def test_a_week_beyond_bigint_is_read_by_days(ledger: str) -> None:
    with connect(ledger) as conn:
        conn.execute(
            "INSERT INTO _genai.usage_hour (bucket, series_id, calls, output_cost_pico_usd)"
            " SELECT b, (SELECT min(u.series_id) FROM _genai.usage_hour u), 1, 3000000000000000000"
            " FROM unnest(%s::timestamptz[]) b ON CONFLICT (bucket, series_id)"
            " DO UPDATE SET output_cost_pico_usd = excluded.output_cost_pico_usd",
            [[START + day * DAY for day in range(4)]],
        )
        by_hours = answers(conn)
        while sum_days(conn):
            pass
        assert sum_weeks(conn) == 2 * WEEKS - 1
        assert read_from(conn, "day") == 7
        assert answers(conn) == by_hours


def test_any_window_answers_what_its_hours_answer(ledger: str) -> None:
    rng = random.Random(5)
    seconds = WEEKS * 7 * 24 * 3600
    windows = [tuple(sorted(START + rng.randrange(seconds) * SECOND for _ in range(2))) for _ in range(25)]

    def asked(conn: psycopg.Connection[Any]) -> list[list[str]]:
        return [
            sorted(map(str, conn.execute(q.format(all=ALL).encode(), {"from": start, "to": end}).fetchall()))
            for q in QUESTIONS
            for start, end in windows
        ]

    with connect(ledger) as conn:
        by_hours = asked(conn)
        sum_all(conn)
        assert asked(conn) == by_hours


@pytest.mark.parametrize(("source", "table"), [(0, "usage_week"), (1, "usage_person_week")])
def test_a_stale_week_is_deleted_though_its_days_wait_to_be_summed(
    ledger: str, source: int, table: str
) -> None:
    """It may name a person who was erased."""
    weeks = f"SELECT DISTINCT w.bucket FROM _genai.{table} w ORDER BY w.bucket"  # noqa: S608
    with connect(ledger) as conn:
        sum_all(conn)
        changed = f"UPDATE _genai.{TABLES[source]} SET calls = calls + 1 WHERE bucket >= %s AND bucket < %s"  # noqa: S608
        conn.execute(changed.encode(), [START + 8 * DAY, START + 9 * DAY])
        assert sum_weeks(conn) == 0
        left = [row[0] for row in conn.execute(weeks.encode()).fetchall()]
        assert left == [START + number * WEEK for number in range(WEEKS) if number != 1]


def week_ends(conn: psycopg.Connection[Any]) -> list[Slice]:
    """What the checker looks at about the end of each week."""
    hour = timedelta(hours=1)
    ends = [START + number * WEEK for number in range(1, WEEKS + 1)]
    return [part for end in ends for part in slices(conn, end - 2 * hour, end + 2 * hour)]


@both_servers
@pytest.mark.parametrize(("table", "level"), [("usage_week", "week"), ("usage_person_week", "person_week")])
def test_the_checker_finds_a_week_that_differs_from_its_days(ledger: str, table: str, level: str) -> None:
    with connect(ledger) as conn:
        sum_all(conn)
        assert not any(compare(conn, part).differences for part in week_ends(conn))
        wrong = f"UPDATE _genai.{table} SET input_tokens = coalesce(input_tokens, 0) + 5 WHERE bucket = %s"  # noqa: S608
        changed = conn.execute(wrong.encode(), (START + WEEK,)).rowcount
        found = [finding for part in week_ends(conn) if (finding := compare(conn, part)).differences]
        assert [(f.level, f.bucket, f.differences, f.slice.end) for f in found] == [
            (level, START + WEEK, changed, START + 2 * WEEK)
        ]
        assert found[0].difference == {"input_tokens": -5}
        conn.execute("UPDATE _genai.summed_week SET stale = true")
        assert not any(compare(conn, part).differences for part in week_ends(conn))
