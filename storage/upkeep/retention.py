"""Retention: floors first, then deletion below them, in small slices (LEDGER §11)."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from processor.calls.errors import ConfigError
from storage.statements import query

log = logging.getLogger(__name__)

SLICE = 10_000
"""Rows per deleting transaction: a tenth of a second."""
LATE_LIMIT_DAYS = 31
"""Calls older than this are rejected at the door (LEDGER §8); raw rows and their keys live longer."""

Connection = psycopg.Connection[Any]


class Periods(NamedTuple):
    """Days that each level is kept. Keys live as long as raw rows; identity hours become days, then go."""

    raw: int = 90
    minute: int = 14
    hour: int = 400
    identity_hour: int = 35
    identity_day: int = 400
    traces: int = 35
    """Quarantine and freshness."""

    def check(self, late_limit_days: int = LATE_LIMIT_DAYS) -> None:
        """Refuse periods under which a late call could not be distinguished from a new one.

        Raises:
            ConfigError: with the key and the reason.
        """
        if self.raw <= late_limit_days:
            raise ConfigError(
                f"retention.raw: {self.raw} days are not more than the late limit of {late_limit_days}; a"
                " resend could outlive its key and count twice"
            )
        for name in ("identity_hour", "hour", "identity_day"):
            if getattr(self, name) <= late_limit_days:
                raise ConfigError(
                    f"retention.{name}: must be more than the late limit of {late_limit_days} days"
                )
        if self.identity_day < self.identity_hour:
            raise ConfigError(
                "retention.identity_day: must not be shorter than identity_hour, which is folded into it"
            )


class Kept(NamedTuple):
    """Rows deleted by one run."""

    calls: int = 0
    keys: int = 0
    rollups: int = 0
    folded_days: int = 0
    sightings: int = 0


def keep(dsn: str, periods: Periods, now: datetime | None = None) -> Kept:
    """Bring every level to its period. Safe to interrupt and to run beside ingest; one runner at a time.

    Totals of old days do not change when their rows go: rollups stay, and `_genai.day_close` keeps each day's
    final and first sums.

    Args:
        now: the moment to count from, UTC; tests set it.

    Raises:
        ConfigError: periods that would break exactness.
    """
    periods.check()
    today = (now or datetime.now(UTC)).replace(hour=0, minute=0, second=0, microsecond=0)
    with psycopg.connect(
        dsn,
        autocommit=True,
        application_name="spanledger retention",
        options="-c timezone=UTC -c lock_timeout=10s",
    ) as conn:
        folded = _fold_identities(conn, today - timedelta(days=periods.identity_hour))
        for level in ("raw", "minute", "hour", "identity_day"):
            _raise_floor(conn, level, today - timedelta(days=getattr(periods, level)))
        calls = _delete_calls(conn)
        rollups = sum(
            _in_slices(conn, query(name))
            for name in ("delete_minutes", "delete_hours", "delete_identity_days")
        )
        keys = _in_slices(conn, query("delete_keys"))
        sightings = conn.execute(query("delete_sightings")).rowcount
        conn.execute(query("sum_freshness"))
        conn.execute(query("delete_old_traces"), {"days": periods.traces})
        with conn.transaction():
            # A source is only gone when no open transaction is about to count on it.
            conn.execute("LOCK TABLE _genai.unread_source IN SHARE ROW EXCLUSIVE MODE")
            conn.execute(query("fold_unread"))
            conn.execute(query("delete_unread"))
    return Kept(calls, keys, rollups, folded, sightings)


def end_long_reads(conn: Connection) -> int:
    """Cancel the reader's statements that run past 30 s; returns how many (LEDGER §17)."""
    row = conn.execute(query("end_long_reads")).fetchone()
    return int(row[0]) if row else 0


def _raise_floor(conn: Connection, level: str, time: datetime) -> None:
    conn.execute(query("raise_floor"), (time, level))


def _delete_calls(conn: Connection) -> int:
    """Close the days below the raw floor, then drop their rows."""
    conn.execute(query("close_days"))
    if conn.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone() is None:
        return _in_slices(conn, query("delete_calls"))
    before = _count_below_floor(conn)
    conn.execute(
        "SELECT drop_chunks('_genai.model_call', older_than => f.time) FROM _genai.floor f"
        " WHERE f.level = 'raw' AND f.time > '-infinity'"
    )
    return before - _count_below_floor(conn) + _in_slices(conn, query("delete_calls"))


def _count_below_floor(conn: Connection) -> int:
    row = conn.execute(
        "SELECT count(*) FROM _genai.model_call m"
        " WHERE m.time < (SELECT f.time FROM _genai.floor f WHERE f.level = 'raw')"
    ).fetchone()
    return int(row[0]) if row else 0


def _in_slices(conn: Connection, statement: bytes) -> int:
    """Run a deleting statement until nothing is left for it."""
    deleted = 0
    while count := conn.execute(statement, (SLICE,)).rowcount:
        deleted += count
    return deleted


def _fold_identities(conn: Connection, before: datetime) -> int:
    """Fold whole days of identity hours, each in one transaction: floor, day rows and hour rows together."""
    days = 0
    while day := _oldest_identity_day(conn, before):
        with conn.transaction():
            _raise_floor(conn, "identity_hour", day + timedelta(days=1))
            conn.execute(query("fold_identities"), {"day": day})
        days += 1
    _raise_floor(conn, "identity_hour", before)
    return days


def _oldest_identity_day(conn: Connection, before: datetime) -> datetime | None:
    row = conn.execute(
        "SELECT min(bucket) FROM _genai.usage_identity_hour WHERE bucket < %s", (before,)
    ).fetchone()
    if row is None or row[0] is None:
        return None
    oldest: datetime = row[0]
    return oldest.replace(hour=0)
