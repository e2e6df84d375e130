"""`spanledger verify`: do the sums say what the calls say?"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cli import options
from operations.terminal import console, number, print_json, public
from storage.upkeep.rollup_check import Finding, compare, slices

app = options.app()


@app.command()
@options.grouped
def verify(
    *,
    _: Annotated[
        str, typer.Argument(hidden=True, metavar="", parser=options.one_of("word", "check", ""))
    ] = "",
    start: Annotated[datetime | None, options.moment_option("First hour to look at. [all]", "--from")] = None,
    end: Annotated[
        datetime | None, options.moment_option("End of the hours to look at. [now]", "--to")
    ] = None,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Compare every sum with its calls, hour by hour; exit status 1 where they differ.

    The running service does the same continuously, one second of work every 15 s.
    """
    findings: list[Finding] = []
    with given.connected() as connection:
        parts = slices(connection, start, end)
        for part in parts:
            finding = compare(connection, part)
            if finding.differences:
                findings.append(finding)
    _print_json(len(parts), findings) if as_json else _print(len(parts), findings)
    if findings:
        raise typer.Exit(1)


def _print_json(parts: int, findings: list[Finding]) -> None:
    print_json({"slices": parts, "differing": public(findings)})


def _print(parts: int, findings: list[Finding]) -> None:
    out = console()
    if not findings:
        out.print(f"Sums and calls agree in all {number(parts)} hours and days that have calls.")
        return
    buckets = sum(finding.differences for finding in findings)
    out.print(
        f"{number(buckets)} buckets differ from their calls; the first of each hour or day:", style="red"
    )
    for finding in findings:
        out.print(f"  {finding.describe()}", markup=False)
