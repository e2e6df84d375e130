"""The folder: adds postings into the summaries, one transaction after the other (LEDGER §21).

Writers append postings and touch no summary. `_genai.fold` takes what waits and adds it up in one
transaction, under a lock of the database: whoever calls it, and however it ends, each posting is added once.
The service runs a `Folder`; what must see its own change in the summaries (`fold`) does not wait for it.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from storage.connection import connect, rolled_back
from storage.postings.freshness import Freshness
from storage.statements import query

log = logging.getLogger(__name__)

MOST = 100_000
"""Postings a transaction, about: a second or two, and a backlog is worked off in such steps."""
SHRINK_BYTES = 64 << 20
"""A file longer than this gives back what it does not need, once nothing waits."""
_VACUUM_POSTINGS, _VACUUM_SECONDS = 5_000, 10.0
_STORE_SECONDS = 1.0

FOLD, SET_ASIDE, CLOCK = query("fold"), query("set_aside"), query("clock")
VACUUM, SHRINK, POSTING_BYTES = query("vacuum"), query("shrink"), query("posting_bytes")

Connection = psycopg.Connection[Any]


class Folded(NamedTuple):
    """One fold: postings taken, and for how many calls each moment of receipt stands."""

    taken: int
    receipts: list[tuple[datetime, int]]


def fold(conn: Connection) -> int:
    """Add up everything that is committed now, so that the summaries hold it; how many postings that were.

    For those who change the ledger beside a folder or without one. In the caller's transaction, if there is
    one: no other fold then runs until it ends.
    """
    taken = 0
    while some := _fold(conn).taken:
        taken += some
    return taken


def _fold(conn: Connection, most: int = MOST) -> Folded:
    """One fold. Where a sum grows beyond bigint, the transaction that makes it so is set aside alone."""
    try:
        with conn.transaction():
            row = conn.execute(FOLD, (most,), prepare=True).fetchone()
    except psycopg.errors.NumericValueOutOfRange:
        if most > 1:
            return _fold(conn, most // 10)
        refused = conn.execute(SET_ASIDE).rowcount
        log.error("a sum would not fit: %d postings are set aside (_genai.posting_refused)", refused)
        return Folded(refused, [])
    assert row is not None
    taken, received, calls = row
    return Folded(taken, list(zip(received or (), calls or (), strict=True)))


class Folder:
    """Folds again and again over one connection, measures freshness, and keeps the table of postings small.

    Not for several threads at once.
    """

    def __init__(self, dsn: str, most: int = MOST) -> None:
        """Nothing is opened yet.

        Args:
            most: postings a transaction, about.
        """
        self.freshness = Freshness()
        self._dsn, self._most = dsn, most
        self._conn: Connection | None = None
        self._unvacuumed = 0
        self._vacuumed = self._stored = time.monotonic()

    @property
    def connection(self) -> Connection:
        """The connection, opened if need be."""
        if self._conn is None or self._conn.closed:
            self._conn = connect(self._dsn, "spanledger folder")
            self._conn.execute("SET statement_timeout = 0")  # a backlog may take long
        return self._conn

    def run(self) -> int:
        """One fold and what follows from it; returns how many postings were taken.

        Raises:
            psycopg.Error: nothing was taken, or what was taken is committed; run it again.
        """
        try:
            return self._run(self.connection)
        except psycopg.Error:
            self._conn = rolled_back(self._conn)
            raise

    def _run(self, conn: Connection) -> int:
        folded = _fold(conn, self._most)
        if folded.receipts:
            row = conn.execute(CLOCK).fetchone()
            assert row is not None
            self.freshness.observe(folded.receipts, row[0])
        self._unvacuumed += folded.taken
        now = time.monotonic()
        if self._unvacuumed >= _VACUUM_POSTINGS or (
            self._unvacuumed and now > self._vacuumed + _VACUUM_SECONDS
        ):
            self._vacuum(conn, is_all=folded.taken < self._most)
        if len(self.freshness) and (now > self._stored + _STORE_SECONDS or not folded.taken):
            self.freshness.store(conn)
            self._stored = now
        return folded.taken

    def _vacuum(self, conn: Connection, is_all: bool) -> None:
        row = conn.execute(POSTING_BYTES).fetchone()
        conn.execute(SHRINK if is_all and row is not None and row[0] > SHRINK_BYTES else VACUUM)
        self._unvacuumed, self._vacuumed = 0, time.monotonic()

    def close(self) -> None:
        """Close the connection."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None
