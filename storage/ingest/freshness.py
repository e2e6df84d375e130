"""From receipt to visible: how long commits take, as a histogram by minute (LEDGER §22)."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg

from storage.statements import query

BOUNDS_NS = tuple(round(1_000_000 * 2 ** (i / 2)) for i in range(39))
"""Upper ends of the buckets of `genai.freshness_minute`: 1 ms * 2^(i/2); bucket 39 holds the rest."""

ADD_FRESHNESS = query("add_freshness")


class Freshness:
    """Durations that wait to be written with the next transaction."""

    def __init__(self) -> None:
        self._waiting: Counter[tuple[int, int]] = Counter()
        self._in_transaction: Counter[tuple[int, int]] = Counter()

    def observe(self, received_ns: Iterable[int]) -> None:
        """Take note of calls whose commit has just returned; what the transaction stored is done with."""
        self._in_transaction.clear()
        now_ns = time.time_ns()
        minute = now_ns // 60_000_000_000
        for stamp, calls in Counter(received_ns).items():
            self._waiting[minute, bisect_left(BOUNDS_NS, now_ns - stamp)] += calls

    def __len__(self) -> int:
        return len(self._waiting)

    def store(self, conn: psycopg.Connection[Any]) -> None:
        """Write what waits, inside the caller's transaction."""
        if not self._waiting:
            return
        self._in_transaction, self._waiting = self._waiting, Counter()
        items = sorted(self._in_transaction.items())
        minutes = [datetime.fromtimestamp(minute * 60, UTC) for (minute, _), _ in items]
        buckets = [bucket for (_, bucket), _ in items]
        conn.execute(ADD_FRESHNESS, (minutes, buckets, [calls for _, calls in items]), prepare=True)

    def take_back(self) -> None:
        """The transaction failed: what it would have stored waits again."""
        self._waiting += self._in_transaction
        self._in_transaction = Counter()
