"""Sums of whole weeks, read instead of days by windows of a month: a cache of the sums of days.

A week is summed from days that may all be read (day_sums.py), and what changes one of these days makes the
week stale with it (migration 0112). Readers ask `_genai.summed_week` in the statement that reads: a week is
either right or not read.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import psycopg

from storage.statements import query

WEEKS_AT_ONCE = 8
"""A week of 10 M calls a month takes 0.1 to 0.4 s; a look at housekeeping stays within seconds."""

log = logging.getLogger(__name__)


def sum_weeks(conn: psycopg.Connection[Any], *, limit: int = WEEKS_AT_ONCE) -> int:
    """Delete stale weeks, and sum those whose days may all be read, the newest first, each in a transaction.

    What is stale goes at once, and not when its days are summed again: it may name who was erased. A change
    of an hour waits while its week is summed; what is not late never does, for a week's days are over.

    Args:
        conn: in autocommit mode, else nothing is committed here.

    Returns:
        How many were summed. A week that does not fit into bigint (nine million dollars of one series or
        person) is not, and is read by days.
    """
    for level, week in conn.execute(query("stale_weeks")).fetchall():
        _delete(conn, level, week)
    due = conn.execute(query("due_weeks"), {"limit": limit}).fetchall()
    return sum(_sum(conn, level, week) for level, week in due)


def _delete(conn: psycopg.Connection[Any], level: str, week: datetime) -> None:
    with conn.transaction():
        conn.execute(query("lock_week_sum"), {"week": week})
        if conn.execute(query("forget_week"), {"level": level, "week": week}).rowcount:
            conn.execute(query(f"delete_{level}_week"), {"week": week})


def _sum(conn: psycopg.Connection[Any], level: str, week: datetime) -> bool:
    try:
        with conn.transaction():
            conn.execute(query("lock_week_sum"), {"week": week})
            conn.execute(query(f"delete_{level}_week"), {"week": week})
            return conn.execute(query(f"sum_{level}_week"), {"week": week}).rowcount == 1
    except psycopg.errors.NumericValueOutOfRange:
        log.warning("the week of %s by %s has a sum beyond bigint: it is read by days", week.date(), level)
        return False
