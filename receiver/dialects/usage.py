"""Token counts of one span brought to the ledger's convention: totals that include their parts."""

from __future__ import annotations

from processor.call import ESTIMATED, PROVIDER, SUCCESS, Flag, ModelCall
from receiver.dialects.conventions import anthropic_shaped
from receiver.dialects.kinds import LIFETIMES
from receiver.dialects.plan import Plan, Reading
from receiver.dialects.table import USAGE_ESTIMATED, USAGE_REPAIRED, USAGE_SENT, Convention, Values

_USAGE_INVALID = int(Flag.USAGE_INVALID)


def set_usage(call: ModelCall, plan: Plan, reading: Reading) -> int:
    """Fill the counts of a call; answers the rank of its usage (LEDGER §6)."""
    sent, answered, read, write, reasoning = plan.call_usage(reading.row)
    if reading.invalid:
        call.flags |= _USAGE_INVALID
    if not sent and not answered and (sent is None or call.status == SUCCESS):
        return USAGE_SENT  # zero in and zero out of a successful call is what LiteLLM writes for none
    call.usage_source = PROVIDER
    call.input_tokens = sent
    call.output_tokens = answered
    if plan.rare_counts:
        _set_rare(call, reading.values)
    rank = USAGE_SENT
    if plan.has_parts:
        if plan.has_lifetimes:
            write = _written(write, reading.values)
        call.cache_read_tokens = read
        call.cache_write_tokens = write
        call.reasoning_tokens = reasoning
        if sent is not None and (read or write):
            rank = _add_cache(call, sent, plan, reading)
    if plan.has_outside:
        rank = max(rank, _add_parts(call, plan, reading))
    if not plan.unconventional:
        return rank
    return max(rank, _repair(call, plan.convention, reading.values))


def _repair(call: ModelCall, convention: Convention, values: Values) -> int:
    """What only some emitters need."""
    if convention.loses_cache and call.cache_read_tokens is None and call.cache_write_tokens is None:
        call.flags |= Flag.USAGE_LOSSY if anthropic_shaped(call.provider, call.model) else 0
    rank = USAGE_SENT
    if convention.thoughts_outside:
        if (
            call.input_tokens is not None
        ):  # what tools added to the prompt stands beside it, in the same total
            call.input_tokens += values.get("tool_prompt_tokens", 0)
        rank = _add_thoughts(call, values.get("total_tokens"))
    return max(rank, _mark_estimate(call, convention.estimates))


def _written(write: int | None, values: Values) -> int | None:
    """Tokens written to the cache: a sum of 0 beside the lifetimes is what LangChain writes for theirs.

    Source: https://github.com/langchain-ai/langchain/issues/35845
    """
    lifetimes = (values.get("cache_write_5m_tokens") or 0) + (values.get("cache_write_1h_tokens") or 0)
    return write or lifetimes or write


def _add_parts(call: ModelCall, plan: Plan, reading: Reading) -> int:
    """Add what a source counts beside its totals: Langfuse's audio, images and reasoning, Gemini's
    thoughts."""
    into = _outside(plan, reading, "input_tokens", ("input_audio_tokens", "input_image_tokens"))
    out = _outside(
        plan, reading, "output_tokens", ("reasoning_tokens", "output_audio_tokens", "output_image_tokens")
    )
    if call.input_tokens is not None:
        call.input_tokens += into
    if call.output_tokens is not None:
        if reading.values.get("total_tokens") == (call.input_tokens or 0) + call.output_tokens:
            out = 0  # the total says that the output has them already
        call.output_tokens += out
    if not (into or out):
        return USAGE_SENT
    call.flags |= Flag.USAGE_NORMALISED
    return USAGE_REPAIRED


def _outside(plan: Plan, reading: Reading, whole: str, parts: tuple[str, ...]) -> int:
    """The sum of the parts that stand outside of the total of the same source."""
    place = plan.key_of(reading, whole)
    if place is None:
        return 0
    found = 0
    for name in parts:
        key = plan.key_of(reading, name)
        if key is not None and key.outside and (not key.path or key.attribute == place.attribute):
            found += reading.values.get(name) or 0
    return found


def _set_rare(call: ModelCall, values: Values) -> None:
    call.cache_write_1h_tokens = values.get("cache_write_1h_tokens")
    call.input_audio_tokens = values.get("input_audio_tokens")
    call.output_audio_tokens = values.get("output_audio_tokens")
    call.input_image_tokens = values.get("input_image_tokens")
    call.output_image_tokens = values.get("output_image_tokens")
    call.input_cached_audio_tokens = values.get("input_cached_audio_tokens")
    call.input_cached_image_tokens = values.get("input_cached_image_tokens")


def _add_cache(call: ModelCall, sent: int, plan: Plan, reading: Reading) -> int:
    """Add cached tokens to an input count that leaves them out."""
    cached = (call.cache_read_tokens or 0) + (call.cache_write_tokens or 0)
    if not _leaves_out(call, sent, cached, plan, reading):
        return USAGE_SENT
    call.input_tokens = sent + cached
    call.flags |= Flag.USAGE_NORMALISED
    return USAGE_REPAIRED


def _leaves_out(call: ModelCall, sent: int, cached: int, plan: Plan, reading: Reading) -> bool:
    """Whether the input count leaves the cache out: by arithmetic, by the shape of the object, by emitter."""
    if cached > sent:
        return True
    if "uncached_tokens" in plan.first and (uncached := reading.values.get("uncached_tokens")) is not None:
        return bool(sent == uncached)
    input_key = plan.key_of(reading, "input_tokens")
    for name in ("cache_read_tokens", "cache_write_tokens", *LIFETIMES):
        key = plan.key_of(reading, name)
        if key is not None and key.outside and input_key is not None and key.attribute == input_key.attribute:
            return True
    return plan.convention.outside and anthropic_shaped(call.provider, call.model)


def _add_thoughts(call: ModelCall, total: object) -> int:
    if not isinstance(total, int) or call.input_tokens is None or call.output_tokens is None:
        return USAGE_SENT
    if total - call.input_tokens <= call.output_tokens:
        return USAGE_SENT
    call.output_tokens = total - call.input_tokens
    call.flags |= Flag.USAGE_NORMALISED
    return USAGE_REPAIRED


def _mark_estimate(call: ModelCall, which: str) -> int:
    """Usage that the emitter may have made up is kept, marked, and yields to a twin with the provider's."""
    if not which or (which != "any" and not call.streaming):
        return USAGE_SENT
    if which == "streams without cached counts" and call.cache_read_tokens is not None:
        return USAGE_SENT
    call.usage_source = ESTIMATED
    call.flags |= Flag.ESTIMATE_UNMARKED
    return USAGE_ESTIMATED
