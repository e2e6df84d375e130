"""Counted calls that two instrumentations of one service may tell side by side, without a common id.

Whether two of them are one call decides `processor.calls.same_call`; this finds what it has to compare.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import psycopg

from processor.calls.call import Flag
from processor.calls.same_call import TOLERANCE_US
from storage.journal.stored_row import Place, bounds
from storage.pgwire import timestamp_array, uuid_array
from storage.statements import query

MAX_ALIKE = 2_000
"""Pairs that are looked at together: a load test of equal calls is more, and says nothing."""

Connection = psycopg.Connection[Any]

READ_TWOFOLD, FIND_ALIKE = query("read_twofold_services"), query("find_alike")


class Alike:
    """Calls of services that use two vocabularies; all others cost one look into a small table."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._services = [row[0] for row in conn.execute(READ_TWOFOLD)]
        self._found: dict[Place, set[Place]] = {}
        self._asked: set[Place] = set()

    @property
    def places(self) -> Mapping[Place, Collection[Place]]:
        """Call → the calls that look like it, both ways."""
        return self._found

    def find(self, places: Collection[Place]) -> set[Place]:
        """Look for calls that begin and count as these do; answers those that were found for all so far."""
        new = set(places) - self._asked
        if new and self._services and len(self._found) < MAX_ALIKE:
            self._asked |= new
            for time_us, key, other_us, other_key in self._pairs(new):
                one, other = Place(time_us, key), Place(other_us, other_key)
                self._found.setdefault(one, set()).add(other)
                self._found.setdefault(other, set()).add(one)
        return set(self._found)

    def _pairs(self, places: Collection[Place]) -> Collection[tuple[int, bytes, int, bytes]]:
        times, keys = zip(*sorted(places), strict=True)
        values = bounds(places) | {
            "services": self._services,
            "times": timestamp_array(list(times)),
            "keys": uuid_array(list(keys)),
            "tolerance": f"{TOLERANCE_US} microseconds",
            "from_log": int(Flag.FROM_LOG),
            "most": MAX_ALIKE,
        }
        return self._conn.execute(FIND_ALIKE, values, binary=True).fetchall()
