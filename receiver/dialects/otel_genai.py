"""OpenTelemetry GenAI conventions, old and new spellings; also what most other emitters write today."""

from __future__ import annotations

import re

from receiver.dialects.table import COUNTS, FALLBACK, Dialect, Key, Values, Verdict

OPERATIONS = {
    "chat": "chat",
    "text_completion": "text_completion",
    "generate_content": "generate_content",
    "embeddings": "embeddings",
    "responses": "responses",
    "chat.completions": "chat",  # Semantic Kernel before it followed the conventions
    "text.completions": "text_completion",
}
"""`gen_ai.operation.name` of spans that are one provider request → our name. Every other name is none."""


_AROUND_CALLS = frozenset(
    {
        "agent", "chain", "crew", "cycle", "evaluate", "evaluation", "function", "graph", "guardrail",
        "handoff", "mcp", "memory", "plan", "retrieval", "retrieve", "session", "skill", "step", "task",
        "team", "tool", "tools", "workflow",
    }
)  # fmt: skip
"""Words of operations that are no call by their meaning: `invoke_agent`, `execute_tool`, `plan`,
`agent_step`, ... Of any other name nobody knows that: usage on it is unread. Source:
https://github.com/open-telemetry/semantic-conventions-genai (docs/gen-ai/gen-ai-agent-spans.md, v0.1.0)."""


def judge(values: Values, failed: bool) -> Verdict | None:
    operation = values["otel_operation"]
    if operation in OPERATIONS:
        return COUNTS
    repeats = "input_tokens" in values and "model" in values
    return Verdict(
        False,
        f"operation {operation!s} is not a model call" + ("; it repeats usage" if repeats else ""),
        wrapper=repeats,
        known=repeats or not _AROUND_CALLS.isdisjoint(re.split(r"[^a-z]+", str(operation).lower())),
    )


DIALECT = Dialect(
    name="otel_genai",
    mark="otel_operation",
    judge=judge,
    scopes=("opentelemetry.", "@opentelemetry/"),
    keys=(
        Key("otel_operation", 10, "gen_ai.operation.name"),
        Key("provider", 10, "gen_ai.provider.name"),
        Key("provider", 20, "gen_ai.system"),
        Key("model", 10, "gen_ai.response.model"),
        Key("model", 70, "gen_ai.request.model"),
        Key("request_model", 10, "gen_ai.request.model"),
        Key("response_id", 10, "gen_ai.response.id"),
        Key("conversation_id", 60, "gen_ai.conversation.id"),
        Key("endpoint_tag", 1, "endpoint"),
        Key("endpoint_tag", 50, "gen_ai.workflow.name"),
        Key("endpoint_label", 60, "gen_ai.agent.name", (), FALLBACK),
        Key("user_id", 10, "enduser.id"),
        Key("user_id", 80, "gen_ai.request.user"),
        Key("input_tokens", 10, "gen_ai.usage.input_tokens"),
        Key("input_tokens", 20, "gen_ai.usage.prompt_tokens"),
        Key("output_tokens", 10, "gen_ai.usage.output_tokens"),
        Key("output_tokens", 20, "gen_ai.usage.completion_tokens"),
        Key("total_tokens", 10, "gen_ai.usage.total_tokens"),
        Key("cache_read_tokens", 10, "gen_ai.usage.cache_read.input_tokens"),
        Key("cache_read_tokens", 11, "gen_ai.usage.cache_read_input_tokens"),
        Key("cache_write_tokens", 10, "gen_ai.usage.cache_creation.input_tokens"),
        Key("cache_write_tokens", 11, "gen_ai.usage.cache_write.input_tokens"),
        Key("cache_write_tokens", 12, "gen_ai.usage.cache_creation_input_tokens"),
        Key("cache_write_tokens", 13, "gen_ai.usage.cache_write_input_tokens"),
        Key("reasoning_tokens", 10, "gen_ai.usage.reasoning.output_tokens"),
        Key("reasoning_tokens", 11, "gen_ai.usage.reasoning_tokens"),
        Key("input_audio_tokens", 10, "gen_ai.usage.audio.input_tokens"),
        Key("output_audio_tokens", 10, "gen_ai.usage.audio.output_tokens"),
        Key("input_image_tokens", 10, "gen_ai.usage.image.input_tokens"),
        Key("output_image_tokens", 10, "gen_ai.usage.image.output_tokens"),
        Key("streaming", 10, "gen_ai.request.stream"),
        Key("streaming", 11, "gen_ai.is_streaming"),
        Key("first_chunk_seconds", 10, "gen_ai.response.time_to_first_chunk"),
        Key("service_tier", 10, "openai.response.service_tier"),
        Key("service_tier", 11, "gen_ai.openai.response.service_tier"),
        Key("service_tier", 12, "gen_ai.response.service_tier"),
        Key("service_tier", 20, "openai.request.service_tier"),
        Key("service_tier", 21, "gen_ai.openai.request.service_tier"),
        Key("error_type", 10, "error.type"),
        Key("error_code", 10, "error.code"),
        Key("http_status", 10, "http.response.status_code"),
        Key("http_status", 20, "http.status_code"),
        Key("environment", 10, "deployment.environment.name"),
        Key("environment", 20, "deployment.environment"),
        Key("http_route", 10, "http.route"),
        Key("service_name", 10, "service.name"),
        Key("reported_cost", 10, "gen_ai.usage.cost"),
    ),
)
