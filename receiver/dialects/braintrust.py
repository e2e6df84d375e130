"""Braintrust's SDKs by OpenTelemetry (Go, Java, Ruby, .NET): `braintrust.*`, most of it JSON texts.

`prompt_tokens` includes what was read from and written to the cache. Java and Go tell Anthropic's writes by
their lifetime. .NET writes each count as an attribute of its own, and of Anthropic's cache none.

Source:
    braintrustdata/braintrust-sdk-ruby, lib/braintrust/trace/tokens.rb (25f80b6); braintrust-sdk-go,
    trace/contrib; braintrust-sdk-java, its tests of Anthropic's cache; braintrust-sdk-dotnet.
"""

from __future__ import annotations

from collections.abc import Iterable

from receiver.dialects.table import Dialect, Key, judge_kinds

_METRICS, _METADATA = "braintrust.metrics", "braintrust.metadata"
_CALLS = {"llm": "chat"}
_COUNTS = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "total_tokens": "tokens",
    "cache_read_tokens": "prompt_cached_tokens",
    "cache_write_tokens": "prompt_cache_creation_tokens",
    "cache_write_5m_tokens": "prompt_cache_creation_5m_tokens",
    "cache_write_1h_tokens": "prompt_cache_creation_1h_tokens",
    "reasoning_tokens": "completion_reasoning_tokens",
    "input_audio_tokens": "prompt_audio_tokens",
    "output_audio_tokens": "completion_audio_tokens",
    "input_image_tokens": "prompt_image_tokens",
    "output_image_tokens": "completion_image_tokens",
    "paid_extras": "server_tool_use_web_search_requests",
    "first_chunk_seconds": "time_to_first_token",
    "reported_cost": "estimated_cost",
}


def _metrics() -> Iterable[Key]:
    for field, name in _COUNTS.items():
        yield Key(field, 85, _METRICS, (name,))
        yield Key(field, 85.5, f"{_METRICS}.{name}")


def _metadata(field: str, order: float, name: str) -> Iterable[Key]:
    yield Key(field, order, _METADATA, (name,))
    yield Key(field, order + 0.5, f"{_METADATA}.{name}")


DIALECT = Dialect(
    name="braintrust",
    mark="braintrust_kind",
    judge=judge_kinds("braintrust_kind", _CALLS, "Braintrust {} span"),
    calls=_CALLS,
    scopes=("braintrust",),
    keys=(
        Key("braintrust_kind", 10, "braintrust.span_attributes", ("type",)),
        *_metrics(),
        *_metadata("provider", 70, "provider"),
        *_metadata("model", 95, "model"),
        *_metadata("request_model", 85, "model"),
        *_metadata("response_id", 85, "id"),
        *_metadata("service_tier", 85, "usage_service_tier"),
        *_metadata("asked_tier", 85, "service_tier"),
        *_metadata("streaming", 85, "stream"),
    ),
)
