"""The switch of dashboards: their queries cost the database nothing while they are paused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from storage.statements import statements_beside

_query = statements_beside(__file__)

ALL = "*"
"""Every dashboard that may be paused."""

Connection = psycopg.Connection[Any]


class Pause(NamedTuple):
    """One dashboard (a uid, or `*`) that is paused; `ends_at` is None until somebody resumes it."""

    dashboard: str
    paused_at: datetime
    paused_by: str
    why: str
    ends_at: datetime | None


def pause(
    connection: Connection, uids: Iterable[str], by: str, why: str = "", duration: timedelta | None = None
) -> None:
    """Switch dashboards off, or change who did it and for how long."""
    for uid in uids:
        values = {"dashboard": uid, "by": by, "why": why, "duration": duration}
        connection.execute(_query("pause_dashboard"), values)


def resume(connection: Connection, uids: Iterable[str]) -> list[str]:
    """Switch dashboards on again; `*` resumes all.

    Returns:
        What was paused until now, in its order.
    """
    return [
        name
        for uid in uids
        for (name,) in connection.execute(_query("resume_dashboard"), {"dashboard": uid}).fetchall()
    ]


def pauses(connection: Connection) -> list[Pause]:
    """The pauses of this moment."""
    return [Pause(*row) for row in connection.execute(_query("pauses")).fetchall()]
