"""Two spans of one call made one: fields of the better rank, never a mixture of two counts (LEDGER §6)."""

from __future__ import annotations

from processor.call import UNKNOWN, Flag, ModelCall, Source
from receiver.dialects.reading import Seen
from receiver.dialects.table import INHERITED, Verdict

_USAGE = (
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
)
_CONTEXT = (
    "request_model",
    "time_to_first_token_us",
    "streaming",
    "service_tier",
    "response_id",
    "reported_cost_pico_usd",
    "http_status",
    "error_type",
)
_MISSING_RANK = 80
_USAGE_FLAGS = int(Flag.USAGE_NORMALISED | Flag.USAGE_INVALID | Flag.USAGE_LOSSY | Flag.ESTIMATE_UNMARKED)


def absorb(kept: Seen, twin: Seen, reason: str) -> None:
    """Count `kept` only, completed by what `twin` knows better."""
    twin.verdict = Verdict(False, reason)
    twin.twin_of = kept
    kept.twins += (twin, *twin.twins)
    if kept.call is not None and twin.call is not None:
        _merge(kept, kept.call, twin, twin.call)


def _merge(kept: Seen, call: ModelCall, twin: Seen, other: ModelCall) -> None:
    ours, theirs = _ranks(call), _ranks(other)
    taken = dict(kept.taken)
    for name in INHERITED:
        value = twin.reading.values.get(name)
        if value is not None and _rank_of(twin, name) < _rank_of(kept, name):
            key = twin.plan.key_of(twin.reading, name)
            taken[name] = str(value), Source(name, key.shown if key else name, _rank_of(twin, name))
    kept.taken = {**twin.taken, **taken}
    _merge_usage(call, other, ours, theirs)
    fill_context(call, other)
    if call.model == UNKNOWN or (call.model == call.request_model and other.model != other.request_model):
        call.model = other.model  # the twin knows which model answered
    if call.provider == UNKNOWN:
        call.provider = other.provider
    if call.latency_us is None and other.latency_us is not None:
        call.latency_us = other.latency_us
        call.flags &= ~Flag.LATENCY_UNKNOWN


def fill_context(call: ModelCall, other: ModelCall) -> None:
    """Take what is missing, with the line that says where it came from."""
    taken = []
    for name in _CONTEXT:
        if getattr(call, name) is None and getattr(other, name) is not None:
            setattr(call, name, getattr(other, name))
            taken.append(name)
    if taken:
        call.sources = (*call.sources, *(source for source in other.sources if source.field in taken))


def _merge_usage(call: ModelCall, other: ModelCall, ours: dict[str, int], theirs: dict[str, int]) -> None:
    """The better usage whole, or the missing parts of an equal one; never a mixture of two counts."""
    if other.input_tokens is None and other.output_tokens is None:
        return
    if _usage_rank(call, ours) > _usage_rank(other, theirs):
        wanted = set(_USAGE)
        call.usage_source = other.usage_source
        call.flags = (call.flags & ~_USAGE_FLAGS) | (other.flags & _USAGE_FLAGS)
        for name in _USAGE:
            setattr(call, name, getattr(other, name))
    elif call.input_tokens == other.input_tokens and call.output_tokens == other.output_tokens:
        wanted = {n for n in _USAGE if getattr(call, n) is None and getattr(other, n) is not None}
        for name in wanted:
            setattr(call, name, getattr(other, name))
    else:
        return
    if wanted:
        kept = tuple(source for source in call.sources if source.field not in wanted)
        call.sources = (*kept, *(source for source in other.sources if source.field in wanted))


def _usage_rank(call: ModelCall, ranks: dict[str, int]) -> int:
    if call.input_tokens is None and call.output_tokens is None:
        return _MISSING_RANK
    return max(ranks.get(name, 0) for name in ("input_tokens", "output_tokens"))


def _ranks(call: ModelCall) -> dict[str, int]:
    return {source.field: source.rank for source in call.sources}


def _rank_of(seen: Seen, name: str) -> int:
    if name in seen.taken:
        return seen.taken[name][1].rank
    key = seen.plan.key_of(seen.reading, name) if name in seen.reading.values else None
    return key.rank if key is not None else _MISSING_RANK
