"""Which field wins if several spans report one call (LEDGER §6).

Every field is the best over all spans, by the rank of its source and then by the order of the spans: so it is
the same for any order of arrival. Usage is one field: counts of two spans are never mixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from operator import attrgetter

from processor.calls.call import MISSING as NO_USAGE
from processor.calls.call import UNKNOWN, Flag, ModelCall
from processor.calls.precedence import MISSING, MISSING_USAGE, UNSAID, best_ranks, usage_rank

USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "output_image_tokens",
    "input_cached_audio_tokens",
    "input_cached_image_tokens",
)
"""Token counts of a call: the totals, then their parts."""
_PARTS = USAGE[2:]
_parts = attrgetter(*_PARTS)
USAGE_FIELD = "usage"
"""The name of all token counts together."""
USAGE_FLAGS = int(
    Flag.USAGE_NORMALISED
    | Flag.USAGE_INVALID
    | Flag.USAGE_LOSSY
    | Flag.ESTIMATE_UNMARKED
    | Flag.USAGE_AMBIGUOUS
)
TAGS = (
    "endpoint_tag",
    "prompt_version",
    "tenant_id",
    "user_id",
    "conversation_id",
    "environment",
    "data_mode",
    "attempt",
    "external_request_id",
)
"""What applications say of a call, itself or on a span around it."""
_CONTEXT = (
    "service_name",
    "provider",
    "model",
    "request_model",
    "latency_us",
    "time_to_first_token_us",
    "streaming",
    "service_tier",
    "response_id",
    "reported_cost_pico_usd",
)
_OF_THE_OUTCOME = ("error_type", "http_status")
FIELDS = (*TAGS, *_CONTEXT, *_OF_THE_OUTCOME)
"""What of a call a span may tell better than the counted one, beside its usage."""
_values = attrgetter(*FIELDS)
_DETAIL = (*_CONTEXT[3:4], *_CONTEXT[5:], *_OF_THE_OUTCOME)
"""What a detail span of a call may fill in."""
_SEVERAL = int(Flag.SEVERAL_CALLS | Flag.USAGE_LOSSY)

Taken = Mapping[str, tuple[int, ModelCall]]
"""Field → rank and reading that it was taken from."""


def merged(readings: Sequence[ModelCall]) -> tuple[ModelCall, Taken]:
    """One call of what several spans say of it; the first of them is the one that is counted.

    Returns:
        A new call with the first one's place, and the fields that others gave.
    """
    call = copy(readings[0])
    taken: dict[str, tuple[int, ModelCall]] = {}
    if len(readings) == 1:
        return call, taken
    for name, other in _better(readings).items():
        _take(call, other, name)
        taken[name] = field_rank(other, name), other
    ranks = [usage_rank(one) for one in readings]
    place = ranks.index(min(ranks))
    if place:
        take_usage(call, readings[place])
        taken[USAGE_FIELD] = ranks[place], readings[place]
    if ranks[place] < MISSING_USAGE:
        _fill_parts(call, readings, taken)
    return call, taken


def _better(readings: Sequence[ModelCall]) -> dict[str, ModelCall]:
    """Field → the reading that gives it, where that is not the first."""
    counted, *others = readings
    best = _worths(counted, counted)
    giver: dict[str, ModelCall] = {}
    for one in others:
        for name, worth in _worths(one, counted).items():
            if worth < best.get(name, MISSING):
                best[name], giver[name] = worth, one
    return {name: giver[name] for name in FIELDS if name in giver} if giver else giver


def _worths(call: ModelCall, counted: ModelCall) -> dict[str, int]:
    """Field → how good a call's value of it is, for those that it has; the smaller is better."""
    ranks = best_ranks(call.sources)
    worths = {
        name: ranks.get(name, UNSAID)
        for name, value in zip(FIELDS, _values(call), strict=True)
        if value is not None and value != UNKNOWN
    }
    if not call.request_id_given:
        worths.pop("external_request_id", None)
    if call.status != counted.status:
        for name in _OF_THE_OUTCOME:
            worths.pop(name, None)
    if call.model != UNKNOWN:  # which model answered is worth more than which was asked
        worths["model"] = int(call.model == call.request_model)
    return worths


def field_rank(call: ModelCall, name: str, ranks: Mapping[str, int] | None = None) -> int:
    """How good a call's value of a field is.

    Args:
        ranks: the `best_ranks` of its sources, where they are at hand.
    """
    if getattr(call, name) in (None, UNKNOWN):
        return MISSING
    if name == "external_request_id" and not call.request_id_given:
        return MISSING
    return (best_ranks(call.sources) if ranks is None else ranks).get(name, UNSAID)


def _take(call: ModelCall, other: ModelCall, name: str) -> None:
    setattr(call, name, getattr(other, name))
    if name == "latency_us":
        call.flags &= ~int(Flag.LATENCY_UNKNOWN)
    elif name == "data_mode":
        call.sent_data_mode = other.sent_data_mode
        call.flags = _flags_of(call, other, int(Flag.DATA_MODE_UNKNOWN))
    elif name == "external_request_id":
        call.request_id_given = True
    _take_sources(call, other, (name,))


def take_usage(call: ModelCall, other: ModelCall) -> None:
    """Another reading's usage, whole."""
    for name in USAGE:
        setattr(call, name, getattr(other, name))
    call.usage_source = other.usage_source
    call.flags = _flags_of(call, other, USAGE_FLAGS)
    _take_sources(call, other, USAGE)


def drop_usage(call: ModelCall) -> None:
    """As if the span had reported no usage."""
    take_usage(call, ModelCall(usage_source=NO_USAGE))


def _fill_parts(
    call: ModelCall, readings: Sequence[ModelCall], taken: dict[str, tuple[int, ModelCall]]
) -> None:
    """Parts of a usage that is equal in total, where the better one lacks them."""
    totals = call.input_tokens, call.output_tokens
    equal = [one for one in readings if (one.input_tokens, one.output_tokens) == totals]
    if len(equal) < 2:
        return
    told = zip(_PARTS, _parts(call), zip(*map(_parts, equal), strict=True), strict=True)
    lacking = [name for name, own, counts in told if own is None and counts.count(None) < len(counts)]
    if lacking:
        equal.sort(key=usage_rank)
    for name in lacking:
        other = next(one for one in equal if getattr(one, name) is not None)
        setattr(call, name, getattr(other, name))
        _take_sources(call, other, (name,))
        taken[name] = usage_rank(other), other


def _flags_of(call: ModelCall, other: ModelCall, mask: int) -> int:
    return call.flags & ~mask | other.flags & mask


def _take_sources(call: ModelCall, other: ModelCall, names: Sequence[str]) -> None:
    call.sources = (
        *(source for source in call.sources if source.field not in names),
        *(source for source in other.sources if source.field in names),
    )


def take_details(call: ModelCall, details: Sequence[ModelCall]) -> ModelCall:
    """A call with what the detail spans below it know: the last of them has the provider's id.

    Several of them: later ones overwrote the counts on the call's own span.
    """
    if not details:
        return call
    call = copy(call)
    last = max(details, key=lambda one: (one.time_ns + (one.latency_us or 0) * 1000, one.span_id))
    if len(details) > 1:
        call.flags |= _SEVERAL
    if last.response_id is not None:
        _take(call, last, "response_id")
    if call.latency_us is None and last.latency_us is not None:
        _take(call, last, "latency_us")
    for name in _DETAIL:
        if getattr(call, name) is None and getattr(last, name) is not None:
            _take(call, last, name)
    return call


def set_request_label(call: ModelCall, label: str | None = None) -> None:
    """Without an id of the application, the provider's id or a label stands there that groups nothing."""
    if not call.request_id_given:
        call.external_request_id = call.response_id or label or call.external_request_id or call.span_id.hex()
