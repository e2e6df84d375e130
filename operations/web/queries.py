"""Asking the ledger for a page: statements by name, rows by column name, one snapshot per page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from operations.compare.model import Question
from operations.web.grafana import GrafanaLinks
from operations.web.svg import Chart, Point, chart
from storage.statements import statements_beside

query = statements_beside(__file__)
"""Finds a statement in `queries.sql` by its name."""

Connection = psycopg.Connection[Any]
Row = dict[str, Any]


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """All questions of a page see the same ledger, and none can change it."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def rows(connection: Connection, name: str, question: Question, **more: object) -> list[Row]:
    """The rows of a named statement for a question."""
    values = question._asdict() | question.focus._asdict() | more
    del values["focus"]
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), values).fetchall()


def burn(connection: Connection, question: Question) -> tuple[Chart | None, str]:
    """Spend over time beside the baseline's, and the step in words; no chart of a single provider."""
    found, step = points(connection, question)
    return (chart(found["now"], found["before"]) if found else None), step


def points(connection: Connection, question: Question) -> tuple[dict[str, list[Point]], str]:
    """Spend by step, `now` and `before` (moved onto it), and the step in words; none of a single provider."""
    if question.focus.provider is not None:
        return {}, ""
    found = rows(connection, "burn", question)
    sides = {
        side: [Point(row["time"], row["cost_usd"]) for row in found if row["segment"] == side]
        for side in ("now", "before")
    }
    return sides, _STEPS.get(found[0]["step_seconds"], "") if found else ""


_STEPS = {60: "minute", 300: "five minutes", 3600: "hour", 86400: "day"}


def calls(connection: Connection, question: Question, limit: int, failed: bool = False) -> list[Row]:
    """The newest single calls of a question, or the newest that failed."""
    return rows(connection, "calls", question, limit=limit, status="error" if failed else "*")


def grafana(connection: Connection, question: Question) -> GrafanaLinks:
    """Links into the configured Grafana; without one there are none."""
    return GrafanaLinks(rows(connection, "grafana", question)[0]["root"].rstrip("/"))
