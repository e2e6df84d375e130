"""`spanledger prices list` and `stale`: each price with its source, and what nobody has checked for long."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from cli import options
from operations.format import DASH, counted, exactly, number
from operations.terminal import Column, console, dollars, exact_usd, print_json, show_table
from processor.calls.dates import midnight_ns
from processor.pricing.book import stale_vectors
from processor.pricing.load import load_price_book
from processor.pricing.vectors import PriceVector

_MAX_AGE_DAYS = 90


@options.grouped
def list_prices(
    *,
    search: Annotated[str, typer.Argument(help="Part of a model's or provider's name.")] = "",
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List today's prices in USD per million tokens, with source and the day they were checked."""
    today = datetime.now(UTC).date()
    vectors = [v for v in _in_force(given, today) if search.lower() in f"{v.provider}/{v.model}".lower()]
    _print_json(vectors, today) if as_json else _print(vectors, today, "Prices in force")


@options.grouped
def stale(
    *,
    days: Annotated[
        int, typer.Option(help="Older than this is stale.", min=1, metavar="DAYS")
    ] = _MAX_AGE_DAYS,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List prices that nobody has checked for long, or ever; the oldest first."""
    today = datetime.now(UTC).date()
    vectors = stale_vectors(_in_force(given, today), today, days)
    if as_json:
        _print_json(vectors, today)
    elif vectors:
        _print(vectors, today, f"Not checked for more than {counted(days, 'day')}")
    else:
        typer.echo(f"Every price was checked within {counted(days, 'day')}.")


def _in_force(given: options.Settings, today: date) -> list[PriceVector]:
    now = midnight_ns(today)
    book = load_price_book(given.load().prices.file)
    vectors = (v for v in book.every_vector().values() if v.from_ns <= now < v.to_ns)
    return sorted(vectors, key=lambda v: (v.provider, v.model, v.service_tier or "", v.input_tokens_gt))


def _print_json(vectors: list[PriceVector], today: date) -> None:
    print_json(
        [
            {
                "provider": v.provider,
                "model": v.model,
                "serviceTier": v.service_tier,
                "aboveInputTokens": v.input_tokens_gt if v.input_tokens_gt >= 0 else None,
                "free": v.free,
                "usdPerToken": {name: exact_usd(rate) for name, rate in v.rates.as_json().items()},
                "source": v.source,
                "sourceUrl": v.source_url,
                "checkedAt": str(v.checked_at) if v.checked_at else None,
                "ageDays": (today - v.checked_at).days if v.checked_at else None,
            }
            for v in vectors
        ]
    )


def _print(vectors: list[PriceVector], today: date, title: str) -> None:
    columns = [
        Column("provider"), Column("model", style="bold", wraps=True), Column("tier"),
        Column("above", figures=True, rank=4),
        Column("input", figures=True), Column("output", figures=True), Column("source", rank=3, wraps=True),
        Column("checked", rank=2),
    ]  # fmt: skip

    def per_million(rate: int | None) -> str:
        return DASH if rate is None else exactly(dollars(rate * 10**6))

    cells = [
        [
            v.provider,
            v.model,
            v.service_tier or "",
            f"{number(v.input_tokens_gt)} in" if v.input_tokens_gt >= 0 else "",
            *(("free", "free") if v.free else (per_million(v.rates.input), per_million(v.rates.output))),
            v.source,
            f"{v.checked_at} ({(today - v.checked_at).days} d)" if v.checked_at else "never",
        ]
        for v in vectors
    ]
    out = console()
    show_table(out, columns, cells, title=f"{title}: {len(vectors)}, USD per million tokens")
