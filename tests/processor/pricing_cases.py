"""Calls and pricing maps for the tests of prices."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from processor.calls.call import PROVIDER, ModelCall
from processor.pricing.book import PriceBook
from processor.pricing.load import load_price_book
from processor.pricing.sources.genai_prices import GenaiPrices

FIXTURES = Path(__file__).parent.parent / "fixtures" / "pricing"


def at(moment: str) -> int:
    """Nanoseconds of an ISO moment, UTC when it does not say."""
    parsed = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return int(aware.timestamp()) * 10**9


NOW = at("2026-11-20T12:00:00")


@cache
def library() -> GenaiPrices:
    """The installed price list, read once."""
    return GenaiPrices()


@cache
def default_book() -> PriceBook:
    """The built-in prices without a map."""
    return load_price_book(None, library())


def book_of(tmp_path: Path, yaml: str) -> PriceBook:
    """The built-in prices under a map."""
    path = tmp_path / "prices.yaml"
    path.write_text(yaml, encoding="utf-8")
    return load_price_book(path, library())


def a_call(
    provider: str = "openai",
    model: str = "gpt-4o-mini",
    tokens_in: int | None = 1000,
    tokens_out: int | None = 100,
    time_ns: int = NOW,
    **values: object,
) -> ModelCall:
    """A call with usage as its provider said."""
    known: dict[str, object] = {"usage_source": PROVIDER, **values}
    return ModelCall(
        provider=provider,
        model=model,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        time_ns=time_ns,
        **known,  # type: ignore[arg-type]
    )
