"""Each class of a spike from an incident that is one, and the near misses that are none (LEDGER §25)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.operations.ledger import ERROR_WITHOUT_USAGE, UNPRICED, Call, fill

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)
CALL = Call(NOW, input_tokens=1_000, output_tokens=100, costs=(1_000_000, 0, 0, 1_000_000, 0))


def traffic(start: datetime, count: int = 200, like: Call = CALL, users: int = 20) -> list[Call]:
    """Calls spread over an hour and over users, of whom five share a tenant."""
    return [
        replace(
            like,
            time=start + timedelta(hours=1) * i / count,
            user=f"user-{i % users}" if like.user == "unknown" else like.user,
            tenant=f"tenant-{i % users // 5}" if like.tenant == "unknown" else like.tenant,
        )
        for i in range(count)
    ]


def tokens(factor: float, price: float = 1.0, like: Call = CALL) -> Call:
    """The call with more tokens, or costlier ones."""
    assert like.costs
    costs = tuple(round(cost * factor * price) for cost in like.costs)
    return replace(
        like,
        input_tokens=round((like.input_tokens or 0) * factor),
        output_tokens=round((like.output_tokens or 0) * factor),
        costs=costs,  # type: ignore[arg-type]
    )


V2 = replace(CALL, prompt_version="v2")
LARGE = replace(CALL, model="large", costs=(5_000_000, 0, 0, 5_000_000, 0))
UNKNOWN_MODEL = replace(CALL, model="brand-new", costs=None, price_status=UNPRICED)
RETRY = replace(CALL, requests=0, status="error")
FREE_RETRY = replace(RETRY, costs=None, price_status=ERROR_WITHOUT_USAGE)
ONE = replace(CALL, user="h:abuser", tenant="acme")
ONE_FAILING = replace(ONE, status="error")
ONE_ON_V2 = replace(ONE, prompt_version="v2")


@cache
def incidents() -> dict[str, tuple[str, str | None, list[Call], list[Call]]]:
    """Name → its class, its subject, and the calls before and in the window."""
    return {
        "twice the requests": ("moved_alike", None, traffic(BEFORE), traffic(NOW, 400)),
        "half the requests": ("moved_alike", None, traffic(BEFORE, 400), traffic(NOW)),
        "requests of a new endpoint": (
            "volume", None, traffic(BEFORE),
            traffic(NOW) + traffic(NOW, 150, replace(CALL, endpoint="search")),
        ),
        "five percent more": ("steady", None, traffic(BEFORE), traffic(NOW, 210)),
        "too few calls before": ("too_little_data", None, traffic(BEFORE, 49), traffic(NOW, 200)),
        "just enough calls before": ("moved_alike", None, traffic(BEFORE, 50), traffic(NOW, 200)),
        "twice the tokens": ("token", None, traffic(BEFORE), traffic(NOW, like=tokens(2))),
        "costlier tokens": ("price", None, traffic(BEFORE), traffic(NOW, like=tokens(1, price=1.5))),
        "tokens and price a fifth up each": (
            "price", None, traffic(BEFORE), traffic(NOW, 240, tokens(1.2, price=1.2)),
        ),
        "half the calls on a dear model": (
            "model_mix", "openai/large", traffic(BEFORE) + traffic(BEFORE, 10, LARGE),
            traffic(NOW, 100) + traffic(NOW, 110, LARGE),
        ),
        "a new version that writes more": (
            "deploy", "v2", traffic(BEFORE), traffic(NOW, like=tokens(1.6, like=V2)),
        ),
        "a new version for half the requests": (
            "deploy", "v2", traffic(BEFORE), traffic(NOW, 100) + traffic(NOW, 100, tokens(2, like=V2)),
        ),
        "a new version on a dear model": (
            "deploy", "v2", traffic(BEFORE), traffic(NOW, like=replace(LARGE, prompt_version="v2")),
        ),
        "a new version that costs the same on a busy day": (
            "volume", None, traffic(BEFORE), traffic(NOW, 400, V2),
        ),
        "a new version that costs a little more on a busy day": (
            "volume", None, traffic(BEFORE), traffic(NOW, 400, tokens(1.05, like=V2)),
        ),
        "a new version that writes far more on a busy day": (
            "deploy", "v2", traffic(BEFORE), traffic(NOW, 400, tokens(1.3, like=V2)),
        ),
        "a new version whose first calls fall before the window": (
            "deploy", "v2", traffic(BEFORE) + traffic(BEFORE, 10, V2),
            traffic(NOW, like=tokens(1.6, like=V2)),
        ),
        "a version known before that writes more": (
            "token", None, traffic(BEFORE) + traffic(BEFORE, 11, V2), traffic(NOW, like=tokens(1.6, like=V2)),
        ),
        "calls that lost their version": (
            "token", None, traffic(BEFORE),
            traffic(NOW, like=tokens(1.6, like=replace(CALL, prompt_version="unknown"))),
        ),
        "each request tried twice": (
            "retry_storm", None, traffic(BEFORE), traffic(NOW) + traffic(NOW, 200, RETRY),
        ),
        "retries that cost nothing": (
            "steady", None, traffic(BEFORE), traffic(NOW) + traffic(NOW, 200, FREE_RETRY),
        ),
        "more retries but far more requests": (
            "moved_alike", None, traffic(BEFORE), traffic(NOW, 500) + traffic(NOW, 60, RETRY),
        ),
        "one user's failing rush": (
            "abuse", "h:abuser", traffic(BEFORE),
            traffic(NOW) + traffic(NOW, 150, ONE) + traffic(NOW, 150, ONE_FAILING),
        ),
        "one user's rush without failures": (
            "identity_concentration", "h:abuser", traffic(BEFORE), traffic(NOW) + traffic(NOW, 300, ONE),
        ),
        "everybody's failing rush": (
            "moved_alike", None, traffic(BEFORE),
            traffic(NOW) + traffic(NOW, 300, replace(CALL, status="error")),
        ),
        "one user's failing rush where failures are usual": (
            "identity_concentration", "h:abuser",
            traffic(BEFORE, 120) + traffic(BEFORE, 80, replace(CALL, status="error")),
            traffic(NOW) + traffic(NOW, 150, ONE) + traffic(NOW, 150, ONE_FAILING),
        ),
        "each request tried four times where few were before": (
            "retry_storm", None, traffic(BEFORE, 25), traffic(NOW, 25) + traffic(NOW, 75, RETRY),
        ),
        "one user's failing rush where few calls were before": (
            "abuse", "h:abuser", traffic(BEFORE, 25), traffic(NOW, 25) + traffic(NOW, 100, ONE_FAILING),
        ),
        "everybody's failing rush where few calls were before": (
            "too_little_data", None, traffic(BEFORE, 25),
            traffic(NOW, 25) + traffic(NOW, 100, replace(CALL, status="error")),
        ),
        "one user's dear calls": (
            "identity_concentration", "h:abuser", traffic(BEFORE) + traffic(BEFORE, 10, ONE),
            traffic(NOW) + traffic(NOW, 10, replace(ONE, costs=(10**8, 0, 0, 10**8, 0), input_tokens=10**5)),
        ),
        "a tenant's rush from many users": (
            "identity_concentration", "acme", traffic(BEFORE),
            traffic(NOW) + traffic(NOW, 300, replace(CALL, tenant="acme")),
        ),
        "a deploy while one user's share grows within the noise of counts": (
            "deploy", "v2", traffic(BEFORE) + traffic(BEFORE, 12, ONE),
            traffic(NOW, 186, tokens(1.15, like=V2)) + traffic(NOW, 30, tokens(1.15, like=ONE_ON_V2)),
        ),
        "the only user there is": ("moved_alike", None, traffic(BEFORE, like=ONE), traffic(NOW, 400, ONE)),
        "a rush of nobody": (
            "volume", None, traffic(BEFORE),
            traffic(NOW) + [replace(c, user="unknown", tenant="unknown") for c in traffic(NOW, 300)],
        ),
        "a model without a price": (
            "unknown_model", "openai/brand-new", traffic(BEFORE),
            traffic(NOW, 300) + traffic(NOW, 60, UNKNOWN_MODEL),
        ),
        "a model that never had a price": (
            "moved_alike", None, traffic(BEFORE) + traffic(BEFORE, 40, UNKNOWN_MODEL),
            traffic(NOW, 400) + traffic(NOW, 120, UNKNOWN_MODEL),
        ),
        "a few calls without a price": (
            "moved_alike", None, traffic(BEFORE), traffic(NOW, 400) + traffic(NOW, 20, UNKNOWN_MODEL),
        ),
    }  # fmt: skip


def classify(connection: psycopg.Connection[Any], **options: object) -> dict[str, Any]:
    named = "".join(f", p_{name} => %({name})s" for name in options)
    query = f"SELECT * FROM genai.classify(%(start)s, %(end)s{named})"  # noqa: S608
    window = {"start": NOW, "end": NOW + timedelta(hours=1)}
    rows: list[dict[str, Any]] = connection.execute(query.encode(), window | options).fetchall()
    return rows[0]


@pytest.fixture
def connection(migrated_database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(migrated_database, row_factory=dict_row, autocommit=True) as connection:
        yield connection


@pytest.fixture
def all_incidents(migrated_database: str) -> Iterator[psycopg.Connection[Any]]:
    """Every incident in an environment of its own."""
    fill(
        migrated_database,
        [
            replace(call, environment=name)
            for name, (_, _, before, after) in incidents().items()
            for call in before + after
        ],
    )
    with psycopg.connect(migrated_database, row_factory=dict_row, autocommit=True) as connection:
        connection.execute("ANALYZE")
        yield connection


def test_each_incident_is_named_and_no_near_miss_is(all_incidents: psycopg.Connection[Any]) -> None:
    found = {name: classify(all_incidents, env=name) for name in incidents()}
    answers = {name: (row["class"], row["subject"]) for name, row in found.items()}
    assert answers == {name: incidents()[name][:2] for name in answers}


def test_both_questions_are_told_as_a_person_would(all_incidents: psycopg.Connection[Any]) -> None:
    told = {
        "twice the requests": "Requests rose 100% (200 → 400), adding $0.0004; everything moved alike,"
        " × 2.00. Each request costs what it did ($0.000002).",
        "a new version that writes far more on a busy day": "Requests rose 100% (200 → 400), adding"
        " $0.00046. Each request costs 30% more ($0.000002 → $0.0000026), because v2 reads and writes"
        " 30% more.",
        "five percent more": "Steady. Requests barely changed (200 → 210). Each request costs what it did"
        " ($0.000002).",
        "too few calls before": "Too little data (49 of 50 requests in the baseline): no cause is named.",
        "each request tried twice": "Calls went from 200 to 400 while errors went from 0% to 50%. Requests"
        " barely changed (200 → 200). Each request costs twice as much"
        " ($0.000002 → $0.000004), because calls for one success went from 1.00 to 2.00.",
        "retries that cost nothing": "Calls went from 200 to 400 while errors went from 0% to 50%, because a"
        " request makes 2.00 calls instead of 1.00. Requests barely changed (200 → 200). Each request"
        " costs what it did ($0.000002).",
        "everybody's failing rush where few calls were before": "Calls went from 25 to 125 while errors"
        " went from 0% to 80%; no single user or tenant made half of the added ones. Too little data"
        " (25 of 50 requests in the baseline): no cause is named.",
        "one user's failing rush where few calls were before": "User h:abuser made 100% of the added"
        " calls (0 → 100) while errors went from 0% to 80%. Requests rose to 5.0 times as many (25 → 125),"
        " adding $0.0002. Each request costs what it did ($0.000002).",
    }
    assert {name: classify(all_incidents, env=name)["sentence"] for name in told} == told


def test_without_data_before_there_is_no_baseline(migrated_database: str) -> None:
    fill(migrated_database, traffic(NOW))
    with psycopg.connect(migrated_database, row_factory=dict_row, autocommit=True) as connection:
        row = classify(connection)
    assert row["class"] == "no_baseline"
    assert row["sentence"] == "No data before 4 May, 12:00 UTC: no baseline."


def test_a_costlier_deploy_is_named_on_a_falling_evening(migrated_database: str) -> None:
    fill(migrated_database, traffic(BEFORE, 464) + traffic(NOW, 217, tokens(1.21, like=V2)))
    with psycopg.connect(migrated_database, row_factory=dict_row, autocommit=True) as connection:
        row = classify(connection)
    assert (row["class"], row["subject"]) == ("deploy", "v2")
    assert row["sentence"] == (
        "Requests fell 53% (464 → 217), saving $0.00055. Each request costs 21% more"
        " ($0.000002 → $0.0000024), because v2 reads and writes 21% more."
    )
