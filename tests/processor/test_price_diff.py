"""What a new price list says differently about the past, and keeping the past as it was."""

from __future__ import annotations

from pathlib import Path

from processor.calls.dates import ALWAYS, NEVER
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from processor.pricing.diff import frozen_prices, price_changes, stored_timelines
from processor.pricing.load import load_price_book
from processor.pricing.sources.genai_prices import GenaiPrices
from processor.pricing.sources.genai_records import Records
from tests.processor.pricing_cases import a_call, at, default_book

BUMP = at("2026-11-01")


def listed(*models: str) -> GenaiPrices:
    """A price list of the package's form, with one provider."""
    text = "".join(f"            {model},\n" for model in models)
    source = (
        "\nproviders: list[Provider] = [\n    Provider(\n        id='acme',\n        models=[\n"
        f"{text}        ],\n    ),\n]\n"
    )
    return GenaiPrices(Records("0.0.1", source.encode(), "data.py"))


def model(name: str, prices: str) -> str:
    return f"ModelInfo(id='{name}', match=ClauseStartsWith(starts_with='{name}'), prices={prices})"


def flat(usd_in: str, usd_out: str) -> str:
    return f"ModelPrice(input_mtok=Decimal('{usd_in}'), output_mtok=Decimal('{usd_out}'))"


def dated(*prices: tuple[str, str, str]) -> str:
    parts = []
    for day, usd_in, usd_out in prices:
        start = f"StartDateConstraint(start_date=datetime.date({day}))" if day else "None"
        parts.append(f"ConditionalPrice(constraint={start}, prices={flat(usd_in, usd_out)})")
    return f"[{', '.join(parts)}]"


def books(old: GenaiPrices, new: GenaiPrices) -> tuple[PriceBook, PriceBook]:
    return load_price_book(None, old), load_price_book(None, new)


OLD = listed(
    model("cut", flat("2", "4")),
    model("same", flat("1", "1")),
    model("gone", flat("3", "3")),
    model("dated", dated(("", "1", "1"), ("2026, 6, 1", "2", "2"))),
    model(
        "tiered",
        "ModelPrice(input_mtok=TieredPrices(base=Decimal('1'), tiers=[Tier(start=1000, price=Decimal('2')), "
        "Tier(start=5000, price=Decimal('3'))]), output_mtok=Decimal('4'))",
    ),
)
NEW = listed(
    model("cut", flat("1", "2")),
    model("same", flat("1", "1")),
    model("new", flat("9", "9")),
    model("dated", dated(("", "1", "1"), ("2026, 7, 1", "2", "2"))),
    model("tiered", flat("1", "4")),
)


def test_every_disagreement_about_the_past_is_found() -> None:
    old, new = books(OLD, NEW)
    changes = price_changes(old.timelines(), new.timelines(), BUMP)
    told = {(c.model, c.input_tokens_gt, c.from_ns, c.to_ns) for c in changes}
    assert told == {
        ("cut", -1, ALWAYS, BUMP),
        ("gone", -1, ALWAYS, BUMP),
        ("dated", -1, at("2026-06-01"), at("2026-07-01")),
        ("tiered", 1000, ALWAYS, BUMP),
        ("tiered", 5000, ALWAYS, BUMP),
    }
    cut = next(change for change in changes if change.model == "cut")
    assert cut.before is not None
    assert cut.after is not None
    assert (cut.before.input, cut.after.input) == (2_000_000, 1_000_000)
    assert next(change for change in changes if change.model == "gone").after is None


def test_the_same_list_has_no_changes() -> None:
    prices = default_book().timelines()
    assert price_changes(prices, prices, NEVER) == []


def test_stored_vectors_give_the_same_timelines() -> None:
    book = load_price_book(None, OLD)
    assert stored_timelines(book.every_vector().values()) == book.timelines()


def test_frozen_prices_keep_the_past_and_leave_the_future(tmp_path: Path) -> None:
    old, new = books(OLD, NEW)
    changes = price_changes(old.timelines(), new.timelines(), BUMP)
    path = tmp_path / "prices.yaml"
    path.write_text("version: 1\n" + frozen_prices(old.timelines(), changes, BUMP), encoding="utf-8")
    kept = load_price_book(path, NEW)
    for name in ("cut", "cut-20260101", "same", "gone", "dated", "tiered"):
        for tokens in (500, 2000, 6000):
            for moment in ("2026-02-01", "2026-05-31T23:59:59", "2026-06-15", "2026-10-31T23:59:59"):
                call = a_call("acme", name, tokens, time_ns=at(moment))
                if (name, moment) != ("cut-20260101", ""):
                    assert price_call(call, kept)[:7] == price_call(call, old)[:7], (name, moment)
            after = a_call("acme", name, tokens, time_ns=BUMP)
            assert price_call(after, kept)[:7] == price_call(after, new)[:7], name
    assert price_changes(old.timelines(), kept.timelines(), BUMP) == []
