"""Tracking quality: each fault takes its weight from the score, and is counted where it is."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cli.__main__ import build
from operations.quality.advice import ADVICE, link, listing
from operations.quality.model import Item, Offender, Quality, Selection, checklist, in_tenths, quality
from processor.calls.call import Flag
from tests.operations.ledger import NO_USAGE, UNPRICED, Call, fill

DAY = datetime(2026, 5, 4, tzinfo=UTC)
ESTIMATED = 3
CLEAN = Call(DAY, tenant="acme", user="u1")
UNKNOWN = "unknown"
FAULTS: dict[str, Callable[[Call], Call]] = {
    "endpoint": lambda call: replace(call, endpoint=UNKNOWN),
    "prompt_version": lambda call: replace(call, prompt_version=UNKNOWN),
    "identity": lambda call: replace(call, tenant=UNKNOWN, user=UNKNOWN),
    "raw_identity": lambda call: replace(call, flags=int(Flag.RAW_IDENTITY)),
    "spelling": lambda call: replace(call, endpoint="Checkout"),
    "test_in_prod": lambda call: replace(call, data_mode="test"),
    "usage": lambda call: replace(call, costs=None, price_status=NO_USAGE),
    "model": lambda call: replace(call, costs=None, price_status=UNPRICED, model="new"),
}
PLACES = {"identity": ("", "checkout"), "endpoint": ("shop", UNKNOWN), "spelling": ("shop", "Checkout")}
VALUES = {"spelling": "endpoint Checkout beside checkout", "test_in_prod": "test", "model": "openai/new"}


def day(name: str) -> datetime:
    """A day of its own for each fault, so that one database serves all."""
    return DAY + timedelta(days=1 + list(FAULTS).index(name))


def ask(dsn: str, start: datetime, **more: object) -> Quality:
    with psycopg.connect(dsn) as connection:
        return quality(connection, Selection(start, start + timedelta(days=1), **more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def ledger(module_database: str) -> str:
    """A clean day, and for each fault a day of four calls, the first with the fault."""
    calls = [replace(CLEAN, time=DAY + timedelta(hours=hour)) for hour in range(4)]
    for name, spoil in FAULTS.items():
        times = [day(name) + timedelta(hours=hour, seconds=7) for hour in (1, 2, 3, 4)]
        calls += [replace(CLEAN, time=time) for time in times[1:]] + [spoil(replace(CLEAN, time=times[0]))]
    fill(module_database, calls)
    return module_database


def test_a_clean_ledger_scores_100(ledger: str) -> None:
    found = ask(ledger, DAY)

    assert found.score == 100
    assert [item.name for item in found.items] == list(ADVICE)
    assert {(item.calls, item.failed) for item in found.items} == {(4, 0)}
    assert sum(item.weight for item in found.items) == 100


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_alone_takes_its_weight_by_its_share(ledger: str, name: str) -> None:
    found = ask(ledger, day(name))

    failed = [item for item in found.items if item.failed]
    assert [(item.name, item.calls, item.failed) for item in failed] == [(name, 4, 1)]
    assert found.score == 100 - failed[0].weight * Fraction(1, 4)
    place = PLACES.get(name, ("shop", "checkout"))
    assert failed[0].offenders == [Offender(*place, VALUES.get(name, ""), 1)]


@pytest.mark.parametrize("name", [name for name in FAULTS if name != "spelling"])  # one alone is no fault
def test_where_every_call_has_the_fault_its_whole_weight_is_gone(ledger: str, name: str) -> None:
    start = day(name) + timedelta(hours=1, seconds=5)
    with psycopg.connect(ledger) as connection:
        found = quality(connection, Selection(start, start + timedelta(seconds=10), data_mode="*"))

    assert found.score == 100 - next(item.weight for item in found.items if item.name == name)


def test_calls_of_the_data_mode_that_is_asked_for_are_no_fault(ledger: str) -> None:
    """The test run beside three real calls of prod."""
    failed = {}
    for data_mode in ("real", "test", "demo", "*"):
        with psycopg.connect(ledger) as connection:
            start = day("test_in_prod")
            found = quality(connection, Selection(start, start + timedelta(days=1), data_mode=data_mode))
        (item,) = (item for item in found.items if item.name == "test_in_prod")
        failed[data_mode] = item.calls, item.failed
    assert failed == {"real": (4, 1), "test": (4, 0), "demo": (4, 1), "*": (4, 1)}


def test_an_empty_window_has_no_score(ledger: str) -> None:
    found = ask(ledger, DAY - timedelta(days=3))

    assert found.score is None
    assert {item.share for item in found.items} == {None}


def test_filters_narrow_every_item(ledger: str) -> None:
    found = ask(ledger, day("endpoint"), filters={"endpoint": UNKNOWN, "service": "shop", "tenant": "acme"})

    by_name = {item.name: item for item in found.items}
    assert {item.calls for item in found.items} == {1}
    assert by_name["endpoint"].failed == 1
    assert ask(ledger, day("endpoint"), filters={"tenant": "nobody"}).score is None


def test_estimated_usage_fails_and_a_refused_call_does_not(migrated_database: str) -> None:
    estimated = replace(CLEAN, price_status=ESTIMATED)
    refused = replace(CLEAN, costs=None, price_status=7, status="error", input_tokens=None)
    fill(migrated_database, [estimated, refused])

    usage = next(item for item in ask(migrated_database, DAY).items if item.name == "usage")
    assert (usage.calls, usage.failed) == (2, 1)


def test_spellings_differ_by_case_and_separators_only(migrated_database: str) -> None:
    tags = ["checkout.summary"] * 3 + ["Checkout.Summary", "checkout_summary", "checkout.summary2", UNKNOWN]
    fill(migrated_database, [replace(CLEAN, endpoint=tag) for tag in tags])

    spelling = next(item for item in ask(migrated_database, DAY).items if item.name == "spelling")
    assert [(each.endpoint, each.calls) for each in spelling.offenders] == [
        ("Checkout.Summary", 1), ("checkout_summary", 1),
    ]  # fmt: skip


def test_versions_are_compared_within_their_endpoint(migrated_database: str) -> None:
    versions = [("a", "v1"), ("a", "v1"), ("a", "V1"), ("b", "V1")]
    fill(migrated_database, [replace(CLEAN, endpoint=tag, prompt_version=v) for tag, v in versions])

    spelling = next(item for item in ask(migrated_database, DAY).items if item.name == "spelling")
    assert spelling.offenders == [Offender("shop", "a", "prompt version V1 beside v1", 1)]


def test_every_count_is_that_of_the_calls_in_windows_with_ragged_ends(migrated_database: str) -> None:
    draw = random.Random(7)
    calls = [
        Call(
            DAY + timedelta(seconds=draw.randrange(6 * 3600)), endpoint=draw.choice(("a", "b", UNKNOWN)),
            prompt_version=draw.choice(("v1", UNKNOWN)), tenant=draw.choice(("acme", UNKNOWN)),
            user=draw.choice(("u1", UNKNOWN)), flags=draw.choice((0, 0, int(Flag.RAW_IDENTITY))),
            service=draw.choice(("shop", "api")), environment=draw.choice(("prod", "prod", "staging")),
            data_mode=draw.choice(("real", "real", "test", "demo")), **draw.choice(PRICES),
        )
        for _ in range(400)
    ]  # fmt: skip
    fill(migrated_database, calls)

    for minutes, service in ((7, "*"), (95, "shop"), (240, "*")):
        start, end = DAY + timedelta(minutes=61, seconds=5), DAY + timedelta(minutes=61 + minutes, seconds=40)
        with psycopg.connect(migrated_database) as connection:
            found = quality(connection, Selection(start, end, filters={"service": service}))
        there = [call for call in calls if start <= call.time < end and service in ("*", call.service)]
        assert {item.name: (item.calls, item.failed) for item in found.items} == _counted(there)


PRICES: tuple[dict[str, Any], ...] = (
    {},
    {"costs": None, "price_status": UNPRICED},
    {"costs": None, "price_status": NO_USAGE},
)


def _counted(calls: list[Call]) -> dict[str, tuple[int, int]]:
    """The counts of real calls of prod, one by one."""
    prod = [call for call in calls if call.environment == "prod"]
    real = [call for call in prod if call.data_mode == "real"]
    fails: dict[str, Callable[[Call], bool]] = {
        "endpoint": lambda call: call.endpoint == UNKNOWN,
        "prompt_version": lambda call: call.prompt_version == UNKNOWN,
        "identity": lambda call: call.tenant == call.user == UNKNOWN,
        "raw_identity": lambda call: call.flags != 0,
        "spelling": lambda call: False,
        "usage": lambda call: call.price_status == NO_USAGE,
        "model": lambda call: call.price_status == UNPRICED,
    }
    counts = {name: (len(real), sum(map(fault, real))) for name, fault in fails.items()}
    return counts | {"test_in_prod": (len(prod), len(prod) - len(real))}


ROWS = st.lists(
    st.tuples(st.sampled_from(sorted(ADVICE)), st.integers(0, 10**9), st.integers(0, 10**9)), max_size=20
)


@given(ROWS)
def test_shares_are_parts_of_the_calls_and_the_score_stays_between_0_and_100(
    drawn: list[tuple[str, int, int]],
) -> None:
    weights = dict(zip(sorted(ADVICE), (10, 20, 10, 15, 15, 10, 10, 10), strict=True))
    rows = [(name, weights[name], "s", "e", "", max(a, b), min(a, b)) for name, a, b in sorted(drawn)]
    items = checklist(rows)

    for item in items:
        assert sum(each.calls for each in item.offenders) == item.failed <= item.calls
        assert item.share is None or 0 <= item.share <= 1
    score = Quality(items).score
    assert score is None or 0 <= score <= 100
    assert score is None or (in_tenths(score) == "100.0") == (not any(item.failed for item in items))


def test_offenders_come_with_a_command_and_a_link() -> None:
    selection = Selection(DAY, DAY + timedelta(hours=3), filters={"model": "small"})
    item = Item("prompt_version", 15, 4, 1, [offender := Offender("shop", "checkout", "", 1)])

    assert listing(item, offender, selection, DAY + timedelta(hours=5)) == (
        "spanledger tail --since 5h --env prod --data-mode real --endpoint checkout --model small"
        " --prompt-version unknown --service shop"
    )
    assert link(item, offender, selection, "") is None
    url = link(item, offender, selection, "https://grafana.example") or ""
    address, _, query = url.partition("?")
    assert address == "https://grafana.example/d/spanledger-requests"
    window = {"from=1777852800000", "to=1777863600000"}
    focus = {"var-endpoint=checkout", "var-prompt_version=unknown", "var-service=shop", "var-model=small"}
    assert window | focus <= set(query.split("&"))


def test_test_data_in_prod_are_listed_in_prod_alone() -> None:
    selection = Selection(DAY, DAY + timedelta(hours=3), "*", "real")
    item = Item("test_in_prod", 10, 4, 1, [offender := Offender("shop", "checkout", "demo", 1)])

    assert "--env prod --data-mode demo" in listing(item, offender, selection, selection.end)
    url = link(item, offender, selection, "https://grafana.example") or ""
    assert {"var-env=prod", "var-data_mode=demo"} <= set(url.split("&"))


def run(dsn: str, start: datetime, *arguments: str) -> Result:
    window = ["--from", start.isoformat(), "--to", (start + timedelta(days=1)).isoformat()]
    return CliRunner().invoke(build(), ["quality", "--database-url", dsn, *window, *arguments])


def test_the_command_shows_the_score_what_fails_and_where(ledger: str) -> None:
    done = run(ledger, day("spelling"))

    assert done.exit_code == 0, done.output
    assert "Score 97.5 of 100" in done.output
    assert "endpoint Checkout beside checkout" in done.output
    assert "--endpoint Checkout --service shop" in " ".join(done.output.split())
    assert "Score 100.0 of 100" in run(ledger, DAY).output
    assert "No calls in this window." in run(ledger, DAY - timedelta(days=3)).output


def test_the_document_holds_every_item(ledger: str) -> None:
    document = json.loads(run(ledger, day("model"), "--json").output)

    assert (document["score"], len(document["items"])) == (97.5, 8)
    model = document["items"][-1]
    assert (model["item"], model["calls"], model["failed"], model["share"]) == ("model", 4, 1, 0.25)
    assert model["offenders"][0]["command"] == "spanledger unpriced --env prod --data-mode real"
