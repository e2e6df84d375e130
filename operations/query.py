"""Reading the ledger for command line and pages: the SQL is in queries.sql, the figures are the views'."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from operations.format import iso
from operations.terminal import public
from storage.statements import statements_beside

query = statements_beside(__file__)
"""Finds a statement in `queries.sql` by its name."""

Row = dict[str, Any]


def rows(connection: psycopg.Connection[Any], name: str, **values: object) -> list[Row]:
    """Run a named query and return its rows by column name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), values).fetchall()


def call_json(row: Row) -> dict[str, object]:
    """A call in the public names of the telemetry schema; money as text with every digit."""
    return {key: iso(value) if isinstance(value, datetime) else value for key, value in public(row).items()}
