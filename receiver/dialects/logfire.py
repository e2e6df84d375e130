"""Logfire 4 and 5 with pydantic-ai 0.4 and 2: OpenTelemetry keys, usage also in `response_data` or `details`.

Before 4.19 the spans of the OpenAI and Anthropic SDKs name no operation, Anthropic's no provider either:
what makes them calls is the request in `request_data`, and the scope (`logfire.anthropic`) says whose SDK
it was.
Source: https://github.com/pydantic/logfire, v4.1.0, `logfire/_internal/integrations/llm_providers`. They do
not tell: the id of the response; for Anthropic's streams any usage.

The Claude Agent SDK (`logfire/_internal/integrations/claude_agent_sdk.py`, 4.2x) has the usage of a whole
conversation turn on the span of its agent.

A streamed call is two spans: a `span` without usage that ends at the first byte and, unlinked, a `log` span
of no length with the usage and the real `duration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from processor.calls.call import HALF, Flag, ModelCall, Source
from processor.calls.same_call import is_bare
from receiver.dialects.spellings import attribute_keys, usage_object_keys
from receiver.dialects.table import COUNTS, Dialect, Key, Values, Verdict, repeats_usage
from receiver.dialects.table import DIALECT as DIALECT_RANK

if TYPE_CHECKING:
    from receiver.otlp.read_call import ReadSpan

_SUM = Verdict(True, flags=int(Flag.SEVERAL_CALLS))
_LOG_TOLERANCE_NS = 5_000_000_000
"""A stream's log begins when its span ends; import time was the largest gap seen (0.7 s)."""


def judge(values: Values, failed: bool) -> Verdict | None:
    """pydantic-ai ≤ 0.4 repeats the sum on `agent run` under the ordinary keys, with no operation."""
    if "otel_operation" in values:
        return None
    return repeats_usage("agent run: not a model call", values)


def judge_request(values: Values, failed: bool) -> Verdict | None:
    """A request of an SDK is a call; one that is told by its URL is another API (files, token counting)."""
    if "otel_operation" in values:
        return None
    if "logfire_url" in values:
        return repeats_usage("Logfire span of another API than the model's", values)
    return COUNTS


def judge_agent_sdk(values: Values, failed: bool) -> Verdict | None:
    """The Claude Agent SDK: the SDK's counts of one message are partial, so the sum of all requests is on the
    agent's span."""
    operation = values["agent_sdk"]
    if operation == "chat":
        return Verdict(False, "Logfire span of a message: the sum is on the agent's span")
    return _SUM if operation == "invoke_agent" and "input_tokens" in values else None


def pair_streams(spans: Sequence[ReadSpan]) -> list[tuple[ReadSpan, ReadSpan]]:
    """The streams among the counted spans of one request: the span of each, and its log.

    Logs take the time that they tell. A span whose log is not here waits for it, uncounted.
    """
    ordered = sorted(spans, key=lambda seen: (seen.start, seen.trace_id, seen.span_id))
    logs = [seen for seen in ordered if seen.reading.values.get("logfire_type") == "log"]
    halves = [seen for seen in ordered if seen.call is not None and is_bare(seen.call) and seen not in logs]
    pairs: list[tuple[ReadSpan, ReadSpan]] = []
    met: set[bytes] = set()
    for half, log in sorted(((h, log) for log in logs for h in halves if _is_stream(log, h)), key=_gap):
        if met.isdisjoint((half.span_id, log.span_id)):
            met |= {half.span_id, log.span_id}
            pairs.append((half, log))
    for log in logs:
        _place_log(log)
    for half in halves:
        if half.span_id not in met:
            half.verdict = Verdict(
                False, "half of a streamed call: its usage comes on a log span", wrapper=True
            )
            half.part = HALF
    for half, log in pairs:
        if half.call is not None and log.call is not None and log.call.latency_us is not None:
            _forget_length(half.call)
    return pairs


def _forget_length(call: ModelCall) -> None:
    """The span of a stream ends at the first byte; its log knows how long the call was."""
    call.latency_us = None
    call.flags |= Flag.LATENCY_UNKNOWN


def _is_stream(log: ReadSpan, half: ReadSpan) -> bool:
    if log.call is None or half.call is None:
        return False
    return (
        log.resource == half.resource
        and log.call.request_model == half.call.request_model
        and abs(_begin(log) - half.end) <= _LOG_TOLERANCE_NS
    )


def _gap(pair: tuple[ReadSpan, ReadSpan]) -> tuple[int, bytes, bytes]:
    half, log = pair
    return abs(_begin(log) - half.end), half.span_id, log.span_id


def _begin(log: ReadSpan) -> int:
    seconds = log.reading.values.get("stream_seconds")
    return log.start - (int(seconds * 1e9) if isinstance(seconds, int | float) else 0)


def _place_log(log: ReadSpan) -> None:
    call = log.call
    if call is None:
        return
    call.time_ns = _begin(log)
    call.latency_us = (log.start - call.time_ns) // 1000 or None
    call.streaming = True
    call.sources = (*call.sources, Source("time_ns", "duration", DIALECT_RANK))
    if call.latency_us is not None:
        call.flags &= ~Flag.LATENCY_UNKNOWN


DIALECT = Dialect(
    name="logfire",
    mark="agent_run",
    judge=judge,
    more_judges=(("logfire_request", judge_request), ("agent_sdk", judge_agent_sdk)),
    scopes=("logfire", "pydantic-ai"),
    keys=(
        Key("agent_run", 10, "final_result"),
        Key("agent_run", 11, "all_messages_events"),
        Key("agent_run", 12, "gen_ai.aggregated_usage.input_tokens"),
        Key("agent_run", 13, "agent_name"),
        Key("logfire_type", 10, "logfire.span_type"),
        Key("agent_sdk", 10, "gen_ai.operation.name", only="logfire.claude_agent_sdk"),
        Key("logfire_request", 10, "request_data", only="logfire."),
        Key("logfire_url", 10, "url", only="logfire."),
        Key("logfire_embeds", 10, "request_data", ("input",), only="logfire."),
        Key("stream_seconds", 10, "duration"),
        Key("request_model", 60, "request_data", ("model",)),
        Key("model", 96, "request_data", ("model",)),
        Key("asked_tier", 50, "request_data", ("service_tier",)),
        Key("streaming", 30, "request_data", ("stream",)),
        *attribute_keys("gen_ai.usage.details.", 20),
        *usage_object_keys("gen_ai.usage.raw", 75),
        *usage_object_keys("response_data", 80, "usage"),
        Key("reported_cost", 40, "operation.cost"),
    ),
)
