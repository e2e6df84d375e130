"""Late binding: what spans of a trace that arrived in different requests know for each other (LEDGER §23).

    with Binder(dsn, price) as binder:
        bound = binder.bind()        # every second or so, by one process at a time

Ingest appends to `_genai.arrival` what another request may still change. The binder takes it from there by
the trace: tags of ancestors and better readings of duplicates reach the counted call, a call that wraps
another one is taken back, and a wrapper whose window ran out is counted. State is in the database only, and
every change is an amendment that compares with the row: a binder that dies is followed by one that does the
same again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg

from processor.calls.call import OWN, Batch, Flag
from processor.calls.errors import StorageUnavailable
from processor.calls.tenants import Tenants
from storage.ingest.call_keys import claimed_ms, own_key
from storage.ingest.call_row import postgres_us
from storage.ingest.uncounted import call_of
from storage.ingest.unread import retract_repeated
from storage.ingest.writer import Writer
from storage.journal.amender import Amender, Amendment
from storage.journal.remap import assignments
from storage.journal.stored_row import Price, RowKey, bounds, instant
from storage.late.alike import Alike, look_again
from storage.late.groups import MergeGroup, Part, Span, Trace, components, unserved
from storage.late.resolve import place_of, places_of, settle
from storage.late.streams import pair_streams
from storage.late.trace import LONGEST_US, QUIET_US, TraceSpan, TraceWindow, is_closed, sessions
from storage.late.wrappers import find_promotions, promoted_above, serve
from storage.pgwire import (
    TimestampArray,
    TimestampArrayDumper,
    UuidArray,
    UuidArrayDumper,
    timestamp_array,
    uuid_array,
)
from storage.statements import query

log = logging.getLogger(__name__)

SLICE = 5_000
"""Arrivals a transaction: as many as ingest commits at once."""
WRAPPERS = 1_000
MAX_REACH = 8
"""Steps from trace to trace by spans that are one call; a chain that is longer is cut."""
FORGOTTEN_ROWS = 20_000
GRACE_US = 5_000_000
"""A wrapper is counted this long after its window, so that what was received inside it is committed first."""
PAIRING_US = 60_000_000
"""Halves of streams look for each other this often."""
RUN_SECONDS = 3600.0
"""One run an hour and kind in the ledger's book; its lines say the minute."""

Connection = psycopg.Connection[Any]


class Bound(NamedTuple):
    """The result of one `Binder.bind`.

    Attributes:
        arrivals: entries of the queue that were looked at.
        rows: stored calls that changed.
        promoted: wrappers that are counted now.
        forgotten: sightings and open calls of closed traces that were deleted.
    """

    arrivals: int = 0
    rows: int = 0
    promoted: int = 0
    forgotten: int = 0


class Arrival(NamedTuple):
    """One entry of the queue that something may follow from."""

    trace_id: bytes
    span_id: bytes
    received_us: int


class Binder:
    """Owns its connections. One process at a time; two do no harm, they wait for each other."""

    def __init__(
        self,
        dsn: str,
        price: Price,
        *,
        caps: dict[int, int] | None = None,
        price_map_id: int | None = None,
    ) -> None:
        """Nothing is opened yet.

        Args:
            price: what a call costs by the price map in force, which is `price_map_id`.
            caps: distinct values per day and dimension, as the writers have them.
        """
        self._dsn, self._price, self._caps, self._price_map_id = dsn, price, caps, price_map_id
        self._tenants = Tenants()
        self._conn: Connection | None = None
        self._amenders: dict[str, tuple[Amender, float]] = {}
        self._writer = Writer(dsn, caps=caps, price_map_id=price_map_id, folds=False)
        self._is_new = True
        self._paired_us = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def bind(self, now_ns: int | None = None, *, seconds: float = 30.0) -> Bound:
        """Bind what has come, count the wrappers whose window ran out, forget what nothing can change.

        Args:
            now_ns: the moment that windows are measured to; tests set it.
            seconds: stop taking further slices after this long; the rest is for the next call.

        Raises:
            StorageUnavailable: the database is away; what was committed stays, the rest is done next time.
        """
        now_us = postgres_us(time.time_ns() if now_ns is None else now_ns)
        deadline = time.monotonic() + seconds
        try:
            promoted = self._promote(query("begun_promotions"), (), now_us) if self._is_new else 0
            self._is_new = False
            arrivals, rows = self._drain(deadline)
            if time.monotonic() < deadline:
                before = instant(now_us - QUIET_US - GRACE_US)
                paired = self._pair_streams(before, now_us)
                promoted += self._promote(query("due_wrappers"), (before, WRAPPERS), now_us)
                if promoted or paired:
                    more, changed = self._drain(deadline)
                    arrivals, rows = arrivals + more, rows + changed
            return Bound(arrivals, rows, promoted, self._forget(now_us))
        except psycopg.Error as error:
            self.close()
            raise StorageUnavailable(f"late binding has to wait: {type(error).__name__}") from error

    def close(self) -> None:
        """End the runs in the book and close every connection."""
        for amender, _ in self._amenders.values():
            try:
                amender.finish()
            except StorageUnavailable:
                log.warning(
                    "a run of late binding stays open in the amendment journal: the database is unavailable"
                )
            amender.close()
        self._amenders.clear()
        self._writer.close()
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    # Arrivals

    def _drain(self, deadline: float) -> tuple[int, int]:
        arrivals = rows = 0
        while True:
            taken, changed = self._bind_slice()
            arrivals, rows = arrivals + taken, rows + changed
            if not taken or time.monotonic() > deadline:  # a slice may put calls back into the queue
                return arrivals, rows

    def _bind_slice(self) -> tuple[int, int]:
        """Look at the next arrivals; they leave the queue when what follows from them is committed."""
        conn = self._connection()
        with conn.transaction():
            taken, arrivals = _take(conn)
            if not arrivals:
                return taken, 0
            self._tenants.use(assignments(conn))
            changed = self._settle(conn, arrivals)
            retract_repeated(conn, {arrival.trace_id for arrival in arrivals})
        return taken, changed

    def _settle(self, conn: Connection, arrivals: Sequence[Arrival]) -> int:
        dirty: dict[Trace, list[Arrival]] = {}
        for arrival in arrivals:
            dirty.setdefault(arrival.trace_id, []).append(arrival)
        nodes = self._nodes(conn, dirty)
        alike = Alike(conn)
        alike.find({node.place for found in nodes.values() for node in found if node.place is not None})
        _drop_lonely(conn, nodes, alike.places)
        self._reach_out(conn, nodes, alike)
        parts = [
            Part(trace, session, [a.span_id for a in dirty.get(trace, ()) if first <= a.received_us <= last])
            for trace, found in nodes.items()
            for session, first, last in _sessions(found)
        ]
        made = components(parts, promoted_above(conn, parts), alike.places)
        changed = self._amend(made)
        seats = [seat for component in made for seat in component.seats]
        if changed:
            look_again(conn, alike, places_of(seats))
        serve(conn, {(s.trace, n.span_id): n for s in seats for n in s.session.served_by(s.node)})
        return changed

    def _reach_out(self, conn: Connection, nodes: dict[Trace, list[TraceSpan]], alike: Alike) -> None:
        """Add the traces of spans that are, or may be, one call with a span of these traces."""
        asked: set[RowKey] = set()
        for _ in range(MAX_REACH):
            found = [node for spans in nodes.values() for node in spans]
            places = {place for node in found for place in node.places}
            places |= alike.find(places)
            if places <= asked:
                return
            self._add_places(conn, nodes, places - {node.place for node in found if node.document is None})
            keys = uuid_array([place.call_key for place in places - asked])
            asked |= places
            traces = {row[0] for row in conn.execute(READ_DUPLICATES, (keys,), binary=True)} - nodes.keys()
            if traces:
                nodes |= self._nodes(conn, traces)

    def _add_places(self, conn: Connection, nodes: dict[Trace, list[TraceSpan]], places: set[RowKey]) -> None:
        """Add counted calls that late binding need not look at for themselves, with their traces."""
        if not places:
            return
        times, keys = zip(*sorted(places), strict=True)
        values = bounds(places) | {"times": timestamp_array(list(times)), "keys": uuid_array(list(keys))}
        found = [_placed(row) for row in conn.execute(READ_PLACES, values, binary=True)]
        new = {trace for trace, _ in found} - nodes.keys()
        if new:
            nodes |= self._nodes(conn, new)
        for trace, node in found:
            nodes.setdefault(trace, []).append(node)

    def _nodes(self, conn: Connection, asked: Collection[Trace]) -> dict[Trace, list[TraceSpan]]:
        """All spans known of these traces."""
        traces = uuid_array(list(asked))
        nodes: dict[Trace, list[TraceSpan]] = {trace: [] for trace in asked}
        for row in conn.execute(READ_SIGHTINGS, (traces,), binary=True):
            nodes[row[0]].append(_sighting(row))
        for row in conn.execute(READ_OPEN_CALLS, (traces,), binary=True):
            nodes[row[0]].append(_open_call(row))
        return nodes

    def _amend(self, components: Sequence[MergeGroup]) -> int:
        by_kind: dict[str, list[Amendment]] = {}
        for component in components:
            places = tuple(places_of(component.seats))
            change = settle(component.seats, self._price, self._price_map_id, self._tenants)
            by_kind.setdefault(component.kind, []).append(Amendment(places, change, is_partial=True))
        return sum(self._amender(kind).apply(made).rows for kind, made in sorted(by_kind.items()))

    # Wrappers

    def _pair_streams(self, before: datetime, now_us: int) -> int:
        """Pair the halves of streams every minute, and before one of them is counted alone."""
        conn = self._connection()
        is_due = conn.execute(query("due_wrappers"), (before, 1), binary=True).fetchone() is not None
        if not is_due and now_us - self._paired_us < PAIRING_US:
            return 0
        self._paired_us = now_us
        return pair_streams(conn)

    def _promote(self, due: bytes, parameters: Sequence[object], now_us: int) -> int:
        """Count the wrappers of closed sessions below which no call has come, in a later session neither."""
        conn = self._connection()
        traces = [row[0] for row in conn.execute(due, parameters, binary=True)]
        if not traces:
            return 0
        waiting: list[tuple[Trace, TraceSpan]] = []
        ended: dict[Span, TraceSpan] = {}
        for trace, nodes in self._nodes(conn, traces).items():
            above_later: set[bytes] = set()
            for spans in reversed(list(sessions(nodes))):
                session = TraceWindow(spans)
                if is_closed(spans, now_us - GRACE_US):
                    wrappers = [n for n in session.nodes.values() if n.wrapper]
                    ended |= {(trace, n.span_id): n for n in session.nodes.values() if n.document is not None}
                    waiting += [
                        (trace, n) for n in unserved(session, wrappers) if n.span_id not in above_later
                    ]
                above_later |= session.above_calls()
        self._count(conn, waiting)
        serve(conn, ended)
        return len(waiting)

    def _count(self, conn: Connection, waiting: Sequence[tuple[Trace, TraceSpan]]) -> None:
        if not waiting:
            return
        calls = [call_of(node.document) for _, node in waiting if node.document is not None]
        for call in calls:
            call.flags |= Flag.PROMOTED
            self._tenants.assign(call)
        keys = [own_key(call, claimed_ms(call)) for call in calls]
        times = timestamp_array([postgres_us(call.time_ns) for call in calls])
        spans = [int.from_bytes(call.span_id, "big", signed=True) for call in calls]
        conn.execute(
            ADD_PROMOTIONS, (uuid_array([c.trace_id for c in calls]), spans, uuid_array(keys), times)
        )
        received = min(call.received_ns for call in calls)
        batch = Batch(calls=calls, spans=len(calls), received_ns=received)
        self._writer.write([(batch, [self._price(call) for call in calls])])

    # The rest

    def _forget(self, now_us: int) -> int:
        before = instant(now_us - QUIET_US - 2 * GRACE_US)
        values = {"before": before, "oldest": instant(now_us - 2 * LONGEST_US), "rows": FORGOTTEN_ROWS}
        row = self._connection().execute(FORGET, values).fetchone()
        return int(row[0]) if row else 0

    def _amender(self, kind: str) -> Amender:
        known = self._amenders.get(kind)
        if known is not None and time.monotonic() - known[1] < RUN_SECONDS:
            return known[0]
        if known is not None:
            known[0].finish()
            known[0].close()
        amender = Amender(
            self._dsn, kind, why="spans that came in another request", by="late binding", caps=self._caps
        )
        self._amenders[kind] = amender, time.monotonic()
        return amender

    def _connection(self) -> Connection:
        if self._conn is None or self._conn.closed:
            self._conn = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=5,
                application_name="spanledger late binding",
                options="-c timezone=UTC -c jit=off -c lock_timeout=10s -c statement_timeout=30s",
            )
            self._conn.adapters.register_dumper(UuidArray, UuidArrayDumper)
            self._conn.adapters.register_dumper(TimestampArray, TimestampArrayDumper)
        return self._conn


TAKE_ARRIVALS = query("take_arrivals")
READ_OPEN_CALLS, READ_SIGHTINGS = query("read_open_calls"), query("read_sightings")
ADD_PROMOTIONS, FORGET = query("add_promotions"), query("forget_quiet_traces")
READ_DUPLICATES, READ_PLACES = query("read_duplicates"), query("read_places")


def _take(conn: Connection) -> tuple[int, list[Arrival]]:
    """Take the next entries of the queue; how many that were, and those that something may follow from."""
    row = conn.execute(TAKE_ARRIVALS, (SLICE,), binary=True).fetchone()
    assert row is not None
    taken, *columns = row
    return taken, [Arrival(*each) for each in zip(*(column or () for column in columns), strict=True)]


def _open_call(row: Sequence[Any]) -> TraceSpan:
    _, span, parent, call, time_us, received_us = row
    return TraceSpan(span, parent or b"", received_us, RowKey(time_us, call))


def _sighting(row: Sequence[Any]) -> TraceSpan:
    _, span, parent, received_us, call, time_us, wrapper, name, tags, attributes, document = row
    of = RowKey(time_us, call) if call else None
    is_counted = of is None and document is not None and document.get("part") == OWN
    place = place_of(call_of(document)) if is_counted else None
    return TraceSpan(
        span, parent or b"", received_us, place, of, wrapper, name, tags or {}, attributes or {}, document
    )


def _drop_lonely(conn: Connection, nodes: dict[Trace, list[TraceSpan]], alike: Collection[RowKey]) -> None:
    """Leave out traces of one call, which nothing can name yet, unless a promoted wrapper is around it.

    Args:
        alike: calls that others look like.
    """
    lonely = {
        (trace, found[0].parent)
        for trace, found in nodes.items()
        if len(found) == 1 and found[0].place is not None and found[0].place not in alike
    }
    around = find_promotions(conn, {span for span in lonely if span[1]})
    for span in lonely - around.keys():
        del nodes[span[0]]


def _placed(row: Sequence[Any]) -> tuple[Trace, TraceSpan]:
    trace, span, parent, call, time_us, received_us = row
    return trace, TraceSpan(span, parent or b"", received_us, RowKey(time_us, call), is_settled=True)


def _sessions(nodes: Iterable[TraceSpan]) -> Iterable[tuple[TraceWindow, int, int]]:
    """Sessions with their first and last receipt."""
    for spans in sessions(nodes):
        yield TraceWindow(spans), spans[0].received_us, spans[-1].received_us
