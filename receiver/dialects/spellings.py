"""How counts are spelled: the one table that every dialect takes its keys of counts from.

A count has an attribute of its own (`ATTRIBUTES`, by prefix), or stands inside a usage object (`INSIDE`).
Within a field the first spelling that is there wins; alternatives are never added.

Sources:
    `gen_ai.usage.`: OpenTelemetry GenAI conventions, old and new
    (https://github.com/open-telemetry/semantic-conventions-genai, `model/gen-ai/registry.yaml`); Sentry and
    OpenRouter (https://github.com/getsentry/sentry-conventions, `model/attributes/gen_ai`;
    https://openrouter.ai/docs/guides/features/broadcast/otel-collector); LiveKit 1.0 to 1.7
    (https://github.com/livekit/agents, `telemetry/trace_types.py`); Mastra 1.x
    (https://github.com/mastra-ai/mastra, `observability/otel-exporter/src/gen-ai-semantics.ts`); OpenLIT 1.4x
    (https://github.com/openlit/openlit, `sdk/python/src/openlit/semcov`); .NET Microsoft.Extensions.AI
    (https://github.com/dotnet/extensions, `OpenTelemetryConsts.cs`); Bifrost
    (https://github.com/maximhq/bifrost, `plugins/otel/converter.go`, which writes `input_token_details`);
    DeepSeek's own names (https://api-docs.deepseek.com/guides/kv_cache).
    `gen_ai.usage.details.`: pydantic-ai (https://github.com/pydantic/pydantic-ai, `usage.py`,
    `models/google.py`).
    `llm.token_count.`: OpenInference (https://github.com/Arize-ai/openinference,
    `spec/semantic_conventions.md`).
    `llm.usage.`: OpenLLMetry (https://github.com/traceloop/openllmetry, `semconv_ai`).
    `ai.usage.`: Vercel (https://github.com/vercel/ai, `packages/ai/src/telemetry`).
    Usage objects: the providers' own API references; Langfuse's usage types
    (https://langfuse.com/docs/observability/features/token-and-cost-tracking); LangChain's `UsageMetadata`
    (https://github.com/langchain-ai/langchain, `langchain_core/messages/ai.py`); MLflow
    (https://github.com/mlflow/mlflow, `mlflow/tracing/constant.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from receiver.dialects.table import Key, Path

ATTRIBUTES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "gen_ai.usage.": {
        "input_tokens": ("input_tokens", "prompt_tokens"),
        "output_tokens": ("output_tokens", "completion_tokens"),
        "total_tokens": ("total_tokens",),
        "cache_read_tokens": (
            "cache_read.input_tokens",
            "cache_read_input_tokens",
            "input_tokens.cached",
            "input_tokens.cache_read",
            "input_cached_tokens",
            "cached_input_tokens",
            "cache_read_tokens",
            "cached_tokens",
            "cache.read_input_tokens",
            "prompt_tokens_details.cached_tokens",
            "prompt_tokens_details.cache_read",
            "input_tokens_details.cached_tokens",
            "input_tokens_details.cached",
            "input_token_details.cached_tokens",
            "prompt_cache_hit_tokens",
            "cached_content_tokens",
            "cached_content_token_count",
        ),
        "cache_write_tokens": (
            "cache_creation.input_tokens",
            "cache_write.input_tokens",
            "cache_creation_input_tokens",
            "cache_write_input_tokens",
            "input_tokens.cache_write",
            "input_cache_creation",
            "cache_creation_tokens",
            "cache_write_tokens",
            "cache.creation_input_tokens",
            "prompt_tokens_details.cache_creation_tokens",
            "prompt_tokens_details.cache_write",
        ),
        "cache_write_5m_tokens": (
            "cache_creation.ephemeral_5m_input_tokens",
            "ephemeral_5m_input_tokens",
            "input_cache_creation_5m",
        ),
        "cache_write_1h_tokens": (
            "cache_creation.ephemeral_1h_input_tokens",
            "ephemeral_1h_input_tokens",
            "input_cache_creation_1h",
        ),
        "reasoning_tokens": (
            "reasoning.output_tokens",
            "reasoning_tokens",
            "output_tokens.reasoning",
            "output_reasoning_tokens",
            "reasoning_output_tokens",
            "completion_tokens_details.reasoning_tokens",
            "completion_tokens_details.reasoning",
            "output_tokens_details.reasoning_tokens",
            "output_tokens_details.reasoning",
            "output_token_details.reasoning_tokens",
            "thinking_tokens",
            "thoughts_tokens",
            "experimental.reasoning_tokens",
        ),
        "input_audio_tokens": (
            "audio.input_tokens",
            "input_audio_tokens",
            "audio_input_tokens",
            "input_tokens.audio",
            "prompt_tokens_details.audio_tokens",
            "prompt_tokens_details.audio",
            "input_tokens_details.audio_tokens",
            "input_token_details.audio_tokens",
        ),
        "output_audio_tokens": (
            "audio.output_tokens",
            "output_audio_tokens",
            "audio_output_tokens",
            "output_tokens.audio",
            "completion_tokens_details.audio_tokens",
            "completion_tokens_details.audio",
            "output_tokens_details.audio_tokens",
            "output_token_details.audio_tokens",
        ),
        "input_image_tokens": ("image.input_tokens", "input_image_tokens", "image_input_tokens"),
        "output_image_tokens": ("image.output_tokens", "output_image_tokens", "image_output_tokens"),
        "input_cached_audio_tokens": (
            "audio.cache_read.input_tokens",
            "input_cached_audio_tokens",
            "cached_audio_tokens",
        ),
        "input_cached_image_tokens": (
            "image.cache_read.input_tokens",
            "input_cached_image_tokens",
            "cached_image_tokens",
        ),
    },
    "gen_ai.usage.details.": {
        "uncached_tokens": ("input_tokens",),
        "cache_read_tokens": (
            "cache_read_tokens",
            "cache_read_input_tokens",
            "cached_tokens",
            "cached_content_tokens",
        ),
        "cache_write_tokens": ("cache_write_tokens", "cache_creation_input_tokens"),
        "reasoning_tokens": ("reasoning_tokens", "thoughts_tokens", "thinking_tokens"),
        "input_audio_tokens": ("input_audio_tokens", "audio_prompt_tokens"),
        "output_audio_tokens": ("output_audio_tokens", "audio_candidates_tokens"),
        "input_image_tokens": ("image_prompt_tokens",),
        "output_image_tokens": ("image_candidates_tokens",),
        "input_cached_audio_tokens": ("cache_audio_read_tokens", "audio_cache_tokens"),
    },
    "anthropic.usage.": {
        "cache_write_5m_tokens": ("cache_creation.ephemeral_5m_input_tokens",),
        "cache_write_1h_tokens": ("cache_creation.ephemeral_1h_input_tokens",),
    },
    "llm.token_count.": {
        "input_tokens": ("prompt",),
        "output_tokens": ("completion",),
        "total_tokens": ("total",),
        "cache_read_tokens": ("prompt_details.cache_read", "prompt_details.cache_input"),
        "cache_write_tokens": ("prompt_details.cache_write",),
        "reasoning_tokens": ("completion_details.reasoning",),
        "input_audio_tokens": ("prompt_details.audio",),
        "output_audio_tokens": ("completion_details.audio",),
    },
    "llm.usage.": {
        "input_tokens": ("prompt_tokens", "input_tokens"),
        "output_tokens": ("completion_tokens", "output_tokens"),
        "total_tokens": ("total_tokens",),
        "cache_read_tokens": ("cache_read_input_tokens",),
        "cache_write_tokens": ("cache_creation_input_tokens",),
        "reasoning_tokens": ("reasoning_tokens",),
    },
    "ai.usage.": {
        "input_tokens": ("inputTokens", "promptTokens", "tokens"),
        "output_tokens": ("outputTokens", "completionTokens"),
        "total_tokens": ("totalTokens",),
        "uncached_tokens": ("inputTokenDetails.noCacheTokens",),
        "cache_read_tokens": ("inputTokenDetails.cacheReadTokens", "cachedInputTokens"),
        "cache_write_tokens": ("inputTokenDetails.cacheWriteTokens",),
        "reasoning_tokens": ("outputTokenDetails.reasoningTokens", "reasoningTokens"),
    },
    "ai.": {
        "input_tokens": ("prompt_tokens.used",),
        "output_tokens": ("completion_tokens.used",),
        "total_tokens": ("total_tokens.used",),
    },
}
"""Prefix → field → what stands behind the prefix, in order."""

_LEFT_OUT: Final = frozenset({"gen_ai.usage.experimental.reasoning_tokens"})
"""Counts that the total beside them leaves out: Gemini's thoughts as Google ADK 1.20 to 2.2 writes them.
Source: https://github.com/google/adk-python, `telemetry/tracing.py`, `trace_call_llm`."""

_PROMPT: Final = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_MODALITIES: Final = (
    ("prompt", ("promptTokensDetails", "tokenCount"), ("prompt_tokens_details", "token_count")),
    ("candidates", ("candidatesTokensDetails", "tokenCount"), ("candidates_tokens_details", "token_count")),
    ("cache", ("cacheTokensDetails", "tokenCount"), ("cache_tokens_details", "token_count")),
)
"""Side → its list of counts by modality in Google's usage object, and the name of a count there
(https://ai.google.dev/api/generate-content#ModalityTokenCount)."""
_TIERS: Final = ("priority", "flex")
"""LangChain's OpenAI class puts the tier that was served before the names of the details, and writes the rest
of the input under the tier's own name (https://github.com/langchain-ai/langchain,
`langchain_openai/chat_models/base.py`)."""
_COMPLETION: Final = ("completion_tokens_details", "output_tokens_details", "output_token_details")


def _of(details: tuple[str, ...], *names: str) -> tuple[Path, ...]:
    """The details of a side, as an object and flattened with a dot (Langfuse writes both)."""
    nested: tuple[Path, ...] = tuple((detail, name) for name in names for detail in details)
    return (*nested, *((f"{detail}.{name}",) for name in names for detail in details))


def _modal(side: str, modality: str) -> tuple[Path, ...]:
    """The counts of one modality in Google's lists: `receiver.otlp.attributes.inside` finds it there."""
    return tuple(
        (details, modality, count)
        for name, *spelled in _MODALITIES
        for details, count in spelled
        if name == side
    )


def _each(*names: str) -> tuple[Path, ...]:
    return tuple((name,) for name in names)


INSIDE: Final[Mapping[str, tuple[Path, ...]]] = {
    "input_tokens": _each(
        "prompt_tokens", "input_tokens", "inputTokens", "promptTokens", "promptTokenCount",
        "prompt_token_count", "input",
    ),
    "output_tokens": _each(
        "completion_tokens", "output_tokens", "outputTokens", "completionTokens", "candidatesTokenCount",
        "candidates_token_count", "output",
    ),
    "total_tokens": _each("total_tokens", "totalTokens", "totalTokenCount", "total_token_count", "total"),
    "cache_read_tokens": (
        *_of(_PROMPT, "cached_tokens", "cache_read"),
        *((_PROMPT[2], f"{tier}_cache_read") for tier in _TIERS),
        ("input_priority_cache_read",),
        *_each("cachedContentTokenCount", "cached_content_token_count", "cachedContentTokens"),
        *_each("cachedInputTokens", "prompt_cache_hit_tokens", "cached_tokens"),
    ),
    "cache_write_tokens": _of(_PROMPT, "cache_creation", "cache_write_tokens", "cache_creation_tokens"),
    "cache_write_5m_tokens": (
        ("cache_creation", "ephemeral_5m_input_tokens"),
        *_of(_PROMPT, "ephemeral_5m_input_tokens"),
        ("prompt_tokens_details", "cache_creation_token_details", "ephemeral_5m_input_tokens"),
    ),
    "cache_write_1h_tokens": (
        ("cache_creation", "ephemeral_1h_input_tokens"),
        *_of(_PROMPT, "ephemeral_1h_input_tokens"),
        ("prompt_tokens_details", "cache_creation_token_details", "ephemeral_1h_input_tokens"),
    ),
    "reasoning_tokens": (
        *_of(_COMPLETION, "reasoning_tokens", "reasoning"),
        *((_COMPLETION[2], f"{tier}_reasoning") for tier in _TIERS),
        ("output_priority_reasoning",),
        *_each("reasoning_tokens", "reasoningTokens"),
    ),
    "input_audio_tokens": (*_of(_PROMPT, "audio_tokens", "audio"), *_modal("prompt", "AUDIO")),
    "output_audio_tokens": (*_of(_COMPLETION, "audio_tokens", "audio"), *_modal("candidates", "AUDIO")),
    "input_image_tokens": (*_of(_PROMPT, "image_tokens", "image"), *_modal("prompt", "IMAGE")),
    "output_image_tokens": (*_of(_COMPLETION, "image_tokens", "image"), *_modal("candidates", "IMAGE")),
    **{f"{tier}_tier": ((_PROMPT[2], tier), (f"input_{tier}",)) for tier in _TIERS},
    "input_cached_audio_tokens": (
        *((details, "cached_tokens_details", "audio_tokens") for details in _PROMPT),
        *_modal("cache", "AUDIO"),
    ),
    "input_cached_image_tokens": (
        *((details, "cached_tokens_details", "image_tokens") for details in _PROMPT),
        *_modal("cache", "IMAGE"),
    ),
}  # fmt: skip
"""Field → paths inside a usage object, of counts that are parts of the total beside them."""

OUTSIDE: Final[Mapping[str, tuple[Path, ...]]] = {
    "cache_read_tokens": _each(
        "cache_read_input_tokens", "cacheReadInputTokens", "input_cache_read", "input_cached_tokens",
        "input_flex_cache_read",
    ),
    "cache_write_tokens": _each(
        "cache_creation_input_tokens", "cacheWriteInputTokens", "cacheCreationInputTokens",
        "input_cache_creation",
        "input_cache_write",
    ),
    "cache_write_5m_tokens": _each(
        "input_cache_creation_5m", "input_ephemeral_5m_input_tokens",
        "cache_creation_ephemeral_5m_input_tokens", "ephemeral_5m_input_tokens",
    ),
    "cache_write_1h_tokens": _each(
        "input_cache_creation_1h", "input_ephemeral_1h_input_tokens",
        "cache_creation_ephemeral_1h_input_tokens", "ephemeral_1h_input_tokens",
    ),
    "reasoning_tokens": _each(
        "output_reasoning", "output_reasoning_tokens", "thoughtsTokenCount", "thoughts_token_count",
        "thoughtsTokens", "output_flex_reasoning",
    ),
    "tool_prompt_tokens": _each("toolUsePromptTokenCount", "tool_use_prompt_token_count"),
    "input_audio_tokens": _each("input_audio", "input_audio_tokens", "input_modality_AUDIO"),
    "output_audio_tokens": _each("output_audio", "output_audio_tokens", "output_modality_AUDIO"),
    "input_image_tokens": _each("input_image", "input_image_tokens", "input_modality_IMAGE"),
    "output_image_tokens": _each("output_image", "output_image_tokens", "output_modality_IMAGE"),
    "input_text_tokens": _each("input_modality_TEXT", "input_flex"),
    "output_text_tokens": _each("output_modality_TEXT", "output_flex"),
    "input_video_tokens": _each("input_modality_VIDEO"),
    "input_document_tokens": _each("input_modality_DOCUMENT"),
}  # fmt: skip
"""The same for counts that the provider, or Langfuse, leaves out of the total beside them. Langfuse's
callback for LangChain takes every detail out of `input` and `output`
(`langfuse/langchain/CallbackHandler.py`, 5.0.4, `_parse_usage_model`)."""

BESIDE: Final[Mapping[str, tuple[Path, ...]]] = {
    "service_tier": _each("service_tier", "serviceTier", "trafficType", "traffic_type"),
    "geography": _each("inference_geo", "inferenceGeo"),
    "speed": _each("speed"),
    "paid_extras": (
        ("server_tool_use", "web_search_requests"),
        ("prompt_tokens_details", "web_search_requests"),
        *_each("server_tool_use.web_search_requests", "web_search_requests"),
        *_each("num_search_queries", "num_sources_used", "numSourcesUsed"),
        ("iterations", "ADVISOR_MESSAGE", "output_tokens"),
    ),
}
"""Field → paths inside a usage object, of what decides beside the counts what they cost.

Anthropic's tier, speed, data residency and searches (https://platform.claude.com/docs/en/api/messages),
Vertex AI's `trafficType`, the searches of xAI and Perplexity. An advisor's tokens are in no total, and cost
what its own model does (https://platform.claude.com/docs/en/build-with-claude/compaction#understanding-usage).
"""
_SERVED: Final = 5
"""Order of the tier inside a usage object: the provider says there which one served."""


def attribute_keys(prefix: str, order: float) -> Iterator[Key]:
    """The keys of one vocabulary's counts.

    Args:
        order: place of this vocabulary among the others (`receiver.dialects.table.Key.order`).
    """
    for field, names in ATTRIBUTES[prefix].items():
        for place, name in enumerate(names):
            attribute = prefix + name
            yield Key(field, order + place / 100, attribute, outside=attribute in _LEFT_OUT)


def usage_object_keys(
    attribute: str, order: float, *prefix: str, totals: bool = False, only: str = ""
) -> Iterator[Key]:
    """The keys of the counts inside a usage object, of any provider or framework.

    Args:
        attribute: holds a JSON object, or Python's text of one.
        prefix: path to the usage object inside it.
        only: beginning of the scope names whose spans are read so; empty for all.
        totals: its input and output include every part, whatever its parts are called (LiteLLM's own object).
    """
    for paths, outside, start in ((INSIDE, False, 0.0), (OUTSIDE, not totals, 0.5)):
        for field, spelled in paths.items():
            for place, path in enumerate(spelled):
                at = order + start + place / 100
                yield Key(field, at, attribute, (*prefix, *path), outside=outside, only=only)
    for field, spelled in BESIDE.items():
        for path in spelled:
            yield Key(field, _SERVED + order / 1000, attribute, (*prefix, *path), only=only)


def detail_keys(attribute: str, order: float) -> Iterator[Key]:
    """The keys of the counts inside one side's details, where an attribute holds those alone.

    Args:
        attribute: ends in the name that the details have in a usage object (`input_token_details`).
    """
    details = attribute.rpartition(".")[2]
    for field, paths in INSIDE.items():
        for place, path in enumerate(paths):
            if path[0] == details:
                yield Key(field, order + place / 100, attribute, path[1:])
