"""The nearest known price, and the snippet that is made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.pricing.charge import price_call
from processor.pricing.nearest import NearestPrices, missing_money
from processor.pricing.price_map import read_price_map
from processor.pricing.suggest import UnpricedModel, snippet
from tests.processor.pricing_cases import a_call, at, book_of, default_book

SEEN = datetime(2026, 11, 3, 22, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def nearest() -> NearestPrices:
    return NearestPrices(default_book())


@pytest.mark.parametrize(
    ("provider", "model", "near_provider", "near_model"),
    [
        ("openai", "gpt-4o-mini-acme", "openai", "gpt-4o-mini"),
        ("openai", "gpt-4o-2099-01-01", "openai", "gpt-4o"),
        ("acme-gateway", "gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("anthropic", "claude-sonnet-9", "anthropic", "claude-sonnet"),
        ("vllm", "meta-llama/Llama-3.3-70B-Instruct", "", "llama-3.3-70b"),
    ],
)
def test_the_nearest_price_is_of_the_name_most_alike(
    nearest: NearestPrices, provider: str, model: str, near_provider: str, near_model: str
) -> None:
    found = nearest.find(provider, model)
    assert found is not None
    assert found.vector.provider == near_provider or not near_provider
    assert near_model in found.vector.model.lower()


@pytest.mark.parametrize("model", ["gpt-4o-acme", "gpt-4o-2099-01-01"])
def test_the_undated_name_is_nearer_than_an_old_dated_one(nearest: NearestPrices, model: str) -> None:
    found = nearest.find("openai", model)
    assert found is not None
    assert found.vector.model == "gpt-4o"


@pytest.mark.parametrize("model", ["warehouse-7b", "", "prod-chat", "42"])
def test_a_name_that_is_like_nothing_has_no_nearest(nearest: NearestPrices, model: str) -> None:
    assert nearest.find("openai", model) is None


def test_missing_money_is_what_the_tokens_cost_there(nearest: NearestPrices) -> None:
    found = nearest.find("openai", "gpt-4o-mini-acme")
    assert found is not None
    twin = price_call(a_call("openai", "gpt-4o-mini", 5000, 700, cache_read_tokens=2000), default_book())
    assert missing_money(found, 5000, 700, 2000) == twin.cost


def test_the_snippet_prices_the_model_once_it_is_pasted(tmp_path: Path, nearest: NearestPrices) -> None:
    models = [
        UnpricedModel("openai", "gpt-4o-mini-acme", SEEN, 12, nearest.find("openai", "gpt-4o-mini-acme")),
        UnpricedModel("openai", "warehouse-7b", SEEN, 3, nearest.find("openai", "warehouse-7b")),
    ]
    book = book_of(tmp_path, snippet(models))
    twin = price_call(a_call("openai", "gpt-4o-mini", cache_read_tokens=500), default_book())
    priced = price_call(a_call("openai", "gpt-4o-mini-acme", cache_read_tokens=500), book)
    assert (priced.status, priced.cost) == ("priced", twin.cost)
    assert price_call(a_call("openai", "gpt-4o-mini-acme", time_ns=at("2026-11-03")), book).cost
    assert price_call(a_call("openai", "warehouse-7b"), book).status == "unpriced_model"


def test_the_snippet_says_where_its_price_is_from(nearest: NearestPrices) -> None:
    text = snippet([UnpricedModel("acme", "gpt-4o-mini", SEEN, 12, nearest.find("acme", "gpt-4o-mini"))])
    assert "# 12 calls since 2026-11-03" in text
    assert "CHECK: this is the price of openai gpt-4o-mini, whose name is 100% alike" in text


def test_a_commented_entry_becomes_an_entry_when_it_is_filled_in(tmp_path: Path) -> None:
    text = snippet([UnpricedModel("vllm", "warehouse-7b", SEEN, 3)])
    filled = "".join(
        line.replace("  # ", "  ", 1) + "\n"
        for line in text.replace('"?"', '"1"').splitlines()
        if "calls" not in line and "fill in" not in line
    )
    book = book_of(tmp_path, filled)
    assert price_call(a_call("vllm", "warehouse-7b"), book).cost == 1100 * 10**6


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_snippet_of_any_name_loads(nearest: NearestPrices, provider: str, model: str) -> None:
    near = nearest.find("openai", "gpt-4o")
    text = snippet([UnpricedModel("acme", model or "m", SEEN, 1, near)])
    text += "".join(f"# {line}\n" for line in [provider] if line.isprintable())
    if model.strip():
        assert read_price_map(text.encode("utf-8", "replace"), "p.yaml", "", "").counts["own_models"] == 1
