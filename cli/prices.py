"""`spanledger prices`: what the configured price map says differently about the past."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import typer

from cli import options, price_file, price_listing
from operations.prices import stored as stored_prices
from operations.terminal import Column, console, exact_usd, print_json, show_table
from processor.calls.dates import ALWAYS, NEVER
from processor.pricing.diff import Change, Timelines, frozen_prices, price_changes
from processor.pricing.load import load_price_book
from processor.pricing.vectors import Rates
from service import database

_SHOWN = 40


app = options.app(help="List prices, compare price maps, price a CSV file.")
app.command("list")(price_listing.list_prices)
app.command("stale")(price_listing.stale)
app.command("calculate")(price_file.calculate)


@app.command()
@options.grouped
def diff(
    *,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List past prices that your current map would change.

    Booked calls keep their price; `reprice` shows what a change of price would do to them.
    """
    _, changes, _ = _compared(given.load())
    _print_json(changes) if as_json else _print(changes)


@app.command()
@options.grouped
def freeze(
    *,
    given: options.Settings,
) -> None:
    """Print the `frozen:` section that keeps past prices for calls that arrive late."""
    known, changes, until_ns = _compared(given.load())
    if changes:
        print(frozen_prices(known, changes, until_ns), end="")
    else:
        typer.echo("# nothing to freeze: your price map agrees with every price booked so far")


def _compared(settings: Any) -> tuple[Timelines, list[Change], int]:
    book = load_price_book(settings.prices.file)
    with database.connected(settings) as connection:
        known = stored_prices.known_timelines(connection, book.map_hash)
    until_ns = time.time_ns() // _DAY_NS * _DAY_NS
    return known, price_changes(known, stored_prices.comparable(book.timelines()), until_ns), until_ns


_DAY_NS = 86_400 * 10**9


def _print_json(changes: list[Change]) -> None:
    print_json([_change_json(change) for change in changes])


def _change_json(change: Change) -> dict[str, object]:
    return {
        "provider": change.provider,
        "model": change.model,
        "serviceTier": change.service_tier,
        "inputTokensAbove": change.input_tokens_gt if change.input_tokens_gt >= 0 else None,
        "from": _day(change.from_ns),
        "to": _day(change.to_ns),
        "before": _table(change.before),
        "after": _table(change.after),
    }


def _print(changes: list[Change]) -> None:
    out = console()
    if not changes:
        out.print("No differences: your price map agrees with every price booked so far.")
        return
    columns = [
        Column("provider"),
        Column("model", style="bold"),
        Column("from"),
        Column("to", rank=1),
        Column("before", wraps=True),
        Column("now", wraps=True),
    ]
    cells = [
        [
            c.provider,
            _named(c),
            _day(c.from_ns) or "always",
            _day(c.to_ns) or "",
            _text(c.before),
            _text(c.after),
        ]
        for c in changes[:_SHOWN]
    ]
    rest = len(changes) - _SHOWN
    title = "Prices of the past, USD per million tokens" + (
        f" ({_SHOWN} of {len(changes)})" if rest > 0 else ""
    )
    show_table(out, columns, cells, title=title)
    out.print("Booked calls keep their price. `spanledger reprice --restate` shows what these would change,")
    out.print("`spanledger prices freeze` prints what keeps the old ones for calls that arrive late.")


def _named(change: Change) -> str:
    tier = f" ({change.service_tier})" if change.service_tier else ""
    above = f" above {change.input_tokens_gt:,}" if change.input_tokens_gt >= 0 else ""
    return f"{change.model}{tier}{above}"


def _text(rates: Rates | None) -> str:
    return (
        "none" if rates is None else ", ".join(f"{name} {usd}" for name, usd in (_table(rates) or {}).items())
    )


def _table(rates: Rates | None) -> dict[str, str] | None:
    if rates is None:
        return None
    per = {name: rate if name == "call" else rate * 1_000_000 for name, rate in rates.as_json().items()}
    return {name: exact_usd(amount) or "0" for name, amount in per.items()}


def _day(time_ns: int) -> str | None:
    return None if time_ns in (ALWAYS, NEVER) else f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%d}"
