"""How late senders deliver and how their clocks stand: a sample every minute, and what came of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import dict_row

from operations.query import Row
from storage.statements import statements_beside

_query = statements_beside(__file__)

Connection = psycopg.Connection[Any]


def sample(connection: Connection, days: int) -> None:
    """Keep how late the calls of each service came lately; take away what is older than so many days."""
    connection.execute(_query("sample_lag"))
    connection.execute(_query("forget_lag"), {"days": days})


def lags(
    connection: Connection, start: datetime, end: datetime, step: Literal["minute", "hour", "day"]
) -> list[Row]:
    """Every step and service of a range (`genai.sender_lag_by`)."""
    with connection.cursor(row_factory=dict_row) as cursor:
        values = {"start": start, "end": end, "step": step}
        return cursor.execute(_query("lags"), values).fetchall()
