"""`spanledger check`: is everything in place?"""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.text import Text

from cli import options
from operations.terminal import console, print_json, printable
from service.config_check import Finding, findings

app = options.app()


@app.command()
@options.grouped
def check(
    *,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Check configuration, price map, identity key and database; say how to fix each fault.

    Exits with 0 when all is well, else with 1.
    """
    found = list(findings(given.load))
    if as_json:
        print_json([finding._asdict() for finding in found])
    else:
        _print(found)
    if not all(finding.passed for finding in found):
        raise typer.Exit(1)


def _print(found: Sequence[Finding]) -> None:
    out = console()
    for finding in found:
        mark = Text("✓ ", style="green") if finding.passed else Text("✗ ", style="red")
        style = "" if finding.passed else "red"
        for number, line in enumerate(finding.text.splitlines()):
            name = mark + Text(f"{finding.name:<14}") if number == 0 else Text(" " * 16)
            out.print(name + Text(printable(line), style=style), soft_wrap=True)
        if finding.remedy:
            out.print(Text(f"{'':16}→ {finding.remedy}", style="yellow"), soft_wrap=True)
