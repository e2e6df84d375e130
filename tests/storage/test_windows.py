"""Exact windows (LEDGER §9): equal to a computation from the rows alone, to the last unit."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from storage.ingest.writer import Writer
from storage.upkeep.retention import Periods, keep
from tests.storage.ledger import NOON_NS, call, rows, value, write

pytestmark = pytest.mark.both_servers

NOW = datetime.fromtimestamp(NOON_NS / 1e9, UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def three_days(migrated_database: str) -> tuple[str, list[tuple[datetime, str, str]]]:
    """Calls at random moments, some exactly on minutes, hours and days; (time, endpoint, user) of each."""
    rng = random.Random(5)
    steps = (1, 60_000_000, 3_600_000_000, 86_400_000_000)
    calls = []
    for i in range(600):
        at_us = NOON_NS // 1000 - rng.randrange(3 * 86_400_000_000)
        at_us -= at_us % rng.choice(steps)
        calls.append(
            call(str(i), time_ns=at_us * 1000, endpoint_tag=rng.choice("abc"), user_id=rng.choice("uvw"))
        )
    writer = Writer(migrated_database)
    write(writer, calls)
    writer.close()
    facts = [
        (EPOCH + timedelta(microseconds=c.time_ns // 1000), c.endpoint_tag or "", c.user_id or "")
        for c in calls
    ]
    return migrated_database, facts


def _windows(seed: int, count: int) -> list[tuple[datetime, datetime]]:
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        start_us = rng.randrange(-3 * 86_400_000_000, 3_600_000_000)
        length_us = rng.choice([0, 1, 59_000_000, 61_000_000, 3_599_000_000, 3_600_000_000, 86_400_000_000])
        length_us = rng.choice([length_us, rng.randrange(3 * 86_400_000_000)])
        start_us -= start_us % rng.choice([1, 1_000_000, 60_000_000, 3_600_000_000])
        start = NOW + timedelta(microseconds=start_us)
        made.append((start, start + timedelta(microseconds=length_us)))
    return made


_SUMMED = """
    SELECT {column}, sum(calls), sum(cost_pico_usd)
    FROM genai.usage_of(%s, %s, '*', '*', %s, '*', '*', '*', '*', '*', '*', '*') GROUP BY 1
"""


def _summed(
    dsn: str, dimension: str, column: str, windows: list[tuple[datetime, datetime]]
) -> list[dict[str, int]]:
    found = []
    with psycopg.connect(dsn) as connection:
        for start, end in windows:
            query = _SUMMED.format(column=column)
            result = connection.execute(query.encode(), (start, end, dimension)).fetchall()
            assert all(cost == 600 * calls for _, calls, cost in result)
            found.append({name: int(calls) for name, calls, _ in result})
    return found


@pytest.mark.parametrize(
    ("dimension", "column", "place"),
    [("endpoint", "endpoint_tag", 1), ("user", "user_id", 2), ("endpoint,user", "endpoint_tag", 1)],
)
def test_a_window_equals_the_rows_in_it(
    three_days: tuple[str, list[tuple[datetime, str, str]]], dimension: str, column: str, place: int
) -> None:
    dsn, facts = three_days
    windows = _windows(seed=place, count=60)
    expected = [dict(Counter(f[place] for f in facts if start <= f[0] < end)) for start, end in windows]
    assert _summed(dsn, dimension, column, windows) == expected


def test_a_window_without_minutes_still_equals_the_rows(
    three_days: tuple[str, list[tuple[datetime, str, str]]],
) -> None:
    dsn, facts = three_days
    with psycopg.connect(dsn) as connection:
        floor = NOW.replace(minute=0, second=0) - timedelta(hours=20)
        connection.execute("UPDATE _genai.floor SET time = %s WHERE level = 'minute'", (floor,))
    windows = _windows(seed=9, count=60)
    expected = [dict(Counter(f[1] for f in facts if start <= f[0] < end)) for start, end in windows]
    assert _summed(dsn, "endpoint", "endpoint_tag", windows) == expected


def test_a_window_over_folded_days_equals_the_rows(
    three_days: tuple[str, list[tuple[datetime, str, str]]],
) -> None:
    dsn, facts = three_days
    keep(dsn, Periods(identity_hour=32), NOW + timedelta(days=33))  # all but the last day is folded
    assert value(dsn, "SELECT count(*) FROM genai.usage_identity_day") > 0
    windows = _windows(seed=11, count=60)
    expected = [dict(Counter(f[2] for f in facts if start <= f[0] < end)) for start, end in windows]
    assert _summed(dsn, "user", "user_id", windows) == expected


@pytest.mark.parametrize("cut", ["window_cut", "identity_cut"])
def test_a_window_with_its_rows_there_is_used_as_asked(migrated_database: str, cut: str) -> None:
    for start, end in _windows(seed=2, count=20):
        query = f"SELECT from_used, to_used FROM genai.{cut}(%s, %s)"  # noqa: S608
        assert rows(migrated_database, query, start, end) == [(start, end)]


def test_where_rows_of_an_edge_are_gone_the_window_snaps_outward_and_says_so(
    three_days: tuple[str, list[tuple[datetime, str, str]]],
) -> None:
    dsn, facts = three_days
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE _genai.floor SET time = %s WHERE level IN ('raw', 'minute')", (NOW,))
    start, end = NOW - timedelta(hours=30, seconds=7), NOW - timedelta(hours=3, seconds=1)
    (used,) = rows(dsn, "SELECT from_used, to_used FROM genai.window_cut(%s, %s)", start, end)
    hour = {"minute": 0, "second": 0, "microsecond": 0}
    assert used == (start.replace(**hour), end.replace(**hour) + timedelta(hours=1))
    expected = [dict(Counter(f[1] for f in facts if used[0] <= f[0] < used[1]))]
    assert _summed(dsn, "endpoint", "endpoint_tag", [(start, end)]) == expected


@pytest.mark.parametrize(("dimension", "place"), [("endpoint", 1), ("user", 2)])
def test_a_comparison_counts_the_rows_of_its_window_and_names_it(
    three_days: tuple[str, list[tuple[datetime, str, str]]], dimension: str, place: int
) -> None:
    dsn, facts = three_days
    start, end = NOW - timedelta(hours=40, seconds=3), NOW
    query = """
        SELECT segment, calls, from_used, to_used
        FROM genai.compare(%s, %s, p_env => %s, p_dimension => %s) WHERE NOT is_total AND calls > 0
    """
    found = rows(dsn, query, start, end, "prod", dimension)
    assert {name: calls for name, calls, _, _ in found} == dict(
        Counter(f[place] for f in facts if start <= f[0] < end)
    )
    assert {(used_from, used_to) for _, _, used_from, used_to in found} == {(start, end)}
    assert rows(dsn, query, start, end, "dev", dimension) == []


def test_nothing_below_a_floor_is_shown(three_days: tuple[str, list[tuple[datetime, str, str]]]) -> None:
    dsn, _ = three_days
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE _genai.floor SET time = %s", (NOW + timedelta(days=1),))
    for view in (
        "model_call",
        "usage_minute",
        "usage_hour",
        "usage_identity",
        "usage_identity_day",
        "usage_call",
    ):
        assert value(dsn, f"SELECT count(*) FROM genai.{view}") == 0  # noqa: S608
