"""`spanledger unpriced`: the models without a price, and the entry that would give them one."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import options
from operations import query as ledger
from operations.terminal import DASH, Column, console, exact_usd, instant, number, print_json, table, usd
from operations.unpriced.model import Suggestion, Unpriced, entries, suggest
from processor.pricing.load import load_price_book
from processor.pricing.nearest import Nearest
from processor.pricing.vectors import PriceVector
from service import database

app = options.app()


@app.command()
@options.grouped
def unpriced(
    *,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print a prices.yaml for them, to check.")] = False,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List the models without a known price, in every environment and data mode.

    The missing money is an estimate by the nearest known price and never part of any total.
    """
    settings = given.load()
    with database.connected(settings) as connection:
        rows = [Unpriced(**row) for row in ledger.rows(connection, "unpriced_usage")]
    suggestions = suggest(rows, load_price_book(settings.prices.file)) if rows else []
    if as_json:
        _print_json(suggestions)
    elif as_yaml:
        typer.echo(entries(suggestions), nl=False)
    else:
        _print(suggestions)


def _print_json(suggestions: list[Suggestion]) -> None:
    models = [
        ledger.call_json(row._asdict())
        | {
            "hasPrices": own is not None,
            "estimatedMissingUsd": exact_usd(about),
            "nearest": None
            if nearest is None
            else {
                "provider": nearest.vector.provider,
                "model": nearest.vector.model,
                "likeness": round(nearest.likeness, 4),
            },
        }
        for row, nearest, about, own in suggestions
    ]
    print_json(models)


def _print(suggestions: list[Suggestion]) -> None:
    out = console()
    if not suggestions:
        out.print("Every model has a price.")
        return
    columns = [
        *(Column(name) for name in ("provider", "model", "environment", "data mode")),
        *(Column(name, figures=True) for name in ("calls", "input", "output")),
        *(Column(name) for name in ("first seen", "last seen")),
        Column("about", figures=True),
        Column("at the price of"),
    ]
    out.print(
        table(columns, [_cells(suggestion) for suggestion in suggestions], title="Models without a price")
    )
    known = [about for _, _, about, _ in suggestions if about is not None]
    unknown = len(suggestions) - len(known)
    more = f", and {unknown} of these rows are near no known price" if unknown else ""
    out.print(
        f"About {usd(sum(known))} is missing, estimated{more}. The true cost is unknown and in no total.",
        markup=False,
    )
    if snippet := entries(suggestions):
        out.print(
            "\nA prices.yaml for them, or entries for yours (docs/pricing.md). Check the numbers, "
            "then `spanledger reprice`:\n"
        )
        out.out(snippet, highlight=False)


def _cells(suggestion: Suggestion) -> list[str]:
    row, nearest, about, own = suggestion
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
        DASH if about is None else f"~ {usd(about)}",
        _priced_as(nearest, own),
    ]


def _priced_as(nearest: Nearest | None, own: PriceVector | None) -> str:
    if own is not None:
        return "its own, not for all that was used (`explain`)"
    return DASH if nearest is None else f"{nearest.vector.provider} {nearest.vector.model}"
