"""Counted calls that two instrumentations of one service may tell side by side, without a common id.

Whether two of them are one call decides `processor.calls.same_call`; this finds what it has to compare.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import psycopg

from processor.calls.call import Flag
from processor.calls.same_call import TOLERANCE_US
from storage.journal.stored_row import RowKey, bounds
from storage.pgwire import timestamp_array, uuid_array
from storage.statements import query

_GAP_US = 600_000_000
_REACH_US = 3 * TOLERANCE_US
"""Two calls that may be one begin at most the tolerance apart, and the row of each may begin as much before
or after it: it stands for the call that it was joined with."""
MAX_ALIKE = 2_000
"""Pairs that are looked at together: a load test of equal calls is more, and says nothing."""

Connection = psycopg.Connection[Any]

READ_TWOFOLD, FIND_ALIKE = query("read_twofold_services"), query("find_alike")
QUEUE_AGAIN = query("queue_again")


class Alike:
    """Calls of services that use two vocabularies; all others cost one look into a small table."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._services = [row[0] for row in conn.execute(READ_TWOFOLD)]
        self._found: dict[RowKey, set[RowKey]] = {}
        self._asked: set[RowKey] = set()
        self._pairs = 0

    @property
    def places(self) -> Mapping[RowKey, Collection[RowKey]]:
        """Call → the calls that look like it, both ways."""
        return self._found

    def find(self, places: Collection[RowKey]) -> set[RowKey]:
        """Look for calls that begin and count as these do; answers those that were found for all so far."""
        new = sorted(set(places) - self._asked) if self._services else []
        self._asked |= set(new)
        for near in _clusters(new):
            self._add(near)
        return set(self._found)

    def _add(self, places: Sequence[RowKey]) -> None:
        values = bounds(places) | {
            "services": self._services,
            "reach": f"{_REACH_US} microseconds",
            "from_log": int(Flag.FROM_LOG),
        }
        rows = self._conn.execute(FIND_ALIKE, values, binary=True)
        for _, same in groupby(rows, key=itemgetter(0, 1, 2, 3)):
            self._pair([RowKey(time_us, key) for *_, time_us, key in same])

    def _pair(self, same: Sequence[RowKey]) -> None:
        """Note the pairs that begin together, of which one was asked for."""
        for number, one in enumerate(same):
            for other in same[number + 1 :]:
                if other.time_us > one.time_us + _REACH_US or self._pairs >= MAX_ALIKE:
                    break
                if not self._asked.isdisjoint((one, other)):
                    self._pairs += 1
                    self._found.setdefault(one, set()).add(other)
                    self._found.setdefault(other, set()).add(one)


def _clusters(places: Sequence[RowKey]) -> Iterator[list[RowKey]]:
    """Places in order, cut where a long time lies between two: what comes late must not read whole days."""
    cluster: list[RowKey] = []
    for place in places:
        if cluster and place.time_us - cluster[-1].time_us > _GAP_US:
            yield cluster
            cluster = []
        cluster.append(place)
    if cluster:
        yield cluster


def look_again(conn: Connection, before: Alike, places: Collection[RowKey]) -> None:
    """Put calls back into the queue that look like others only now that several spans tell their counts."""
    after = Alike(conn)
    after.find(places)
    new = {place for place, others in after.places.items() if set(others) - set(before.places.get(place, ()))}
    if new:
        times, keys = zip(*sorted(new), strict=True)
        values = bounds(new) | {"times": timestamp_array(list(times)), "keys": uuid_array(list(keys))}
        conn.execute(QUEUE_AGAIN, values)
