"""`spanledger migrate`: bring a database to this version."""

from __future__ import annotations

import typer

from cli import options


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(rich_help_panel="Run")
    def migrate(
        config: options.ConfigFile = None,
        database_url: options.DatabaseUrl = None,
        data_dir: options.DataDir = None,
    ) -> None:
        """Apply what is missing of tables and views; `serve` does the same at its start."""
        from operations.terminal import console
        from service import database
        from storage.schema.migrate import migrate as run

        dsn = database.database_url(options.configuration(config, database_url, data_dir))
        where = database.place(dsn)
        out = console()
        with console(stderr=True).status(f"migrating {where}"):
            warnings = run(dsn)
        for warning in warnings:
            out.print(f"warning: {warning}", style="yellow", markup=False)
        out.print(f"{where} is at this version.", markup=False)
