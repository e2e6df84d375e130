"""One batch into the ledger: a single idempotent transaction (LEDGER §2, §3, §21)."""

from __future__ import annotations

import logging
import random
import struct
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import psycopg

from processor.calls.call import Batch, Flag, ModelCall, Outcome, Rejection
from processor.calls.errors import StorageUnavailable
from processor.pricing.charge import Charge
from storage.connection import Connection, connect, copy_in, cut, describe, is_race, is_transient, rolled_back
from storage.dimensions.cardinality import CardinalityLimit
from storage.dimensions.dictionary import Dictionary
from storage.ingest.call_keys import claimed_ms, own_key
from storage.ingest.call_row import (
    COPY_CALLS,
    COPY_POSTINGS,
    REQUESTS,
    Origin,
    mark_row,
    pack_rows,
    postgres_us,
)
from storage.ingest.extras import Extras, duplicates, extras_of, joined_spans
from storage.ingest.key_claims import ConflictForecast, KeyClaims, SeenBefore, claim_served
from storage.ingest.resends import add_resends, resends
from storage.ingest.uncounted import copy_data, rejection_row
from storage.ingest.uncounted import mark_row as mark_uncounted
from storage.ingest.unread import add_unread
from storage.pgwire import (
    COPY_HEADER,
    COPY_TRAILER,
    NULL,
    POSTGRES_EPOCH_US,
    pack_int4,
    pack_int8,
    uuid_array,
)
from storage.postings.folder import fold
from storage.statements import query

log = logging.getLogger(__name__)

MAX_CALLS = 5_000
"""Calls per transaction; beyond 5 000 a bigger batch gained nothing and only waits longer."""
ATTEMPTS = 6
"""Tries of one transaction that lost a deadlock or a serialisation race."""

_LAPSED = "SL001"
"""SQLSTATE of `_genai.writer_lapsed`."""

_CLIENT_DATA_ERRORS = (ValueError, struct.error, OverflowError, KeyError, TypeError)

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_REPEATED, _PROMOTED = int(Flag.RESPONSE_REPEATED), int(Flag.PROMOTED)

READ_FLOORS = query("read_floors")
COPY_SIGHTINGS, COPY_QUARANTINE = query("copy_sightings"), query("copy_quarantine")
COPY_ARRIVALS = query("copy_arrivals")
MARK_WRITER, BOOK_PROMOTIONS = query("mark_writer"), query("book_promotions")

BACKLOG_BYTES, BACKLOG_SECONDS = 4 << 30, 600
"""More postings than this (25 million) that the folder has not taken for so long."""

T = TypeVar("T")
Priced = tuple[Batch, Sequence[Charge]]
"""A decoded request and the charge of each of its calls."""


class Lapsed(StorageUnavailable):
    """The writer stood still for so long that the watermark goes on without what it holds."""


class Load(NamedTuple):
    """Calls on their way into the ledger, their charges and the indexes of the requests that brought them."""

    calls: list[ModelCall]
    charges: list[Charge]
    requests: list[int]

    def part(self, start: int, end: int | None) -> Load:
        """The calls from `start` to before `end`."""
        return Load(self.calls[start:end], self.charges[start:end], self.requests[start:end])


_NO_CALLS = Load([], [], [])
_TIME = attrgetter("time_ns")
Late = tuple[int, int, Rejection]
"""A call that came too late: its request's index, its receipt in ns, and what is kept of it."""


class Written(NamedTuple):
    """Outcomes of the calls of one transaction, one entry per call, each with the index of its request."""

    accepted: list[tuple[int, ModelCall]]
    duplicates: list[int]
    rejections: list[tuple[int, Rejection]]


class Writer:
    """Owns one connection. Not for several threads at once."""

    def __init__(
        self,
        dsn: str,
        *,
        caps: dict[int, int] | None = None,
        price_map_id: int | None = None,
        patience_seconds: float = 5.0,
        folds: bool = True,
    ) -> None:
        """Nothing is opened yet.

        Args:
            folds: add to the summaries what was written, after each write, and measure no freshness. A
                receiver's writers leave both to the folder of the service.
            caps: distinct values per day and dimension (storage.dimensions.cardinality).
            price_map_id: `_genai.price_map` row in force, stored with every call.
            patience_seconds: how long a write goes on trying while the database is away.
        """
        self.id = uuid.uuid4()
        self.catalog = Dictionary(CardinalityLimit(caps))
        self.is_backed_up = False
        """The folder is so far behind, and has been for so long, that no more should come."""
        self.holds_from_ns: int | None = None
        self.patience_seconds = patience_seconds
        self._dsn, self._folds = dsn, folds
        self._price_map = NULL if price_map_id is None else pack_int4(4, price_map_id)
        self._care = ConflictForecast()
        self._conn: Connection | None = None

    def use_price_map(self, price_map_id: int) -> None:
        """Store this map with the calls written from now on."""
        self._price_map = pack_int4(4, price_map_id)

    def write(self, priced: Sequence[Priced]) -> list[Outcome]:
        """Commit these requests; everything in them is then on disk, priced and counted once.

        Idempotent: what was written before is a duplicate. A call that the database refuses is rejected and
        quarantined alone. More than `MAX_CALLS` calls become several transactions.

        Returns:
            One outcome per request, in order.

        Raises:
            StorageUnavailable: the last transaction is not known to be committed; send everything again.
            Lapsed: it is not committed; nothing received before the next `renew` may be written.
        """
        batches, load = _load(priced)
        written = self._write_rest(batches, load.part(0, MAX_CALLS))
        for start in range(MAX_CALLS, len(load.calls), MAX_CALLS):
            written = _joined(written, self._write_bisecting(load.part(start, start + MAX_CALLS)))
        if self._folds and written.accepted:
            self._persistently(lambda: fold(self._connection()))
        return _outcomes(batches, written)

    def flush(self) -> None:
        """Write a sign of life, when no next batch came (LEDGER §13). Raises what `write` does."""
        self._persistently(self._flush_once)

    def renew(self) -> None:
        """The sign of life of a writer that lapsed, once nothing is left that it held meanwhile."""
        self._persistently(lambda: self._flush_once(may_have_lapsed=True))

    def close(self) -> None:
        """Close the connection."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def abandon(self) -> None:
        """Cut the connection under a write that hangs, from another thread; the write then fails."""
        conn = self._conn
        if conn is not None and not conn.closed:
            cut(conn)

    # One transaction

    def _write_rest(self, batches: list[Batch], load: Load) -> Written:
        """The first transaction of a write: sightings and rejections go with it."""
        extras = extras_of(batches)
        try:
            return self._persistently(lambda: self._transact(load, extras))
        except _DataRefused:
            log.warning(
                "the ledger refused a batch of %d calls; looking for the call that it refuses",
                len(load.calls),
            )
        written = self._write_bisecting(load)
        try:
            self._persistently(lambda: self._transact(_NO_CALLS, extras))
        except _DataRefused:
            log.exception("sightings and rejections of a batch could not be stored")
        return written

    def _write_bisecting(self, load: Load) -> Written:
        """Write; if the data is refused, in halves, so that a poison call costs only itself (LEDGER §15)."""
        if not load.calls:
            return Written([], [], [])
        try:
            return self._persistently(lambda: self._transact(load, Extras()))
        except _DataRefused as refused:
            if len(load.calls) == 1:
                return self._reject(load.calls[0], load.requests[0], refused)
        half = len(load.calls) // 2
        return _joined(
            self._write_bisecting(load.part(0, half)), self._write_bisecting(load.part(half, None))
        )

    def _reject(self, call: ModelCall, request: int, refused: _DataRefused) -> Written:
        rejection = Rejection(call.trace_id, call.span_id, call.dialect, "refused_by_ledger", str(refused))
        row = rejection_row(rejection, call.received_ns)
        self._persistently(lambda: self._transact(_NO_CALLS, Extras(quarantine=copy_data([row]))))
        return Written([], [], [(request, rejection)])

    def _transact(self, load: Load, extras: Extras) -> Written:
        conn = self._connection()
        floors = _begin(conn)
        begun_ns = time.time_ns()  # after the server's begin: a receipt that is told by it is never too late
        load, late = _above_floor(load, floors["raw"])
        calls = load.calls
        claims = KeyClaims(calls)
        claims.settle(conn, self._care)
        claim_served(conn, extras.served)
        accepted = [i for i, is_accepted in enumerate(claims.is_accepted) if is_accepted]
        joined = joined_spans(calls, claims, extras.joined)
        if accepted:
            self._copy_calls(conn, load, accepted, claims, begun_ns)
        if joined:
            self.catalog.note_dialects(conn, duplicates(calls, claims, extras.joined))
        copy_in(conn, COPY_SIGHTINGS, copy_data([*joined, *extras.sightings]))
        marks = [mark_uncounted(calls[i], calls[i].received_ns) for i in claims.twins]
        copy_in(conn, COPY_ARRIVALS, copy_data([*marks, *extras.marks]))
        add_unread(conn, extras.unread, floors)
        copy_in(conn, COPY_QUARANTINE, extras.quarantine)
        copy_in(conn, COPY_QUARANTINE, copy_data(rejection_row(r, received) for _, received, r in late))
        add_resends(conn, resends(calls, claims))
        self._commit(conn, [calls[i] for i in accepted if calls[i].flags & _PROMOTED])
        return Written(
            [(load.requests[i], calls[i]) for i in accepted],
            [request for i, request in enumerate(load.requests) if not claims.is_accepted[i]],
            [(request, rejection) for request, _, rejection in late],
        )

    def _copy_calls(
        self, conn: Connection, load: Load, accepted: list[int], claims: KeyClaims, begun_ns: int
    ) -> None:
        """The accepted calls, their postings and their places in the binder's queue."""
        rows, postings, marks = [COPY_HEADER], [COPY_HEADER], [COPY_HEADER]
        received_ns, origin = -1, Origin(b"", NULL)
        own, requests, repeated, price_map = claims.own, claims.requests, claims.repeated, self._price_map
        calls, charges = load.calls, load.charges
        coded = self.catalog.code(conn, [calls[i] for i in accepted])
        for index, pieces in zip(accepted, coded, strict=True):
            call, charge, key = calls[index], charges[index], own[index]
            if call.received_ns != received_ns:
                received_ns = call.received_ns
                origin = self._origin(call, begun_ns)
            flags = call.flags | charge.flags
            if index in repeated:
                flags |= _REPEATED
            row, posting = pack_rows(
                call, charge, key, flags, REQUESTS[requests[index]], pieces, origin, price_map
            )
            rows.append(row)
            postings.append(posting)
            if (mark := mark_row(call, key, origin.received)) is not None:
                marks.append(mark)
        for statement, parts in ((COPY_CALLS, rows), (COPY_ARRIVALS, marks), (COPY_POSTINGS, postings)):
            copy_in(conn, statement, b"".join((*parts, COPY_TRAILER)))

    def _origin(self, call: ModelCall, begun_ns: int) -> Origin:
        received = pack_int8(8, postgres_us(call.received_ns))
        if self._folds or call.flags & _PROMOTED:  # history, or a wrapper whose window had to end first
            return Origin(received, NULL)
        return Origin(received, pack_int8(8, (begun_ns - call.received_ns) // 1000))

    def _commit(self, conn: Connection, promoted: list[ModelCall]) -> None:
        if promoted:
            times = [postgres_us(call.time_ns) for call in promoted]
            keys = uuid_array([own_key(call, claimed_ms(call)) for call in promoted])
            conn.execute(
                BOOK_PROMOTIONS, {"keys": keys, "first": _moment(min(times)), "last": _moment(max(times))}
            )
        with conn.pipeline():  # nothing of this has an answer that the next needs: one round trip
            signs = self._write_signs(conn)
            conn.execute("COMMIT")
        self._read_signs(signs)
        self.catalog.settle()
        self._care.settle()

    def _write_signs(self, conn: Connection, may_have_lapsed: bool = False) -> psycopg.Cursor[Any]:
        holds_from = None if self.holds_from_ns is None else _moment(postgres_us(self.holds_from_ns))
        # History and the binder hold no receipts: they write from time to time, and need no tick.
        values = (self.id, holds_from, may_have_lapsed or holds_from is None, BACKLOG_BYTES, BACKLOG_SECONDS)
        return conn.execute(MARK_WRITER, values, prepare=True)

    def _read_signs(self, signs: psycopg.Cursor[Any]) -> None:
        row = signs.fetchone()
        self.is_backed_up = row is not None and bool(row[0])

    def _flush_once(self, may_have_lapsed: bool = False) -> None:
        conn = self._connection()
        with conn.pipeline():
            conn.execute("BEGIN")
            signs = self._write_signs(conn, may_have_lapsed)
            conn.execute("COMMIT")
        self._read_signs(signs)

    # Trouble

    def _persistently(self, step: Callable[[], T]) -> T:
        """Run a transaction, again when it lost a race or its connection, within the writer's patience."""
        deadline = time.monotonic() + self.patience_seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                return step()
            except SeenBefore:
                self._roll_back()
            except psycopg.Error as error:
                self._roll_back()
                if error.sqlstate == _LAPSED:
                    raise Lapsed("the receiver stood still for too long") from error
                if not is_transient(error):
                    raise _DataRefused(describe(error)) from error
                if time.monotonic() > deadline or (is_race(error) and attempt >= ATTEMPTS):
                    raise StorageUnavailable(f"the database cannot commit: {describe(error)}") from error
                time.sleep(random.uniform(0.005, 0.05) * attempt if is_race(error) else 0.2)
            except _CLIENT_DATA_ERRORS as error:
                self._roll_back()
                raise _DataRefused(type(error).__name__) from error

    def _roll_back(self) -> None:
        """Back to a clean state; a connection that cannot get there is closed. Cached additions are void."""
        self.catalog.take_back()
        self._conn = rolled_back(self._conn)

    def _connection(self) -> Connection:
        if self._conn is None or self._conn.closed:
            self._conn = connect(self._dsn)
        return self._conn


def _moment(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


class _DataRefused(Exception):
    """The database, or the encoding for it, refuses the data itself."""


def _load(priced: Sequence[Priced]) -> tuple[list[Batch], Load]:
    load = Load([], [], [])
    for request, (batch, charges) in enumerate(priced):
        if len(batch.calls) != len(charges):
            raise ValueError(f"{len(batch.calls)} calls with {len(charges)} charges")
        load.calls.extend(batch.calls)
        load.charges.extend(charges)
        load.requests.extend([request] * len(charges))
    return [batch for batch, _ in priced], load


def _begin(conn: Connection) -> dict[str, int]:
    """Open the transaction; returns the floors, which hold until it ends."""
    with conn.pipeline():
        conn.execute("BEGIN")
        floors = conn.execute(READ_FLOORS, prepare=True)
    return dict(floors)


def _above_floor(load: Load, floor_us: int) -> tuple[Load, list[Late]]:
    """Calls whose rows would no longer be kept are refused (the floor never passes `late_limit`)."""
    floor_ns = (floor_us + POSTGRES_EPOCH_US) * 1000
    if min(map(_TIME, load.calls), default=floor_ns) >= floor_ns:
        return load, []
    late = [
        (
            request,
            call.received_ns,
            Rejection(call.trace_id, call.span_id, call.dialect, "too_late", "time: older than what is kept"),
        )
        for call, request in zip(load.calls, load.requests, strict=True)
        if call.time_ns < floor_ns
    ]
    kept = [row for row in zip(*load, strict=True) if row[0].time_ns >= floor_ns]
    return Load(*map(list, zip(*kept, strict=True))) if kept else _NO_CALLS, late


def _joined(one: Written, two: Written) -> Written:
    return Written(
        one.accepted + two.accepted, one.duplicates + two.duplicates, one.rejections + two.rejections
    )


def _outcomes(batches: list[Batch], written: Written) -> list[Outcome]:
    duplicates = Counter(written.duplicates)
    new: list[list[ModelCall]] = [[] for _ in batches]
    refused: list[list[Rejection]] = [[] for _ in batches]
    for request, call in written.accepted:
        new[request].append(call)
    for request, rejection in written.rejections:
        refused[request].append(rejection)
    return [
        Outcome(len(new[request]), duplicates[request], [*batch.rejections, *refused[request]], new[request])
        for request, batch in enumerate(batches)
    ]
