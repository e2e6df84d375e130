"""Gathers planner statistics where there are none yet: a run over many calls must not wait for autovacuum."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from storage.statements import query


def ensure_statistics(conn: psycopg.Connection[Any]) -> int:
    """Analyse calls that never were, outside a transaction; how many tables that were.

    On a table without statistics an amendment of 2 000 rows took 7 to 10 s instead of a tenth of one. ANALYZE
    reads a sample and blocks no writer.
    """
    names = [name for (name,) in conn.execute(query("unanalysed_calls"))]
    for name in names:
        conn.execute(sql.SQL("ANALYZE {}").format(sql.SQL(name)))
    return len(names)
