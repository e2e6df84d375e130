"""What a cost is divided by: what has no price is in no divisor, refused calls are nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.operations.ledger import ERROR_WITHOUT_USAGE, UNPRICED, Call, fill

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def calls(start: datetime, unpriced: int, refused: int) -> Iterator[Call]:
    """Sixty priced requests of a cent, unpriced ones of another model, and refused tries of a third."""
    for n in range(60):
        yield Call(start + timedelta(seconds=n), "checkout", model="small", costs=(10**10, 0, 0, 0, 0))
    for n in range(unpriced):
        yield Call(start + timedelta(seconds=n), "checkout", model="own", costs=None, price_status=UNPRICED)
    for n in range(refused):
        yield Call(
            start + timedelta(seconds=n), "checkout", model="refusing", status="error", requests=0,
            input_tokens=None, output_tokens=None, costs=None, price_status=ERROR_WITHOUT_USAGE,
        )  # fmt: skip


@pytest.fixture
def connection(migrated_database: str) -> Iterator[psycopg.Connection[Any]]:
    fill(migrated_database, [*calls(START - HOUR, 0, 0), *calls(START, 40, 20)])
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        yield connection


def rows(connection: psycopg.Connection[Any], sql: str) -> list[Any]:
    return connection.execute(sql.replace("WINDOW", f"'{START}', '{START + HOUR}'").encode()).fetchall()


def test_unpriced_requests_do_not_pull_the_cost_of_a_request_down(
    connection: psycopg.Connection[Any],
) -> None:
    ((now, before),) = rows(
        connection,
        "SELECT cost_per_request_usd::text, baseline_cost_per_request_usd::text"
        " FROM genai.compare(WINDOW) WHERE is_total",
    )
    assert float(now) == float(before) == 0.01
    *_, (told,) = rows(
        connection,
        "SELECT sentence FROM genai.story(WINDOW, 'previous', 'prod', 'real', '*', '*', '*', '*', '*', '*')"
        " WHERE kind = 'cost per request'",
    )
    assert told == "Each request costs what it did ($0.01)."


def test_a_model_without_a_price_is_unknown_and_a_refusing_one_has_no_cost_of_a_call(
    connection: psycopg.Connection[Any],
) -> None:
    found = rows(
        connection,
        "SELECT model, spend, unit_cost, state FROM genai.models_used("
        "WINDOW, 'previous', 'prod', 'real', NULL, NULL, NULL, NULL, NULL, NULL)",
    )
    assert {model: tuple(rest) for model, *rest in found} == {
        "small": ("$0.60", "$0.01", "priced"),
        "own": ("unknown", "unknown", "no price"),
        "refusing": ("$0.00", "–", "refused"),
    }


def test_a_chart_of_unit_costs_shows_what_the_priced_requests_cost(
    connection: psycopg.Connection[Any],
) -> None:
    found = rows(
        connection,
        "SELECT DISTINCT segment, cost_per_request_usd::float8 FROM genai.unit_chart("
        "WINDOW, 'prod', 'real', 'endpoint', '*', '*', '*', '*', '*', '*')"
        " WHERE cost_per_request_usd IS NOT NULL",
    )
    assert found == [("checkout", 0.01)]


@pytest.mark.parametrize(
    ("per_call", "counts", "divisor"),
    [
        (False, (100, 120, 0, 20), 100),
        (False, (100, 120, 50, 20), 50),
        (False, (100, 120, 100, 20), 0),
        (True, (100, 120, 50, 20), 50),
        (True, (0, 20, 0, 20), 0),
    ],
)
def test_the_divisor_is_what_has_a_price(
    connection: psycopg.Connection[Any], per_call: bool, counts: tuple[int, ...], divisor: int
) -> None:
    query = "SELECT genai.unit_count(%s, %s, %s, %s, %s)"
    assert connection.execute(query, (per_call, *counts)).fetchall() == [(divisor,)]
