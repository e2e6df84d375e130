"""The attributes that each instrumentation writes on a call span, for a planned call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from opentelemetry.util.types import AttributeValue

from demo import plan as planned
from demo.plan import PlannedCall, PlannedRequest, Usage
from demo.shop import pseudonym

Attributes = Mapping[str, AttributeValue]
Pairs = Iterator[tuple[str, AttributeValue]]


def tags(request: PlannedRequest) -> dict[str, AttributeValue]:
    """What the application said as baggage."""
    return {
        "endpoint_tag": request.feature.tag,
        "prompt_version": request.prompt.version,
        "tenant.id": request.tenant,
        "user.id": pseudonym(request.user),
        "external_request_id": request.request_id,
    }


def genai(request: PlannedRequest, call: PlannedCall) -> Attributes:
    """What `opentelemetry-instrumentation-genai-openai` and `-anthropic` write."""
    return dict(_genai(request, call))


def _genai(request: PlannedRequest, call: PlannedCall) -> Pairs:
    model, usage = request.model, call.usage
    anthropic = model.provider == "anthropic"
    yield "gen_ai.operation.name", request.feature.operation
    yield "gen_ai.provider.name", model.provider
    yield "gen_ai.request.model", model.name
    yield "server.address", f"api.{model.provider}.com"
    yield "server.port", 443
    if anthropic:
        yield "gen_ai.request.max_tokens", 1024
    if call.outcome in (planned.RATE_LIMITED, planned.SERVER_ERROR):
        yield "error.type", f"{model.provider}.{_error_class(call)}"
        return
    if request.feature.streaming:
        yield "gen_ai.request.stream", True
    yield "gen_ai.response.model", model.answers_as
    yield "gen_ai.response.id", call.response_id
    if call.first_chunk_seconds is not None:
        yield "gen_ai.response.time_to_first_chunk", call.first_chunk_seconds
    if usage is None:
        return
    yield "gen_ai.response.finish_reasons", ("stop",)
    yield from _genai_usage(usage)


def _genai_usage(usage: Usage) -> Pairs:
    yield "gen_ai.usage.input_tokens", usage.input
    yield "gen_ai.usage.output_tokens", usage.output
    if usage.cache_read:  # zeros are left out
        yield "gen_ai.usage.cache_read.input_tokens", usage.cache_read
    if usage.cache_write:
        yield "gen_ai.usage.cache_write.input_tokens", usage.cache_write
    if usage.reasoning:
        yield "gen_ai.usage.reasoning.output_tokens", usage.reasoning


def anthropic_sdk(request: PlannedRequest, call: PlannedCall) -> Attributes:
    """What the Anthropic SDK writes about itself."""
    return dict(_anthropic_sdk(request, call))


def _anthropic_sdk(request: PlannedRequest, call: PlannedCall) -> Pairs:
    yield "gen_ai.operation.name", "chat"
    yield "gen_ai.provider.name", "anthropic"
    yield "gen_ai.request.model", request.model.name
    yield "gen_ai.request.max_tokens", 1024
    yield "server.address", "api.anthropic.com"
    yield "server.port", 443
    yield "http.request.method", "POST"
    yield "http.route", "/v1/messages"
    yield "url.scheme", "https"
    yield "url.path", "/v1/messages"
    yield "url.full", "https://api.anthropic.com/v1/messages"
    yield "http.response.status_code", http_status(call)
    if call.usage is None:
        yield "error.type", _error_class(call)
        return
    yield "gen_ai.response.id", call.response_id
    yield "gen_ai.response.model", request.model.answers_as
    yield "anthropic.message.stop_reason", "end_turn"
    yield "gen_ai.usage.input_tokens", call.usage.input
    yield "gen_ai.usage.output_tokens", call.usage.output
    yield "gen_ai.usage.cache_read.input_tokens", call.usage.cache_read
    yield "gen_ai.usage.cache_write.input_tokens", call.usage.cache_write


def openinference(request: PlannedRequest, call: PlannedCall) -> Attributes:
    """What `openinference-instrumentation-openai` writes; it has no attribute for the response id."""
    return dict(_openinference(request, call))


def _openinference(request: PlannedRequest, call: PlannedCall) -> Pairs:
    model, usage = request.model, call.usage
    embeddings = request.feature.operation == "embeddings"
    parameters = json.dumps({"model": model.name})
    yield "llm.system", "openai"
    yield "openinference.span.kind", "EMBEDDING" if embeddings else "LLM"
    yield "embedding.invocation_parameters" if embeddings else "llm.invocation_parameters", parameters
    yield (
        "input.value",
        json.dumps({"model": model.name, "messages": [{"role": "user", "content": "Where is it?"}]}),
    )
    yield "input.mime_type", "application/json"
    if usage is None:
        return
    yield "output.value", json.dumps({"id": call.response_id, "model": model.answers_as})
    yield "output.mime_type", "application/json"
    yield "embedding.model_name" if embeddings else "llm.model_name", model.answers_as
    yield "llm.token_count.total", usage.input + usage.output
    yield "llm.token_count.prompt", usage.input
    if embeddings:
        return
    yield "llm.finish_reason", "stop"
    yield "llm.token_count.completion", usage.output
    yield "llm.token_count.prompt_details.cache_read", usage.cache_read
    yield "llm.token_count.completion_details.reasoning", usage.reasoning


def http_status(call: PlannedCall) -> int:
    """What the provider answered the call with."""
    return {planned.RATE_LIMITED: 429, planned.SERVER_ERROR: 500}.get(call.outcome, 200)


def _error_class(call: PlannedCall) -> str:
    return "RateLimitError" if call.outcome == planned.RATE_LIMITED else "InternalServerError"
