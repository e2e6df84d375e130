"""The pricing map: what it may say, and how it says no."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.pricing.book import PriceBook, stale_vectors
from processor.pricing.charge import Charge, price_call
from processor.pricing.load import load_price_book
from processor.pricing.resolve import discounted_rate
from tests.processor.pricing_cases import NOW, a_call, at, book_of, default_book, library

DISCOUNTED = """
version: 1
models:
  - provider: acme
    model: odd
    prices: [{usd_per_mtok: {input: "0.000003", output: "2"}}]
discounts:
  - {match: {provider: anthropic}, multiply: "0.85", from: 2026-07-01, to: 2026-08-01, contract: C-118}
  - {match: {provider: openai, model: "gpt-4o*"}, multiply: "0.5"}
  - {match: {provider: "*"}, multiply: "0.9", from: 2026-11-01}
"""


def cost(
    book: PriceBook, provider: str, model: str, moment: str = "2026-11-20", **values: object
) -> int | None:
    return price_call(a_call(provider, model, time_ns=at(moment), **values), book).cost  # type: ignore[arg-type]


def test_an_empty_map_changes_nothing(tmp_path: Path) -> None:
    assert cost(book_of(tmp_path, ""), "openai", "gpt-4o") == cost(default_book(), "openai", "gpt-4o")


# Own prices and dates


def test_own_prices_change_at_midnight_utc(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        """
version: 3
models:
  - provider: vllm
    model: Example-Org/Support-13B
    prices:
      - {from: 2026-01-01, usd_per_mtok: {input: "0.02", output: "0.02"}, note: GPU amortisation}
      - {from: 2026-06-01, usd_per_mtok: {input: "0.015", output: "0.015"}}
""",
    )
    name = "example-org/support-13b"
    assert cost(book, "vllm", name, "2025-12-31T23:59:59") is None
    assert cost(book, "vllm", name, "2026-05-31T23:59:59") == 1100 * 20_000
    assert cost(book, "vllm", "Example-Org/Support-13B", "2026-06-01T00:00:00") == 1100 * 15_000


def test_an_own_price_wins_over_the_list_from_its_day_on(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        """
version: 1
models:
  - provider: openai
    model: gpt-4o
    prices: [{from: 2026-06-01, usd_per_mtok: {input: "1", output: "1"}}]
""",
    )
    assert cost(book, "openai", "gpt-4o", "2026-05-31T23:59:59") == cost(default_book(), "openai", "gpt-4o")
    assert cost(book, "openai", "gpt-4o", "2026-06-01") == 1100 * 10**6
    assert cost(book, "openai", "gpt-4o-mini") == cost(default_book(), "openai", "gpt-4o-mini")


def test_a_tier_can_have_its_own_price(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        """
version: 1
models:
  - {provider: acme, model: m, prices: [{usd_per_mtok: {input: "2", output: "2"}}]}
  - {provider: acme, model: m, service_tier: Batch, prices: [{usd_per_mtok: {input: "1", output: "1"}}]}
""",
    )
    assert cost(book, "acme", "m") == 2200 * 10**6
    assert cost(book, "acme", "m", service_tier="batch") == 1100 * 10**6
    assert cost(book, "acme", "m", service_tier="priority") == 2200 * 10**6


# Aliases


ALIASES = """
version: 1
aliases:
  - provider: azure
    model: gpt4o-westeurope-07
    to: {provider: azure, model: gpt-4o-2024-08-06}
    from: 2026-03-01
  - {provider: acme-gateway, model: Fast, to: {provider: openai, model: gpt-4o-mini}, until: 2026-06-01}
  - provider: acme-gateway
    model: fast
    to: {provider: anthropic, model: claude-sonnet-4-5}
    from: 2026-06-01
"""


def test_a_deployment_costs_what_its_model_costs_from_its_day_on(tmp_path: Path) -> None:
    book = book_of(tmp_path, ALIASES)
    assert cost(book, "azure.ai.openai", "gpt4o-westeurope-07", "2026-02-28T23:59:59") is None
    assert cost(book, "azure.ai.openai", "GPT4o-westeurope-07", "2026-03-01") == cost(
        default_book(), "azure.ai.openai", "gpt-4o-2024-08-06"
    )


def test_a_name_can_change_its_meaning_on_a_day(tmp_path: Path) -> None:
    book = book_of(tmp_path, ALIASES)
    before, after = "2026-05-31T23:59:59", "2026-06-01"
    assert cost(book, "acme-gateway", "fast", before) == cost(default_book(), "openai", "gpt-4o-mini", before)
    assert cost(book, "acme-gateway", "fast", after) == cost(
        default_book(), "anthropic", "claude-sonnet-4-5", after
    )


def test_an_alias_of_an_own_model_works(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        """
version: 1
aliases: [{provider: x, model: y, to: {provider: acme, model: m}}]
models: [{provider: acme, model: m, prices: [{usd_per_mtok: {input: "2", output: "2"}}]}]
""",
    )
    assert cost(book, "x", "y") == 2200 * 10**6


# Discounts and free


def test_a_discount_holds_for_its_provider_and_days(tmp_path: Path) -> None:
    book = book_of(tmp_path, DISCOUNTED)
    listed = cost(default_book(), "anthropic", "claude-opus-4-5")
    assert listed is not None
    assert cost(book, "anthropic", "claude-opus-4-5", "2026-06-30T23:59:59") == listed
    assert cost(book, "anthropic", "claude-opus-4-5", "2026-07-01") == listed * 85 // 100
    assert cost(book, "anthropic", "claude-opus-4-5", "2026-07-31T23:59:59") == listed * 85 // 100
    assert cost(book, "anthropic", "claude-opus-4-5", "2026-08-01") == listed


def test_the_first_discount_that_fits_wins(tmp_path: Path) -> None:
    book = book_of(tmp_path, DISCOUNTED)
    for model, factor in (("gpt-4o-mini", 50), ("gpt-4.1", 90)):
        listed = cost(default_book(), "openai", model)
        assert listed is not None
        assert cost(book, "openai", model, "2026-11-20") == listed * factor // 100


def test_a_discounted_vector_names_list_factor_and_contract(tmp_path: Path) -> None:
    book = book_of(tmp_path, DISCOUNTED)
    charge = price_call(a_call("anthropic", "claude-opus-4-5", time_ns=at("2026-07-15")), book)
    assert charge.vector_id is not None
    source = book.vectors()[charge.vector_id].source
    assert source == f"{library().name} × 0.85 (prices.yaml:8, C-118)"


@given(
    st.integers(0, 10**12),
    st.decimals(min_value="0.0001", max_value=2, places=4, allow_nan=False, allow_infinity=False),
)
def test_a_discounted_rate_is_off_by_at_most_half_a_pico_dollar(rate: int, multiply: Decimal) -> None:
    exact = rate * multiply
    assert abs(discounted_rate(rate, multiply) - exact) <= Decimal("0.5")
    assert discounted_rate(rate, multiply) == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))


def test_free_is_only_what_the_map_calls_free(tmp_path: Path) -> None:
    book = book_of(tmp_path, 'version: 1\nignore: [{provider: ollama, model: "llama3*", treat_as: free}]\n')
    assert price_call(a_call("ollama", "llama3.1:8b"), book).status == "free"
    assert price_call(a_call("ollama", "qwen3"), book).status == "unpriced_model"


def test_an_own_price_wins_over_a_wildcard_of_free(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        """
version: 1
models: [{provider: ollama, model: big, prices: [{usd_per_mtok: {input: "1", output: "1"}}]}]
ignore: [{provider: ollama, model: "*", treat_as: free}]
""",
    )
    assert cost(book, "ollama", "big") == 1100 * 10**6
    assert cost(book, "ollama", "small") == 0


# Frozen prices


def test_a_frozen_price_holds_for_the_past_and_every_version_of_the_model(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        """
version: 1
frozen:
  - provider: openai
    model: gpt-4o
    prices: [{to: 2026-11-01, usd_per_mtok: {input: "7", output: "7"}}]
""",
    )
    for name in ("gpt-4o", "gpt-4o-2024-08-06"):
        assert cost(book, "openai", name, "2026-10-31T23:59:59") == 1100 * 7 * 10**6
        assert cost(book, "openai", name, "2026-11-01") == cost(default_book(), "openai", name)


# Reports


def test_the_summary_says_what_the_map_holds(tmp_path: Path) -> None:
    summary = book_of(tmp_path, DISCOUNTED).summary()
    assert summary.base == "genai-prices 0.2.3"
    assert summary.file is not None
    assert summary.file.endswith("prices.yaml")
    assert summary.counts["own_models"] == 1
    assert summary.counts["discounts"] == 3
    assert summary.counts["models"] > 2300
    assert summary.counts["vectors"] > 3500
    assert summary.checked_at == date(2026, 11, 21)


def test_a_price_of_the_map_that_had_to_be_rounded_is_listed(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        """
version: 1
models: [{provider: acme, model: m, prices: [{usd_per_mtok: {input: "0.0000015", output: "2"}}]}]
""",
    )
    (entry,) = [rounded for rounded in book.summary().rounded if rounded.provider == "acme"]
    assert (entry.price_class, entry.usd_per_mtok, entry.pico_usd_per_token) == (
        "input",
        Decimal("0.0000015"),
        2,
    )


def test_the_hash_tells_maps_apart(tmp_path: Path) -> None:
    one, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    one.write_text("version: 1\n", encoding="utf-8")
    other.write_text("version: 2\n", encoding="utf-8")
    hashes = {load_price_book(path, library()).map_hash for path in (None, one, other)}
    assert len(hashes) == 3
    assert load_price_book(one, library()).map_hash in hashes


def test_vectors_name_file_line_url_and_day(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        """version: 1
models:
  - provider: acme
    model: m
    prices:
      - usd_per_mtok: {input: "1", output: "1"}
        url: https://acme.example/prices
        checked: 2026-11-02
        note: by phone
""",
    )
    charge = price_call(a_call("acme", "m"), book)
    assert charge.vector_id is not None
    vector = book.vectors()[charge.vector_id]
    assert vector.source == "prices.yaml:6"
    assert vector.source_url == "https://acme.example/prices"
    assert vector.checked_at == date(2026, 11, 2)
    assert vector.note == "by phone"
    assert vector.id in book.every_vector()


def test_unknown_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.pricing.book._UNKNOWN_LIMIT", 10)
    book = load_price_book(None, library())
    known = price_call(a_call(), book)
    for number in range(100):
        assert price_call(a_call("openai", f"invented-{number}"), book) == Charge("unpriced_model")
    assert len(book._unknown) <= 10
    assert price_call(a_call(), book) == known
    assert len(book._known) == 1


def test_an_unknown_model_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    book, searched = load_price_book(None, library()), []
    resolve = book._resolve
    monkeypatch.setattr(book, "_resolve", lambda *key: searched.append(key) or resolve(*key))
    for _ in range(5):
        book.lookup("openai", "gpt-99", None, NOW)
    assert searched == [("openai", "gpt-99", None)]


def test_prices_that_nobody_checked_lately_are_listed(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        """
version: 1
models:
  - {provider: acme, model: never, prices: [{usd_per_mtok: {input: "1"}}]}
  - {provider: acme, model: old, prices: [{usd_per_mtok: {input: "1"}, checked: 2026-08-01}]}
  - {provider: acme, model: young, prices: [{usd_per_mtok: {input: "1"}, checked: 2026-11-01}]}
  - {provider: acme, model: past, prices: [{to: 2026-01-01, usd_per_mtok: {input: "1"}}]}
""",
    )
    stale = stale_vectors(book.every_vector().values(), date(2026, 11, 24))
    assert [vector.model for vector in stale] == ["never", "old"]


def test_coefficients_are_enough_to_recompute_a_cost() -> None:
    call = a_call("openai", "gpt-4o", 5000, 300, cache_read_tokens=1000, cache_write_tokens=200)
    charge = price_call(call, default_book())
    assert charge.vector_id is not None
    rates = default_book().vectors()[charge.vector_id].coefficients()
    assert charge.cost == (
        3800 * rates["input"]
        + 1000 * rates["cache_read"]
        + 200 * rates["cache_write"]
        + 300 * rates["output"]
    )
    assert rates["call"] == 0
