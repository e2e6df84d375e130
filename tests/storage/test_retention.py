"""Retention: floors first, totals unchanged, days closed (LEDGER §9, §11, §19)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from processor.calls.call import UncountedSpan
from processor.calls.errors import ConfigError
from storage.ingest.writer import Writer
from storage.journal.amender import Amender, Amendment, retract, set_fields
from storage.journal.stored_row import Row, RowKey
from storage.statements import query
from storage.upkeep.retention import Periods, end_long_reads, keep
from tests.storage.ledger import (
    NOON_NS,
    PRICED,
    SECOND_NS,
    Batch,
    assert_rollups_equal_rows,
    call,
    rows,
    totals,
    value,
    write,
)

pytestmark = pytest.mark.both_servers

DAY_NS = 86_400 * SECOND_NS
NOW = datetime.fromtimestamp(NOON_NS / 1e9, UTC)
AS_OF_TOTAL = (
    "SELECT sum(calls), sum(cost_pico_usd) FROM genai.as_of('2100-01-01', '2015-01-01', '2100-01-01')"
)


def by_identity(dsn: str) -> tuple[int, ...]:
    """The sums of both identity levels."""
    views = ("genai.usage_identity", "genai.usage_identity_day")
    return tuple(map(sum, zip(*(totals(dsn, view) for view in views), strict=True)))


@pytest.fixture
def hundred_days(migrated_database: str) -> Iterator[str]:
    rng = random.Random(3)
    writer = Writer(migrated_database)
    calls = [
        call(
            str(i),
            time_ns=(at := NOON_NS - rng.randrange(100 * 86_400) * SECOND_NS),
            received_ns=at + SECOND_NS,
            endpoint_tag=rng.choice("ab"),
            user_id=rng.choice("uv"),
        )
        for i in range(400)
    ]
    write(writer, calls)
    yield migrated_database
    writer.close()


def test_totals_of_old_days_stay_when_their_rows_go(hundred_days: str) -> None:
    before = totals(hundred_days, "genai.usage_hour")
    kept = keep(hundred_days, Periods(), NOW)
    rows_left = totals(hundred_days)[0]
    assert (kept.calls, kept.folded_days) == (400 - rows_left, pytest.approx(65, abs=3))
    assert 300 < rows_left < 400
    assert totals(hundred_days, "genai.usage_hour") == before
    by_identity = [totals(hundred_days, v) for v in ("genai.usage_identity", "genai.usage_identity_day")]
    assert tuple(map(sum, zip(*by_identity, strict=True))) == before
    assert value(hundred_days, "SELECT min(time) FROM _genai.model_call") >= NOW - timedelta(days=91)
    oldest_minute = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=14)
    assert value(hundred_days, "SELECT min(bucket) FROM genai.usage_minute") >= oldest_minute
    assert_rollups_equal_rows(hundred_days)


def test_a_day_is_closed_with_its_sums_before_its_rows_go(hundred_days: str) -> None:
    expected = rows(
        hundred_days,
        "SELECT time::date, count(*), sum(cost_pico_usd)::bigint, sum(first_cost_pico_usd)::bigint"
        " FROM genai.model_call WHERE time < %s GROUP BY 1 ORDER BY 1",
        NOW.replace(hour=0, minute=0, second=0) - timedelta(days=90),
    )
    keep(hundred_days, Periods(), NOW)
    closed = "SELECT day, calls, cost_pico_usd, first_cost_pico_usd FROM genai.day_close ORDER BY day"
    assert rows(hundred_days, closed) == expected


def test_keeping_twice_changes_nothing(hundred_days: str) -> None:
    keep(hundred_days, Periods(), NOW)
    state = [
        totals(hundred_days, v)
        for v in ("genai.model_call", "genai.usage_minute", "genai.usage_identity_day")
    ]
    again = keep(hundred_days, Periods(), NOW)
    assert again == (0, 0, 0, 0, 0)
    assert state == [
        totals(hundred_days, v)
        for v in ("genai.model_call", "genai.usage_minute", "genai.usage_identity_day")
    ]


def test_a_call_for_a_folded_day_is_added_to_the_day(hundred_days: str) -> None:
    keep(hundred_days, Periods(), NOW)
    before = totals(hundred_days, "genai.usage_identity_day")
    writer = Writer(hundred_days)
    write(writer, [call("late", time_ns=NOON_NS - 40 * DAY_NS)])
    writer.close()
    assert totals(hundred_days, "genai.usage_identity_day")[0] == before[0] + 1
    assert_rollups_equal_rows(hundred_days)


def test_keys_live_as_long_as_their_rows(migrated_database: str) -> None:
    """Keys go by receipt, which here is the moment of the test."""
    writer = Writer(migrated_database)
    write(writer, [call("a")])
    today = datetime.now(UTC)
    keep(migrated_database, Periods(), today + timedelta(days=80))
    assert value(migrated_database, "SELECT count(*) FROM _genai.call_key") == 1
    keep(migrated_database, Periods(), today + timedelta(days=200))
    assert value(migrated_database, "SELECT count(*) FROM _genai.call_key") == 0
    writer.close()


def test_sightings_that_late_binding_left_go_after_a_day(migrated_database: str) -> None:
    writer = Writer(migrated_database)
    seen = [UncountedSpan(bytes([n]) * 16, b"s" * 8, b"", f"span {n}", "an agent") for n in range(2)]
    writer.write([(Batch(sightings=seen), [])])
    writer.close()
    with psycopg.connect(migrated_database) as connection:
        age = "UPDATE _genai.sighting SET received_at = now() - interval '25 hours' WHERE name = 'span 0'"
        connection.execute(age)
    keep(migrated_database, Periods())
    assert rows(migrated_database, "SELECT name FROM _genai.sighting") == [("span 1",)]


@pytest.mark.parametrize(
    "periods", [Periods(raw=31), Periods(identity_hour=30), Periods(hour=10), Periods(identity_day=34)]
)
def test_periods_that_would_break_exactness_are_refused(periods: Periods) -> None:
    with pytest.raises(ConfigError, match="retention"):
        periods.check()


def test_the_readers_long_statements_are_looked_for(migrated_database: str) -> None:
    with psycopg.connect(migrated_database) as connection:
        assert end_long_reads(connection) == 0
    assert b"30 seconds" in query("end_long_reads")


def test_a_day_that_was_amended_is_closed_with_its_final_and_its_first_sums(hundred_days: str) -> None:
    """Repriced and retracted before they go: totals stay, and the book explains the difference."""
    last = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=90)
    with psycopg.connect(hundred_days) as connection:
        places = [
            RowKey(*row)
            for row in connection.execute(
                "SELECT (extract(epoch FROM time) * 1000000)::bigint - 946684800000000, uuid_send(call_key)"
                " FROM _genai.model_call WHERE time < %s ORDER BY time",
                (last + timedelta(days=20),),
                binary=True,
            )
        ]
    costlier = PRICED._replace(cost=607, output_cost=407)

    def price_again(row: Row) -> tuple[Row, ...]:
        row.charge = costlier
        return (row,)

    with Amender(hundred_days, "reprice") as amender:
        amender.apply(Amendment((place,), price_again) for place in places[::2])
    with Amender(hundred_days, "retract") as amender:
        amender.apply([Amendment((places[1], places[3]), retract)])
    before = [totals(hundred_days, view) for view in ("genai.usage_hour",)], by_identity(hundred_days)
    as_now = rows(hundred_days, AS_OF_TOTAL)
    kept = keep(hundred_days, Periods(), NOW)
    assert kept.calls > 10
    assert before == (
        [totals(hundred_days, view) for view in ("genai.usage_hour",)],
        by_identity(hundred_days),
    )
    assert_rollups_equal_rows(hundred_days)
    assert rows(hundred_days, AS_OF_TOTAL) == as_now
    closed = """
        SELECT sum(d.cost_pico_usd - d.first_cost_pico_usd), (
            SELECT sum(l.cost_pico_usd) FROM genai.ledger_line l
            WHERE l.day IN (SELECT day FROM genai.day_close))
        FROM genai.day_close d
    """
    ((changed, booked),) = rows(hundred_days, closed)
    assert changed == booked != 0


def test_what_lies_below_the_floor_is_amended_no_more(hundred_days: str) -> None:
    with psycopg.connect(hundred_days) as connection:
        row = connection.execute(
            "SELECT (extract(epoch FROM time) * 1000000)::bigint - 946684800000000, uuid_send(call_key)"
            " FROM _genai.model_call ORDER BY time LIMIT 1",
            binary=True,
        ).fetchone()
    assert row is not None
    keep(hundred_days, Periods(), NOW)
    before = totals(hundred_days, "genai.usage_hour")
    with Amender(hundred_days, "tag") as amender:
        applied = amender.apply([Amendment((RowKey(*row),), set_fields(endpoint_tag="late"))])
    assert (applied.rows, applied.missing) == (0, 1)
    assert totals(hundred_days, "genai.usage_hour") == before
