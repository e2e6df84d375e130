"""Reading the ledger for command line and pages: the SQL is in queries.sql, the figures are the views'."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from operations.format import iso
from operations.terminal import public
from storage.statements import statements_of

Row = dict[str, Any]

_QUERIES = Path(__file__).with_name("queries.sql")


def query(name: str) -> bytes:
    """The statement of that name in `queries.sql`."""
    return statements_of(_QUERIES)[name]


def rows(connection: psycopg.Connection[Any], name: str, **values: object) -> list[Row]:
    """Run a named query and return its rows by column name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), values).fetchall()


def call_json(row: Row) -> dict[str, object]:
    """A call in the public names of the telemetry schema; money as text with every digit."""
    return {key: iso(value) if isinstance(value, datetime) else value for key, value in public(row).items()}
