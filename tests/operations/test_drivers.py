"""`genai.drivers` names the slice that a change came from, and none where none stands out (LEDGER §25)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.operations.ledger import Call, fill

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE = NOW - HOUR
HEAVY = 10
"""Quiet windows whose calls cost from a fifth to five times the median (one deviation)."""
NAMES = ("endpoint", "prompt_version", "model", "tenant", "service", "user")


@dataclass(frozen=True)
class Kind:
    """Traffic of one cell: what its calls have in common, and how it moves in the second window.

    Attributes:
        rate: requests an hour to be expected. volume, tokens: factors; tries: calls for a request.
    """

    like: Call
    rate: float
    volume: float = 1.0
    tokens: float = 1.0
    tries: float = 1.0


Change = Callable[[Kind], Kind]


def world() -> list[Kind]:
    """A shop: three endpoints with two models each, four tenants, two services, twenty users."""
    kinds = []
    for place, endpoint in enumerate(("answer", "search", "summary")):
        for model, cost in (("small", 1_000_000), ("large", 4_000_000)):
            for tenant in range(4):
                like = Call(
                    NOW, endpoint=endpoint, model=model, tenant=f"tenant-{tenant}",
                    prompt_version=f"{endpoint}_v7",
                    service="web" if place < 2 else "batch", costs=(cost, 0, 0, cost, 0),
                )  # fmt: skip
                kinds.append(Kind(like, rate=150 / (1 + tenant) * (1.0 if model == "small" else 0.6)))
    return kinds


def same(kind: Kind) -> Kind:
    return kind


def calls(kinds: list[Kind], start: datetime, seed: int, tail: float = 0.6) -> list[Call]:
    """Poisson arrivals; tokens, and with them cost, log-normal with `tail` as sigma."""
    rng = random.Random(seed)
    found = []
    for kind in kinds:
        second = rng.expovariate(kind.rate / 3600)
        while second < 3600:
            user = kind.like.user if kind.like.user != "unknown" else f"h:{rng.randrange(20)}"
            size = kind.tokens * rng.lognormvariate(0, tail)
            like = replace(kind.like, time=start + timedelta(seconds=second), user=user)
            found.append(_sized(like, size))
            while rng.random() > 1 / kind.tries:
                retry = _sized(like, kind.tokens * rng.lognormvariate(0, tail))
                found.append(replace(retry, requests=0, status="error"))
            second += rng.expovariate(kind.rate / 3600)
    return found


def _sized(call: Call, size: float) -> Call:
    assert call.costs
    costs = tuple(round(cost * size) for cost in call.costs)
    return replace(call, input_tokens=round(1_000 * size), output_tokens=round(100 * size), costs=costs)  # type: ignore[arg-type]


def moved(change: Change) -> list[Kind]:
    """The second window's traffic."""
    kinds = [change(kind) for kind in world()]
    return [replace(kind, rate=kind.rate * kind.volume) for kind in kinds]


def deploy(kind: Kind) -> Kind:
    """A new version that writes twice as much, while a third of all requests stays away."""
    if kind.like.endpoint != "answer":
        return replace(kind, volume=0.65)
    return replace(kind, like=replace(kind.like, prompt_version="answer_v8"), volume=0.65, tokens=2.0)


def replaced_alike(kind: Kind) -> Kind:
    """A new version that costs what the old one did."""
    if kind.like.endpoint != "answer":
        return kind
    return replace(kind, like=replace(kind.like, prompt_version="answer_v8"))


def on(what: str, value: str, **how: float) -> Change:
    """The calls with that value move."""
    return lambda kind: replace(kind, **how) if getattr(kind.like, what) == value else kind  # type: ignore[arg-type]


def one_user(kind: Kind) -> Kind:
    """A user of every tenant who asks as much as a third of all others."""
    return replace(kind, like=replace(kind.like, user="h:busy"), rate=kind.rate * 0.45)


def uneven() -> list[Kind]:
    """The same shop, whose first tenant asks at four times the length."""
    return [replace(kind, tokens=4.0) if kind.like.tenant == "tenant-0" else kind for kind in world()]


def late(call: Call, factor: float) -> Call:
    """The call after a deploy that changes the last 18 minutes of the window alone."""
    if call.endpoint != "answer" or call.time < NOW + timedelta(minutes=42):
        return call
    assert call.costs
    costs = tuple(round(cost * factor) for cost in call.costs)
    return replace(call, prompt_version="answer_v8", costs=costs)  # type: ignore[arg-type]


CASES: dict[str, tuple[str, Change, list[dict[str, str]]]] = {
    "quiet": ("spend", same, []),
    "everything half as much again": ("spend", lambda kind: replace(kind, volume=1.5), []),
    "a tenant's rush": ("spend", on("tenant", "tenant-1", volume=3.0), [{"tenant": "tenant-1"}]),
    "an endpoint that loses half": ("spend", on("endpoint", "search", volume=0.4), [{"endpoint": "search"}]),
    "a service that doubles": (
        "spend", on("service", "batch", volume=2.5), [{"endpoint": "summary"}],
    ),
    "a costlier deploy on a falling evening": (
        "cost_per_request", deploy, [{"endpoint": "answer", "prompt_version": "answer_v8"}],
    ),
    "a version replaced by one like it": ("spend", replaced_alike, []),
    "retries of one endpoint": (
        "spend", on("endpoint", "search", tries=2.2), [{"endpoint": "search"}],
    ),
    "longer answers of one endpoint": (
        "cost_per_request", on("endpoint", "answer", tokens=1.9), [{"endpoint": "answer"}],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def ledger(module_database: str) -> Iterator[psycopg.Connection[Any]]:
    """Every case in an environment of its own."""
    rows = []
    for number, (name, (_, change, _)) in enumerate(CASES.items()):
        found = calls(world(), BEFORE, 2 * number) + calls(moved(change), NOW, 2 * number + 1)
        rows += [replace(call, environment=name) for call in found]
    rows += [
        replace(call, environment=f"heavy tails {seed}")
        for seed in range(HEAVY)
        for call in calls(world(), BEFORE, 1000 + 2 * seed, 1.5) + calls(world(), NOW, 1001 + 2 * seed, 1.5)
    ]
    busy = [one_user(kind) for kind in world()]
    rows += [
        replace(call, environment="one user")
        for call in calls(world(), BEFORE, 93) + calls(world(), NOW, 94) + calls(busy, NOW, 95)
    ]
    for name, factor in (("alike inside the window", 1.0), ("a deploy inside the window", 2.0)):
        rows += [
            replace(call, environment=name)
            for call in calls(uneven(), BEFORE, 96)
            + [late(call, factor) for call in calls(uneven(), NOW, 97)]
        ]
    retried = moved(on("endpoint", "search", tries=2.2))
    rows += [
        replace(call, environment="failing", model=call.model + "-2025-01-31" * (call.status == "success"))
        for call in calls(world(), BEFORE, 98) + calls(retried, NOW, 99)
    ]
    fill(module_database, rows)
    with psycopg.connect(module_database, row_factory=dict_row, autocommit=True) as connection:
        connection.execute("ANALYZE")
        yield connection


def drivers(
    connection: psycopg.Connection[Any], env: str, measure: str = "spend", **options: object
) -> list[dict[str, Any]]:
    """The rows of `genai.drivers`."""
    values = {"from": NOW, "to": NOW + HOUR, "env": env, "measure": measure} | options
    named = ", ".join(f"p_{name} => %({name})s" for name in values)
    query = f"SELECT * FROM genai.drivers({named})"  # noqa: S608
    found: list[dict[str, Any]] = connection.execute(query.encode(), values).fetchall()
    return found


def named(row: dict[str, Any]) -> dict[str, str]:
    return {name: row[name] for name in NAMES if row[name] is not None}


@pytest.mark.parametrize("name", CASES)
def test_the_slice_that_moved_is_named_and_nothing_else(ledger: psycopg.Connection[Any], name: str) -> None:
    measure, _, expected = CASES[name]
    assert [named(row) for row in drivers(ledger, name, measure)] == expected


def test_heavy_tails_are_noise_for_both_measures_with_one_story_in_fifteen_at_most(
    ledger: psycopg.Connection[Any],
) -> None:
    told = [
        bool(drivers(ledger, f"heavy tails {seed}", measure))
        for seed in range(HEAVY)
        for measure in ("spend", "cost_per_request")
    ]
    assert sum(told) <= len(told) / 15


def test_a_costlier_deploy_is_a_driver_of_falling_spend_too(ledger: psycopg.Connection[Any]) -> None:
    first, *_ = drivers(ledger, "a costlier deploy on a falling evening", "spend", with_drift=True)
    assert named(first) == {"endpoint": "answer", "prompt_version": "answer_v8"}
    assert first["excess_usd"] > 0


def test_a_user_is_named_who_explains_the_change(ledger: psycopg.Connection[Any]) -> None:
    assert [named(row) for row in drivers(ledger, "one user")] == [{"user": "h:busy"}]


def test_a_row_of_its_own_says_what_everything_did_alike(ledger: psycopg.Connection[Any]) -> None:
    (row,) = drivers(ledger, "everything half as much again", with_drift=True)
    assert row["kind"] == "drift"
    assert 1.25 < row["ratio"] < 1.75
    assert abs(row["excess_usd"] - row["delta_usd"]) < Decimal("0.000000001")


def test_the_dollars_of_drivers_and_drift_are_the_change(ledger: psycopg.Connection[Any]) -> None:
    for name in CASES:
        rows = drivers(ledger, name, with_drift=True)
        change = next(row["delta_usd"] for row in rows if row["kind"] == "drift")
        assert abs(sum(row["excess_usd"] for row in rows) - change) < Decimal("0.000000001")


def test_the_other_way_round_the_driver_stays_and_its_dollars_turn_their_sign(
    ledger: psycopg.Connection[Any],
) -> None:
    back = {"from": BEFORE, "to": NOW, "baseline": f"{NOW.isoformat()}..{(NOW + HOUR).isoformat()}"}
    for name in ("a tenant's rush", "an endpoint that loses half", "retries of one endpoint"):
        (there,), (here,) = drivers(ledger, name), drivers(ledger, name, **back)
        assert named(there) == named(here)
        assert there["excess_usd"] * here["excess_usd"] < 0
        assert there["delta_usd"] == -here["delta_usd"]


def test_the_terms_inside_a_driver_are_those_of_compare_with_the_driver_as_filter(
    ledger: psycopg.Connection[Any],
) -> None:
    (row,) = drivers(ledger, "retries of one endpoint")
    assert row["top_term"] == "attempts"
    compared = ledger.execute(
        "SELECT volume_usd, attempts_usd, mix_usd, tokens_usd, price_usd, delta_usd FROM genai.compare("
        " %(start)s, %(end)s, p_env => 'retries of one endpoint', p_endpoint => 'search') c"
        " WHERE c.is_total",
        {"start": NOW, "end": NOW + HOUR},
    ).fetchone()
    assert compared
    assert {name: row[name] for name in compared} == compared


def test_a_new_version_is_set_against_what_it_replaced(ledger: psycopg.Connection[Any]) -> None:
    (row,) = drivers(ledger, "a costlier deploy on a falling evening", "cost_per_request")
    assert row["is_new"]
    assert (row["requests"] > 50, row["baseline_requests"]) == (True, 0)
    assert 1.7 < row["cost_per_request_usd"] / row["baseline_cost_per_request_usd"] < 2.3
    assert row["top_term"] in ("tokens", "volume")
    assert row["tokens_usd"] > 0 > row["volume_usd"]


def test_a_deploy_inside_the_window_is_set_against_the_version_that_it_replaces(
    ledger: psycopg.Connection[Any],
) -> None:
    assert drivers(ledger, "alike inside the window") == []
    assert drivers(ledger, "alike inside the window", "cost_per_request") == []
    (row,) = drivers(ledger, "a deploy inside the window", "cost_per_request")
    assert named(row) == {"endpoint": "answer", "prompt_version": "answer_v8"}
    assert 1.6 < row["cost_per_request_usd"] / row["baseline_cost_per_request_usd"] < 2.4


def test_calls_that_fail_are_no_other_model(ledger: psycopg.Connection[Any]) -> None:
    """They say which model was asked for, `small`; the others which one answered, `small-2025-01-31`."""
    for measure in ("spend", "cost_per_request"):
        told = [named(row) for row in drivers(ledger, "failing", measure)]
        assert told == [{"endpoint": "search"}]


def test_a_filter_narrows_the_question(ledger: psycopg.Connection[Any]) -> None:
    assert drivers(ledger, "a tenant's rush", tenant="tenant-2") == []
    assert drivers(ledger, "no such environment") == []
