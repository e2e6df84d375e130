"""What was spent, as a table for people and as a document for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console

from operations.exactness import DOUBTS, reasons
from operations.format import DASH, instant, number, printable, sparkline
from operations.query import Row
from operations.spend.model import Answer, Question, Spent, Sums
from operations.terminal import Column, camel, csv_cell, exact_usd, percent, ratio, show_table, usd

_TREND_CELLS = 12


def show(
    out: Console, question: Question, answer: Answer, trends: Mapping[str, Mapping[datetime, int]], limit: int
) -> None:
    """The table, with the total of all rows below and why it may be too small."""
    total, names = answer.total, [each.title for each in question.columns]
    with_family = any(each.sql == "model" for each in question.columns)
    columns = [
        *(Column(name, style="bold" if name == names[-1] else None) for name in names),
        Column("spend", figures=True), Column("share", figures=True, rank=2),
        Column("trend", rank=4), Column("per request", figures=True, rank=1),
        Column("requests", figures=True, rank=3), Column("calls", figures=True, rank=5),
        Column("errors", figures=True, rank=6), Column("input", figures=True, rank=8),
        Column("output", figures=True, rank=9),
        *([Column("answered", figures=True, rank=7)] if with_family else []),
    ]  # fmt: skip

    def cells(sums: Sums, trend: Mapping[datetime, int], family: tuple[int, int]) -> list[str]:
        return [
            usd(sums.cost_pico_usd, at_least=sums.at_least),
            percent(sums.cost_pico_usd, total.cost_pico_usd)
            if sums.cost_pico_usd or not sums.at_least
            else DASH,
            sparkline(trend, answer.start, answer.end, _TREND_CELLS),
            usd(ratio(sums.cost_pico_usd, sums.requests), 6, sums.at_least) if sums.requests else DASH,
            *map(number, (sums.requests, sums.calls, sums.errors, sums.input_tokens, sums.output_tokens)),
            *([percent(*family)] if with_family else []),
        ]

    rows = [
        [
            *_named(row),
            *cells(row.sums, trends.get(row.segment, {}), (row.family_successes, row.family_calls)),
        ]
        for row in answer.rows[:limit]
    ]
    footer = [
        *[""] * (len(names) - 1), _counted(len(answer.rows), limit),
        *cells(total, _sum(trends), (total.successes, total.calls)),
    ]  # fmt: skip
    show_table(out, columns, rows, title=_title(question, answer), footer=footer)
    _show_doubts(out, total)


def _sum(trends: Mapping[str, Mapping[datetime, int]]) -> dict[datetime, int]:
    whole: dict[datetime, int] = {}
    for trend in trends.values():
        for time, cost in trend.items():
            whole[time] = whole.get(time, 0) + cost
    return whole


def _named(row: Spent) -> list[str]:
    """Users and tenants with the label that `identities.yaml` gives them."""
    return [
        f"{label} ({value})" if label else value for value, label in zip(row.values, row.labels, strict=True)
    ]


def _counted(rows: int, limit: int) -> str:
    return f"total of {rows}" if rows <= limit else f"total of {rows} ({rows - limit} not shown)"


def _title(question: Question, answer: Answer) -> str:
    only = [f"{name.replace('_', ' ')} {value}" for name, value in question.filters.items()]
    return " · ".join(
        [
            f"Spend by {question.split.title}",
            f"{answer.start:%Y-%m-%d %H:%M} – {answer.end:%Y-%m-%d %H:%M} UTC",
            f"environment {question.environment}",
            f"data mode {question.data_mode}",
            *only,
        ]
    )


def _show_doubts(out: Console, sums: Sums) -> None:
    counts = {name: getattr(sums, name) for name in DOUBTS}
    if doubts := reasons(counts):
        out.print(f"≥ means at least: {' and '.join(doubts)}.", style="yellow", markup=False)


def show_nothing(out: Console, question: Question, answer: Answer, elsewhere: Sequence[Row]) -> None:
    """That there is no call, and where there are some."""
    only = "".join(f", {name.replace('_', ' ')} {value}" for name, value in question.filters.items())
    out.print(
        printable(
            f"No calls between {answer.start:%Y-%m-%d %H:%M} and {answer.end:%Y-%m-%d %H:%M} UTC with "
            f"environment {question.environment}, data mode {question.data_mode}{only}."
        ),
        markup=False,
    )
    _show_doubts(out, answer.total)
    if elsewhere:
        columns = [
            Column("--env"), Column("--data-mode"), Column("calls", figures=True), Column("last hour seen"),
        ]  # fmt: skip
        cells = [
            [row["environment"], row["data_mode"], number(row["calls"]), instant(row["last_seen"])]
            for row in elsewhere
        ]
        show_table(out, columns, cells, title="What the ledger holds")


def document(question: Question, answer: Answer, limit: int) -> dict[str, object]:
    """The answer in the names of the wire, money with every digit."""
    total = answer.total
    return {
        "dimension": question.split.name,
        "from": answer.start,
        "to": answer.end,
        "environment": question.environment,
        "dataMode": question.data_mode,
        "filters": {camel(name): value for name, value in question.filters.items()},
        "notice": answer.notice,
        "rows": [
            {each.public: value for each, value in zip(question.columns, row.values, strict=True)}
            | _labels(question, row)
            | _measures(row.sums, total)
            | _family(row)
            for row in answer.rows[:limit]
        ],
        "total": _measures(total, total) | {"unreadSpans": answer.unread_spans},
    }


def _labels(question: Question, row: Spent) -> dict[str, object]:
    """What `identities.yaml` calls the user or tenant that the list is about."""
    kinds = [each.sql for each in question.columns]
    return {"label": row.labels[-1]} if kinds[-1] in ("user", "tenant") else {}


def _family(row: Spent) -> dict[str, object]:
    if row.family is None:
        return {}
    return {
        "family": row.family, "familyCalls": row.family_calls, "familySuccesses": row.family_successes,
    }  # fmt: skip


def _measures(sums: Sums, total: Sums) -> dict[str, object]:
    cost, whole = sums.cost_pico_usd, total.cost_pico_usd
    return {
        "costUsd": exact_usd(cost),
        "atLeast": sums.at_least,
        "share": round(cost / whole, 6) if whole else None,
        "costPerRequestUsd": exact_usd(ratio(cost, sums.requests)),
        "calls": sums.calls,
        "requests": sums.requests,
        "successes": sums.successes,
        "errors": sums.errors,
        "inputTokens": sums.input_tokens,
        "outputTokens": sums.output_tokens,
        "unpricedCalls": sums.unpriced_calls,
        "uncertainCalls": sums.uncertain_calls,
        "uncertainShare": round(sums.uncertain_calls / sums.calls, 6) if sums.calls else None,
    }


CSV_COLUMNS = tuple(_measures(Sums(), Sums()))
"""The measures of a row, in this order behind its dimensions."""


def csv_row(row: Spent, total: Sums) -> list[Any]:
    """One row for a file: dimensions, then measures; what is not known is empty."""
    return [*row.values, *map(csv_cell, _measures(row.sums, total).values())]
