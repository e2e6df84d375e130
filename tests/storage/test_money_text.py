"""Money as panels show it: never zero for unknown, a lower bound says so, a change keeps its sign."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from operations import format as words


@pytest.fixture
def connection(migrated_database: str) -> Any:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        yield connection


def text(connection: psycopg.Connection[Any], function: str, *values: object) -> Any:
    marks = ", ".join(["%s"] * len(values))
    (row,) = connection.execute(f"SELECT genai.{function}({marks})", values).fetchall()
    return row[0]


@pytest.mark.parametrize(
    ("usd", "at_least", "shown"),
    [
        (None, False, "unknown"),
        (Decimal(0), True, "unknown"),
        (Decimal(0), False, "$0.00"),
        (Decimal("3.621"), True, "≥ $3.62"),
        (Decimal("1234567.891"), False, "$1,234,567.89"),
        (Decimal("0.4"), False, "$0.40"),
        (Decimal("0.4642"), False, "$0.464"),
        (Decimal("0.9999"), False, "$1.00"),
        (Decimal("0.0074312"), False, "$0.00743"),
        (Decimal("0.00000043"), False, "$0.00000043"),
        (Decimal("0.000000000001"), False, "$0.000000000001"),
        (Decimal("-0.25"), False, "-$0.25"),
    ],
)
def test_an_amount_reads(
    connection: psycopg.Connection[Any], usd: Decimal | None, at_least: bool, shown: str
) -> None:
    assert text(connection, "money_text", usd, at_least) == shown


@pytest.mark.parametrize("cents", [-123456, -100, 0, 100, 101, 99999, 12345678])
@pytest.mark.parametrize("at_least", [False, True])
def test_panels_and_the_command_line_write_sums_alike(
    connection: psycopg.Connection[Any], cents: int, at_least: bool
) -> None:
    usd = Decimal(cents).scaleb(-2)
    assert text(connection, "money_text", usd, at_least) == words.usd(usd, at_least=at_least)
    assert text(connection, "change_text", usd, at_least) == words.signed(usd, at_least)


@pytest.mark.parametrize(
    ("usd", "share", "shown"),
    [
        (Decimal("1.674"), 0.7171, "+$1.67 (+71.7%)"),
        (Decimal("-1.674"), -0.53, "-$1.67 (-53.0%)"),
        (Decimal("-0.0000004"), -0.00001, "-$0.0000004 (0.0%)"),
        (Decimal("1.5"), None, "+$1.50"),
    ],
)
def test_a_change_reads(
    connection: psycopg.Connection[Any], usd: Decimal, share: float | None, shown: str
) -> None:
    assert text(connection, "change_and_share_text", usd, share) == shown


def test_without_calls_there_is_no_cost_to_tell(connection: psycopg.Connection[Any]) -> None:
    assert text(connection, "cost_text", Decimal(0), False, 0, "no data") == "no data"
    assert text(connection, "cost_text", Decimal(0), False, 0) == "–"
    assert text(connection, "cost_text", None, False, 3) == "unknown"


def test_a_text_in_an_address_survives_it(connection: psycopg.Connection[Any]) -> None:
    assert text(connection, "url_text", "a b&ü/%") == "a%20b%26%C3%BC%2F%25"
    assert text(connection, "url_text", "") == ""
