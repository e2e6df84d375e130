"""Rollup = calls, always: compares them slice by slice, beside ingest, and records the result (LEDGER §11).

A slice is an hour, or a whole day where identity hours were folded; it is compared in one REPEATABLE READ
snapshot, so that no transaction is ever seen half (READ COMMITTED gave 85 false alarms in 200 checks).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from storage.statements import query

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FRESH = timedelta(hours=2)
"""Most changes fall into the last hours: these are compared again every few minutes."""
AGAIN = timedelta(minutes=5)

Connection = psycopg.Connection[Any]


class Slice(NamedTuple):
    """[start, end) of bucket times, UTC."""

    start: datetime
    end: datetime


class Finding(NamedTuple):
    """The result of comparing a slice.

    Attributes:
        differences: buckets that differ; the rest is about the first of them, None without one.
        difference: measure → what the calls have more than the sums.
    """

    slice: Slice
    differences: int = 0
    level: str | None = None
    bucket: datetime | None = None
    series_id: int | None = None
    identity_id: int | None = None
    difference: dict[str, int] | None = None

    def describe(self) -> str:
        """Where the first difference is, for logs and people."""
        return (
            f"{self.level} {self.bucket:%Y-%m-%d %H:%M}Z: the calls have {self.difference} more than the sums"
        )


def slices(conn: Connection, start: datetime | None = None, end: datetime | None = None) -> list[Slice]:
    """Everything that can be compared and touches [start, end), in order; all without bounds."""
    found = conn.execute(query("checkable")).fetchone()
    if found is None or found[0] is None:
        return []
    first, last, raw, folded = found
    every = _cut(max(first, raw or first), last, folded)
    return [s for s in every if (start is None or s.end > start) and (end is None or s.start < end)]


def _cut(first: datetime, last: datetime, folded: datetime | None) -> Iterator[Slice]:
    begin = first.replace(minute=0, second=0, microsecond=0)
    if folded is not None and begin < folded:
        begin = begin.replace(hour=0)
    while begin <= last:
        width = DAY if folded is not None and begin < folded else HOUR
        yield Slice(begin, begin + width)
        begin += width


def compare(conn: Connection, part: Slice) -> Finding:
    """Compare a slice in one snapshot, and note what was found."""
    span = {"start": part.start, "end": part.end}
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        first = conn.execute(query("compare_rollups"), span).fetchone()
    finding = Finding(part) if first is None else Finding(part, *first)
    values = finding._asdict() | {"difference": Jsonb(finding.difference) if finding.difference else None}
    conn.execute(query("note_rollup_check"), values | span)
    return finding


def compare_due(conn: Connection, now: datetime, seconds: float) -> list[Finding]:
    """Compare what waited longest, until the time is used up; at least one slice. Returns what differs."""
    conn.execute(query("forget_rollup_checks"))
    deadline = time.monotonic() + seconds
    differing = []
    for part in _due(conn, now):
        finding = compare(conn, part)
        if finding.differences:
            differing.append(finding)
        if time.monotonic() > deadline:
            break
    return differing


def _due(conn: Connection, now: datetime) -> list[Slice]:
    """Slices in the order of need: the newest hours, what was never compared, then the longest ago."""
    checks = conn.execute("SELECT c.from_time, c.checked_at FROM _genai.rollup_check c").fetchall()
    checked: dict[datetime, datetime] = dict(checks)

    def need(part: Slice) -> tuple[int, float]:
        last = checked.get(part.start)
        if part.end > now - FRESH and (last is None or last < now - AGAIN):
            return 0, -part.start.timestamp()
        return (1, -part.start.timestamp()) if last is None else (2, last.timestamp())

    return sorted(slices(conn), key=need)


def count_differences(conn: Connection) -> int:
    """Buckets that differed when they were last looked at, over all slices."""
    row = conn.execute("SELECT coalesce(sum(c.differences), 0) FROM _genai.rollup_check c").fetchone()
    return int(row[0]) if row else 0
