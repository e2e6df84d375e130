"""The table of spellings: every count of the published vocabularies is read, each into its field."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.calls.call import Flag, ModelCall
from receiver.dialects import DIALECTS
from receiver.dialects.spellings import ATTRIBUTES, INSIDE, OUTSIDE
from receiver.otlp.fields import COUNT_FIELDS
from tests.receiver.spans import read

PUBLISHED: Mapping[str, tuple[str, ...]] = {
    # https://github.com/open-telemetry/semantic-conventions-genai, model/gen-ai/registry.yaml, and the
    # deprecated
    # https://github.com/open-telemetry/semantic-conventions, v1.36.0, docs/registry/attributes/gen-ai.md
    "conventions": (
        "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.completion_tokens", "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.audio.input_tokens",
        "gen_ai.usage.audio.output_tokens", "gen_ai.usage.image.input_tokens",
        "gen_ai.usage.image.output_tokens",
        "gen_ai.usage.audio.cache_read.input_tokens",
    ),
    # https://github.com/getsentry/sentry-conventions, model/attributes/{ai,gen_ai}, 2026-08
    "Sentry": (
        "ai.prompt_tokens.used", "ai.completion_tokens.used", "ai.total_tokens.used",
        "gen_ai.usage.input_tokens.cached", "gen_ai.usage.input_tokens.cache_write",
        "gen_ai.usage.output_tokens.reasoning", "gen_ai.usage.total_tokens",
    ),
    # https://openrouter.ai/docs/guides/features/broadcast/otel-collector
    "OpenRouter": (
        "gen_ai.usage.input_tokens.cached", "gen_ai.usage.input_tokens.cache_write",
        "gen_ai.usage.output_tokens.reasoning",
    ),
    # https://github.com/Arize-ai/openinference, spec/semantic_conventions.md and the Python constants,
    # 2026-08
    "OpenInference": (
        "llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.total",
        "llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_write",
        "llm.token_count.prompt_details.cache_input", "llm.token_count.prompt_details.audio",
        "llm.token_count.completion_details.reasoning", "llm.token_count.completion_details.audio",
    ),
    # https://github.com/livekit/agents, livekit/agents/telemetry/trace_types.py, 1.7.0
    "LiveKit": (
        "gen_ai.usage.input_audio_tokens", "gen_ai.usage.input_cached_tokens",
        "gen_ai.usage.output_audio_tokens",
        "gen_ai.usage.cache_read.input_tokens",
    ),
    # https://github.com/vercel/ai, packages/ai/src/telemetry and packages/otel, 7.0
    "Vercel": (
        "ai.usage.inputTokens", "ai.usage.outputTokens", "ai.usage.totalTokens", "ai.usage.tokens",
        "ai.usage.promptTokens", "ai.usage.completionTokens", "ai.usage.cachedInputTokens",
        "ai.usage.reasoningTokens", "ai.usage.inputTokenDetails.noCacheTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.inputTokenDetails.cacheWriteTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
    ),
    # https://github.com/mastra-ai/mastra, observability/otel-exporter/src/gen-ai-semantics.ts
    "Mastra": (
        "gen_ai.usage.reasoning_tokens", "gen_ai.usage.audio_input_tokens",
        "gen_ai.usage.audio_output_tokens",
    ),
    # https://github.com/traceloop/openllmetry, opentelemetry-semantic-conventions-ai, 0.62
    "OpenLLMetry": (
        "llm.usage.prompt_tokens", "llm.usage.completion_tokens", "llm.usage.total_tokens",
        "llm.usage.reasoning_tokens", "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
    ),
    # https://github.com/anthropics/anthropic-sdk-python, 2.12: `com.anthropic.sdk.python`
    "Anthropic SDK": (
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    ),
    # https://github.com/google/adk-python, src/google/adk/telemetry/tracing.py, 1.20
    "Google ADK": ("gen_ai.usage.experimental.reasoning_tokens",),
    # https://github.com/pydantic/pydantic-ai, pydantic_ai_slim/pydantic_ai/usage.py, 2.68
    "pydantic-ai": (
        "gen_ai.usage.details.input_audio_tokens", "gen_ai.usage.details.cache_audio_read_tokens",
        "gen_ai.usage.details.output_audio_tokens", "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.details.cache_read_tokens",
    ),
}  # fmt: skip
"""Vocabulary → its attributes that count what is priced."""

KEYS = {key.attribute: key for dialect in DIALECTS for key in dialect.keys if not key.path}
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.usage.input_tokens": 9000,
    "gen_ai.usage.output_tokens": 3000,
}


@pytest.mark.parametrize("vocabulary", PUBLISHED)
def test_every_published_count_is_a_key_of_a_count(vocabulary: str) -> None:
    fields = {name: KEYS[name].field if name in KEYS else None for name in PUBLISHED[vocabulary]}
    counts = COUNT_FIELDS | {"total_tokens", "uncached_tokens"}
    assert {name: field for name, field in fields.items() if field not in counts} == {}


@pytest.mark.parametrize(
    ("field", "attribute"),
    [
        (field, prefix + name)
        for prefix, fields in ATTRIBUTES.items()
        for field, names in fields.items()
        for name in names
        if field in {"cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "reasoning_tokens",
                     "input_audio_tokens", "output_audio_tokens", "input_image_tokens", "output_image_tokens"}
    ],
)  # fmt: skip
def test_every_spelling_reaches_its_field(field: str, attribute: str) -> None:
    assert getattr(read({**CALL, attribute: 7}), field) == 7


def usage_details(usage: Mapping[str, object], **more: object) -> ModelCall:
    """A Langfuse generation with these usage details."""
    return read(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": json.dumps(usage),
            **more,
        }
    )


def nested(path: tuple[str | int, ...], value: object) -> object:
    for step in reversed(path):
        value = {step: value}
    return value


@pytest.mark.parametrize(
    ("field", "path"),
    [(field, path) for field, paths in INSIDE.items() for path in paths if hasattr(ModelCall(), field)],
)
def test_every_spelling_inside_a_usage_object_reaches_its_field(field: str, path: tuple[str, ...]) -> None:
    base: dict[str, object] = {"input_tokens": 9000, "output_tokens": 3000}
    if field in ("input_tokens", "output_tokens"):
        base.pop(field)
    found = nested(path, 7)
    assert isinstance(found, dict)
    assert getattr(usage_details({**base, **found}), field) == 7


@pytest.mark.parametrize(("field", "path"), [(f, path) for f, paths in OUTSIDE.items() for path in paths])
def test_what_a_source_leaves_out_of_its_total_is_added(field: str, path: tuple[str, ...]) -> None:
    found = nested(path, 7)
    assert isinstance(found, dict)
    call = usage_details({"input": 100, "output": 50, **found})
    side = "output" if field.startswith(("output", "reasoning")) else "input"
    assert (call.input_tokens, call.output_tokens) == ((107, 50) if side == "input" else (100, 57))
    assert call.flags & Flag.USAGE_NORMALISED


def test_a_total_says_that_reasoning_is_in_the_output() -> None:
    call = usage_details({"input": 100, "output": 50, "total": 150, "output_reasoning_tokens": 7})
    assert (call.output_tokens, call.reasoning_tokens) == (50, 7)


@given(st.integers(0, 500), st.integers(0, 500), st.booleans())
def test_lifetimes_add_up_where_the_sum_says_nothing(five: int, hour: int, zero: bool) -> None:
    lifetimes = {
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": five,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": hour,
    }
    written = {"gen_ai.usage.cache_creation.input_tokens": 0} if zero else {}
    call = read({**CALL, **written, **lifetimes})
    assert call.cache_write_tokens == five + hour or (five + hour == 0 and call.cache_write_tokens is None)
    assert call.cache_write_1h_tokens == hour


def test_a_sum_beside_lifetimes_stays() -> None:
    call = read(
        {
            **CALL,
            "gen_ai.usage.cache_creation.input_tokens": 500,
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 200,
        }
    )
    assert (call.cache_write_tokens, call.cache_write_1h_tokens) == (500, 200)


@pytest.mark.parametrize("tier", ["priority", "flex"])
def test_langchain_puts_the_tier_before_the_names(tier: str) -> None:
    """https://github.com/langchain-ai/langchain, langchain_openai/chat_models/base.py."""
    usage = {
        "input_tokens": 1037,
        "output_tokens": 211,
        "total_tokens": 1248,
        "input_token_details": {"audio": None, f"{tier}_cache_read": 261, tier: 776},
        "output_token_details": {"audio": None, f"{tier}_reasoning": 71, tier: 140},
    }
    call = read(
        {
            "langsmith.span.kind": "llm",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-5",
            "langsmith.metadata.usage_metadata": json.dumps(usage),
        },
        "langsmith",
    )
    assert (call.input_tokens, call.cache_read_tokens, call.reasoning_tokens) == (1037, 261, 71)
    assert call.service_tier == tier
