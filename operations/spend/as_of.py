"""`spanledger top model --as-of`: figures as recorded at an earlier moment (LEDGER §19)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from operations import query as ledger
from operations.spend import model as spend
from operations.terminal import Column, console, exact_usd, number, percent, print_json, show_table, usd
from processor.calls.errors import BadData

_FINER = (
    "what was believed is known by day and model only: the ledger's book keeps no finer lines."
    " Ask `top model` over whole days (UTC)"
)


class Question(NamedTuple):
    """Whole days [first, last], as recorded at `moment`."""

    moment: datetime
    first: date
    last: date
    environment: str
    data_mode: str


def question(asked: spend.Question, moment: datetime, is_ragged_refused: bool) -> Question:
    """The question, or why it cannot be answered.

    Args:
        is_ragged_refused: the bounds were named by the user; else the window grows to whole days.

    Raises:
        BadData: a finer question than the ledger's book can answer.
    """
    if asked.split.name != "model":
        raise BadData("--as-of", _FINER)
    start, end = asked.start, asked.end
    is_whole = all(
        moment == moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in (start, end)
    )
    if is_ragged_refused and not is_whole:
        raise BadData("--as-of", _FINER)
    last = (end - timedelta(microseconds=1)).date()
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return Question(moment, start.date(), last, asked.environment, asked.data_mode)


def show(connection: psycopg.Connection[Any], asked: Question, as_json: bool) -> None:
    """Print calls and cost by model.

    Raises:
        BadData: a closed day whose calls may have come after the moment, which can no longer be known.
    """
    rows = ledger.rows(
        connection, "as_of", moment=asked.moment, environment=asked.environment, data_mode=asked.data_mode,
        **{"from": asked.first, "to": asked.last},
    )  # fmt: skip
    if any(not row["is_known"] for row in rows):
        raise BadData(
            "--as-of",
            "a day of this window is closed: its calls are gone and with them when each was received, so only"
            " moments 32 days after it or later can be answered",
        )
    _print_json(rows, asked) if as_json else _print(rows, asked)


def _print_json(rows: list[ledger.Row], asked: Question) -> None:
    print_json(
        {
            "asOf": asked.moment,
            "from": str(asked.first),
            "to": str(asked.last),
            "environment": asked.environment,
            "dataMode": asked.data_mode,
            "rows": [
                {"provider": row["within"], "model": row["name"], "calls": row["calls"],
                 "costUsd": exact_usd(row["cost_pico_usd"])}
                for row in rows
            ],
            "total": {
                "calls": sum(row["calls"] for row in rows),
                "costUsd": exact_usd(sum(row["cost_pico_usd"] for row in rows)),
            },
        }
    )  # fmt: skip


def _print(rows: list[ledger.Row], asked: Question) -> None:
    total = sum(row["cost_pico_usd"] for row in rows)
    columns = [
        Column("provider"),
        Column("model", style="bold"),
        *(Column(name, figures=True) for name in ("spend", "share", "calls")),
    ]
    cells = [
        [row["within"], row["name"], usd(row["cost_pico_usd"]), percent(row["cost_pico_usd"], total),
         number(row["calls"])]
        for row in rows
    ]  # fmt: skip
    title = (
        f"Spend by model · whole days {asked.first} to {asked.last} (UTC) · as recorded at"
        f" {asked.moment:%Y-%m-%d %H:%M} UTC · environment {asked.environment} · data mode {asked.data_mode}"
    )
    footer = ["", "total", usd(total), "", number(_calls(rows))]
    show_table(console(), columns, cells, title=title, footer=footer)


def _calls(rows: list[ledger.Row]) -> int:
    return sum(row["calls"] for row in rows)
