"""`spanledger rollups check`: do the sums say what the calls say?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli import options

if TYPE_CHECKING:
    from storage.upkeep.rollup_check import Finding


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="The sums that dashboards read.", no_args_is_help=True)
    app.add_typer(group, name="rollups", rich_help_panel="Administer")

    @group.callback()
    def top() -> None:
        """The sums that dashboards read."""

    @group.command("check")
    def check(
        start: options.From = None,
        end: options.To = None,
        as_json: options.AsJson = False,
        config: options.ConfigFile = None,
        database_url: options.DatabaseUrl = None,
        data_dir: options.DataDir = None,
    ) -> None:
        """Compare every sum with its calls, hour by hour; exit status 1 where they differ.

        The running service does the same all the time, a second of it every quarter of a minute.
        """
        from service import database
        from storage.upkeep.rollup_check import compare, slices

        lower, upper = options.moment(start), options.moment(end)
        findings: list[Finding] = []
        with database.connected(options.configuration(config, database_url, data_dir)) as connection:
            parts = slices(connection, lower, upper)
            for part in parts:
                finding = compare(connection, part)
                if finding.differences:
                    findings.append(finding)
        _print_json(len(parts), findings) if as_json else _print(len(parts), findings)
        if findings:
            raise typer.Exit(1)


def _print_json(parts: int, findings: list[Finding]) -> None:
    from operations.terminal import print_json

    rows = [finding._asdict() | {"slice": finding.slice._asdict()} for finding in findings]
    print_json({"slices": parts, "differing": rows})


def _print(parts: int, findings: list[Finding]) -> None:
    from operations.terminal import console, number

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
