"""Pricing the past again: what it would change, and changing it (LEDGER §7, §19).

A row without a price is filled as soon as one is known. A price that stands changes only on request
(`restate`), and is never taken away: where the new map has no price the old one stays, marked as uncertain if
the map says why it has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise
from threading import Lock
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from processor.calls.call import Flag
from processor.calls.errors import BadData
from processor.pricing.book import PriceBook
from processor.pricing.charge import UNPRICED_MODEL, Charge, price_call
from storage.journal.amender import Amender, Applied, Booking
from storage.journal.reprice_rows import (
    COPY_PRICES,
    UPDATE_PRICES,
    PricedRow,
    Prices,
    Span,
    feed_prices,
)
from storage.journal.stored_row import JournalKey, RowKey, postgres_us_of
from storage.statements import query
from storage.upkeep.statistics import ensure_statistics

BATCH = 1_000
"""Rows a transaction: it holds the buckets that ingest shares for about 15 ms."""
THREADS = 2
"""Connections at work: one is served while the other's rows are priced here."""
PARTS = 8
"""A run is cut into so many parts of time, so that the threads seldom want the same bucket."""

Connection = psycopg.Connection[Any]
_EPOCH_DAY = date(2000, 1, 1)


class Scope(NamedTuple):
    """Selection of calls to reprice.

    Attributes:
        start, end: [start, end) of the calls' time, UTC.
        models: `model` or `provider/model`; None takes all.
        restate: change prices that stand, too.
    """

    start: datetime
    end: datetime
    models: tuple[str, ...] | None = None
    restate: bool = False

    def span(self) -> Span:
        """The scope as storage takes it."""
        return Span(postgres_us_of(self.start), postgres_us_of(self.end), self.models, self.restate)


class Cell(NamedTuple):
    """Key by which differences are reported."""

    day: date
    environment: str
    data_mode: str
    provider: str
    model: str
    tenant: str


@dataclass(slots=True)
class Difference:
    """The change in one cell; money in pico-USD.

    Attributes:
        filled: calls that had no cost and get one; their new cost is `filled_pico_usd`.
        restated: calls whose cost becomes another; `restated_pico_usd` is what it grows by.
        kept: calls with a cost for which the new map has no price; their cost, `kept_pico_usd`, stands.
        waiting: calls whose cost would become another, which was not asked for.
        waiting_pico_usd: what it would grow by.
    """

    filled: int = 0
    filled_pico_usd: int = 0
    restated: int = 0
    restated_pico_usd: int = 0
    kept: int = 0
    kept_pico_usd: int = 0
    waiting: int = 0
    waiting_pico_usd: int = 0

    @property
    def changed(self) -> int:
        """Calls that change."""
        return self.filled + self.restated

    @property
    def delta_pico_usd(self) -> int:
        """The increase in cost."""
        return self.filled_pico_usd + self.restated_pico_usd

    def add(self, other: Difference) -> None:
        """Add another difference to this one."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Report:
    """The changes of a run, done or previewed.

    Attributes:
        rows: calls that were looked at.
        cells: differences by cell; calls that stay as they are are in none.
        unpriced: calls that still have no price afterwards.
        run_id: the run in the ledger's book; None when nothing was changed.
    """

    rows: int = 0
    cells: dict[Cell, Difference] = field(default_factory=dict)
    unpriced: int = 0
    run_id: int | None = None

    def total(self) -> Difference:
        """The sum of all cells."""
        total = Difference()
        for difference in self.cells.values():
            total.add(difference)
        return total


Progress = Callable[[int], None]
"""Called with the number of rows done since the last call."""


def preview(conn: Connection, book: PriceBook, scope: Scope, progress: Progress | None = None) -> Report:
    """Preview of repricing the scope; nothing is written or locked.

    Rows with a price are looked at in any case, so that the answer shows what `restate` would do.

    Raises:
        BadData: rows of a part of the scope are no longer kept.
    """
    refuse_below_floor(conn, scope)
    prices, tally = Prices(), _Tally()
    for row in prices.all(conn, scope.span()._replace(restate=True)):
        new = price_call(row.call, book)
        tally.note(row, new, _verdict(row.charge, new, scope.restate))
        if progress is not None and tally.rows % 5_000 == 0:
            progress(5_000)
    return tally.report(conn, prices)


def apply(
    dsn: str,
    book: PriceBook,
    scope: Scope,
    *,
    price_map_id: int | None,
    why: str = "",
    by: str = "",
    keep_vectors: Callable[[Connection], None] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Price the scope again and book the differences. An interrupted run is resumed.

    Args:
        price_map_id: the map that `book` is, as the ledger numbers it.
        keep_vectors: writes down the vectors that the book handed out; called in each transaction that uses
        them.

    Raises:
        BadData: rows of a part of the scope are no longer kept.
        StorageUnavailable: the database is away; what was committed stays, and the next run goes on from
        there.
    """
    parameters = _parameters(scope, book)
    amender = partial(Amender, dsn, "reprice", why=why, by=by, parameters=parameters)
    with amender() as first:
        conn = first.connection()
        refuse_below_floor(conn, scope)
        ensure_statistics(conn)
        first.run_id, begun = _unfinished(conn, parameters)
        first.transact(lambda: _opened(first))
        run = _Run(book, scope, price_map_id, keep_vectors, progress)

        def work(number: int, span: Span) -> None:
            with amender(run_id=first.run_id) as one:
                run.over(one, number, span, begun.get(str(number)))

        with ThreadPoolExecutor(THREADS) as threads:
            at_work = [threads.submit(work, *part) for part in enumerate(_parts(scope.span()))]
            for part in at_work:
                part.result()
        report = run.tally.report(conn, Prices())
        report.run_id = first.run_id if run.changed or begun else None
    return report


def _opened(amender: Amender) -> Applied:
    amender.open_run()
    return Applied()


def _parts(span: Span) -> list[Span]:
    """The span in equal parts of time."""
    step = max((span.end_us - span.start_us) // PARTS, 1)
    edges = [*range(span.start_us, span.end_us, step)[:PARTS], span.end_us]
    return [span._replace(start_us=start, end_us=end) for start, end in pairwise(edges)]


def refuse_below_floor(conn: Connection, scope: Scope) -> None:
    """Raise BadData when the scope begins before the oldest kept row: what is gone cannot be priced again."""
    row = conn.execute("SELECT f.time FROM genai.floor f WHERE f.level = 'raw'").fetchone()
    assert row is not None
    if scope.start < row[0]:
        raise BadData(
            "--from",
            f"calls before {row[0]:%Y-%m-%d %H:%M} UTC are no longer kept (retention.raw); their totals are"
            f" closed and cannot be priced again. Begin at {row[0]:%Y-%m-%d} or later",
        )


def count(conn: Connection, scope: Scope) -> int:
    """Rows of the scope that `apply` will look at."""
    found = conn.execute(query("count_prices"), scope.span().parameters()).fetchone()
    return int(found[0]) if found else 0


class _Run:
    """State shared by the threads of a run."""

    def __init__(
        self,
        book: PriceBook,
        scope: Scope,
        price_map_id: int | None,
        keep_vectors: Callable[[Connection], None] | None,
        progress: Progress | None,
    ) -> None:
        self.tally = _Tally()
        self.changed = 0
        self._book, self._scope, self._map_id = book, scope, price_map_id
        self._keep_vectors, self._progress = keep_vectors, progress
        self._lock = Lock()

    def over(self, amender: Amender, number: int, span: Span, begun: RowKey | None) -> None:
        """Price one part; what lies before the place where it was cut short comes last."""
        prices = Prices()
        self._over(amender, prices, number, span, begun)
        if begun is not None:
            self._over(amender, prices, number, span._replace(end_us=begun.time_us + 1), None)

    def _over(self, amender: Amender, prices: Prices, number: int, span: Span, after: RowKey | None) -> None:
        while places := prices.next(amender.connection(), span, after, BATCH):
            tally = _Tally()

            def step(places: Sequence[RowKey] = places, tally: _Tally = tally) -> Applied:
                tally.clear()
                return self._price(amender, prices, number, places, tally)

            applied = amender.transact(step)
            after = places[-1]
            with self._lock:
                self.tally.add(tally)
                self.changed += applied.rows
                if self._progress is not None:
                    self._progress(len(places))

    def _price(
        self, amender: Amender, prices: Prices, number: int, places: Sequence[RowKey], tally: _Tally
    ) -> Applied:
        conn, floors = amender.connection(), amender.floors()
        priced: list[tuple[PricedRow, Charge]] = []
        lines: dict[JournalKey, tuple[int, int]] = {}
        for row in prices.locked(conn, [p for p in places if p.time_us >= floors["raw"]]):
            new = price_call(row.call, self._book)
            verdict = _verdict(row.charge, new, self._scope.restate)
            tally.note(row, new, verdict)
            if verdict not in _CHANGES:
                continue
            if verdict == _DOUBT:
                new = _doubted(row.charge, new)
            priced.append((row, new))
            delta = (new.cost or 0) - (row.charge.cost or 0)
            lines[row.line] = 0, lines.get(row.line, (0, 0))[1] + delta
        if not priced:
            return Applied()
        if self._keep_vectors is not None:
            with self._lock:
                self._keep_vectors(conn)
        changed = [row.place for row, _ in priced]
        cost = sum(delta for _, delta in lines.values())
        booking = Booking(
            changed, COPY_PRICES, lambda copy: feed_prices(copy, priced, self._map_id), UPDATE_PRICES,
            lines, Applied(len(changed), cost_pico_usd=cost),
        )  # fmt: skip
        amender.book(booking, {str(number): [places[-1].time_us, places[-1].call_key.hex()]})
        return booking.applied


_SAME, _FILL, _NAME, _RESTATE, _WAIT, _KEEP, _DOUBT = range(7)
_CHANGES = frozenset({_FILL, _NAME, _RESTATE, _DOUBT})


def _verdict(old: Charge, new: Charge, restate: bool) -> int:
    """The outcome for a price; `_NAME`: its amount stays, but its description changes.

    `_DOUBT`: it stands, although the new map says that no price is known for what the call used.
    """
    if old.cost is None:
        if new.cost is not None:
            return _FILL
        is_named = old.status == UNPRICED_MODEL and (old.status, old.flags) != (new.status, new.flags)
        return _NAME if is_named else _SAME
    if new.cost is None:
        return _DOUBT if restate and new.flags and _doubted(old, new).flags != old.flags else _KEEP
    if old[1:7] == new[1:7]:
        return _NAME if restate and old.flags != new.flags else _SAME
    return _RESTATE if restate else _WAIT


def _doubted(old: Charge, new: Charge) -> Charge:
    """The price that stands, with the reason why it would have none today: totals then say "at least"."""
    return old._replace(flags=old.flags | new.flags | Flag.COST_UNCERTAIN)


class _Tally:
    """Counts differences while rows pass; tenants are identified by id until the end."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.rows = self.unpriced = 0
        self._cells: dict[tuple[JournalKey, int], Difference] = {}

    def note(self, row: PricedRow, new: Charge, verdict: int) -> None:
        """Count one row."""
        self.rows += 1
        if row.charge.cost is None and new.cost is None:
            self.unpriced += 1
        if verdict in (_SAME, _NAME):
            return
        cell = self._cells.get((row.line, row.identity_id))
        if cell is None:
            cell = self._cells[row.line, row.identity_id] = Difference()
        delta = (new.cost or 0) - (row.charge.cost or 0)
        if verdict == _FILL:
            cell.filled += 1
            cell.filled_pico_usd += delta
        elif verdict == _RESTATE:
            cell.restated += 1
            cell.restated_pico_usd += delta
        elif verdict == _WAIT:
            cell.waiting += 1
            cell.waiting_pico_usd += delta
        else:
            cell.kept += 1
            cell.kept_pico_usd += row.charge.cost or 0

    def add(self, other: _Tally) -> None:
        """Add another count to this one."""
        self.rows += other.rows
        self.unpriced += other.unpriced
        for key, difference in other._cells.items():
            self._cells.setdefault(key, Difference()).add(difference)

    def report(self, conn: Connection, prices: Prices) -> Report:
        """The count with its tenants' names."""
        tenants = prices.tenants(conn, {identity for _, identity in self._cells})
        report = Report(self.rows, unpriced=self.unpriced)
        for (line, identity), difference in self._cells.items():
            cell = Cell(_EPOCH_DAY + timedelta(days=line.day), *line[1:], tenant=tenants[identity])
            report.cells.setdefault(cell, Difference()).add(difference)
        return report


def _parameters(scope: Scope, book: PriceBook) -> dict[str, object]:
    return {
        "from": scope.start.isoformat(),
        "to": scope.end.isoformat(),
        "models": None if scope.models is None else list(scope.models),
        "restate": scope.restate,
        "price_map": book.map_hash,
    }


def _unfinished(conn: Connection, parameters: dict[str, object]) -> tuple[int | None, dict[str, RowKey]]:
    """A run of the same question that was cut short, and how far each of its parts had come."""
    found = conn.execute(query("unfinished_run"), ("reprice", Jsonb(parameters))).fetchone()
    if found is None:
        return None, {}
    run_id, position = found
    return run_id, {part: RowKey(at, bytes.fromhex(key)) for part, (at, key) in (position or {}).items()}


def by(report: Report, *names: str) -> Iterable[tuple[tuple[object, ...], Difference]]:
    """A report's differences summed by some of its cells' fields, largest first."""
    sums: dict[tuple[object, ...], Difference] = {}
    for cell, difference in report.cells.items():
        sums.setdefault(tuple(getattr(cell, name) for name in names), Difference()).add(difference)
    return sorted(sums.items(), key=lambda item: (-abs(item[1].delta_pico_usd), str(item[0])))
