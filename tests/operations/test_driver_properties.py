"""What must not move the answer of `genai.drivers`: names, halves, the order of windows. Dollars add up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.operations.ledger import Call, fill
from tests.operations.test_drivers import (
    BEFORE,
    HOUR,
    NOW,
    Change,
    calls,
    drivers,
    moved,
    named,
    on,
    world,
)

CHANGES: dict[str, tuple[str, Change]] = {
    "a tenant's rush": ("spend", on("tenant", "tenant-1", volume=3.0)),
    "an endpoint that falls": ("spend", on("endpoint", "search", volume=0.35)),
    "retries of an endpoint": ("spend", on("endpoint", "summary", tries=2.4)),
    "a model that writes more": ("cost_per_request", on("model", "large", tokens=2.2)),
    "a tenant that writes more": ("cost_per_request", on("tenant", "tenant-0", tokens=0.4)),
}
TEXTS = ("endpoint", "prompt_version", "model", "tenant", "service", "user")
SAME_MONEY = Decimal("0.000000001")


def renamed(text: str) -> str:
    """Another name that sorts the other way round."""
    return "".join(chr(ord("z") - ord(c) + ord("a")) if c.isalpha() else c for c in text[::-1])


def with_names_changed(call: Call) -> Call:
    return replace(call, **{name: renamed(str(getattr(call, name))) for name in TEXTS})  # type: ignore[arg-type]


def in_halves(found: list[Call]) -> list[Call]:
    """Every second call of the smallest tenant belongs to a new one."""
    parts = []
    for place, call in enumerate(found):
        is_half = call.tenant == "tenant-3" and place % 2 == 0
        parts.append(replace(call, tenant="tenant-3b") if is_half else call)
    return parts


@pytest.fixture(scope="module")
def ledger(module_database: str) -> Iterator[psycopg.Connection[Any]]:
    """Every change as it is, by other names, and with a tenant in halves, each in its own environment."""
    rows: list[Call] = []
    for number, (name, (_, change)) in enumerate(CHANGES.items()):
        found = calls(world(), BEFORE, 50 + 2 * number) + calls(moved(change), NOW, 51 + 2 * number)
        rows += [replace(call, environment=name) for call in found]
        rows += [replace(with_names_changed(call), environment=f"{name} renamed") for call in found]
        rows += [replace(call, environment=f"{name} halved") for call in in_halves(found)]
    fill(module_database, rows)
    with psycopg.connect(module_database, row_factory=dict_row, autocommit=True) as connection:
        connection.execute("ANALYZE")
        yield connection


@pytest.mark.parametrize("name", CHANGES)
def test_other_names_for_the_same_calls_change_no_figure(ledger: psycopg.Connection[Any], name: str) -> None:
    measure, _ = CHANGES[name]
    here, there = drivers(ledger, name, measure), drivers(ledger, f"{name} renamed", measure)
    assert here
    assert [{key: renamed(value) for key, value in named(row).items()} for row in here] == [
        named(row) for row in there
    ]
    for mine, theirs in zip(here, there, strict=True):
        assert abs(mine["excess_usd"] - theirs["excess_usd"]) < SAME_MONEY
        assert mine["delta_usd"] == theirs["delta_usd"]
        assert mine["strength"] == pytest.approx(theirs["strength"])


@pytest.mark.parametrize("name", CHANGES)
def test_a_leaf_in_two_halves_leaves_the_answer_alone(ledger: psycopg.Connection[Any], name: str) -> None:
    measure, _ = CHANGES[name]
    here, there = drivers(ledger, name, measure), drivers(ledger, f"{name} halved", measure)
    assert [named(row) for row in here] == [named(row) for row in there]
    for mine, theirs in zip(here, there, strict=True):
        assert mine["delta_usd"] == theirs["delta_usd"]
        assert float(theirs["excess_usd"]) == pytest.approx(float(mine["excess_usd"]), rel=0.1)


@pytest.mark.parametrize("name", CHANGES)
def test_with_the_windows_exchanged_the_driver_stays_and_its_sign_turns(
    ledger: psycopg.Connection[Any], name: str
) -> None:
    measure, _ = CHANGES[name]
    back = {"from": BEFORE, "to": NOW, "baseline": f"{NOW.isoformat()}..{(NOW + HOUR).isoformat()}"}
    (here, *_), (there, *_) = drivers(ledger, name, measure), drivers(ledger, name, measure, **back)
    assert named(here) == named(there)
    assert here["excess_usd"] * there["excess_usd"] < 0
    assert here["delta_usd"] == -there["delta_usd"]


@pytest.mark.parametrize("name", CHANGES)
def test_the_dollars_of_disjoint_drivers_and_the_drift_are_the_change_and_no_more(
    ledger: psycopg.Connection[Any], name: str
) -> None:
    measure, _ = CHANGES[name]
    rows = drivers(ledger, name, measure, with_drift=True)
    assert sum(row["share_of_change"] for row in rows) == pytest.approx(1)
    if measure == "spend":
        change = next(row["delta_usd"] for row in rows if row["kind"] == "drift")
        assert abs(sum(row["excess_usd"] for row in rows) - change) < SAME_MONEY
