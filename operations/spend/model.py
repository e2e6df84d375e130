"""Spend of a window by one dimension or two: figures of `genai.usage_of`, most expensive first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from operations import query as ledger
from operations.dimensions import DIMENSIONS, Dimension, Split
from operations.exactness import at_least
from storage.statements import statements_beside

_query = statements_beside(__file__)


class Question(NamedTuple):
    """What is asked for.

    Attributes:
        start, end: the window [start, end) in UTC.
        environment: one, several with commas, or `*`; `data_mode` one or `*`.
        filters: what the calls are narrowed to, by the names SQL has: `endpoint`, `prompt_version`, ….
    """

    start: datetime
    end: datetime
    split: Split
    environment: str = "prod"
    data_mode: str = "real"
    filters: Mapping[str, str] = {}  # never changed

    @property
    def columns(self) -> tuple[Dimension, ...]:
        """The dimensions of a row: those asked for, and beside a single one what it belongs to."""
        first, *more = self.split.parts
        return (first, *more) if more or not first.within else (DIMENSIONS[first.within], first)


@dataclass(frozen=True, slots=True)
class Sums:
    """What calls sum up to; money in whole pico-USD."""

    calls: int = 0
    requests: int = 0
    successes: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_pico_usd: int = 0
    unpriced_calls: int = 0
    uncertain_calls: int = 0
    unread_spans: int = 0

    @property
    def at_least(self) -> bool:
        """True when they hold more than is known (LEDGER §14)."""
        return at_least(self.unpriced_calls, self.uncertain_calls, self.unread_spans)


COUNTS = tuple(name for name in Sums.__dataclass_fields__ if name != "unread_spans")


class Spent(NamedTuple):
    """One row of the answer.

    Attributes:
        values: one for each of the question's columns; `labels` what `identities.yaml` calls them.
        segment: the values in one text, as `genai.segment_of` has it.
        family: of the model, with what became of its calls: a failed call names the model that was asked for.
    """

    values: tuple[str, ...]
    labels: tuple[str | None, ...]
    segment: str
    sums: Sums
    family: str | None = None
    family_calls: int = 0
    family_successes: int = 0


class Answer(NamedTuple):
    """All rows, and the window that was really used.

    Attributes:
        unread_spans: spans of the window with usage that no rule reads: nobody's, and part of the total only.
        notice: a sentence where calls of the environment are counted under `__other__` (LEDGER §12).
    """

    start: datetime
    end: datetime
    rows: list[Spent]
    unread_spans: int
    notice: str | None

    @property
    def total(self) -> Sums:
        """The sums of all rows, and what no rule reads."""
        sums = {name: sum(getattr(row.sums, name) for row in self.rows) for name in COUNTS}
        return Sums(**sums, unread_spans=self.unread_spans)


def top(connection: psycopg.Connection[Any], question: Question) -> Answer:
    """Ask in one snapshot.

    The window is answered exactly; where the calls of a ragged edge are gone it grows to whole hours or days.
    """
    values = values_of(question)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        used = read(connection, "used", values)[0]
        found = [_spent(row, len(question.columns)) for row in read(connection, "top", values)]
        unread = read(connection, "unread_spans", values)[0]["unread_spans"]
        notice = read(connection, "folded_notice", values)[0]["notice"]
    return Answer(used["from_used"], used["to_used"], found, int(unread), notice)


def trends(connection: psycopg.Connection[Any], question: Question) -> dict[str, dict[datetime, int]]:
    """Spend over the window by segment: pico-USD of steps that suit the window, each at its begin."""
    found: dict[str, dict[datetime, int]] = {}
    for row in read(connection, "trend", values_of(question)):
        found.setdefault(row["segment"], {})[row["time"]] = int(row["cost_pico_usd"])
    return found


def values_of(question: Question) -> dict[str, object]:
    """The question as the parameters of the statements in `queries.sql`."""
    columns = question.columns
    filters = {each.sql: question.filters.get(each.sql) for each in DIMENSIONS.values()}
    return filters | {
        "from": question.start,
        "to": question.end,
        "environment": question.environment,
        "data_mode": question.data_mode,
        "dimension": ",".join(each.sql for each in columns),
        "first": columns[0].sql,
        "second": columns[1].sql if len(columns) > 1 else "",
    }


def _spent(row: ledger.Row, columns: int) -> Spent:
    return Spent(
        values=(row["first"], row["second"])[:columns],
        labels=(row["first_label"], row["second_label"])[:columns],
        segment=row["segment"],
        sums=Sums(**{name: int(row[name]) for name in COUNTS}),
        family=row["family"],
        family_calls=row["family_calls"],
        family_successes=row["family_successes"],
    )


def read(connection: psycopg.Connection[Any], name: str, values: Mapping[str, object]) -> list[ledger.Row]:
    """The rows of a statement in `queries.sql`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_query(name), values).fetchall()
