"""Where `genai.drivers` reads from: single calls, or the sums that are left; it moves as they move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from operations.reprice.model import Scope, apply
from processor.calls.call import Batch, ModelCall
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from processor.pricing.load import load_price_book
from storage.ingest.writer import Writer
from storage.upkeep.retention import Periods, keep
from tests.operations.ledger import fill
from tests.operations.test_drivers import BEFORE, HOUR, NOW, calls, deploy, drivers, moved, named, on, world
from tests.storage.ledger import NOON_NS, SECOND_NS, call

CASES = {
    "endpoint": ("spend", on("endpoint", "search", volume=3.0), {"endpoint": "search"}),
    "tenant": ("spend", on("tenant", "tenant-1", volume=3.0), {"tenant": "tenant-1"}),
    "deploy": ("cost_per_request", deploy, {"endpoint": "answer", "prompt_version": "answer_v8"}),
}
NOON = datetime.fromtimestamp(NOON_NS // SECOND_NS, UTC)


@pytest.fixture(scope="module")
def after_retention(module_database: str) -> Iterator[dict[str, list[list[dict[str, Any]]]]]:
    """The answers to every case while there are calls, and after retention took them."""
    fill(
        module_database,
        [
            replace(each, environment=name)
            for number, (name, (_, change, _)) in enumerate(CASES.items())
            for each in calls(world(), BEFORE, 70 + number) + calls(moved(change), NOW, 80 + number)
        ],
    )
    with psycopg.connect(module_database, row_factory=dict_row, autocommit=True) as connection:
        connection.execute("ANALYZE")

        def ask() -> list[list[dict[str, Any]]]:
            return [
                drivers(connection, name, measure, with_drift=True) for name, (measure, _, _) in CASES.items()
            ]

        before = ask()
        kept = keep(module_database, Periods(raw=32, minute=8), NOW + timedelta(days=34))
        assert kept.calls > 1_000
        yield {"calls": before, "sums": ask()}


def test_where_calls_are_gone_sums_name_the_driver_over_the_dimensions_that_they_have(
    after_retention: dict[str, list[list[dict[str, Any]]]],
) -> None:
    for source, answers in after_retention.items():
        for (first, *_), (name, (_, _, expected)) in zip(answers, CASES.items(), strict=True):
            assert (source, name, named(first)) == (source, name, expected)


def test_the_answer_says_where_it_comes_from(
    after_retention: dict[str, list[list[dict[str, Any]]]],
) -> None:
    said = {
        source: {row["source"] for rows in answers for row in rows}
        for source, answers in after_retention.items()
    }
    assert said == {"calls": {"calls"}, "sums": {"series"}}


def test_sums_tell_the_same_money(after_retention: dict[str, list[list[dict[str, Any]]]]) -> None:
    money = ("delta_usd", "cost_usd", "requests", "calls", "tokens_usd", "volume_usd")
    for mine, theirs in zip(*after_retention.values(), strict=True):
        for name in money:
            assert mine[0][name] == theirs[0][name]


@pytest.fixture
def book(tmp_path: Path) -> Callable[[str], PriceBook]:
    """A maker of price books: one price for every token of the models that are named."""

    def make(models: str) -> PriceBook:
        lines = ["version: 1", "models:"]
        for model in models.split():
            lines.append(
                f"  - {{provider: acme, model: {model},"
                ' prices: [{usd_per_mtok: {input: "5", output: "5"}}]}'
            )
        path = tmp_path / "prices.yaml"
        path.write_text("\n".join(lines) + "\n")
        return load_price_book(path)

    return make


def sent(side: int, endpoint: str, many: int, model: str = "plain") -> list[ModelCall]:
    """Calls of an endpoint in the hour before noon (0) or the hour after it (1)."""
    return [
        call(
            f"{side} {endpoint} {model} {many} {number}", provider="acme", model=model, endpoint_tag=endpoint,
            tenant_id=f"t{number % 4}", time_ns=NOON_NS + ((side - 1) * 3_600 + number) * SECOND_NS,
            input_tokens=500 + number % 7 * 50,
        )
        for number in range(many)
    ]  # fmt: skip


def store(dsn: str, prices: PriceBook, found: list[ModelCall]) -> None:
    writer = Writer(dsn)
    writer.write([(Batch(calls=found), [price_call(each, prices) for each in found])])
    writer.close()


def asked(dsn: str) -> tuple[list[dict[str, str]], Decimal, Decimal]:
    """The drivers' names, and the change as they and as the calls tell it."""
    window = {"from": NOON, "to": NOON + HOUR}
    with psycopg.connect(dsn, row_factory=dict_row, autocommit=True) as connection:
        *found, drift = drivers(connection, "prod", **window, with_drift=True)
        row = connection.execute(
            "SELECT coalesce(sum(cost_usd) FILTER (WHERE time >= %(noon)s), 0)"
            " - coalesce(sum(cost_usd) FILTER (WHERE time < %(noon)s), 0) AS change FROM genai.model_call",
            {"noon": NOON},
        ).fetchone()
    assert row
    return [named(each) for each in found], drift["delta_usd"], row["change"]


def test_late_and_repriced_calls_move_the_answer_as_they_move_the_sums(
    migrated_database: str, book: Callable[[str], PriceBook]
) -> None:
    endpoints = ("a", "b", "c", "d", "e")
    prices = book("plain")
    for endpoint in endpoints:
        store(migrated_database, prices, sent(0, endpoint, 150) + sent(1, endpoint, 150))
    told, change, true = asked(migrated_database)
    assert (told, change) == ([], true)
    store(migrated_database, prices, sent(1, "b", 320))
    told, change, true = asked(migrated_database)
    assert (told, change) == ([{"endpoint": "b"}], true)
    store(migrated_database, prices, sent(1, "d", 400, "new"))
    told, change, true = asked(migrated_database)
    assert (told, change) == ([{"endpoint": "b"}], true)
    scope = Scope(NOON - timedelta(days=1), NOON + timedelta(days=1))
    apply(migrated_database, book("plain new"), scope, price_map_id=None)
    told, change, true = asked(migrated_database)
    assert change == true
    assert {"endpoint": "b"} in told
    assert any("new" in each.values() or "d" in each.values() for each in told)
