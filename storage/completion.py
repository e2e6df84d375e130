"""What another span knows better about a stored call: offers by rank, the better one wins (LEDGER §6).

The end state does not depend on the order in which offers come: of all that were ever made for a field, the
one of the best rank is kept, ties by the smaller span id. Usage is one field: counts of two spans are never
mixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from processor.call import UNKNOWN, Flag, ModelCall, Source
from processor.calls.inherit import sent_data_mode, set_data_mode
from processor.calls.merge import USAGE, USAGE_FIELD, USAGE_FLAGS
from processor.calls.precedence import MISSING_USAGE, usage_rank
from processor.pricing import UNCERTAIN, Charge
from processor.tenants import ASSIGNED
from storage.stored_row import IDENTITY, SERIES, WORST, Rank, Row

TAGS = ("endpoint_tag", "prompt_version", "tenant_id", "user_id", "service_name", "environment", "data_mode")
_CONTEXT = (
    "request_model", "time_to_first_token_us", "latency_us", "streaming", "service_tier", "response_id",
    "reported_cost_pico_usd", "http_status", "error_type", "conversation_id",
)  # fmt: skip
_PRICED_BY = frozenset({USAGE_FIELD, *USAGE, "provider", "model", "service_tier", "operation", "status"})

Price = Callable[[ModelCall], Charge]


class Offer(NamedTuple):
    """A field's value as another span has it.

    Attributes:
        field: a field of `ModelCall`, or `USAGE_FIELD` with the whole call as value.
        rank: of its source for this call (an ancestor's tag: 20 + distance).
        span_id: the span that it stands on; empty for a direct report.
        attribute: the attribute key, for `explain`.
    """

    field: str
    value: object
    rank: int
    span_id: bytes
    attribute: str = ""

    def key(self) -> Rank:
        """The smaller one wins."""
        return self.rank, self.span_id.hex()


def complete(row: Row, offers: Sequence[Offer], price: Price | None = None) -> Iterable[Row]:
    """The change that lets a row take what is offered better than what it has.

    Args:
        price: prices the call again where something that a price depends on was taken; without it the price
        stays.
    """
    doubts = row.call.flags & UNCERTAIN
    taken = [offer for offer in sorted(offers, key=Offer.key) if _take(row, offer)]
    if not taken:
        return ()
    is_doubted_otherwise = row.call.flags & UNCERTAIN != doubts
    if price is not None and (is_doubted_otherwise or any(offer.field in _PRICED_BY for offer in taken)):
        row.charge = price(row.call)
    return (row,)


def duplicate_offers(twin: ModelCall) -> list[Offer]:
    """What a duplicate's own reading offers to the call it is the same as: any field that a span gave it."""
    ranks = {source.field: source for source in twin.sources}
    offers = []
    for name in (*TAGS, *_CONTEXT, "provider", "model"):
        value = sent_data_mode(twin) if name == "data_mode" else getattr(twin, name)
        source = ranks.get(name)
        if value not in (None, UNKNOWN) and source is not None and source.attribute != ASSIGNED.attribute:
            offers.append(Offer(name, value, source.rank, twin.span_id, source.attribute))
    if twin.input_tokens is not None or twin.output_tokens is not None:
        offers.append(Offer(USAGE_FIELD, twin, usage_rank(twin), twin.span_id))
    return offers


def _take(row: Row, offer: Offer) -> bool:
    if offer.field == USAGE_FIELD:
        return _take_usage(row, offer)
    if offer.value in (None, UNKNOWN) or offer.key() >= row.rank(offer.field):
        return False
    if offer.field == "data_mode":
        set_data_mode(row.call, str(offer.value))
    else:
        setattr(row.call, offer.field, offer.value)
    if offer.field == "latency_us":
        row.call.flags &= ~int(Flag.LATENCY_UNKNOWN)
    _note(row, offer.field, offer.key(), [Source(offer.field, offer.attribute or offer.field, offer.rank)])
    return True


def _take_usage(row: Row, offer: Offer) -> bool:
    twin, call = offer.value, row.call
    assert isinstance(twin, ModelCall)
    stored = row.completed.get(USAGE_FIELD, (usage_rank(call), call.span_id.hex()))
    if usage_rank(call) == MISSING_USAGE:
        stored = WORST
    if offer.key() >= stored:
        return False
    for name in USAGE:
        setattr(call, name, getattr(twin, name))
    call.usage_source = twin.usage_source
    call.flags = call.flags & ~USAGE_FLAGS | twin.flags & USAGE_FLAGS
    call.sources = tuple(source for source in call.sources if source.field not in USAGE)
    _note(row, USAGE_FIELD, offer.key(), [source for source in twin.sources if source.field in USAGE])
    return True


def _note(row: Row, field: str, rank: Rank, sources: Iterable[Source]) -> None:
    """Remember the rank that won, and where the value came from."""
    row.completed[field] = rank
    row.call.sources = (*(s for s in row.call.sources if s.field != field), *sources)


assert set(TAGS) <= {*SERIES, *IDENTITY}
