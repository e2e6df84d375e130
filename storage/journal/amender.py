"""Amendments: new values for stored rows, booked as signed differences (LEDGER §7).

    with Amender(dsn, "tag", why="late tags", by="binder") as amender:
        amender.apply([Amendment((place,), lambda row: complete(row, offers, price))])

An amendment names the rows it needs and a function that changes them. The function is called with the rows as
they stand **locked** and returns those that it changed: so nothing is ever computed from a value read without
the lock. `set_fields`, `retract` (here) and `complete` (storage/completion.py) are such functions. Everything
that follows from a change (postings, the ledger's book, the day's admission) is booked here, whatever the
change was: summaries follow as the folder takes the postings, at the latest when a run is finished. A wrapper
is promoted by writing its call with `Flag.PROMOTED` through a `Writer`.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import psycopg
from psycopg.types.json import Jsonb

from processor.calls.errors import StorageUnavailable
from storage.connection import connect, describe, is_transient, rolled_back
from storage.dimensions.cardinality import CardinalityLimit
from storage.dimensions.dictionary import Dictionary
from storage.journal.stored_row import (
    COPY_AMENDED,
    JournalKey,
    Row,
    RowKey,
    RowReader,
    bounds,
    code,
    columns_of,
)
from storage.postings.folder import fold
from storage.statements import query

MAX_ROWS = 2_000
"""Rows a transaction (LEDGER §7): a tenth of a second."""
ATTEMPTS = 20
"""Tries of one transaction that lost a deadlock, a lock or its connection; with the pauses about ten
seconds."""

KINDS = ("reprice", "tag", "merge", "estimate", "retract", "erase", "promote")

_EPOCH_DAY = date(2000, 1, 1)

Connection = psycopg.Connection[Any]
T = TypeVar("T")
Change = Callable[..., Iterable[Row]]
"""(the amendment's rows, in its order) → those of them that were changed, in place. Pure: it may run
twice."""


class Amendment(NamedTuple):
    """A change of one or several rows, all in one transaction.

    Attributes:
        places: the rows, as `change` wants them. If one is missing, nothing is done.
        change: what becomes of them. Rows that it begins (`begun_row`) are stored as well.
        is_partial: rows that are not there come to `change` as None instead.
    """

    places: tuple[RowKey, ...]
    change: Change
    is_partial: bool = False


@dataclass(slots=True)
class Applied:
    """The result of a run.

    Attributes:
        rows: rows that changed.
        missing: amendments whose rows are not there or lie below the raw floor; nothing was done.
        calls, cost_pico_usd: signed differences.
    """

    rows: int = 0
    missing: int = 0
    calls: int = 0
    cost_pico_usd: int = 0

    def add(self, other: Applied) -> None:
        """Add another result to this one."""
        self.rows += other.rows
        self.missing += other.missing
        self.calls += other.calls
        self.cost_pico_usd += other.cost_pico_usd


def set_fields(**values: object) -> Change:
    """A change that sets fields of the call to values, whatever they were (tags, usage, status, ...).

    A new price does not follow by itself: `complete` prices again, or set `charge`, an attribute of the row.
    """

    def change(row: Row) -> Iterable[Row]:
        before = [getattr(row.call, name) for name in values]
        for name, value in values.items():
            setattr(row.call, name, value)
        return (row,) if before != list(values.values()) else ()

    return change


def retract(loser: Row, winner: Row) -> Iterable[Row]:
    """The change that takes back a counted call which proved to be a duplicate; places: loser, winner (LEDGER
    §6).

    All that the loser counted leaves the rollups. If both name one logical request and only the loser counted
    it, the winner counts it from now on. What the loser knew better is not taken over: `complete` the winner
    with `duplicate_offers(loser)` first, in the same amendment, if it may know something.
    """
    if loser.merged_into is not None or loser.place == winner.place:
        return ()
    loser.merged_into = winner.place.call_key
    if loser.requests > winner.requests and _is_one_request(loser, winner):
        winner.requests = loser.requests
        return loser, winner
    return (loser,)


def _is_one_request(one: Row, other: Row) -> bool:
    names = ("external_request_id", "environment", "data_mode", "service_name", "request_id_given")
    return one.call.request_id_given and all(getattr(one.call, n) == getattr(other.call, n) for n in names)


@dataclass(slots=True)
class Booking:
    """The new versions of a transaction's rows, ready to be stored.

    Attributes:
        places: rows that change.
        copy: COPY statement that fills `pg_temp.amended`, and what feeds it.
        update: statement that lets the new versions take their places.
        lines: signed (calls, pico-USD) by line.
        begins: some of the rows are new.
    """

    places: Sequence[RowKey]
    copy: bytes
    feed: Callable[[psycopg.Copy], None]
    update: bytes
    lines: Mapping[JournalKey, tuple[int, int]]
    applied: Applied = field(default_factory=Applied)
    begins: bool = False


class Amender:
    """One connection that amends, and its run in the ledger's book. Not for several threads at once."""

    def __init__(
        self,
        dsn: str,
        kind: str,
        *,
        why: str = "",
        by: str = "",
        parameters: Mapping[str, object] | None = None,
        caps: dict[int, int] | None = None,
        run_id: int | None = None,
    ) -> None:
        """Nothing is opened yet; the run is written with the first change, so a run without one leaves no
        trace.

        Args:
            kind: one of `KINDS`.
            why, by: what the book says about it.
            parameters: what was asked for; a run that was cut short is found by them (`unfinished`).
            caps: distinct values per day and dimension, as the writers have them.
            run_id: a run that another amender opened and will finish.
        """
        if kind not in KINDS:
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, not {kind!r}")
        self.kind = kind
        self.run_id = run_id
        self._is_part = run_id is not None
        self.applied = Applied()
        self._dsn = dsn
        self._opening = {
            "kind": kind,
            "why": why,
            "started_by": by,
            "parameters": Jsonb(dict(parameters or {})),
        }
        self._catalog = Dictionary(CardinalityLimit(caps))
        self._reader = RowReader()
        self._conn: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and not self._is_part:
            self.finish()
        self.close()

    def apply(self, amendments: Iterable[Amendment]) -> Applied:
        """Apply amendments, sorted and at most `MAX_ROWS` rows a transaction; each is then wholly done or not
        at all.

        Run again after a crash they change only what they had not changed: every change compares with the
        row.

        Raises:
            StorageUnavailable: the database is away, or its locks are never free; what was committed stays.
        """
        total = Applied()
        for batch in _batches(sorted(amendments, key=lambda a: min(a.places))):
            total.add(self.transact(lambda batch=batch: self._amend(batch)))  # type: ignore[misc]
        return total

    def finish(self) -> None:
        """Say in the book that the run is complete, and bring the summaries to what it changed."""
        if self.run_id is not None:
            self.transact(self._finish)
            with suppress(psycopg.OperationalError):  # behind a backlog: the folder will
                fold(self.connection())

    def close(self) -> None:
        """Close the connection."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    # The one mechanism

    def transact(self, step: Callable[[], Applied]) -> Applied:
        """Run `step` in a transaction, again when it lost a race; its result is added to `applied`."""
        for attempt in range(1, ATTEMPTS + 1):
            run_id = self.run_id
            try:
                self.connection().execute("BEGIN")
                applied = step()
                self.connection().execute("COMMIT")
            except psycopg.Error as error:
                self.run_id = run_id
                self._roll_back()
                if attempt == ATTEMPTS or not is_transient(error):
                    raise StorageUnavailable(f"the amendment cannot commit: {describe(error)}") from error
                time.sleep(random.uniform(0.01, 0.05) * attempt)
                continue
            except BaseException:
                self.run_id = run_id
                self._roll_back()
                raise
            self._catalog.settle()
            self.applied.add(applied)
            return applied
        raise AssertionError("unreachable")

    def floors(self) -> dict[str, int]:
        """The floors, in microseconds since 2000; retention waits until this transaction ends (LEDGER
        §11)."""
        return dict(self.connection().execute(READ_FLOORS))

    def book(self, booking: Booking, position: Mapping[str, object] | None = None) -> None:
        """Store new versions of locked rows and everything that follows from them, inside the transaction.

        Postings of −(what the stored versions are booked as) and +(what the new ones are), and the ledger's
        lines.
        """
        conn, span = self.connection(), bounds(booking.places)
        with conn.cursor().copy(booking.copy) as copy:
            booking.feed(copy)
        conn.execute(POST_AMENDED, {"sign": -1, **span})
        conn.execute(booking.update, span)
        if booking.begins:
            conn.execute(INSERT_AMENDED, span)
        conn.execute(POST_AMENDED, {"sign": 1, **span})
        self._write_lines(booking)
        # Last, since amenders that share a run wait here for each other.
        place = None if position is None else Jsonb(dict(position))
        conn.execute(ADVANCE_RUN, {"run": self.run_id, "calls": len(booking.places), "position": place})

    def connection(self) -> Connection:
        """The connection, opened if need be."""
        if self._conn is None or self._conn.closed:
            try:
                self._conn = connect(self._dsn)
                self._conn.execute("SET application_name = 'spanledger amender'")
                self._conn.execute(CREATE_AMENDING)
            except psycopg.OperationalError as error:
                raise StorageUnavailable(f"the database cannot be reached: {describe(error)}") from error
        return self._conn

    def _amend(self, batch: Sequence[Amendment]) -> Applied:
        conn, floors = self.connection(), self.floors()
        wanted = {place for amendment in batch for place in amendment.places}
        rows = self._reader.read(conn, sorted(p for p in wanted if p.time_us >= floors["raw"]))
        changed: dict[RowKey, Row] = {}
        applied = Applied()
        for amendment in batch:
            found = [rows.get(place) for place in amendment.places]
            if None in found and not (amendment.is_partial and any(found)):
                applied.missing += 1
                continue
            changed |= {row.place: row for row in amendment.change(*found)}
        if changed:
            booking = self._booking(conn, [changed[place] for place in sorted(changed)], applied)
            self.book(booking)
        return applied

    def _booking(self, conn: Connection, rows: Sequence[Row], applied: Applied) -> Booking:
        coded = code(conn, self._catalog, rows)

        def feed(copy: psycopg.Copy) -> None:
            for row, ids in zip(rows, coded, strict=True):
                copy.write_row(columns_of(row, ids))

        places, lines = [row.place for row in rows], lines_of(rows)
        applied.rows = len(rows)
        applied.calls = sum(calls for calls, _ in lines.values())
        applied.cost_pico_usd = sum(cost for _, cost in lines.values())
        begins = any(row.is_begun for row in rows)
        return Booking(places, COPY_AMENDED, feed, UPDATE_CALLS, lines, applied, begins)

    def open_run(self) -> int:
        """The run of this amender in the ledger's book, opened in this transaction if need be."""
        if self.run_id is None:
            opened = self.connection().execute(OPEN_RUN, self._opening).fetchone()
            assert opened is not None
            self.run_id = int(opened[0])
        return self.run_id

    def _write_lines(self, booking: Booking) -> None:
        self.open_run()
        lines = [(*line, *change) for line, change in sorted(booking.lines.items()) if change != (0, 0)]
        if lines:
            days, *rest = (list(column) for column in zip(*lines, strict=True))
            dates = [_EPOCH_DAY + timedelta(days=day) for day in days]
            self.connection().execute(ADD_LINES, (self.run_id, self.kind, dates, *rest))

    def _finish(self) -> Applied:
        self.connection().execute(FINISH_RUN, {"run": self.run_id})
        return Applied()

    def _roll_back(self) -> None:
        self._catalog.take_back()
        self._conn = rolled_back(self._conn)


READ_FLOORS = query("read_floors")
CREATE_AMENDING, POST_AMENDED = query("create_amending"), query("post_amended")
UPDATE_CALLS, INSERT_AMENDED = query("update_calls"), query("insert_amended")
OPEN_RUN, ADVANCE_RUN, FINISH_RUN = query("open_run"), query("advance_run"), query("finish_run")
ADD_LINES = query("add_lines")


def lines_of(rows: Iterable[Row]) -> dict[JournalKey, tuple[int, int]]:
    """Signed calls and pico-USD by line: away from where the rows stood, to where they stand now."""
    calls: Counter[JournalKey] = Counter()
    costs: Counter[JournalKey] = Counter()
    for row in rows:
        for line, (count, cost), sign in ((row.line, row.booked, -1), (row.new_line(), row.counts(), 1)):
            calls[line] += sign * count
            costs[line] += sign * cost
    return {line: (calls[line], costs[line]) for line in calls}


def _batches(amendments: Iterable[Amendment]) -> Iterable[list[Amendment]]:
    batch: list[Amendment] = []
    rows = 0
    for amendment in amendments:
        if batch and rows + len(amendment.places) > MAX_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(amendment)
        rows += len(amendment.places)
    if batch:
        yield batch
