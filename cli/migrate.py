"""`spanledger migrate`: bring a database to this version."""

from __future__ import annotations

from cli import options
from operations.terminal import console
from service import database
from storage.schema.migrate import migrate as run

app = options.app()


@app.command()
@options.grouped
def migrate(
    *,
    given: options.Settings,
) -> None:
    """Apply what is missing of tables and views; `serve` does the same at its start."""
    dsn = database.database_url(given.load())
    where = database.place(dsn)
    out = console()
    with console(stderr=True).status(f"migrating {where}"):
        warnings = run(dsn)
    for warning in warnings:
        out.print(f"warning: {warning}", style="yellow", markup=False)
    out.print(f"{where} is at this version.", markup=False)
