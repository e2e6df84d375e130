"""The staging row: its columns and the bytes that fill them, side by side (binary COPY).

The row is a join of pieces. What repeats from call to call (dimensions, shape, price status) is a piece that
was packed once and is kept by the catalogue; what differs is packed by a few `struct` calls. Measured against
psycopg's `write_row` in tests/benchmarks/bench_storage.py.
"""

from __future__ import annotations

from bisect import bisect_left
from struct import Struct

from processor.call import CANCELLED, ERROR, ESTIMATED, MISSING, PROVIDER, SUCCESS, ModelCall
from processor.pricing import Charge
from storage.wire import LENGTH, NULL, POSTGRES_EPOCH_US, pack_int2, pack_int4, pack_int8, text_field

STATUS = {SUCCESS: 1, ERROR: 2, CANCELLED: 3}
USAGE_SOURCE = {PROVIDER: 1, ESTIMATED: 2, MISSING: 3}
PRICE_STATUS = {
    "priced": 1,
    "free": 2,
    "estimated": 3,
    "unpriced_model": 4,
    "no_usage": 5,
    "bad_usage": 6,
    "error_without_usage": 7,
}
"""Codes as `_genai.model_call` stores them; views spell them out."""

LATENCY_BOUNDS_US = tuple(round(100_000 * 2 ** (i / 2)) for i in range(23))
"""Upper ends of the histogram's buckets; the last bucket, 23, has none (view `_genai.booked`)."""
NO_LATENCY = -1

COLUMNS = (
    # head: packed per call
    *("minute", "time", "call_key", "latency_bucket", "flags"),
    # pieces of the request, the catalogue and the price
    *(
        "requests",
        "received_at",
        "booked_series_id",
        "facet_id",
        "series_id",
        "booked_identity_id",
        "identity_id",
    ),
    *("folded", "shape_id", "status", "usage_source", "price_status", "price_vector_id", "price_map_id"),
    # costs
    *("cost_pico_usd", "input_cost_pico_usd", "output_cost_pico_usd"),
    *("cache_read_cost_pico_usd", "cache_write_cost_pico_usd", "other_cost_pico_usd"),
    # usage: the usual and the rare
    *("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens"),
    *("cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens", "output_audio_tokens"),
    *("input_image_tokens", "output_image_tokens"),
    # times and ids
    *("latency_us", "time_to_first_token_us", "trace_id", "span_id", "parent_span_id"),
    *("attempt", "reported_cost_pico_usd", "claimed_time"),
    *("external_request_id", "response_id", "conversation_id"),
)

_COUNT = len(COLUMNS).to_bytes(2, "big")
_pack_head = Struct("!2s ii iq i16s ih ii").pack
_pack_costs = Struct("!iq iq iq iq iq iq").pack
_pack_two_int4 = Struct("!ii ii").pack
_pack_two_int8 = Struct("!iq iq").pack
_pack_three_int8 = Struct("!iq iq iq").pack
_pack_ids = Struct("!i16s i8s i8s").pack
_NULL_3, _NULL_6 = NULL * 3, NULL * 6
_ZERO_3 = pack_int8(8, 0) * 3
REQUESTS = (pack_int2(2, 0), pack_int2(2, 1))
PRICE_STATUS_PIECE = {name: pack_int2(2, code) for name, code in PRICE_STATUS.items()}


def postgres_us(time_ns: int) -> int:
    """Nanoseconds since 1970 as PostgreSQL's microseconds since 2000."""
    return time_ns // 1000 - POSTGRES_EPOCH_US


def latency_bucket(latency_us: int | None) -> int:
    """Histogram bucket of a latency, `NO_LATENCY` without one."""
    return NO_LATENCY if latency_us is None else bisect_left(LATENCY_BOUNDS_US, latency_us)


def pack_row(
    call: ModelCall, charge: Charge, key: bytes, flags: int, requests: bytes, pieces: bytes, price_map: bytes
) -> bytes:
    """One call as a binary COPY row of `COLUMNS`.

    Args:
        requests: `REQUESTS[1]` if the call counts a request.
        pieces: the catalogue's bytes for `received_at` up to `usage_source`.
        price_map: the field of the price map in force.

    Raises:
        ValueError, struct.error: a value that PostgreSQL could not hold (data: LEDGER §15).
    """
    time_us = call.time_ns // 1000 - POSTGRES_EPOCH_US
    latency_us, first_token_us, vector_id = call.latency_us, call.time_to_first_token_us, charge.vector_id
    inputs, outputs, reasoning = call.input_tokens, call.output_tokens, call.reasoning_tokens
    trace_id, span_id, parent = call.trace_id, call.span_id, call.parent_span_id
    bucket = NO_LATENCY if latency_us is None else bisect_left(LATENCY_BOUNDS_US, latency_us)
    return b"".join(
        (
            _pack_head(_COUNT, 4, time_us // 60_000_000, 8, time_us, 16, key, 2, bucket, 4, flags),
            requests,
            pieces,
            PRICE_STATUS_PIECE[charge.status],
            NULL if vector_id is None else pack_int8(8, vector_id),
            price_map,
            _NULL_6 if charge.cost is None else _costs(charge),
            _pack_two_int4(4, inputs, 4, outputs)
            if inputs is not None and outputs is not None
            else _int4(inputs) + _int4(outputs),
            NULL if (tokens := call.cache_read_tokens) is None else pack_int4(4, tokens),
            NULL if reasoning is None else pack_int4(4, reasoning),
            _NULL_6
            if call.cache_write_tokens is call.input_audio_tokens is call.input_image_tokens is None
            and call.cache_write_1h_tokens is call.output_audio_tokens is call.output_image_tokens is None
            else _rare_tokens(call),
            _pack_two_int8(8, latency_us, 8, first_token_us)
            if latency_us is not None and first_token_us is not None
            else pack_int8(8, latency_us) + NULL
            if latency_us is not None
            else NULL + _int8(first_token_us),
            _pack_ids(16, trace_id, 8, span_id, 8, parent)
            if len(parent) == 8 and len(span_id) == 8 and len(trace_id) == 16
            else _id_field(trace_id, 16) + _id_field(span_id, 8) + _id_field(parent, 8),
            _NULL_3
            if call.attempt is call.reported_cost_pico_usd is None and not flags & 1
            else _rare(call, flags),
            NULL if (text := call.external_request_id) is None else text_field(text),
            NULL if (text := call.response_id) is None else text_field(text),
            NULL if (text := call.conversation_id) is None else text_field(text),
        )
    )


def _costs(charge: Charge) -> bytes:
    _, cost, inputs, cache_read, cache_write, output, other, *_ = charge
    if cache_read or cache_write or other:
        return _pack_costs(
            8, cost, 8, inputs or 0, 8, output or 0, 8, cache_read or 0, 8, cache_write or 0, 8, other or 0
        )
    return _pack_three_int8(8, cost, 8, inputs or 0, 8, output or 0) + _ZERO_3


def _rare_tokens(call: ModelCall) -> bytes:
    return (
        _int4(call.cache_write_tokens)
        + _int4(call.cache_write_1h_tokens)
        + _int4(call.input_audio_tokens)
        + _int4(call.output_audio_tokens)
        + _int4(call.input_image_tokens)
        + _int4(call.output_image_tokens)
    )


def _rare(call: ModelCall, flags: int) -> bytes:
    claimed_us = postgres_us(call.claimed_time_ns)
    return (
        (NULL if call.attempt is None else pack_int2(2, call.attempt))
        + _int8(call.reported_cost_pico_usd)
        + (pack_int8(8, claimed_us) if flags & 1 else NULL)
    )


def _id_field(value: bytes, size: int) -> bytes:
    """An id as its fixed-width column takes it; empty is NULL."""
    if not value:
        return NULL
    if len(value) != size:
        raise ValueError(f"an id of {len(value)} bytes where {size} are needed")
    return LENGTH[size] + value


def _int4(value: int | None) -> bytes:
    return NULL if value is None else pack_int4(4, value)


def _int8(value: int | None) -> bytes:
    return NULL if value is None else pack_int8(8, value)
