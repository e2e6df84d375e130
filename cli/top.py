"""`spanledger top`: where the money went."""

from __future__ import annotations

import csv
import sys
import time
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer

from cli import options
from operations import query as ledger
from operations.dimensions import Split, split
from operations.format import printable
from operations.spend import as_of as recorded
from operations.spend.model import Answer, Question, top, trends
from operations.spend.table import CSV_COLUMNS, csv_row, document, show, show_nothing
from operations.terminal import console, print_json

_REFRESH_SECONDS = 5.0
_SHOWN = 20

app = options.app()


@app.command("top")
@options.grouped
def command(
    *,
    dimension: Annotated[
        Split | None,
        typer.Argument(
            metavar="[DIMENSION]",
            help="What to list, as --by. [endpoint]",
            parser=options.parsed(split),
            show_default=False,
        ),
    ] = None,
    by: options.OptionalBy = None,
    span: options.Window,
    filters: options.Filters,
    as_of: Annotated[
        datetime | None,
        options.moment_option("Figures as recorded at this moment (by model, whole days).", "--as-of"),
    ] = None,
    limit: options.OptionalLimit = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every 5 s, until Ctrl-C.")] = False,
    as_csv: options.AsCsv = False,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List spend by one dimension or two, most expensive first.

    `spanledger top tenant,model` lists what each tenant spent on each model. `trend` draws the window from
    its start to its end, each row against its own highest step.
    """
    chosen = _chosen(dimension, by)
    _check(as_of, watch, as_csv, as_json, span, filters)
    question = Question(*span.bounds(), chosen, *filters.place(), filters.values())
    rows = limit or (sys.maxsize if as_csv else _SHOWN)
    with given.connected() as connection, suppress(KeyboardInterrupt):
        if as_of is not None:
            is_named = span.start is not None or span.end is not None
            recorded.show(connection, recorded.question(question, as_of, is_named), as_json)
            return
        _print(connection, question, rows, as_csv, as_json)
        while watch:
            time.sleep(_REFRESH_SECONDS)
            console().clear()
            start, end = span.bounds()
            _print(connection, question._replace(start=start, end=end), rows, as_csv, as_json)


def _chosen(dimension: Split | None, by: Split | None) -> Split:
    if dimension and by and dimension != by:
        raise typer.BadParameter(f"{dimension} and --by {by} contradict each other; give one of them")
    return dimension or by or split("endpoint")


def _check(
    as_of: datetime | None,
    watch: bool,
    as_csv: bool,
    as_json: bool,
    span: options.Window,
    filters: options.Filters,
) -> None:
    """Refuse what cannot be meant together."""
    options.at_most_one({"--csv": as_csv, "--json": as_json, "--watch": watch})
    if watch and (span.start or span.end):
        raise typer.BadParameter(
            "--watch follows the window up to now: use it with --last, not with --from or --to"
        )
    if as_of and (as_csv or watch or filters.values()):
        raise typer.BadParameter("--as-of answers by model over whole days: no --csv, --watch or filters")


def _print(
    connection: psycopg.Connection[Any],
    question: Question,
    limit: int,
    as_csv: bool,
    as_json: bool,
) -> None:
    answer = top(connection, question)
    out = console()
    if as_json:
        print_json(document(question, answer, limit))
    elif as_csv:
        _print_csv(question, answer, limit)
    else:
        drawn = trends(connection, question) if answer.rows else {}
        elsewhere = [] if answer.rows or answer.notice else ledger.rows(connection, "elsewhere")
        if answer.rows:
            show(out, question, answer, drawn, limit)
        else:
            show_nothing(out, question, answer, elsewhere)
        if answer.notice:
            out.print(printable(answer.notice), style="yellow", markup=False)


def _print_csv(question: Question, answer: Answer, limit: int) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*(each.public for each in question.columns), *CSV_COLUMNS])
    writer.writerows(csv_row(row, answer.total) for row in answer.rows[:limit])
