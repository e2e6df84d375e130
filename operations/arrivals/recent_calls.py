"""Calls as they arrive, polled from the ledger by time of receipt."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from operations import query as ledger
from operations.query import Row

_OVERLAP = timedelta(seconds=5)
"""Commits are not in the order of receipt: a poll looks this far back behind what it has seen."""
_AT_ONCE = 2000
"""Rows of one poll; when more arrive between two polls, the feed goes on at the newest of these."""


class Feed:
    """Calls (and, when asked, what was not counted) received after a moment, each once."""

    def __init__(
        self, connection: psycopg.Connection[Any], start: datetime, with_uncounted: bool = False
    ) -> None:
        self._connection = connection
        self._start = start
        self._newest = start
        self._queries = ["arrived_calls", *(["arrived_uncounted"] if with_uncounted else [])]
        self._seen: dict[object, datetime] = {}

    def poll(self) -> list[Row]:
        """Rows received since the last poll, in order of receipt. A row without `model` was not counted."""
        after = max(self._start, self._newest - _OVERLAP)
        found: list[Row] = []
        for name in self._queries:
            arrived = ledger.rows(self._connection, name, after=after, limit=_AT_ONCE)
            found += self._unseen(arrived)
            if len(arrived) == _AT_ONCE:
                self._start = max(self._start, arrived[-1]["received_at"])
        self._forget()
        return sorted(found, key=lambda row: row["received_at"])

    def _unseen(self, arrived: Iterable[Row]) -> list[Row]:
        new = []
        for row in arrived:
            key = row.get("call_key") or (row["span_id"], row["trace_id"], row["reason"], row["received_at"])
            if key not in self._seen:
                new.append(row)
                self._seen[key] = row["received_at"]
                self._newest = max(self._newest, row["received_at"])
        return new

    def _forget(self) -> None:
        """Drop what no later poll looks back to."""
        oldest = self._newest - 2 * _OVERLAP
        self._seen = {key: received_at for key, received_at in self._seen.items() if received_at >= oldest}


class ProblemFeed:
    """Why requests of senders end in no counted call, counted from a moment on."""

    def __init__(self, connection: psycopg.Connection[Any], start: datetime) -> None:
        self._connection = connection
        self._start = start
        known = ledger.rows(connection, "sender_problems", after=datetime.min.replace(tzinfo=UTC))
        self._before = {_key(row): row["requests"] for row in known if row["last_seen"] <= start}
        self._told: set[tuple[object, ...]] = set()

    def all(self) -> list[Row]:
        """Every problem seen since the start, the most frequent first; `requests` counts from the start."""
        found = ledger.rows(self._connection, "sender_problems", after=self._start)
        for row in found:
            row["requests"] -= self._before.get(_key(row), 0)
        return sorted(found, key=lambda row: (not row["is_refused"], -row["requests"]))

    def poll(self) -> list[Row]:
        """Problems that no poll before this one had."""
        new = [row for row in self.all() if _key(row) not in self._told]
        self._told.update(map(_key, new))
        return new


def _key(row: Row) -> tuple[object, ...]:
    names = ("receiver", "cause", "transport", "detail", "sender", "service_name")
    return tuple(row[name] for name in names)
