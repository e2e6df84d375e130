"""Keys of calls, responses and logical requests (LEDGER §3, §4): 16 bytes each, stored as uuid."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import chain, starmap

from xxhash import xxh3_64_intdigest
from xxhash import xxh3_128_digest as hash128  # 0.08 us; hashlib's quickest takes 0.6, three times a call

from processor.calls.call import Flag, ModelCall
from processor.calls.response_id import is_strong_response_id
from processor.calls.telling import telling

_MS = 1_000_000
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS

RESPONSE_BUCKET_MS, RESPONSE_REACH_MS = _HOUR_MS, 600_000
"""A response id is claimed by the hour; two spans at most twice the reach apart share a claim."""
REQUEST_BUCKET_MS, REQUEST_REACH_MS = 7 * _DAY_MS, 12 * _HOUR_MS
"""An application's request id is claimed by the week; attempts up to a day apart share a claim."""
REPEAT_BUCKET_MS, REPEAT_REACH_MS = 60_000, 10_000
"""A response id that comes again without overlap is claimed by the minute: its duplicates meet there."""

OWN, RESPONSE, WEAK_RESPONSE, REPEAT, REQUEST, UNREAD, TOLD = range(7)
"""Kinds of hashed values; the seed keeps them apart."""

_CLOCK_MOVED = int(Flag.CLOCK_MOVED)
_MAX_MS = (1 << 47) - 1  # keeps the first bit of an own key 0

Keys = tuple[bytes, ...]


def claimed_ms(call: ModelCall) -> int:
    """The start that the sender claims, in whole milliseconds; never our clock (LEDGER §3)."""
    if call.flags & _CLOCK_MOVED:
        return call.claimed_time_ns // _MS
    return (call.claimed_time_ns or call.time_ns) // _MS


def own_key(call: ModelCall, at_ms: int) -> bytes:
    """First bit 0, 48 bits of claimed start, 80 of hash(trace, span); a report's identity (LEDGER §4)."""
    if call.report_key:
        return b"\x80\x00" + call.report_key[:14]
    if not 0 <= at_ms <= _MAX_MS:
        at_ms = min(max(at_ms, 0), _MAX_MS)
    return at_ms.to_bytes(6, "big") + hash128(call.trace_id + call.span_id, OWN)[:10]


def own_keys_of_others(call: ModelCall) -> Keys:
    """The own keys of the spans that are one call with this one, as each would claim its own."""
    return tuple(starmap(own_key_of, call.other_spans))


def own_key_of(trace_id: bytes, span_id: bytes, start_ns: int) -> bytes:
    """The own key that a span would claim that begins there, by its sender's clock."""
    return min(start_ns // _MS, _MAX_MS).to_bytes(6, "big") + hash128(trace_id + span_id, OWN)[:10]


@lru_cache(maxsize=4096)
def _prefixes(slot: int, slots_per_bucket: int) -> Keys:
    """First two bytes of the keys of an id at reach-sized time slot `slot`: one per bucket within reach."""
    low, high = (slot - 1) // slots_per_bucket, (slot + 1) // slots_per_bucket
    return tuple((bucket & 0x7FFF | 0x8000).to_bytes(2, "big") for bucket in sorted({low, high}))


def id_keys(kind: int, text: bytes, at_ms: int, bucket_ms: int, reach_ms: int) -> Keys:
    """One or two keys of an id: first bit 1, 15 bits of the bucket number, 112 bits of hash(kind, id).

    Args:
        bucket_ms: a whole multiple of `reach_ms`.
    """
    digest = hash128(text, kind)[:14]
    prefixes = _prefixes(at_ms // reach_ms, bucket_ms // reach_ms)
    if len(prefixes) == 1:
        return (prefixes[0] + digest,)
    return prefixes[0] + digest, prefixes[1] + digest


def response_keys(call: ModelCall, at_ms: int) -> Keys:
    """The keys that stand for a provider's response id; empty when the call has none that can join spans.

    A strong id joins whatever the trace, request or service; a weak one only within its trace (LEDGER §1).
    Without an id what a span and a log record both say of the call (`processor.calls.telling`) stands for it.
    """
    named = _name(call)
    return id_keys(*named, at_ms, RESPONSE_BUCKET_MS, RESPONSE_REACH_MS) if named else ()


def _name(call: ModelCall) -> tuple[int, bytes] | None:
    """What a call is known by beside its own ids: the kind of a key, and the text that it is made of."""
    response_id = call.response_id
    if not response_id:
        said = telling(call)
        return (TOLD, as_bytes(said)) if said else None
    if is_strong(response_id):
        return RESPONSE, as_bytes(response_id)
    return (WEAK_RESPONSE, call.trace_id + as_bytes(response_id)) if call.trace_id else None


def keys_of_spans(own: bytes, call: ModelCall, at_ms: int) -> Keys:
    """The keys of a call reported by several spans: each of them may come again without the others."""
    ids = call.span_response_ids or ()
    alone = (replace(call, response_id=one) for one in ids if one != call.response_id)
    found = (response_keys(one, at_ms) for one in (call, *alone))
    return tuple(dict.fromkeys((own, *chain.from_iterable(found))))


def repeat_keys(call: ModelCall, at_ms: int) -> Keys:
    """The keys that a further call of a known response id claims beside its own key."""
    named = _name(call)
    return id_keys(REPEAT, named[1], at_ms, REPEAT_BUCKET_MS, REPEAT_REACH_MS) if named else ()


def request_keys(call: ModelCall, at_ms: int) -> Keys:
    """The keys of the logical request that the application named (LEDGER §5); empty without one."""
    if not call.request_id_given or not call.external_request_id:
        return ()
    scope = f"{call.environment}\0{call.data_mode}\0{call.service_name or ''}\0{call.external_request_id}"
    return id_keys(REQUEST, as_bytes(scope), at_ms, REQUEST_BUCKET_MS, REQUEST_REACH_MS)


def unread_key(identity: bytes) -> bytes:
    """The key of a span or record with unread usage; a call of the same ids has another one."""
    return hash128(identity, UNREAD)


def is_strong(response_id: str) -> bool:
    """`is_strong_response_id` in a tenth of the time for ids of the usual form."""
    end = response_id[-12:]
    if len(end) == 12 and end.isascii() and end.isalnum() and not end.isdigit():
        return True  # a leading word and its separator cannot reach into twelve letters and digits
    return is_strong_response_id(response_id)


def as_bytes(text: str) -> bytes:
    """UTF-8; a lone surrogate passes here and is refused as a value by the row that holds it."""
    return text.encode("utf-8", "surrogatepass")


def dictionary_id(kind: str, *values: str) -> int:
    """The id of a dictionary row: 63 bits of a hash over its values (LEDGER §21)."""
    return xxh3_64_intdigest(as_bytes("\0".join((kind, *values)))) >> 1
