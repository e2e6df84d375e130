"""`spanledger check`: is everything in place?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.config_check import Finding


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(rich_help_panel="Run")
    def check(
        as_json: options.AsJson = False,
        config: options.ConfigFile = None,
        database_url: options.DatabaseUrl = None,
        data_dir: options.DataDir = None,
    ) -> None:
        """Look at configuration, price map, identity key and database; say what to do about each fault.

        Ends with 0 when all is well.
        """
        from operations.terminal import print_json
        from service.config_check import findings

        found = list(findings(lambda: options.configuration(config, database_url, data_dir)))
        if as_json:
            print_json([finding._asdict() for finding in found])
        else:
            _print(found)
        if not all(finding.passed for finding in found):
            raise typer.Exit(1)


def _print(found: Sequence[Finding]) -> None:
    from rich.text import Text

    from operations.terminal import console, printable

    out = console()
    for finding in found:
        mark = Text("✓ ", style="green") if finding.passed else Text("✗ ", style="red")
        style = "" if finding.passed else "red"
        for number, line in enumerate(finding.text.splitlines()):
            name = mark + Text(f"{finding.name:<14}") if number == 0 else Text(" " * 16)
            out.print(name + Text(printable(line), style=style), soft_wrap=True)
        if finding.remedy:
            out.print(Text(f"{'':16}→ {finding.remedy}", style="yellow"), soft_wrap=True)
