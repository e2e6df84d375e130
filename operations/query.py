"""Reading the ledger for command line and pages: the SQL is in queries.sql, the figures are the views'."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from operations.terminal import public
from storage.statements import statements_of

Row = dict[str, Any]

_QUERIES = Path(__file__).with_name("queries.sql")


class Window(NamedTuple):
    """A window [start, end) in UTC, the filters with it; `*` takes everything."""

    start: datetime
    end: datetime
    environment: str = "prod"
    data_mode: str = "real"


def query(name: str) -> bytes:
    """The statement of that name in `queries.sql`."""
    return statements_of(_QUERIES)[name]


def rows(connection: psycopg.Connection[Any], name: str, **values: object) -> list[Row]:
    """Run a named query and return its rows by column name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), values).fetchall()


def top(connection: psycopg.Connection[Any], dimension: str, window: Window) -> tuple[Window, list[Row]]:
    """Spend by one dimension, most expensive first, and the window that was really used.

    The window is answered exactly; where the calls of a ragged edge are gone it grows to whole hours or days.
    """
    suffix = "_identity" if dimension in ("user", "tenant") else ""
    span = {"from": window.start, "to": window.end}
    used = rows(connection, f"window{suffix}", **span)[0]
    filters = {"environment": window.environment, "data_mode": window.data_mode}
    found = rows(connection, f"top{suffix}", dimension=dimension, **span, **filters)
    for row in found:
        row["cost_pico_usd"] = int(row["cost_pico_usd"])
    return window._replace(start=used["from_used"], end=used["to_used"]), found


def unread_spans(connection: psycopg.Connection[Any], window: Window) -> int:
    """Spans of the window with usage that no rule reads: they make its totals lower bounds."""
    asked = {"environment": window.environment, "data_mode": window.data_mode}
    found = rows(connection, "unread_spans", **{"from": window.start, "to": window.end}, **asked)
    return int(found[0]["unread_spans"])


def folded_notice(connection: psycopg.Connection[Any], window: Window) -> str | None:
    """A sentence where calls of the environment are counted under `__other__` (LEDGER §12)."""
    asked = {"environment": window.environment, "data_mode": window.data_mode}
    found = rows(connection, "folded_notice", **{"from": window.start, "to": window.end}, **asked)
    notice: str | None = found[0]["notice"]
    return notice


def call_json(row: Row) -> dict[str, object]:
    """A call in the public names of the telemetry schema; money as text with every digit."""
    return {key: _iso(value) if isinstance(value, datetime) else value for key, value in public(row).items()}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
