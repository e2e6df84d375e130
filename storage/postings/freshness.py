"""From receipt to visible in the summaries, as a histogram by minute (LEDGER §22)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import psycopg

from storage.statements import query

BOUNDS = tuple(timedelta(microseconds=round(1_000 * 2 ** (i / 2))) for i in range(39))
"""Upper ends of the buckets of `genai.freshness_minute`: 1 ms * 2^(i/2); bucket 39 holds the rest."""

ADD_FRESHNESS = query("add_freshness")


class Freshness:
    """Durations that wait to be stored."""

    def __init__(self) -> None:
        self._waiting: Counter[tuple[datetime, int]] = Counter()

    def observe(self, receipts: Iterable[tuple[datetime, int]], visible_at: datetime) -> None:
        """Take note of calls that are in the summaries now.

        Args:
            receipts: a moment of receipt, and how many calls it stands for.
            visible_at: now, by the same clock.
        """
        minute = visible_at.replace(second=0, microsecond=0)
        for received_at, calls in receipts:
            self._waiting[minute, bisect_left(BOUNDS, visible_at - received_at)] += calls

    def __len__(self) -> int:
        return len(self._waiting)

    def store(self, conn: psycopg.Connection[Any]) -> None:
        """Write what waits; it waits on when that fails."""
        if not self._waiting:
            return
        items = sorted(self._waiting.items())
        minutes, buckets = [minute for (minute, _), _ in items], [bucket for (_, bucket), _ in items]
        conn.execute(ADD_FRESHNESS, (minutes, buckets, [calls for _, calls in items]))
        self._waiting.clear()
