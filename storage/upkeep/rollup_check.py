"""Rollup = calls, always: compares them slice by slice, beside ingest, and records the result (LEDGER §11).

A slice is an hour, or a whole day where identity hours were folded; it is compared in one REPEATABLE READ
snapshot, so that no transaction is ever seen half (READ COMMITTED gave 85 false alarms in 200 checks).
A checksum of each level says whether anything differs; only then is it looked for where.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from storage.statements import query

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AGAIN = timedelta(minutes=5)
"""How often a slice is compared that is still written to: it is not over, or late calls come."""
ANYWAY = timedelta(days=30)
"""What was not written is compared again after this long."""
SHARE = 0.02
"""Of one core."""
_MARGIN = timedelta(minutes=1)
"""A transaction may be committed so long after the moment that its rows bear."""

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
    """Compare every bucket of a slice in one snapshot, and note what was found."""
    return _noted(conn, part, is_thorough=True)


def look(conn: Connection, part: Slice) -> Finding:
    """As `compare`, but every bucket only where the checksum of a level differs."""
    return _noted(conn, part, is_thorough=False)


def _noted(conn: Connection, part: Slice, *, is_thorough: bool) -> Finding:
    span = {"start": part.start, "end": part.end}
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.execute(
            "SET LOCAL max_parallel_workers_per_gather = 0"
        )  # what it may take is a share of one core
        is_uneven = is_thorough or conn.execute(query("find_uneven"), span).fetchone() is not None
        first = conn.execute(query("compare_rollups"), span).fetchone() if is_uneven else None
    finding = Finding(part) if first is None else Finding(part, *first)
    values = finding._asdict() | {"difference": Jsonb(finding.difference) if finding.difference else None}
    conn.execute(query("note_rollup_check"), values | span)
    return finding


class Checker:
    """Compares what is due, and rests after each look as long as keeps it within its share of a core."""

    def __init__(self, share: float = SHARE, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest, self._clock = 1 / share - 1, clock
        self._rests_until = clock()
        self._seen: datetime | None = None
        self._written: set[datetime] = set()

    def run(self, conn: Connection, now: datetime, seconds: float) -> list[Finding]:
        """Look at what is due, until the time is used up; at least at one slice. Returns what differs."""
        if self._clock() < self._rests_until:
            return []
        conn.execute(query("forget_rollup_checks"))
        begun = self._clock()
        self._note_written(conn, now)
        differing = []
        for part in _due(conn, now, self._written):
            finding = look(conn, part)
            self._written.discard(part.start)
            if finding.differences:
                differing.append(finding)
            if self._clock() > begun + seconds:
                break
        self._rests_until = self._clock() + self._rest * (self._clock() - begun)
        return differing

    def _note_written(self, conn: Connection, now: datetime) -> None:
        """Remember the hours that calls or amendments have reached since the last look."""
        rows = conn.execute(query("written_slices"), {"since": self._seen, "margin": _MARGIN}).fetchall()
        self._written |= {row[0] for row in rows}
        self._seen = now - _MARGIN


def _due(conn: Connection, now: datetime, written: Collection[datetime]) -> list[Slice]:
    """Slices to compare: the newest of what is new or was written, then those compared longest ago."""
    checks = conn.execute("SELECT c.from_time, c.checked_at FROM _genai.rollup_check c").fetchall()
    checked: dict[datetime, datetime] = dict(checks)

    def need(part: Slice) -> tuple[int, float] | None:
        last = checked.get(part.start)
        is_changed = last is not None and (last < part.end or part.start in written)
        if last is None or (is_changed and last < now - AGAIN):
            return 0, -part.start.timestamp()
        return (1, last.timestamp()) if last < now - ANYWAY else None

    needs = [(need(part), part) for part in slices(conn)]
    return [part for _, part in sorted((n, part) for n, part in needs if n is not None)]


def count_differences(conn: Connection) -> int:
    """Buckets that differed when they were last looked at, over all slices."""
    row = conn.execute("SELECT coalesce(sum(c.differences), 0) FROM _genai.rollup_check c").fetchone()
    return int(row[0]) if row else 0
