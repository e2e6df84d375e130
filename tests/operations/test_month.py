"""A calendar month: exactly its calls, against the same part of the month before."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from operations.spend.month import month_of
from tests.operations.ledger import UNPRICED, Call, fill

NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
CALL = Call(APRIL, tenant="acme")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(build(), ["month", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def ledger(migrated_database: str) -> str:
    """April with its first and last moment, the moments beside them, and calls outside of the usual scope."""
    fill(
        migrated_database,
        [
            replace(CALL, time=APRIL - TICK, costs=(7, 0, 0, 0, 0)),
            CALL,
            replace(CALL, time=datetime(2026, 5, 1, tzinfo=UTC) - TICK, tenant="zebra", model="large"),
            replace(CALL, time=datetime(2026, 5, 1, tzinfo=UTC)),
            replace(CALL, time=APRIL + timedelta(days=3), data_mode="test"),
            replace(CALL, time=APRIL + timedelta(days=3), data_mode="demo"),
            replace(CALL, time=APRIL + timedelta(days=4), costs=None, price_status=UNPRICED, model="new"),
        ],
    )
    return migrated_database


def test_a_month_holds_its_first_and_its_last_moment(ledger: str) -> None:
    told = json.loads(run("2026-04", "--database-url", ledger, "--json"))

    assert (told["from"], told["to"], told["isOver"]) == (
        "2026-04-01T00:00:00Z",
        "2026-05-01T00:00:00Z",
        True,
    )
    assert told["total"]["calls"] == 3
    assert Decimal(told["total"]["costUsd"]) == 2 * Decimal(CALL.cost).scaleb(-12)
    assert told["total"]["monthBeforeUsd"] == "0.000000000007"
    assert told["total"]["atLeast"] is True
    assert {row["tenantId"]: row["calls"] for row in told["rows"]} == {"acme": 2, "zebra": 1}
    assert told["projectedUsd"] is None


def test_the_invoice_counts_tests_and_no_demo(ledger: str) -> None:
    told = json.loads(run("2026-04", "--database-url", ledger, "--json"))

    assert Decimal(told["invoiceUsd"]) == 3 * Decimal(CALL.cost).scaleb(-12)


def test_two_dimensions_and_filters_narrow_a_month(ledger: str) -> None:
    told = json.loads(
        run("2026-04", "--by", "tenant,model", "--tenant", "zebra", "--database-url", ledger, "--json")
    )

    assert [(row["tenantId"], row["model"], row["calls"]) for row in told["rows"]] == [("zebra", "large", 1)]


def test_csv_has_the_same_rows(ledger: str) -> None:
    told = json.loads(run("2026-04", "--database-url", ledger, "--json"))
    rows = list(csv.DictReader(io.StringIO(run("2026-04", "--database-url", ledger, "--csv"))))

    assert [(row["month"], row["tenantId"], row["costUsd"]) for row in rows] == [
        ("2026-04", row["tenantId"], row["costUsd"]) for row in told["rows"]
    ]


def test_the_running_month_is_shown_with_what_it_does_not_know(migrated_database: str) -> None:
    now = datetime.now(UTC)
    fill(
        migrated_database, [replace(CALL, time=now - timedelta(seconds=1), costs=None, price_status=UNPRICED)]
    )

    shown = run("--database-url", migrated_database)

    assert f"{now:%Y-%m}" in shown
    assert "$0.00" not in shown.split("month before")[0]
    assert "1 call without a price" in shown


def test_a_month_before_without_calls_is_no_data_and_not_free(migrated_database: str) -> None:
    fill(migrated_database, [CALL])

    told = json.loads(run("2026-04", "--database-url", migrated_database, "--json"))
    line = next(
        line for line in run("2026-04", "--database-url", migrated_database).splitlines()
        if line.startswith("month before")
    )  # fmt: skip

    assert line.split("month before")[1].strip() == "no data"
    assert (told["total"]["monthBeforeUsd"], told["total"]["deltaUsd"]) == (None, None)
    assert (told["rows"][0]["monthBeforeUsd"], told["rows"][0]["deltaUsd"]) == (None, None)


MARCH = datetime(2026, 3, 10, tzinfo=UTC)


def line_of(shown: str, name: str) -> str:
    (found,) = (line for line in map(str.strip, shown.splitlines()) if line.startswith(name))
    return found.removeprefix(name).strip()


def test_a_month_before_whose_calls_all_lack_a_price_is_unknown_and_not_free(migrated_database: str) -> None:
    """Neither is the change against it known."""
    fill(migrated_database, [CALL, replace(CALL, time=MARCH, costs=None, price_status=UNPRICED)])

    told = json.loads(run("2026-04", "--database-url", migrated_database, "--json"))
    shown = run("2026-04", "--database-url", migrated_database)

    assert line_of(shown, "month before") == "unknown"
    assert "+" not in line_of(shown, "acme")
    for row in (told["total"], *told["rows"]):
        assert (row["monthBeforeUsd"], row["monthBeforeAtLeast"]) == ("0", True)
        assert (row["deltaUsd"], row["atLeast"]) == (None, False)


def test_a_month_before_with_some_calls_without_a_price_is_a_lower_bound(migrated_database: str) -> None:
    before = replace(CALL, time=MARCH)
    fill(migrated_database, [CALL, before, replace(before, costs=None, price_status=UNPRICED)])

    told = json.loads(run("2026-04", "--database-url", migrated_database, "--json"))["total"]
    shown = run("2026-04", "--database-url", migrated_database)

    assert line_of(shown, "month before").startswith("≥ $")
    assert "unknown" in line_of(shown, "acme"), "equal lower bounds are no proof of no change"
    assert (told["monthBeforeAtLeast"], told["deltaUsd"]) == (True, "0")
    assert "≥ means at least: what the month before has without a price" in shown


def test_months_of_the_past_are_unknown_or_lower_bounds_where_they_hold_calls_without_a_price(
    migrated_database: str,
) -> None:
    unpriced = replace(CALL, costs=None, price_status=UNPRICED)
    february = datetime(2026, 2, 10, tzinfo=UTC)
    fill(
        migrated_database,
        [replace(CALL, time=february), replace(unpriced, time=MARCH), CALL, replace(unpriced, time=APRIL)],
    )

    told = json.loads(run("2026-04", "--database-url", migrated_database, "--json"))["history"]
    past = run("2026-04", "--database-url", migrated_database).partition("Last twelve months")[2]

    assert [(each["month"], each["atLeast"]) for each in told] == [
        ("2026-02", False),
        ("2026-03", True),
        ("2026-04", True),
    ]
    assert line_of(past, "2026-02").startswith("$")
    assert line_of(past, "2026-03").startswith("unknown")
    assert line_of(past, "2026-04").startswith("≥ $")


@pytest.mark.parametrize(
    ("text", "start", "end", "before_end", "is_over"),
    [
        (None, datetime(2026, 5, 1, tzinfo=UTC), NOW, datetime(2026, 4, 10, 12, tzinfo=UTC), False),
        ("last", APRIL, datetime(2026, 5, 1, tzinfo=UTC), APRIL, True),
        ("2026-03", datetime(2026, 3, 1, tzinfo=UTC), APRIL, datetime(2026, 3, 1, tzinfo=UTC), True),
    ],
)
def test_a_month_is_whole_or_up_to_now(
    text: str | None, start: datetime, end: datetime, before_end: datetime, is_over: bool
) -> None:
    month = month_of(text, NOW)
    assert (month.start, month.end, month.before[1], month.is_over) == (start, end, before_end, is_over)


def test_a_longer_month_is_held_against_the_whole_shorter_one() -> None:
    assert month_of(None, datetime(2026, 3, 31, tzinfo=UTC)).before == (
        datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "may", "2026-06", "0001-01"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"month|begun"):
        month_of(text, NOW)


def test_formats_that_contradict_each_other_are_refused() -> None:
    done = CliRunner().invoke(build(), ["month", "--csv", "--json"])
    assert done.exit_code == 2
