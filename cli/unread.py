"""`spanledger unread`: whose usage no rule reads, and the mapping that would read it."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import options
from operations import query as ledger
from operations.query import Row
from operations.terminal import Column, console, instant, number, print_json, table
from receiver.dialects.guess import mapping, snippet
from service import database

app = options.app()


@app.command()
@options.grouped
def unread(
    *,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print a receiver.dialects block for them, to complete.")
    ] = False,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List the emitters whose usage no rule reads, in every environment and data mode.

    Their spans carry token counts, or a model and a provider. What they cost is in no total, and every
    total of their service says "at least".
    """
    settings = given.load()
    with database.connected(settings) as connection:
        rows = ledger.rows(connection, "unread")
    if as_json:
        _print_json(rows)
    elif as_yaml:
        typer.echo(snippet(_emitters(rows)), nl=False)
    else:
        _print(rows)


def _emitters(rows: list[Row]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Each emitter once, whatever services it runs in: scope, version, keys."""
    return list(dict.fromkeys((row["scope"], row["version"], tuple(row["keys"])) for row in rows))


def _print_json(rows: list[Row]) -> None:
    print_json([ledger.call_json(row) | {"mapping": mapping(row["scope"], row["keys"])} for row in rows])


def _print(rows: list[Row]) -> None:
    out = console()
    if not rows:
        out.print("Every count that came in was read.")
        return
    columns = [
        *(Column(name) for name in ("emitter", "version", "service", "environment", "data mode")),
        Column("spans", figures=True),
        *(Column(name) for name in ("first seen", "last seen", "unread keys")),
    ]
    cells = [
        [
            row["scope"] or "(no scope)",
            row["version"],
            row["service_name"],
            row["environment"],
            row["data_mode"],
            number(row["spans"]),
            instant(row["first_seen"]),
            instant(row["last_seen"]),
            ", ".join(row["keys"]),
        ]
        for row in rows
    ]
    out.print(table(columns, cells, title="Usage that no rule reads"))
    out.print(
        "What these spans cost is unknown and in no total; totals of their services say ≥.\n\n"
        "To read them, complete this entry of your configuration, try it with "
        "`spanledger inspect --config FILE PAYLOAD`, and start the service again. If the emitter is public, "
        "report its name, version and keys as well (docs/instrumenting.md).\n",
        markup=False,
    )
    out.out(snippet(_emitters(rows)), highlight=False)
