"""Calls inside calls, across requests: which are one, and what the one that counts takes (LEDGER §1, §6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy

from processor.call import ERROR, Flag, ModelCall, Source
from processor.calls.merge import USAGE
from processor.tenants import Tenants
from storage.amendments import Change, retract
from storage.bound_trace import Knowledge, outer_tie, reading_offers
from storage.completion import Offer, Price, complete
from storage.estimates import is_estimated
from storage.stored_row import Place, Row

_PROMOTED = int(Flag.PROMOTED)
_LOST = int(Flag.SEVERAL_CALLS | Flag.USAGE_LOSSY)


def settle(
    known: Sequence[Knowledge],
    price: Price,
    price_map_id: int | None = None,
    tenants: Tenants | None = None,
) -> Change:
    """The change that brings calls to what is known of them: rows in the order of `known`, inner first.

    Args:
        tenants: assigns a tenant to rows whose user came late, where no span named one.
    """

    def change(*rows: Row) -> Iterable[Row]:
        by_place = {row.place: row for row in rows}
        by_known = {one.place: one for one in known}
        changed: dict[Place, Row] = {}
        for one, row in zip(known, rows, strict=True):
            if row.merged_into is not None:
                continue
            before = row.charge
            for moved in _settle_one(one, row, by_place, by_known, price):
                changed[moved.place] = moved
            if row.charge is not before and price_map_id is not None:
                row.price_map_id = price_map_id
        if tenants:
            for row in changed.values():
                tenants.assign(row.call)
        return changed.values()

    return change


def _settle_one(
    one: Knowledge,
    row: Row,
    rows: Mapping[Place, Row],
    known: Mapping[Place, Knowledge],
    price: Price,
) -> Iterable[Row]:
    offers = [*one.offers, *one.twin_offers]
    twins = list(one.twins)
    for place in (*one.outers, *one.promoted):
        outer = rows.get(place)
        if outer is None or outer is row:
            continue
        if outer.merged_into is None and is_one_call(outer.call, row.call):
            yield from retract(outer, row)
        if outer.merged_into == row.place.call_key:
            twins += [(own_reading(outer), outer_tie(outer.call.span_id)), *known[place].twins]
            offers += known[place].twin_offers
    for twin, tie in twins:
        offers += reading_offers(twin, tie) + part_offers(row.call, twin, tie)
    offers += _raw_offers(one.raws)
    yield from complete(row, offers, price)
    if _take_raws(row, one.raws):
        yield row


def is_one_call(outer: ModelCall, inner: ModelCall) -> bool:
    """True if a call inside another is the same call (as receiver/join.py decides inside a request)."""
    if outer.flags & _PROMOTED:
        return True  # it was counted only because nothing had come that it wraps
    outer, inner = without_estimate(outer), without_estimate(inner)
    if outer.response_id and inner.response_id and outer.response_id != inner.response_id:
        return False
    if _is_bare(outer) and outer.operation == inner.operation and not _is_bare(inner):
        return True
    if outer.input_tokens is None and outer.output_tokens is None:
        missing = inner.input_tokens is None and inner.output_tokens is None
        return missing and outer.status == inner.status == ERROR
    return outer.input_tokens == inner.input_tokens and outer.output_tokens == inner.output_tokens


def without_estimate(call: ModelCall) -> ModelCall:
    """The call as it was sent: token counts of our own say nothing about what is the same call."""
    if not is_estimated(call):
        return call
    sent = copy(call)
    for name in USAGE:
        setattr(sent, name, None)
    return sent


def _is_bare(call: ModelCall) -> bool:
    return call.input_tokens is None and call.output_tokens is None and call.status != ERROR


def own_reading(row: Row) -> ModelCall:
    """A row's call without what it took from other spans."""
    reading = copy(row.call)
    reading.sources = tuple(s for s in reading.sources if s.field not in row.completed)
    return reading


def part_offers(call: ModelCall, twin: ModelCall, tie: bytes) -> list[Offer]:
    """Parts of a usage that is equal in total and of which the call lacks them."""
    if (call.input_tokens, call.output_tokens) != (twin.input_tokens, twin.output_tokens):
        return []
    read = {source.field: source for source in twin.sources}
    offers = []
    for name in USAGE[2:]:
        value, source = getattr(twin, name), read.get(name, Source(name, name, 60))
        if value is not None and getattr(call, name) is None:
            offers.append(Offer(name, value, source.rank, tie, source.attribute))
    return offers


def _raw_offers(raws: Sequence[ModelCall]) -> list[Offer]:
    """What LiteLLM's last raw request knows; its usage stays its own."""
    if not raws:
        return []
    last = _last(raws)
    skipped = {"usage", "response_id", "latency_us", "provider", "model", "status"}
    return [o for o in reading_offers(last, outer_tie(last.span_id)) if o.field not in skipped]


def _take_raws(row: Row, raws: Sequence[ModelCall]) -> bool:
    """As receiver/halves.py: the last raw request has the provider's id and the model's own latency."""
    if not raws:
        return False
    last, call = _last(raws), row.call
    before = call.flags, call.response_id, call.latency_us, call.external_request_id
    if len(raws) > 1:
        call.flags |= _LOST
    if last.response_id is not None:
        if call.external_request_id == call.response_id and not call.request_id_given:
            call.external_request_id = last.response_id
        call.response_id = last.response_id
    if call.latency_us is None and last.latency_us is not None:
        call.latency_us = last.latency_us
        call.flags &= ~int(Flag.LATENCY_UNKNOWN)
    return before != (call.flags, call.response_id, call.latency_us, call.external_request_id)


def _last(raws: Sequence[ModelCall]) -> ModelCall:
    return max(raws, key=lambda raw: (raw.time_ns + (raw.latency_us or 0) * 1000, raw.span_id))


def take_half(half: ModelCall) -> Change:
    """The change that lets a stream's counted log take what the other half knows, and remember it."""

    def change(row: Row) -> Iterable[Row]:
        if "stream" in row.completed:
            return ()
        for _ in complete(row, reading_offers(half, outer_tie(half.span_id))):
            pass
        row.completed["stream"] = 0, half.span_id.hex()
        return (row,)

    return change
