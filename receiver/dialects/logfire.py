"""Logfire 4 and 5 with pydantic-ai 0.4 and 2: OpenTelemetry keys, usage also in `response_data` or `details`.

A streamed call is two spans: a `span` without usage that ends at the first byte and, unlinked, a `log` span
of no length with the usage and the real `duration`. `receiver.halves` pairs them.
"""

from __future__ import annotations

from receiver.dialects.spellings import attribute_keys, usage_object_keys
from receiver.dialects.table import Dialect, Key, Values, Verdict, repeats_usage


def judge(values: Values, failed: bool) -> Verdict | None:
    """pydantic-ai ≤ 0.4 repeats the sum on `agent run` under the ordinary keys, with no operation."""
    if "otel_operation" in values:
        return None
    return repeats_usage("agent run: not a model call", values)


DIALECT = Dialect(
    name="logfire",
    mark="agent_run",
    judge=judge,
    scopes=("logfire", "pydantic-ai"),
    keys=(
        Key("agent_run", 10, "final_result"),
        Key("agent_run", 11, "all_messages_events"),
        Key("agent_run", 12, "gen_ai.aggregated_usage.input_tokens"),
        Key("agent_run", 13, "agent_name"),
        Key("logfire_type", 10, "logfire.span_type"),
        Key("stream_seconds", 10, "duration"),
        Key("request_model", 60, "request_data", ("model",)),
        Key("model", 96, "request_data", ("model",)),
        Key("streaming", 30, "request_data", ("stream",)),
        *attribute_keys("gen_ai.usage.details.", 20),
        *usage_object_keys("gen_ai.usage.raw", 75),
        *usage_object_keys("response_data", 80, "usage"),
        Key("reported_cost", 40, "operation.cost"),
    ),
)
