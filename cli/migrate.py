"""`spanledger migrate`: bring a database to this version."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import options
from operations.terminal import console
from service import database
from storage.schema.migrate import migrate as run

app = options.app()


@app.command()
@options.grouped
def migrate(
    *,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="Replace the views of a newer version by those of this one.")
    ] = False,
    given: options.Settings,
) -> None:
    """Apply missing migrations and views; `serve` does the same at its start.

    A database that a newer version has migrated is refused, unless --take-back is given.
    """
    dsn = database.database_url(given.load())
    where = database.place(dsn)
    out = console()
    with console(stderr=True).status(f"migrating {where}"):
        warnings = run(dsn, take_back=take_back)
    for warning in warnings:
        out.print(f"warning: {warning}", style="yellow", markup=False)
    out.print(f"{where} is at this version.", markup=False)
