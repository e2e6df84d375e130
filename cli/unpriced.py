"""`spanledger unpriced`: the models without a price, and the entry that would give them one."""

from __future__ import annotations

from collections.abc import Sequence

from cli import backlog, options
from operations import query as ledger
from operations.format import DASH, UNKNOWN, counted, instant, number
from operations.terminal import Column, exact_usd, usd
from operations.unpriced.model import Suggestion, Unpriced, entries, suggest
from processor.pricing.load import load_price_book
from service import database

_COLUMNS = (
    Column("provider"),
    Column("model", style="bold"),
    Column("environment", rank=4),
    Column("data mode", rank=5),
    Column("calls", figures=True),
    Column("input", figures=True, rank=3),
    Column("output", figures=True, rank=3),
    Column("first seen", rank=6),
    Column("last seen", rank=2),
    Column("about", figures=True),
    Column("at the price of", rank=1, wraps=True),
)

app = options.app()


@app.command()
@options.grouped
def unpriced(
    *,
    filters: options.Filters,
    as_yaml: backlog.AsYaml = False,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List the models without a known price, in all environments and data modes unless filtered.

    The missing money is an estimate by the nearest known price and never part of any total.
    """
    settings = given.load()
    with database.connected(settings) as connection:
        found = ledger.rows(connection, "unpriced_usage")
    rows = [Unpriced(**row) for row in found if filters.lets_through(row)]
    suggestions = suggest(rows, load_price_book(settings.prices.file)) if rows else []
    entry = entries(suggestions)
    backlog.show(
        backlog.Backlog(
            title="Models without a price",
            empty="Every model has a price.",
            columns=_COLUMNS,
            rows=[_cells(suggestion) for suggestion in suggestions],
            document=[_document(suggestion) for suggestion in suggestions],
            notes=[_missing(suggestions), *(_HOW if entry else ())],
            entry=entry,
        ),
        as_yaml,
        as_json,
    )


_HOW = (
    "",
    "A prices.yaml for them, or entries for yours (docs/pricing.md). Check the numbers, then "
    "`spanledger reprice`:",
    "",
)


def _document(suggestion: Suggestion) -> dict[str, object]:
    row, nearest, about, own = suggestion
    near = nearest and {
        "provider": nearest.vector.provider,
        "model": nearest.vector.model,
        "likeness": round(nearest.likeness, 4),
    }
    return ledger.call_json(row._asdict()) | {
        "hasPrices": own is not None,
        "estimatedMissingUsd": exact_usd(about),
        "nearest": near,
    }


def _missing(suggestions: Sequence[Suggestion]) -> str:
    """What is in no total, as far as it can be estimated.

    By tokens, as one would be billed; `compare` reads no price list and takes the usual cost of a call.
    """
    known = [about for _, _, about, _ in suggestions if about is not None]
    priced = "at similar models' prices (estimate)"
    about = f"about {usd(sum(known))} {priced}" if known else "an unknown amount"
    rest = len(suggestions) - len(known)
    return f"Not in any total: {about}." + (
        f" No similar price is known for {counted(rest, 'row')}." if rest else ""
    )


def _cells(suggestion: Suggestion) -> list[str]:
    row, _, about, _ = suggestion
    most = "≤ " if row.tokens_at_most else ""
    return [
        row.provider,
        row.model,
        row.environment,
        row.data_mode,
        number(row.calls),
        *(f"{most}{number(count)}" for count in (row.input_tokens, row.output_tokens)),
        instant(row.first_seen),
        instant(row.last_seen),
        UNKNOWN if about is None else f"~ {usd(about)}",
        _priced_as(suggestion),
    ]


def _priced_as(suggestion: Suggestion) -> str:
    if suggestion.own is not None:
        return "its own, not for all that was used (`explain`)"
    nearest = suggestion.nearest
    return DASH if nearest is None else f"{nearest.vector.provider} {nearest.vector.model}"
