"""`spanledger report`: a month for finance, a week for everybody."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from cli import options
from operations.format import printable
from operations.reports.month import month_report
from operations.reports.report import Report, csv_text, markdown
from operations.reports.weekly import weekly_report
from operations.spend.month import month_of
from operations.terminal import console, print_json, show_table

FORMATS = ("table", "md", "json", "csv")

app = options.app(help="A month for finance, or the last seven days, on one page.")

Format = Annotated[
    str,
    typer.Option(
        "--format", help="table, md (Markdown), json, or csv (its main table).", metavar="FORMAT",
        parser=options.one_of("format", *FORMATS),
    ),
]  # fmt: skip
Environment = Annotated[
    str,
    typer.Option("--env", help="Of the real scope; several with commas, '*' for all.", metavar="NAME"),
]


@app.command("month")
@options.grouped
def month(
    *,
    month: Annotated[
        str, typer.Argument(metavar="[MONTH]", help="2026-05, this or last. [last]", show_default=False)
    ] = "last",
    environment: Environment = "prod",
    form: Format = "table",
    given: options.Settings,
) -> None:
    """Report a calendar month (UTC): what providers bill, what was real, late calls and corrections.

    Its sums are those of the Month dashboard. Calls without a price and with uncertain usage stand apart.
    """
    now = datetime.now(UTC)
    chosen = options.parsed(lambda text: month_of(text, now))(month)
    with given.connected() as connection:
        _show(month_report(connection, chosen, environment, now), form)


@app.command("weekly")
@options.grouped
def weekly(*, environment: Environment = "prod", form: Format = "table", given: options.Settings) -> None:
    """Report the last seven full days (UTC) against the seven before.

    The change with its drivers, budget events, incidents with earlier ones of their cause, open guardrails.
    """
    with given.connected() as connection:
        _show(weekly_report(connection, environment, datetime.now(UTC)), form)


def _show(report: Report, form: str) -> None:
    if form == "json":
        print_json(report.document)
    elif form == "md":
        print(markdown(report), end="")
    elif form == "csv":
        print(csv_text([_flat(row) for row in report.csv_rows]), end="")
    else:
        _print(report)


def _flat(row: object) -> dict[str, object]:
    """A row of the document without what is no cell."""
    assert isinstance(row, dict)
    return {name: value for name, value in row.items() if not isinstance(value, dict | list)}


def _print(report: Report) -> None:
    out = console()
    out.print(Text(report.title, "bold"))
    width = max(len(name) for name, _ in report.facts) + 2
    for name, text in report.facts:
        out.print(Text(f"{name:<{width}}", "bold") + Text(printable(text)))
    for table in report.tables:
        out.print()
        show_table(out, list(table.columns), [list(row) for row in table.rows], title=table.title)
