"""Breaches of the freshness contract: opened, worsened and closed as the ledger shows, with the cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.rows import dict_row

from operations.query import Row
from storage.statements import statements_beside

_query = statements_beside(__file__)

BLIND: Final = ("database_away", "database_cannot_commit", "summaries_unreadable", "no_worker")
"""Causes that keep calls from being seen, and us from judging: who has them is in breach while they last."""
_CAUSES: Final = (
    *BLIND, "worker_crash_loop", "worker_silent", "disk_filling", "queue_waits", "database_slow",
    "task_failing", "sums_differ", "database_clock", "counted_late", "spans_rejected",
)  # fmt: skip
"""What may explain a breach, the likelier first; the clocks and delays of senders do not."""
_SYMPTOM: Final = "counted_late"
"""It comes with most of the others, sometimes a look before them."""

Connection = psycopg.Connection[Any]


class Known(NamedTuple):
    """A trouble of this service (`operations.diagnosis`): `until` is None while it lasts."""

    cause: str
    detail: str
    since: datetime
    until: datetime | None = None


def judge(connection: Connection, known: Sequence[Known]) -> str | None:
    """Keep the record of breaches.

    Args:
        known: what is wrong, and what was.

    Returns:
        What began or ended, in a line for the log.
    """
    for trouble in known:
        if trouble.until and trouble.cause in BLIND:
            connection.execute(_query("past_breach"), trouble._asdict())
    now = contract(connection)
    row = connection.execute(_query("open_breach_of_now")).fetchone()
    if not now["is_breach"]:
        closed = connection.execute(_query("close_breach")).fetchone()
        return f"breach {closed[0]} of the freshness contract is over" if closed else None
    cause, detail = _explained(now, known, row[1] if row else None)
    values = {"seconds": now["seconds"], "cause": cause, "detail": detail, "opened_at": _opened(now)}
    connection.execute(_query("go_on_with_breach" if row else "open_breach"), values)
    return None if row else f"the freshness contract is broken: {cause}: {detail}"


def contract(connection: Connection) -> Row:
    """How the contract stands (`genai.freshness_now`)."""
    return _rows(connection, "freshness_now")[0]


def budget(connection: Connection) -> Row:
    """The error budget (`genai.freshness_budget`)."""
    return _rows(connection, "freshness_budget")[0]


def breaches(connection: Connection, start: datetime, end: datetime) -> list[Row]:
    """Breaches that lasted in [start, end), the latest first."""
    return _rows(connection, "breaches", start=start, end=end)


def note(connection: Connection, number: int, text: str, by: str) -> bool:
    """Say something of a breach; False when there is none of that number."""
    values = {"id": number, "note": text, "by": by}
    return connection.execute(_query("note_breach"), values).fetchone() is not None


def forget(connection: Connection) -> None:
    """Take away breaches of more than a year ago."""
    connection.execute(_query("forget_breaches"))


def _explained(now: Row, known: Sequence[Known], before: str | None) -> tuple[str, str]:
    """The cause in the words of `/diagnostics`; without one there, what the contract itself shows.

    A cause that was found stays: what follows from it is found later. A symptom gives way to a cause.
    """
    current = {trouble.cause: trouble.detail for trouble in known if trouble.until is None}
    for cause in (before, *_CAUSES):
        if cause in current and cause in _CAUSES and cause != _SYMPTOM:
            return cause, current[cause]
    shown = _SYMPTOM if _SYMPTOM in current else now["reason"] or "unknown"
    kept = before if before in _CAUSES else shown
    return kept, current.get(kept, _words(now))


def _words(now: Row) -> str:
    if now["reason"] == "behind":
        return f"what was received is counted up to {now['behind_seconds']:.0f} s ago only"
    if now["reason"] == "p95":
        return f"95 of 100 calls took up to {now['p95_seconds']:.1f} s"
    if now["reason"] == "rejected":
        return f"{now['rejected']} spans of the last minutes were rejected for good"
    return now["probe_detail"] or "no request of the probe was sent in time"


def _opened(now: Row) -> datetime:
    """Since when it holds: sums that are behind crossed the objective that long after what they have."""
    moment: datetime = now["now"]
    if now["reason"] == "behind" and now["complete_to"] is not None:
        missed: datetime = now["complete_to"] + timedelta(seconds=now["objective_seconds"])
        return min(moment, missed)
    return moment


def _rows(connection: Connection, name: str, **values: object) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_query(name), values).fetchall()
