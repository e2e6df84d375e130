"""How money, shares and counts read: one spelling, and never a zero for what nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.format import counted, exactly, share, signed, sparkline, unit_usd, usd
from operations.terminal import percent
from operations.terminal import usd as pico_usd

AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=12, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234.5", "$1,234.50"),
        ("0.01", "$0.01"),
        ("0.001309", "$0.001309"),
        ("0.00000028", "$0.00000028"),
        ("0.0000123456", "$0.0000123"),
        ("0.00001", "$0.000010"),
        ("-0.00000028", "-$0.00000028"),
        ("0.000000000001", "$0.000000000001"),
        ("0", "$0.00"),
    ],
)
def test_small_amounts_keep_three_digits(amount: str, text: str) -> None:
    assert usd(Decimal(amount)) == text


def test_a_unit_cost_has_six_places_and_what_has_no_divisor_a_dash() -> None:
    assert unit_usd(Decimal("0.5")) == "$0.500000"
    assert unit_usd(None) == "—"


def test_what_nobody_knows_is_unknown() -> None:
    assert usd(None) == exactly(None) == usd(Decimal(0), at_least=True) == "unknown"
    assert pico_usd(0, 6, at_least=True) == pico_usd(None) == "unknown"
    assert signed(Decimal(0), at_least=True) == "unknown"
    assert usd(Decimal(2), at_least=True) == "≥ $2.00"


@given(AMOUNTS.filter(bool))
def test_an_amount_never_reads_as_zero(amount: Decimal) -> None:
    assert any(digit in usd(amount) for digit in "123456789")


@given(AMOUNTS.filter(bool), st.sampled_from([2, 6]))
def test_an_amount_is_off_by_less_than_one_percent(amount: Decimal, places: int) -> None:
    shown = Decimal(usd(amount, places).replace("$", "").replace(",", ""))
    assert abs(shown - amount) <= max(amount / 100, Decimal("0.005") if amount >= Decimal("0.01") else 0)


def test_shares_of_ratios_and_of_counts_read_alike() -> None:
    assert share(0.125) == percent(1, 8) == "12.5%"
    assert percent(1, 0) == share(None) == "—"


def test_one_is_singular() -> None:
    assert (counted(1, "call"), counted(0, "call"), counted(1250, "call")) == (
        "1 call",
        "0 calls",
        "1,250 calls",
    )
    assert counted(2, "query", "queries") == "2 queries"


START = datetime(2026, 5, 4, tzinfo=UTC)


def test_a_sparkline_draws_the_course_of_a_window() -> None:
    hours = {START + timedelta(hours=hour): hour for hour in range(8)}
    assert sparkline(hours, START, START + timedelta(hours=8), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline({}, START, START + timedelta(hours=8), 4) == "▁▁▁▁"


@given(st.dictionaries(st.integers(-1, 30), st.integers(0, 10**15)), st.integers(1, 20))
def test_a_sparkline_has_its_cells_and_touches_the_top_once_anything_was_spent(
    spent: dict[int, int], cells: int
) -> None:
    points = {START + timedelta(hours=hour): cost for hour, cost in spent.items()}
    drawn = sparkline(points, START, START + timedelta(hours=24), cells)
    assert len(drawn) == cells
    assert ("█" in drawn) == any(spent.values())
