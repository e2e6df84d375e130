"""The staging row: its columns and the bytes that fill them, side by side (binary COPY).

The row is a join of pieces. What repeats from call to call (dimensions, shape, price status) is a piece that
was packed once and is kept by the catalogue; what differs is packed by a few `struct` calls. Measured against
psycopg's `write_row` in tests/benchmarks/bench_storage.py.
"""

from __future__ import annotations

from bisect import bisect_left
from struct import Struct

from processor.calls.call import CANCELLED, ERROR, ESTIMATED, MISSING, PROVIDER, SUCCESS, ModelCall
from processor.pricing.charge import Charge
from storage.pgwire import LENGTH, NULL, POSTGRES_EPOCH_US, pack_int2, pack_int4, pack_int8, text_field

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
    # head: what nearly every call has of its own
    *("minute", "time", "call_key", "latency_bucket", "flags", "latency_us", "input_tokens", "output_tokens"),
    *("trace_id", "span_id", "parent_span_id"),
    # pieces of the call's place, of its request and of the catalogue
    *("requests", "awaits_ancestor", "received_at", "booked_series_id", "facet_id", "series_id", "shape_id"),
    *("status", "usage_source", "booked_identity_id", "identity_id", "folded"),
    # price
    *("price_map_id", "price_status", "price_vector_id", "cost_pico_usd", "input_cost_pico_usd"),
    *("output_cost_pico_usd", "cache_read_cost_pico_usd", "cache_write_cost_pico_usd", "other_cost_pico_usd"),
    # what some have
    *("cache_read_tokens", "reasoning_tokens", "time_to_first_token_us"),
    # what few have
    *("cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens", "output_audio_tokens"),
    *("input_image_tokens", "output_image_tokens", "input_cached_audio_tokens", "input_cached_image_tokens"),
    *("attempt", "reported_cost_pico_usd", "claimed_time"),
    *("external_request_id", "response_id", "conversation_id"),
)
COPY_STAGING = f"COPY pg_temp.staging ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)".encode()

_COUNT = len(COLUMNS).to_bytes(2, "big")
_pack_head = Struct("!2s ii iq i16s ih ii iq ii ii i16s i8s i8s").pack
_pack_own = Struct("!2s ii iq i16s ih ii").pack
_pack_price = Struct("!ih iq iq iq iq iq iq iq").pack
_NULL_6, _NULL_11 = NULL * 6, NULL * 11
REQUESTS = (pack_int2(2, 0), pack_int2(2, 1))
AWAITS = (LENGTH[1] + b"\0", LENGTH[1] + b"\1")


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
        pieces: `received_at`, and the catalogue's bytes for `booked_series_id` up to `folded`.
        price_map: the field of the price map in force.

    Raises:
        ValueError, struct.error: a value that PostgreSQL could not hold (data: LEDGER §15).
    """
    time_us = call.time_ns // 1000 - POSTGRES_EPOCH_US
    latency_us, inputs, outputs = call.latency_us, call.input_tokens, call.output_tokens
    trace_id, span_id, parent = call.trace_id, call.span_id, call.parent_span_id
    status, cost, input_cost, cache_read, cache_write, output_cost, other, vector_id, _ = charge
    is_whole = len(parent) == 8 and len(span_id) == 8 and len(trace_id) == 16
    if latency_us is None or inputs is None or outputs is None or not is_whole:
        head = _partial_head(call, time_us, key, flags)
    else:
        bucket = bisect_left(LATENCY_BOUNDS_US, latency_us)
        # fmt: off
        head = _pack_head(
            _COUNT, 4, time_us // 60_000_000, 8, time_us, 16, key, 2, bucket, 4, flags, 8, latency_us,
            4, inputs, 4, outputs, 16, trace_id, 8, span_id, 8, parent,
        )
        # fmt: on
    if cost is None or vector_id is None:
        price = _partial_price(charge)
    else:
        # fmt: off
        price = _pack_price(
            2, PRICE_STATUS[status], 8, vector_id, 8, cost, 8, input_cost or 0, 8, output_cost or 0,
            8, cache_read or 0, 8, cache_write or 0, 8, other or 0,
        )
        # fmt: on
    return b"".join(
        (
            head,
            requests,
            AWAITS[call.awaits_ancestor],
            pieces,
            price_map,
            price,
            NULL if (tokens := call.cache_read_tokens) is None else pack_int4(4, tokens),
            NULL if (tokens := call.reasoning_tokens) is None else pack_int4(4, tokens),
            NULL if (first_token_us := call.time_to_first_token_us) is None else pack_int8(8, first_token_us),
            _NULL_11
            if call.cache_write_tokens is call.input_audio_tokens is call.input_image_tokens is None
            and call.cache_write_1h_tokens is call.output_audio_tokens is call.output_image_tokens is None
            and call.input_cached_audio_tokens is call.input_cached_image_tokens is None
            and call.attempt is call.reported_cost_pico_usd is None
            and not flags & 1
            else _rare(call, flags),
            NULL if (text := call.external_request_id) is None else text_field(text),
            NULL if (text := call.response_id) is None else text_field(text),
            NULL if (text := call.conversation_id) is None else text_field(text),
        )
    )


def _partial_head(call: ModelCall, time_us: int, key: bytes, flags: int) -> bytes:
    bucket = latency_bucket(call.latency_us)
    return (
        _pack_own(_COUNT, 4, time_us // 60_000_000, 8, time_us, 16, key, 2, bucket, 4, flags)
        + _int8(call.latency_us)
        + _int4(call.input_tokens)
        + _int4(call.output_tokens)
        + _id_field(call.trace_id, 16)
        + _id_field(call.span_id, 8)
        + _id_field(call.parent_span_id, 8)
    )


def _partial_price(charge: Charge) -> bytes:
    status, vector_id = pack_int2(2, PRICE_STATUS[charge.status]), _int8(charge.vector_id)
    if charge.cost is None:
        return status + vector_id + _NULL_6
    parts = (charge.input_cost, charge.output_cost, charge.cache_read_cost, charge.cache_write_cost)
    amounts = (charge.cost, *(part or 0 for part in (*parts, charge.other_cost)))
    return status + vector_id + b"".join(pack_int8(8, amount) for amount in amounts)


def _rare(call: ModelCall, flags: int) -> bytes:
    claimed_us = postgres_us(call.claimed_time_ns)
    return (
        _int4(call.cache_write_tokens)
        + _int4(call.cache_write_1h_tokens)
        + _int4(call.input_audio_tokens)
        + _int4(call.output_audio_tokens)
        + _int4(call.input_image_tokens)
        + _int4(call.output_image_tokens)
        + _int4(call.input_cached_audio_tokens)
        + _int4(call.input_cached_image_tokens)
        + (NULL if call.attempt is None else pack_int2(2, call.attempt))
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
