"""`spanledger month`: a calendar month, against the one before, and where it is heading."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli import options
from operations.dimensions import Dimension
from operations.exactness import reasons
from operations.format import DASH, number, printable, signed, usd
from operations.spend.model import Question
from operations.spend.month import Month, MonthAnswer, MonthRow, ask, month_of
from operations.terminal import (
    Column,
    console,
    csv_cell,
    dollars,
    earlier_usd,
    exact_usd,
    percent,
    print_json,
    show_table,
)

_SHOWN = 20

app = options.app()


@app.command("month")
@options.grouped
def command(
    *,
    month: Annotated[
        str | None,
        typer.Argument(metavar="[MONTH]", help="2026-05, this or last. [this]", show_default=False),
    ] = None,
    by: options.By = "tenant",  # type: ignore[assignment]  # parsed, as what is given
    filters: options.Filters,
    limit: options.OptionalLimit = None,
    as_csv: options.AsCsv = False,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Show what a calendar month (UTC) cost, against the month before, and where it is heading.

    The projection adds the mean of the last seven full days for each day that is left. The invoice scope is
    what providers bill: real and test calls of all environments.
    """
    options.at_most_one({"--csv": as_csv, "--json": as_json})
    chosen = options.parsed(lambda text: month_of(text, datetime.now(UTC)))(month or "this")
    environment, data_mode = filters.place()
    question = Question(chosen.start, chosen.end, by, environment, data_mode, filters.values())
    with given.connected() as connection:
        answer = ask(connection, chosen, by, environment, data_mode, filters.values())
    if as_json:
        print_json(_document(chosen, question, answer, limit or _SHOWN))
    elif as_csv:
        _print_csv(chosen, question.columns, answer, limit or sys.maxsize)
    else:
        _print(console(), chosen, question, answer, limit or _SHOWN)


def _print(out: Console, month: Month, question: Question, answer: MonthAnswer, limit: int) -> None:
    total = answer.total
    for name, text in _headline(month, question, answer):
        out.print(Text(f"{name:<16}", "bold") + Text(printable(text)))
    columns = [
        *(Column(each.title, style="bold") for each in question.columns), Column("spend", figures=True),
        Column("share", figures=True, rank=1), Column("month before", figures=True, rank=2),
        Column("change", figures=True), Column("calls", figures=True, rank=3),
    ]  # fmt: skip
    names = len(question.columns)
    rows = [[*row.values, *_cells(row, total)] for row in answer.rows[:limit]]
    left = len(answer.rows) - limit
    label = f"total of {len(answer.rows)}" + (f" ({left} not shown)" if left > 0 else "")
    if rows:
        footer = [*[""] * (names - 1), label, *_cells(total, total)]
        show_table(out, columns, rows, footer=footer)
    doubts = reasons(_doubts(answer))
    if answer.before_at_least:
        doubts.append("what the month before has without a price, certain usage or a rule that reads it")
    if doubts:
        out.print(f"≥ means at least: {' and '.join(doubts)}.", style="yellow", markup=False)
    if len(answer.history) > 1:
        months = [
            [each.name, usd(each.cost_usd, at_least=each.at_least), number(each.calls)]
            for each in answer.history
        ]
        heads = [Column("month"), Column("spend", figures=True), Column("calls", figures=True)]
        show_table(out, heads, months, title="Last twelve months")


def _headline(month: Month, question: Question, answer: MonthAnswer) -> list[tuple[str, str]]:
    total = answer.total
    only = [f"{name.replace('_', ' ')} {value}" for name, value in question.filters.items()]
    scope = " · ".join([f"environment {question.environment}", f"data mode {question.data_mode}", *only])
    so_far = "" if month.is_over else f", up to {month.end:%Y-%m-%d %H:%M} UTC"
    spent = usd(dollars(total.cost_pico_usd), at_least=answer.at_least)
    earlier = earlier_usd(total.before_pico_usd, answer.before_at_least)
    before = f"{earlier}{'' if month.is_over else ' up to the same moment'}"
    invoice = usd(dollars(answer.invoice_pico_usd), at_least=answer.invoice_at_least)
    lines = [(month.name, f"{spent}{so_far}"), ("scope", scope), ("month before", before)]
    if answer.projected_usd is not None:
        lines.append(("projected", f"{usd(answer.projected_usd)} at the end of the month"))
    lines.append(("invoice scope", f"{invoice} (real and test, all environments)"))
    return lines


def _cells(row: MonthRow, total: MonthRow) -> list[str]:
    return [
        usd(dollars(row.cost_pico_usd), at_least=row.at_least),
        percent(row.cost_pico_usd, total.cost_pico_usd),
        earlier_usd(row.before_pico_usd, row.before_at_least),
        _change(row),
        number(row.calls),
    ]


def _change(row: MonthRow) -> str:
    if row.before_pico_usd is None:
        return DASH
    return signed(dollars(row.change_pico_usd), row.at_least or row.before_at_least)


def _doubts(answer: MonthAnswer) -> dict[str, int]:
    total = answer.total
    return {
        "unpriced_calls": total.unpriced_calls,
        "uncertain_calls": total.uncertain_calls,
        "unread_spans": answer.unread_spans,
    }


def _measures(row: MonthRow, total: MonthRow) -> dict[str, object]:
    whole = total.cost_pico_usd
    return {
        "costUsd": exact_usd(row.cost_pico_usd),
        "atLeast": row.at_least,
        "share": round(row.cost_pico_usd / whole, 6) if whole else None,
        "monthBeforeUsd": exact_usd(row.before_pico_usd),
        "monthBeforeAtLeast": row.before_at_least,
        "deltaUsd": exact_usd(row.change_pico_usd),
        "calls": row.calls,
        "unpricedCalls": row.unpriced_calls,
        "uncertainCalls": row.uncertain_calls,
    }


def _document(month: Month, question: Question, answer: MonthAnswer, limit: int) -> dict[str, object]:
    total = answer.total
    return {
        "month": month.name,
        "from": month.start,
        "to": month.end,
        "isOver": month.is_over,
        "dimension": question.split.name,
        "environment": question.environment,
        "dataMode": question.data_mode,
        "projectedUsd": None if answer.projected_usd is None else f"{answer.projected_usd:f}",
        "invoiceUsd": exact_usd(answer.invoice_pico_usd),
        "invoiceAtLeast": answer.invoice_at_least,
        "rows": [_named(question.columns, row) | _measures(row, total) for row in answer.rows[:limit]],
        "total": _measures(total, total)
        | {"monthBeforeAtLeast": answer.before_at_least, "unreadSpans": answer.unread_spans},
        "history": [
            {
                "month": each.name,
                "costUsd": f"{each.cost_usd:f}",
                "atLeast": each.at_least,
                "calls": each.calls,
            }
            for each in answer.history
        ],
    }


def _named(columns: tuple[Dimension, ...], row: MonthRow) -> dict[str, object]:
    return {each.public: value for each, value in zip(columns, row.values, strict=True)}


def _print_csv(month: Month, columns: tuple[Dimension, ...], answer: MonthAnswer, limit: int) -> None:
    total = answer.total
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["month", *(each.public for each in columns), *_measures(total, total)])
    for row in answer.rows[:limit]:
        measures = _measures(row, total).values()
        writer.writerow([month.name, *row.values, *map(csv_cell, measures)])
