"""OpenTelemetry GenAI conventions, old and new spellings; also what most other emitters write today."""

from __future__ import annotations

import re
from functools import lru_cache

from receiver.dialects.spellings import attribute_keys
from receiver.dialects.table import COUNTS, FALLBACK, Dialect, Key, Values, Verdict, repeats_usage

OPERATIONS = {
    "chat": "chat",
    "text_completion": "text_completion",
    "generate_content": "generate_content",
    "embeddings": "embeddings",
    "responses": "responses",
    "chat_completion": "chat",
    "chat_completions": "chat",
    "completion": "text_completion",
    "embed": "embeddings",
    "embedding": "embeddings",  # Spring AI, `AiOperationType`
    "create_embeddings": "embeddings",
    "chat_completions_create": "chat",
    "chat_stream": "chat",
    "converse": "chat",
    "converse_stream": "chat",
    "embed_content": "embeddings",
    "embeddings_create": "embeddings",
    "generate": "chat",
    "generate_content_stream": "generate_content",
    "audio": "audio",  # OpenLIT, for speech in either direction
    "image": "image",  # Spring AI
    "edit_image": "image",
    "generate_image": "image",
    "image_edit": "image",
    "image_generation": "image",
    "images_edit": "image",
    "images_generate": "image",
    "inference": "chat",
    "invoke_model": "chat",
    "llm": "chat",
    "call_llm": "chat",  # any-agent
    "call_model": "chat",
    "model_call": "chat",
    "model_request": "chat",
    "llm_call": "chat",  # Gemini CLI, `telemetry/constants.ts`
    "llm_request": "chat",
    "message": "chat",
    "messages": "chat",
    "messages_create": "chat",
    "moderation": "moderation",
    "realtime": "chat",
    "rerank": "rerank",
    "response": "responses",
    "responses_create": "responses",
    "speech_to_text": "speech_to_text",
    "stream_chat": "chat",
    "text_completions": "text_completion",
    "text_generation": "text_completion",
    "text_to_speech": "text_to_speech",
}
"""`gen_ai.operation.name` of spans that are one provider request → our name; `operation_name` tells of
spellings."""


@lru_cache(maxsize=1024)
def operation_name(sent: str) -> str | None:
    """Our name of an operation that is one provider request, or None: `chat.completions` → `chat`."""
    known = OPERATIONS.get(sent)
    if known is not None:
        return known
    return OPERATIONS.get(_plain(sent))


def _plain(sent: str) -> str:
    """`countTokens` and `count.tokens` → `count_tokens`."""
    return _SEPARATOR.sub("_", _CAMEL.sub("_", sent.strip()).lower())


_NOT_BILLED = frozenset({"compute_tokens", "count_tokens", "list_models", "retrieve_model", "tokenize"})
"""Operations of providers' interfaces that cost nothing; the tokens on their spans were counted, not used.
Source: https://platform.claude.com/docs/en/build-with-claude/token-counting,
https://ai.google.dev/api/tokens."""
_SEPARATOR = re.compile(r"[.\-\s/_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
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
    operation = str(values["otel_operation"])
    if operation_name(operation) is not None:
        return COUNTS
    if _plain(operation) in _NOT_BILLED:
        return Verdict(False, f"operation {operation} costs nothing")
    reason, known = f"operation {operation} is not a model call", _is_around_calls(operation)
    if known or "model" in values:
        return repeats_usage(reason, values, known)
    return Verdict(False, reason, known=False)


def _is_around_calls(operation: str) -> bool:
    return not _AROUND_CALLS.isdisjoint(re.split(r"[^a-z]+", operation.lower()))


DIALECT = Dialect(
    name="otel_genai",
    mark="otel_operation",
    judge=judge,
    scopes=("opentelemetry.", "@opentelemetry/"),
    keys=(
        Key("otel_operation", 10, "gen_ai.operation.name"),
        Key("provider", 10, "gen_ai.provider.name"),
        # Claude Code writes `anthropic` for every cloud: there the model's id names the provider.
        Key("provider", 20, "gen_ai.system", never="com.anthropic.claude_code"),
        Key("model", 10, "gen_ai.response.model"),
        Key("model", 70, "gen_ai.request.model"),
        Key("request_model", 10, "gen_ai.request.model"),
        Key("response_id", 10, "gen_ai.response.id"),
        Key("conversation_id", 60, "gen_ai.conversation.id"),
        Key("endpoint_tag", 1, "endpoint", never="codex."),  # there it is the path of the API
        Key("endpoint_tag", 50, "gen_ai.workflow.name"),
        Key("endpoint_label", 60, "gen_ai.agent.name", (), FALLBACK),
        Key("user_id", 10, "enduser.id"),
        Key("user_id", 80, "gen_ai.request.user"),
        *attribute_keys("gen_ai.usage.", 10),
        Key("streaming", 10, "gen_ai.request.stream"),
        Key("streaming", 11, "gen_ai.is_streaming"),
        Key("first_chunk_seconds", 10, "gen_ai.response.time_to_first_chunk"),
        Key("service_tier", 10, "openai.response.service_tier"),
        Key("service_tier", 11, "gen_ai.openai.response.service_tier"),
        Key("service_tier", 12, "gen_ai.response.service_tier"),
        Key("asked_tier", 20, "openai.request.service_tier"),
        Key("asked_tier", 21, "gen_ai.openai.request.service_tier"),
        Key("asked_tier", 22, "gen_ai.request.service_tier"),
        Key("paid_extras", 10, "gen_ai.usage.server_tool_use.web_search_requests"),
        Key("paid_extras", 11, "gen_ai.usage.web_search_requests"),
        Key("paid_extras", 12, "gen_ai.usage.details.web_search_requests"),
        Key("paid_extras", 13, "gen_ai.usage.details.advisor_iterations"),  # pydantic-ai
        Key("host", 10, "server.address"),
        Key("place", 10, "server.address"),
        Key("place", 20, "aws.region"),
        Key("place", 30, "cloud.region"),
        Key("error_type", 10, "error.type"),
        Key("error_code", 10, "error.code"),
        Key("http_status", 10, "http.response.status_code"),
        Key("http_status", 20, "http.status_code"),
        Key("environment", 10, "deployment.environment.name"),
        Key("environment", 20, "deployment.environment"),
        Key("http_route", 10, "http.route"),
        Key("service_name", 10, "service.name"),
        Key("reported_cost", 10, "gen_ai.usage.cost"),
        Key("reported_cost", 11, "gen_ai.usage.total_cost"),
        Key("reported_cost", 12, "gen_ai.cost.total_tokens"),
    ),
)
