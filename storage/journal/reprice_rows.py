"""Rows as far as a price is concerned: read in bulk, repriced, written back (the amendment of LEDGER §7).

Slimmer than stored_row.py, since a million rows are priced again in one run: only numbers travel,
texts of series and shapes are asked once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from processor.calls.call import Flag, ModelCall
from processor.calls.merge import USAGE
from processor.pricing.charge import PRICE_FLAGS, Charge
from storage.ingest.call_row import PRICE_STATUS
from storage.journal.stored_row import (
    PRICE_STATUS_NAME,
    STATUS_NAME,
    USAGE_SOURCE_NAME,
    JournalKey,
    RowKey,
    bounds,
    costs_of,
    instant,
)
from storage.pgwire import (
    COPY_HEADER,
    COPY_TRAILER,
    NULL,
    POSTGRES_EPOCH_US,
    pack_int4,
    pack_int8,
    timestamp_array,
    uuid_array,
)
from storage.statements import query

Connection = psycopg.Connection[Any]

NEXT_PRICES, LOCK_PRICES, READ_PRICES = query("next_prices"), query("lock_prices"), query("read_prices")
COPY_PRICES, UPDATE_PRICES = query("copy_prices"), query("update_prices")
READ_SERIES, READ_SHAPES, READ_TENANTS = query("read_series"), query("read_shapes"), query("read_tenants")

_REPLACED = PRICE_FLAGS & ~Flag.BILL_DIFFERS
"""What a new price says anew; the bill that a gateway reported is not read here, and its mark stays."""
FETCH = 5_000
"""Rows a fetch when nothing is locked."""
_DAY_US = 86_400_000_000
_COLUMNS = (12).to_bytes(2, "big")
_pack_head = Struct("!2s iq i16s ii ih").pack
_pack_costs = Struct("!iq iq iq iq iq iq").pack
_NO_COSTS = NULL * 6


class Span(NamedTuple):
    """Which rows: [start, end) in microseconds since 2000.

    Attributes:
        models: `model` or `provider/model`; None takes all.
        restate: rows that have a price too, not only those without.
    """

    start_us: int
    end_us: int
    models: tuple[str, ...] | None = None
    restate: bool = False

    def parameters(self) -> dict[str, object]:
        """The span as the queries take it."""
        models = None if self.models is None else list(self.models)
        return {
            "first": instant(self.start_us),
            "end": instant(self.end_us),
            "restate": self.restate,
            "models": models,
        }


class PricedRow(NamedTuple):
    """One row: what its price depends on, and the price that it has.

    Attributes:
        call: as `price_call` wants it. One object serves all rows of a read: use it before the next row.
    """

    place: RowKey
    line: JournalKey
    identity_id: int
    call: ModelCall
    flags: int
    charge: Charge
    price_map_id: int | None


class Prices:
    """Reads rows for pricing; keeps the texts of series, shapes and tenants that it has seen."""

    def __init__(self) -> None:
        self._series: dict[int, tuple[str, str, str, str]] = {}
        self._shapes: dict[int, tuple[str, str | None]] = {}
        self._tenants: dict[int, str] = {}

    def next(self, conn: Connection, span: Span, after: RowKey | None, limit: int) -> list[RowKey]:
        """The next rows of a span behind a place, in (time, key) order."""
        begun = span if after is None else span._replace(start_us=after.time_us)
        key = None if after is None else UUID(bytes=after.call_key)
        parameters = begun.parameters() | {"after_key": key, "limit": limit}
        return [RowKey(*row) for row in conn.execute(NEXT_PRICES, parameters, binary=True)]

    def locked(self, conn: Connection, places: Sequence[RowKey]) -> Iterator[PricedRow]:
        """These rows from their locked versions; the locks are held when this returns."""
        parameters = bounds(places) | {
            "times": timestamp_array([p.time_us for p in places]),
            "keys": uuid_array([p.call_key for p in places]),
        }
        found = conn.execute(LOCK_PRICES, parameters, binary=True).fetchall()
        self._learn(conn, found)
        return self._rows(found)

    def all(self, conn: Connection, span: Span) -> Iterator[PricedRow]:
        """Every row of a span as one snapshot has it, unlocked and in no order."""
        with conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            with conn.cursor(name="prices", binary=True) as cursor:
                cursor.execute(READ_PRICES, span.parameters())
                while found := cursor.fetchmany(FETCH):
                    self._learn(conn, found)
                    yield from self._rows(found)

    def tenants(self, conn: Connection, ids: set[int]) -> dict[int, str]:
        """Tenant by identity id."""
        unknown = list(ids - self._tenants.keys())
        if unknown:
            self._tenants |= dict(conn.execute(READ_TENANTS, (unknown,)).fetchall())
        return self._tenants

    def _learn(self, conn: Connection, found: Sequence[tuple[Any, ...]]) -> None:
        series = list({row[2] for row in found} - self._series.keys())
        if series:
            self._series |= {row[0]: row[1:] for row in conn.execute(READ_SERIES, (series,))}
        shapes = list({row[3] for row in found} - self._shapes.keys())
        if shapes:
            self._shapes |= {row[0]: row[1:] for row in conn.execute(READ_SHAPES, (shapes,))}

    def _rows(self, found: Sequence[tuple[Any, ...]]) -> Iterator[PricedRow]:
        call = ModelCall()
        for row in found:
            time_us, key, series_id, shape_id, identity_id, status, usage_source, flags, price_status = row[
                :9
            ]
            environment, data_mode, call.provider, call.model = self._series[series_id]
            call.operation, call.service_tier = self._shapes[shape_id]
            call.time_ns = (time_us + POSTGRES_EPOCH_US) * 1000
            call.status, call.usage_source = STATUS_NAME[status], USAGE_SOURCE_NAME[usage_source]
            call.flags = flags & ~_REPLACED
            (
                call.input_tokens, call.output_tokens, call.cache_read_tokens, call.cache_write_tokens,
                call.cache_write_1h_tokens, call.reasoning_tokens, call.input_audio_tokens,
                call.output_audio_tokens, call.input_image_tokens, call.output_image_tokens,
                call.input_cached_audio_tokens, call.input_cached_image_tokens,
            ) = row[9:21]  # fmt: skip
            line = JournalKey(time_us // _DAY_US, environment, data_mode, call.provider, call.model)
            cost, inputs, cache_read, cache_write, output, other, vector_id, map_id = row[21:]
            charge = Charge(
                PRICE_STATUS_NAME[price_status], cost, inputs, cache_read, cache_write, output, other,
                vector_id, flags & _REPLACED,
            )  # fmt: skip
            yield PricedRow(RowKey(time_us, key), line, identity_id, call, call.flags, charge, map_id)


def feed_prices(
    copy: psycopg.Copy, priced: Sequence[tuple[PricedRow, Charge]], price_map_id: int | None
) -> None:
    """Write rows with their new prices into the COPY of `COPY_PRICES`."""
    price_map = NULL if price_map_id is None else pack_int4(4, price_map_id)
    parts = [COPY_HEADER]
    for row, charge in priced:
        vector_id = charge.vector_id
        time_us, key = row.place
        status = PRICE_STATUS[charge.status]
        parts.append(_pack_head(_COLUMNS, 8, time_us, 16, key, 4, row.flags | charge.flags, 2, status))
        parts.append(NULL if vector_id is None else pack_int8(8, vector_id))
        parts.append(price_map)
        if charge.cost is None:
            parts.append(_NO_COSTS)
        else:
            cost, inputs, cache_read, cache_write, output, other = costs_of(charge)
            parts.append(_pack_costs(8, cost, 8, inputs, 8, cache_read, 8, cache_write, 8, output, 8, other))
    parts.append(COPY_TRAILER)
    copy.write(b"".join(parts))


assert len(USAGE) == 12, "the columns 9 to 20 of a row"
