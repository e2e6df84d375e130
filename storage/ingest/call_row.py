"""A call as the rows that ingest copies: itself, its posting, its place in the binder's queue (binary COPY).

A row is a join of pieces. What repeats from call to call (dimensions, shape, price status) is a piece that
was packed once and is kept by the dictionary; what differs is packed by a few `struct` calls, once for both
rows. Measured against psycopg's `write_row` in tests/benchmarks/bench_storage.py.
"""

from __future__ import annotations

from bisect import bisect_left
from struct import Struct
from typing import NamedTuple

from processor.calls.call import CANCELLED, ERROR, ESTIMATED, MISSING, PROVIDER, SUCCESS, Flag, ModelCall
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

_COSTS = (
    *("input_cost_pico_usd", "output_cost_pico_usd", "cache_read_cost_pico_usd"),
    *("cache_write_cost_pico_usd", "other_cost_pico_usd"),
)
_RARE_TOKENS = (
    *("cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens", "output_audio_tokens"),
    *("input_image_tokens", "output_image_tokens"),
)
COLUMNS = (
    # head: what nearly every call has of its own
    *("time", "call_key", "flags", "latency_us", "trace_id", "span_id", "parent_span_id"),
    # pieces of its request and of the dictionary
    *("requests", "received_at", "series_id", "shape_id", "usage_source", "status", "identity_id", "folded"),
    # price
    *("price_map_id", "price_vector_id", "first_cost_pico_usd", "cost_pico_usd", "price_status", *_COSTS),
    # what some have, and what few have
    *("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens", *_RARE_TOKENS),
    *("time_to_first_token_us", "input_cached_audio_tokens", "input_cached_image_tokens"),
    *("attempt", "reported_cost_pico_usd", "claimed_time"),
    *("external_request_id", "response_id", "conversation_id"),
)
POSTING_COLUMNS = (
    *("n", "minute", "flags", "latency_us", "latency_bucket"),
    *("requests", "waited_us", "series_id", "facet_id", "status", "identity_id"),
    *("price_status", *_COSTS),
    *("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens", *_RARE_TOKENS),
)
COPY_CALLS = f"COPY _genai.model_call ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)".encode()
COPY_POSTINGS = f"COPY _genai.posting ({', '.join(POSTING_COLUMNS)}) FROM STDIN (FORMAT binary)".encode()

_COUNT = len(COLUMNS).to_bytes(2, "big")
_POSTING_COUNT = len(POSTING_COLUMNS).to_bytes(2, "big") + LENGTH[2] + (1).to_bytes(2, "big")
_pack_head = Struct("!2s iq i16s ii iq i16s i8s i8s").pack
_pack_own = Struct("!2s iq i16s ii").pack
_pack_posting = Struct("!8s ii ii iq ih").pack
_pack_posting_own = Struct("!8s ii ii").pack
_pack_costs = Struct("!ih iq iq iq iq iq").pack
_pack_tokens = Struct("!ii ii").pack
_pack_mark = Struct("!h i16s i8s i8s i16s iq").pack
_NULL_2, _NULL_5, _NULL_6 = NULL * 2, NULL * 5, NULL * 6
_PROMOTED = int(Flag.PROMOTED)
REQUESTS = (pack_int2(2, 0), pack_int2(2, 1))


class Pieces(NamedTuple):
    """What the dictionary knows of a call: fields of its row from `series_id`, of its posting likewise."""

    row: bytes
    posting: bytes


class Origin(NamedTuple):
    """What the calls of a request share: the fields `received_at` and `waited_us`."""

    received: bytes
    waited: bytes


def postgres_us(time_ns: int) -> int:
    """Nanoseconds since 1970 as PostgreSQL's microseconds since 2000."""
    return time_ns // 1000 - POSTGRES_EPOCH_US


def pack_rows(
    call: ModelCall, charge: Charge, key: bytes, flags: int, requests: bytes, pieces: Pieces, origin: Origin,
    price_map: bytes,
) -> tuple[bytes, bytes]:  # fmt: skip
    """One call as a row of `COLUMNS` and one of `POSTING_COLUMNS`.

    Args:
        requests: `REQUESTS[1]` if the call counts a request.
        price_map: the field of the price map in force.

    Raises:
        ValueError, struct.error: a value that PostgreSQL could not hold (data: LEDGER §15).
    """
    time_us = call.time_ns // 1000 - POSTGRES_EPOCH_US
    minute, latency_us = time_us // 60_000_000, call.latency_us
    trace_id, span_id, parent = call.trace_id, call.span_id, call.parent_span_id
    if latency_us is not None and len(parent) == 8 and len(span_id) == 8 and len(trace_id) == 16:
        # fmt: off
        head = _pack_head(
            _COUNT, 8, time_us, 16, key, 4, flags, 8, latency_us, 16, trace_id, 8, span_id, 8, parent,
        )
        posted = _pack_posting(
            _POSTING_COUNT, 4, minute, 4, flags, 8, latency_us, 2, bisect_left(LATENCY_BOUNDS_US, latency_us),
        )
        # fmt: on
    else:
        head = _partial_head(call, time_us, key, flags)
        posted = _partial_posting(minute, flags, latency_us)
    cost, costs = _price(charge)
    tokens = _tokens(call)
    row = b"".join(
        (
            head,
            requests,
            origin.received,
            pieces.row,
            price_map,
            NULL if charge.vector_id is None else pack_int8(8, charge.vector_id),
            NULL if flags & _PROMOTED else cost,
            cost,
            costs,
            tokens,
            NULL if (first_token_us := call.time_to_first_token_us) is None else pack_int8(8, first_token_us),
            _NULL_5
            if call.input_cached_audio_tokens is call.input_cached_image_tokens is None
            and call.attempt is call.reported_cost_pico_usd is None
            and not flags & 1
            else _rare(call, flags),
            NULL if (text := call.external_request_id) is None else text_field(text),
            NULL if (text := call.response_id) is None else text_field(text),
            NULL if (text := call.conversation_id) is None else text_field(text),
        )
    )
    return row, b"".join((posted, requests, origin.waited, pieces.posting, costs, tokens))


def mark_row(call: ModelCall, key: bytes, received: bytes) -> bytes | None:
    """A counted call's entry in the binder's queue: what another request may still change; None without ids.

    A root is in it as well: a call inside of it that has no response id is known by its place in the trace
    only, and takes the root's tags.
    """
    trace_id, span_id, parent = call.trace_id, call.span_id, call.parent_span_id
    if not (trace_id and span_id):
        return None
    time_us = postgres_us(call.time_ns)
    if len(parent) == 8 and len(span_id) == 8 and len(trace_id) == 16:
        return _pack_mark(6, 16, trace_id, 8, span_id, 8, parent, 16, key, 8, time_us) + received
    ids = _id_field(trace_id, 16) + _id_field(span_id, 8) + _id_field(parent, 8)
    return b"".join((_SIX, ids, LENGTH[16], key, pack_int8(8, time_us), received))


_SIX = (6).to_bytes(2, "big")


def _price(charge: Charge) -> tuple[bytes, bytes]:
    """The field of the whole cost, and those of `price_status` and the classes."""
    status, cost, input_cost, cache_read, cache_write, output_cost, other, _, _ = charge
    if cost is None:
        return NULL, pack_int2(2, PRICE_STATUS[status]) + _NULL_5
    # fmt: off
    return pack_int8(8, cost), _pack_costs(
        2, PRICE_STATUS[status], 8, input_cost or 0, 8, output_cost or 0, 8, cache_read or 0,
        8, cache_write or 0, 8, other or 0,
    )
    # fmt: on


def _tokens(call: ModelCall) -> bytes:
    """The fields `input_tokens` up to `output_image_tokens`."""
    inputs, outputs, cached, reasoning = (
        call.input_tokens, call.output_tokens, call.cache_read_tokens, call.reasoning_tokens,
    )  # fmt: skip
    if inputs is None or outputs is None:
        head = _int4(inputs) + _int4(outputs)
    else:
        head = _pack_tokens(4, inputs, 4, outputs)
    head += _NULL_2 if cached is reasoning is None else _int4(cached) + _int4(reasoning)
    if (
        call.cache_write_tokens is call.input_audio_tokens is call.input_image_tokens is None
        and call.cache_write_1h_tokens is call.output_audio_tokens is call.output_image_tokens is None
    ):
        return head + _NULL_6
    return head + b"".join(_int4(getattr(call, name)) for name in _RARE_TOKENS)


def _partial_head(call: ModelCall, time_us: int, key: bytes, flags: int) -> bytes:
    return (
        _pack_own(_COUNT, 8, time_us, 16, key, 4, flags)
        + _int8(call.latency_us)
        + _id_field(call.trace_id, 16)
        + _id_field(call.span_id, 8)
        + _id_field(call.parent_span_id, 8)
    )


def _partial_posting(minute: int, flags: int, latency_us: int | None) -> bytes:
    head = _pack_posting_own(_POSTING_COUNT, 4, minute, 4, flags)
    if latency_us is None:
        return head + _NULL_2
    return head + pack_int8(8, latency_us) + pack_int2(2, bisect_left(LATENCY_BOUNDS_US, latency_us))


def _rare(call: ModelCall, flags: int) -> bytes:
    claimed_us = postgres_us(call.claimed_time_ns)
    return (
        _int4(call.input_cached_audio_tokens)
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
