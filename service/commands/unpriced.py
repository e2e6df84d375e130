"""`spanledger unpriced`: the models without a price."""

from __future__ import annotations

import typer

from service.commands import _options as options


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(rich_help_panel="Ask the ledger")
    def unpriced(
        as_json: options.AsJson = False,
        config: options.ConfigFile = None,
        database_url: options.DatabaseUrl = None,
        data_dir: options.DataDir = None,
    ) -> None:
        """List the models that no price is known for, in every environment and data mode."""
        from service import ledger
        from service.display import Column, console, instant, number, print_json, table

        with ledger.connected(options.configuration(config, database_url, data_dir)) as connection:
            rows = ledger.rows(connection, "unpriced")
        if as_json:
            print_json([ledger.call_json(row) for row in rows])
            return
        out = console()
        if not rows:
            out.print("Every model has a price.")
            return
        columns = [
            *(Column(name) for name in ("provider", "model", "environment", "data mode")),
            Column("calls", figures=True),
            *(Column(name) for name in ("first seen (hour)", "last seen (hour)")),
        ]
        cells = [
            [row["provider"], row["model"], row["environment"], row["data_mode"], number(row["calls"]),
             instant(row["first_seen"]), instant(row["last_seen"])]
            for row in rows
        ]  # fmt: skip
        out.print(table(columns, cells, title="Models without a price"))
        out.print("Their cost is unknown, not zero. Add them to prices.yaml (docs/pricing.md).")
