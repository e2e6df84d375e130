"""A stored call, locked and read back: what an amendment changes, and how it is written again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from processor.calls.call import UNKNOWN, Flag, ModelCall, Source
from processor.calls.merge import USAGE
from processor.pricing.charge import PRICE_FLAGS, Charge
from storage.dimensions.cardinality import TENANT
from storage.dimensions.dictionary import Dictionary
from storage.ingest.call_row import PRICE_STATUS, STATUS, USAGE_SOURCE
from storage.pgwire import POSTGRES_EPOCH_US, timestamp_array, uuid_array
from storage.statements import query

Connection = psycopg.Connection[Any]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

SERIES = (
    "environment", "data_mode", "service_name", "endpoint_tag", "prompt_version", "provider", "model",
)  # fmt: skip
IDENTITY = ("tenant_id", "user_id")
SHAPE = (
    "operation", "request_model", "service_tier", "error_type", "http_status", "streaming",
    "request_id_given", "status", "usage_source", "dialect", "sources",
)  # fmt: skip
OTHERS = (
    "latency_us", "time_to_first_token_us", "reported_cost_pico_usd", "external_request_id", "response_id",
    "conversation_id", "attempt",
)  # fmt: skip
_TAGS = frozenset({"service_name", "endpoint_tag", "prompt_version", "tenant_id", "user_id"})
_SERIES_BITS = (1 << TENANT) - 1

COSTS = (
    "cost_pico_usd", "input_cost_pico_usd", "cache_read_cost_pico_usd", "cache_write_cost_pico_usd",
    "output_cost_pico_usd", "other_cost_pico_usd",
)  # fmt: skip
COLUMNS = (
    "time", "call_key", "series_id", "identity_id", "folded", "shape_id", "flags", "status", "usage_source",
    "requests", *USAGE, *OTHERS, "price_status", *COSTS, "price_vector_id", "price_map_id", "merged_into",
    "completed", "received_at", "trace_id", "span_id", "parent_span_id", "claimed_time",
)  # fmt: skip
"""Columns of `pg_temp.amended` that `columns_of` fills."""
COPY_AMENDED = f"COPY pg_temp.amended ({', '.join(COLUMNS)}) FROM STDIN".encode()

STATUS_NAME = {code: name for name, code in STATUS.items()}
USAGE_SOURCE_NAME = {code: name for name, code in USAGE_SOURCE.items()}
PRICE_STATUS_NAME = {code: name for name, code in PRICE_STATUS.items()}

Price = Callable[[ModelCall], Charge]
"""The charge of a call by the price map in force."""

_unpack_pieces = Struct("!4xq4xq4xh4xh4xq4xh").unpack
Rank = tuple[int, str]
"""(rank of the source, span id in hex); the smaller one wins (LEDGER §6)."""


class RowKey(NamedTuple):
    """Where a row stands: `time` in microseconds since 2000, and its call key (16 bytes)."""

    time_us: int
    call_key: bytes


class Ids(NamedTuple):
    """A row's dictionary ids, and the bits of dimensions that are booked as `__other__`."""

    series: int
    identity: int
    folded: int
    shape: int


class JournalKey(NamedTuple):
    """Key by which the amendment journal sums differences (LEDGER §19); `day` in days since 2000."""

    day: int
    environment: str
    data_mode: str
    provider: str
    model: str


@dataclass(slots=True, eq=False)
class Row:
    """One stored call as a transaction found it under its lock. An amendment changes it in place.

    Attributes:
        call: the stored fields; a tag that is `unknown` is None. Times and ids are for reading.
        charge: what it costs now. Set it together with `price_map_id` when the price is new.
        requests: 1 where the call counts a logical request.
        merged_into: the call that this row proved to be a duplicate of; it then counts for nothing.
        completed: fields that were taken from other spans → their rank.
        own: what the span itself says where another span's usage, model or provider stands.
        line: where its money stands now, for the ledger's book.
    """

    place: RowKey
    call: ModelCall
    charge: Charge
    requests: int
    merged_into: bytes | None
    completed: dict[str, Rank]
    own: Mapping[str, Any]
    price_map_id: int | None
    ids: Ids
    line: JournalKey
    booked: tuple[int, int]
    """Calls and pico-USD that it counts as stored."""
    _dimensions: tuple[tuple[object, ...], tuple[object, ...], tuple[object, ...]]

    def rank(self, field: str) -> Rank:
        """How good the stored value of a field is; a missing one has the worst rank."""
        if field in self.completed:
            return self.completed[field]
        if getattr(self.call, field) in (None, UNKNOWN):
            return WORST
        ranks = (source.rank for source in self.call.sources if source.field == field)
        return min(ranks, default=_UNSAID), self.call.span_id.hex()

    @property
    def is_begun(self) -> bool:
        """Whether it is not stored yet."""
        return self.ids.shape == 0

    def counts(self) -> tuple[int, int]:
        """Calls and pico-USD that it counts as changed."""
        return (0, 0) if self.merged_into else (1, self.charge.cost or 0)

    def new_line(self) -> JournalKey:
        """Where its money stands as changed."""
        return line_of(self.place.time_us, self.call)

    def changed(self) -> tuple[bool, bool, bool]:
        """Whether series, identity and shape are not the stored ones."""
        now = _dimensions(self.call)
        return tuple(a != b for a, b in zip(now, self._dimensions, strict=True))  # type: ignore[return-value]


def begun_row(place: RowKey, call: ModelCall, charge: Charge, requests: int, price_map_id: int | None) -> Row:
    """A row that an amendment begins: nothing of it was booked before."""
    call.flags |= BEGUN_BY_AMENDMENT
    nothing: tuple[object, ...] = ()
    return Row(
        place=place,
        call=call,
        charge=charge,
        requests=requests,
        merged_into=None,
        completed={},
        own={},
        price_map_id=price_map_id,
        ids=Ids(0, 0, 0, 0),
        line=line_of(place.time_us, call),
        booked=(0, 0),
        _dimensions=(nothing, nothing, nothing),
    )


BEGUN_BY_AMENDMENT = 1 << 30
"""Bit of a row's flags beside those of `Flag`, shown nowhere: ingest booked nothing for it, as for a promoted
wrapper, so its first booking is a line of the ledger's book."""
_OWN = "own"
WORST: Rank = (1_000, "")
_UNSAID = 60
"""Rank of a value without a source line: a default or a fallback."""


def line_of(time_us: int, call: ModelCall) -> JournalKey:
    """The line of a call at that time."""
    return JournalKey(time_us // 86_400_000_000, call.environment, call.data_mode, call.provider, call.model)


class RowReader:
    """Reads rows back; keeps what it learned of how spans were read."""

    def __init__(self) -> None:
        self._readings: dict[int, tuple[str, tuple[Source, ...]]] = {}

    def read(self, conn: Connection, places: Sequence[RowKey]) -> dict[RowKey, Row]:
        """Lock these rows in (time, key) order and read what the locked versions hold (LEDGER §7).

        A place without a row is not in the answer.
        """
        if not places:
            return {}
        parameters = bounds(places) | {
            "times": timestamp_array([p.time_us for p in places]),
            "keys": uuid_array([p.call_key for p in places]),
        }
        conn.execute(LOCK_CALLS, parameters)
        with conn.cursor(row_factory=namedtuple_row, binary=True) as cursor:
            stored: list[Any] = cursor.execute(READ_CALLS, parameters).fetchall()
        self._learn(conn, {row.reading_id for row in stored})
        rows = (_row(row, *self._readings[row.reading_id]) for row in stored)
        return {row.place: row for row in rows}

    def _learn(self, conn: Connection, ids: set[int]) -> None:
        unknown = list(ids - self._readings.keys())
        if not unknown:
            return
        if len(self._readings) > _MAX_READINGS:
            self._readings.clear()
            unknown = list(ids)
        for id_, dialect, sources in conn.execute(READ_READINGS, (unknown,)):
            self._readings[id_] = dialect, tuple(Source(*source) for source in sources)


LOCK_CALLS, READ_CALLS, READ_READINGS = query("lock_calls"), query("read_calls"), query("read_readings")
_MAX_READINGS = 20_000


def bounds(places: Iterable[RowKey]) -> dict[str, object]:
    """First and last time of places, as parameters: they let the planner see which chunks are meant."""
    times = [place.time_us for place in places]
    return {"first": instant(min(times)), "last": instant(max(times))}


def instant(time_us: int) -> datetime:
    """Microseconds since 2000 as a moment in UTC, exact."""
    return _EPOCH + timedelta(microseconds=time_us)


def postgres_us_of(moment: datetime) -> int:
    """A moment in microseconds since 2000, exact."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _row(row: Any, dialect: str, sources: tuple[Source, ...]) -> Row:
    call = ModelCall(
        trace_id=row.trace_id or b"",
        span_id=row.span_id or b"",
        parent_span_id=row.parent_span_id or b"",
        time_ns=(row.time_us + POSTGRES_EPOCH_US) * 1000,
        claimed_time_ns=0 if row.claimed_us is None else (row.claimed_us + POSTGRES_EPOCH_US) * 1000,
        received_ns=(row.received_us + POSTGRES_EPOCH_US) * 1000,
        dialect=dialect,
        sources=sources,
        status=STATUS_NAME[row.status],
        usage_source=USAGE_SOURCE_NAME[row.usage_source],
        flags=row.flags & ~PRICE_FLAGS,
    )
    for name in (*SERIES, *IDENTITY, *SHAPE[:7], *USAGE, *OTHERS):
        value = getattr(row, name)
        setattr(call, name, None if value == UNKNOWN and name in _TAGS else value)
    charge = Charge(
        PRICE_STATUS_NAME[row.price_status],
        row.cost_pico_usd,
        row.input_cost_pico_usd,
        row.cache_read_cost_pico_usd,
        row.cache_write_cost_pico_usd,
        row.output_cost_pico_usd,
        row.other_cost_pico_usd,
        row.price_vector_id,
        row.flags & PRICE_FLAGS,
    )
    document = dict(row.completed or {})
    own = document.pop(_OWN, {})
    completed = {field: (int(rank), str(span)) for field, (rank, span) in document.items()}
    return Row(
        place=RowKey(row.time_us, row.call_key),
        call=call,
        charge=charge,
        requests=row.requests,
        merged_into=row.merged_into,
        completed=completed,
        own=own,
        price_map_id=row.price_map_id,
        ids=Ids(row.series_id, row.identity_id, row.folded, row.shape_id),
        line=line_of(row.time_us, call),
        booked=(0, 0) if row.merged_into else (1, row.cost_pico_usd or 0),
        _dimensions=_dimensions(call),
    )


def _dimensions(call: ModelCall) -> tuple[tuple[object, ...], tuple[object, ...], tuple[object, ...]]:
    return (
        tuple(getattr(call, name) for name in SERIES),
        tuple(getattr(call, name) for name in IDENTITY),
        tuple(getattr(call, name) for name in SHAPE),
    )


def code(conn: Connection, catalog: Dictionary, rows: Sequence[Row]) -> list[Ids]:
    """The dictionary ids of changed rows; what did not change keeps its id and how it is booked."""
    moved = [row for row in rows if any(row.changed())]
    fresh = {
        id(row): _ids(pieces.row)
        for row, pieces in zip(moved, catalog.code(conn, [row.call for row in moved]), strict=True)
    }
    return [_mixed(row, fresh[id(row)]) if id(row) in fresh else row.ids for row in rows]


def _ids(pieces: bytes) -> Ids:
    series, shape, _, _, identity, folded = _unpack_pieces(pieces)
    return Ids(series, identity, folded, shape)


def _mixed(row: Row, new: Ids) -> Ids:
    series, identity, _ = row.changed()
    folded = (new.folded if series else row.ids.folded) & _SERIES_BITS
    folded |= (new.folded if identity else row.ids.folded) & ~_SERIES_BITS
    return Ids(
        new.series if series else row.ids.series,
        new.identity if identity else row.ids.identity,
        folded,
        new.shape,
    )


def columns_of(row: Row, ids: Ids) -> list[object]:
    """The row's new version, in the order of `COLUMNS`."""
    call, charge = row.call, row.charge
    return [
        instant(row.place.time_us),
        UUID(bytes=row.place.call_key),
        ids.series,
        ids.identity,
        ids.folded,
        ids.shape,
        call.flags | charge.flags,
        STATUS[call.status],
        USAGE_SOURCE[call.usage_source],
        row.requests,
        *(getattr(call, name) for name in USAGE),
        *(getattr(call, name) for name in OTHERS),
        PRICE_STATUS[charge.status],
        *costs_of(charge),
        charge.vector_id,
        row.price_map_id,
        None if row.merged_into is None else UUID(bytes=row.merged_into),
        _document(row),
        instant(call.received_ns // 1000 - POSTGRES_EPOCH_US),
        UUID(bytes=call.trace_id) if call.trace_id else None,
        int.from_bytes(call.span_id, "big", signed=True) if call.span_id else None,
        int.from_bytes(call.parent_span_id, "big", signed=True) if call.parent_span_id else None,
        instant(call.claimed_time_ns // 1000 - POSTGRES_EPOCH_US) if call.flags & Flag.CLOCK_MOVED else None,
    ]


def costs_of(charge: Charge) -> tuple[int | None, ...]:
    """The six amounts of a charge in the order of `COSTS`; with a cost, no class is missing."""
    if charge.cost is None:
        return (None,) * len(COSTS)
    return (
        charge.cost,
        charge.input_cost or 0,
        charge.cache_read_cost or 0,
        charge.cache_write_cost or 0,
        charge.output_cost or 0,
        charge.other_cost or 0,
    )


def _document(row: Row) -> Jsonb | None:
    if not row.completed:
        return None
    document: dict[str, object] = {field: list(rank) for field, rank in row.completed.items()}
    return Jsonb(document | ({_OWN: dict(row.own)} if row.own else {}))
