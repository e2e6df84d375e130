"""Token counts of one span in the ledger's convention: totals that include their parts."""

from __future__ import annotations

from collections.abc import Mapping

from processor.calls.call import ESTIMATED, PROVIDER, SUCCESS, Flag, ModelCall
from receiver.dialects.balance import INSIDE, OPEN, OUTSIDE, WRITES_OUTSIDE, Balance, Sent, balance
from receiver.dialects.conventions import ANTHROPIC, GEMINI, UNNAMED, XAI, may_cache, usage_shape
from receiver.dialects.table import (
    USAGE_AMBIGUOUS,
    USAGE_ESTIMATED,
    USAGE_REPAIRED,
    USAGE_SENT,
    Convention,
    Values,
)
from receiver.otlp.fields import LIFETIMES
from receiver.otlp.read_plan import FieldValues, ReadPlan
from receiver.otlp.unread import cache_counts

_USAGE_INVALID = int(Flag.USAGE_INVALID)
_INPUT_ONLY = frozenset({"embeddings", "rerank", "moderation"})
_CACHED = ("cache_read_tokens", "cache_write_tokens", *LIFETIMES)
_INPUT_PARTS = (
    "input_audio_tokens",
    "input_image_tokens",
    "input_text_tokens",
    "input_video_tokens",
    "input_document_tokens",
    "tool_prompt_tokens",
)
_THINKING = (GEMINI, XAI)
_OUTPUT_PARTS = ("output_audio_tokens", "output_image_tokens", "output_text_tokens")


def set_usage(call: ModelCall, plan: ReadPlan, reading: FieldValues, span: Mapping[str, bytes]) -> int:
    """Fill the counts of a call; answers the rank of its usage (LEDGER §6).

    Args:
        span: the span's attributes, for what the plan's fields do not say.
    """
    sent, answered, read, write, reasoning, total = plan.call_usage(reading.row)
    if reading.invalid:
        call.flags |= _USAGE_INVALID
    if not sent and not answered and (sent is None or call.status == SUCCESS) and not total:
        return USAGE_SENT  # zero in and zero out of a successful call is what LiteLLM writes for none
    call.input_tokens = sent
    call.output_tokens = answered
    rank = USAGE_SENT
    if sent is None or answered is None:
        rank = _complete(call, total, reasoning)
        if call.input_tokens is None and call.output_tokens is None:
            return USAGE_SENT
    call.usage_source = PROVIDER
    if plan.rare_counts:
        _set_rare(call, reading.values)
    if plan.has_parts:
        if plan.has_lifetimes:
            write = _written(write, reading.values)
        call.cache_read_tokens = read
        call.cache_write_tokens = write
        call.reasoning_tokens = reasoning
    sent = call.input_tokens
    if sent is not None and not _is_whole(call, sent, total, plan, reading):
        rank = max(rank, _settle(call, sent, total, plan, reading, span))
    if not plan.unconventional:
        return rank
    if plan.unread_cache and _has_unread_cache(call, plan, span):
        call.flags |= Flag.USAGE_AMBIGUOUS
        rank = max(rank, USAGE_AMBIGUOUS)
    return max(rank, _repair(call, plan.convention, plan))


def _has_unread_cache(call: ModelCall, plan: ReadPlan, span: Mapping[str, bytes]) -> bool:
    """Whether a span counts cached tokens under a name that no rule knows, beside what was read.

    One that repeats a count that was read, or is what such a count leaves of the input, says nothing new.
    """
    read, write = call.cache_read_tokens or 0, call.cache_write_tokens or 0
    cached = read + write
    repeated = {read, write, cached, call.cache_write_1h_tokens, call.input_cached_audio_tokens}
    if cached:
        repeated |= {(call.input_tokens or 0) - cached, call.input_tokens}
    return any(count not in repeated for count in cache_counts(span, plan.reads))


def _is_whole(call: ModelCall, sent: int, total: int | None, plan: ReadPlan, reading: FieldValues) -> bool:
    """Whether the totals have all their parts, beyond doubt: the usual case."""
    answered = call.output_tokens or 0
    if total is not None and total > sent + answered:
        return False
    if not (plan.is_plain or plan.counts_plainly(reading)):
        return False
    read, write, reasoning = call.cache_read_tokens, call.cache_write_tokens, call.reasoning_tokens
    if not (read or write or reasoning):
        return True
    if (read or 0) + (write or 0) > sent or (reasoning or 0) > answered:
        return False
    shape = usage_shape(call.provider, call.model)
    if shape == ANTHROPIC and "write_counted" in plan.first:
        return not (read or write)  # LiteLLM says by this count, or by its absence, what the input includes
    return shape in plan.whole_shapes or not (reasoning if shape in _THINKING else read or write)


def _complete(call: ModelCall, total: int | None, reasoning: int | None) -> int:
    """The one count that is missing, where the total gives it away."""
    if not total or call.flags & _USAGE_INVALID or reasoning:
        return USAGE_SENT
    sent, answered = call.input_tokens, call.output_tokens
    if call.operation in _INPUT_ONLY:
        call.input_tokens = total if sent is None else sent
    elif usage_shape(call.provider, call.model) in _THINKING:
        return USAGE_SENT  # the difference may hold reasoning
    elif sent is None and answered is not None and answered < total:
        call.input_tokens = total - answered
    elif answered is None and sent is not None and sent < total:
        call.output_tokens = total - sent
    if (call.input_tokens, call.output_tokens) == (sent, answered):
        return USAGE_SENT
    call.flags |= Flag.USAGE_NORMALISED
    return USAGE_REPAIRED


def _repair(call: ModelCall, convention: Convention, plan: ReadPlan) -> int:
    """Repairs that only some emitters need."""
    if convention.loses_cache and call.cache_read_tokens is None and call.cache_write_tokens is None:
        call.flags |= Flag.USAGE_LOSSY if may_cache(call.provider, call.model) else 0
    if convention.loses_reasoning and call.output_tokens is not None and call.reasoning_tokens is None:
        call.flags |= Flag.USAGE_LOSSY
    rank = _mark_estimate(call, convention.estimates, plan)
    if convention.mixes_reasoning and _may_hold_reasoning_twice(call):
        call.flags |= Flag.USAGE_AMBIGUOUS
        rank = max(rank, USAGE_AMBIGUOUS)
    return rank


def _may_hold_reasoning_twice(call: ModelCall) -> bool:
    """Whether the output as sent had room for the reasoning that was added to it."""
    reasoning = call.reasoning_tokens or 0
    return 0 < 2 * reasoning <= (call.output_tokens or 0)


def _written(write: int | None, values: Values) -> int | None:
    """Tokens written to the cache: a sum of 0 beside the lifetimes is what LangChain writes for theirs.

    Source: https://github.com/langchain-ai/langchain/issues/35845
    """
    lifetimes = (values.get("cache_write_5m_tokens") or 0) + (values.get("cache_write_1h_tokens") or 0)
    return write or lifetimes or write


def _set_rare(call: ModelCall, values: Values) -> None:
    call.cache_write_1h_tokens = values.get("cache_write_1h_tokens")
    call.input_audio_tokens = values.get("input_audio_tokens")
    call.output_audio_tokens = values.get("output_audio_tokens")
    call.input_image_tokens = values.get("input_image_tokens")
    call.output_image_tokens = values.get("output_image_tokens")
    call.input_cached_audio_tokens = values.get("input_cached_audio_tokens")
    call.input_cached_image_tokens = values.get("input_cached_image_tokens")


def _settle(
    call: ModelCall,
    sent: int,
    total: int | None,
    plan: ReadPlan,
    reading: FieldValues,
    span: Mapping[str, bytes],
) -> int:
    """Add to the totals what they leave out, and mark what cannot be decided."""
    shape = usage_shape(call.provider, call.model)
    answered = call.output_tokens or 0
    if plan.has_outside and total != sent + answered:
        sent += _beside(plan, reading, "input_tokens", _INPUT_PARTS)
        answered += _beside(plan, reading, "output_tokens", _OUTPUT_PARTS)
    elif shape == GEMINI and plan.convention.reasoning == OUTSIDE:  # and so do the prompts of tools
        sent += reading.values.get("tool_prompt_tokens", 0)
    counts = Sent(
        sent,
        answered,
        call.cache_read_tokens or 0,
        call.cache_write_tokens or 0,
        call.reasoning_tokens or 0,
        total,
    )
    if plan.has_wholes:
        values = reading.values
        counts = counts._replace(fresh=values.get("uncached_tokens"), whole=values.get("whole_input_tokens"))
    cache = _cache_counted(counts, plan, reading, shape)
    reasoning = _reasoning_counted(counts, plan, reading, shape)
    found = balance(counts, cache, reasoning)
    # What the emitter's row says of the cache yields to a count that the span itself gives beside it.
    is_by_row = shape == ANTHROPIC and bool(counts.read or counts.write)
    if (found.is_open or is_by_row) and (inputs := plan.counts_of(span, "input_tokens")):
        found = balance(counts._replace(inputs=inputs), cache, reasoning)
    if found.unexplained and shape == GEMINI:
        found = _gemini_rest(found, counts.reasoning, reasoning)
    return _add(call, sent, answered, found)


def _add(call: ModelCall, sent: int, answered: int, found: Balance) -> int:
    """Set the totals with what was found missing; answers the rank of the usage."""
    before = call.input_tokens, call.output_tokens
    call.input_tokens = sent + found.cache
    if answered + found.reasoning:
        call.output_tokens = answered + found.reasoning
    rank = USAGE_SENT
    if before != (call.input_tokens, call.output_tokens):
        call.flags |= Flag.USAGE_NORMALISED
        rank = USAGE_REPAIRED
    if found.unexplained:
        call.flags |= Flag.USAGE_LOSSY
    if found.is_open:
        call.flags |= Flag.USAGE_AMBIGUOUS
        rank = USAGE_AMBIGUOUS
    return rank


def _beside(plan: ReadPlan, reading: FieldValues, whole: str, parts: tuple[str, ...]) -> int:
    """The sum of the parts that stand beside the total of the same source: Langfuse's audio and images."""
    return sum(reading.values.get(name, 0) for name in parts if _stands_beside(plan, reading, name, whole))


def _stands_beside(plan: ReadPlan, reading: FieldValues, part: str, whole: str) -> bool:
    """Whether the shape of the source says that a count is left out of its total."""
    key = plan.key_of(reading, part)
    if key is None or not key.outside:
        return False
    place = plan.key_of(reading, whole)
    return place is not None and (not key.path or key.attribute == place.attribute)


def _cache_counted(counts: Sent, plan: ReadPlan, reading: FieldValues, shape: str) -> str:
    """Whether the input count includes cached tokens: by the shape of the usage object, else by emitter."""
    if plan.has_outside and any(_stands_beside(plan, reading, name, "input_tokens") for name in _CACHED):
        if counts.total != counts.input + counts.output:
            return OUTSIDE
        # A total that leaves them out: the provider's, which has them in the input, or a mere sum.
        return OPEN if shape in (ANTHROPIC, UNNAMED) else INSIDE
    if shape == UNNAMED and "cache_write_tokens" in reading.values:
        return plan.convention.cache  # of those that count writes, most count them beside the input
    if shape != ANTHROPIC:
        return INSIDE
    if "write_counted" in plan.first:  # LiteLLM's own object, also on a span of the application
        return INSIDE if "write_counted" in reading.values else WRITES_OUTSIDE
    return plan.convention.cache


def _reasoning_counted(counts: Sent, plan: ReadPlan, reading: FieldValues, shape: str) -> str:
    """Whether the output count includes reasoning: by the shape of the usage object, else by emitter."""
    if plan.has_outside and _stands_beside(plan, reading, "reasoning_tokens", "output_tokens"):
        # A source that knows its parts has a whole total: one that is the mere sum has the reasoning in it.
        return INSIDE if counts.total == counts.input + counts.output else OUTSIDE
    return plan.convention.reasoning if shape == GEMINI else OPEN if shape == XAI else INSIDE


def _gemini_rest(found: Balance, thought: int, reasoning: str) -> Balance:
    """Further counts in Gemini's total: reasoning that has no count of its own, and prompts of tools.

    Source:
        https://ai.google.dev/api/generate-content#UsageMetadata: the total is prompt, candidates, thoughts
        and `toolUsePromptTokenCount`, which is billed as input.
    """
    rest = found.unexplained
    if not thought:
        return found._replace(reasoning=rest, unexplained=0, is_open=reasoning != OUTSIDE)
    outside = thought if reasoning != INSIDE and rest > thought else 0
    is_open = reasoning == OPEN and rest > thought
    return Balance(found.cache + rest - outside, outside, is_open, 0)


def _mark_estimate(call: ModelCall, which: str, plan: ReadPlan) -> int:
    """Usage that the emitter may have made up is kept, marked, and yields to a twin with the provider's."""
    if not which or not _may_be_estimate(call, which, plan):
        return USAGE_SENT
    if which == "streams without cached counts" and call.cache_read_tokens is not None:
        return USAGE_SENT
    call.usage_source = ESTIMATED
    call.flags |= Flag.ESTIMATE_UNMARKED
    return USAGE_ESTIMATED


def _may_be_estimate(call: ModelCall, which: str, plan: ReadPlan) -> bool:
    if which == "invoke_model of Mistral and Cohere":
        return "otel_operation" not in plan.first and any(v in call.model for v in ("mistral", "cohere"))
    is_unanswered = "request_type" in plan.first and "answered_by" not in plan.first
    return which == "any" or bool(call.streaming) or (which == "streams, unanswered" and is_unanswered)
