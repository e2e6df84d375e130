"""The map in docs/pricing.md is a map, and does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from tests.processor.pricing_cases import a_call, at, book_of, default_book, library

PAGE = (Path(__file__).parents[2] / "docs" / "pricing.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> PriceBook:
    (example,) = re.findall(r"<!-- executed: \S+ -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    return book_of(tmp_path_factory.mktemp("docs"), example)


@pytest.mark.parametrize(
    ("provider", "model", "moment", "tokens_in", "pico_usd"),
    [
        ("vllm", "example-org/support-13b", "2026-05-31", 1000, 1100 * 20_000),
        ("vllm", "example-org/support-13b", "2026-06-01", 1000, 1100 * 15_000),
        ("gcp.gemini", "gemini-2.5-pro", "2026-11-01", 200_000, 200_000 * 1_250_000 + 100 * 10_000_000),
        ("gcp.gemini", "gemini-2.5-pro", "2026-11-01", 200_001, 200_001 * 2_500_000 + 100 * 15_000_000),
        ("ollama", "anything", "2026-11-01", 1000, 0),
    ],
)
def test_the_example_prices_what_it_says(
    book: PriceBook, provider: str, model: str, moment: str, tokens_in: int, pico_usd: int
) -> None:
    assert price_call(a_call(provider, model, tokens_in, time_ns=at(moment)), book).cost == pico_usd


def test_the_example_knows_its_batch_tier_alias_and_discount(book: PriceBook) -> None:
    batch = a_call("vllm", "example-org/support-13b", service_tier="batch")
    assert price_call(batch, book).cost == 1100 * 10_000
    deployment = a_call("azure.ai.openai", "gpt4o-westeurope-07")
    known = a_call("azure.ai.openai", "gpt-4o-2024-08-06")
    assert price_call(deployment, book).cost == price_call(known, default_book()).cost
    listed = price_call(a_call("anthropic", "claude-sonnet-4-5"), default_book()).cost
    assert listed
    assert price_call(a_call("anthropic", "claude-sonnet-4-5"), book).cost == listed * 85 // 100


def test_the_figures_of_the_page_are_the_list_s() -> None:
    summary = library().excluded()
    by_hour = [name for name, why in summary.items() if "hour" in why]
    assert f"(`deepseek-chat` and {('zero', 'one', 'two', 'three', 'four')[len(by_hour) - 1]} others)" in PAGE
    assert f"{len(library().rounded())} prices of the built-in list" in PAGE
