"""Dialect rules, one by one, with hand-made spans for packages and versions that no capture shows."""

from __future__ import annotations

import pytest

from processor.calls.call import CANCELLED, ERROR, MISSING, Flag
from tests.receiver.spans import CHAT, Made, decoded, read

# Step 1: does this span count?


@pytest.mark.parametrize(
    ("attributes", "word"),
    [
        ({"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 5}, "CHAIN"),
        ({"openinference.span.kind": "LLM", "output.value": "a prompt"}, "without model"),
        ({"langfuse.observation.type": "span"}, "Langfuse span"),
        ({**CHAT, "langsmith.span.kind": "prompt"}, "LangSmith prompt"),
        ({**CHAT, "ai.operationId": "ai.generateText"}, "wraps"),
        ({**CHAT, "traceloop.span.kind": "workflow"}, "Traceloop workflow"),
        ({**CHAT, "gen_ai.operation.name": "invoke_agent"}, "invoke_agent is not a model call"),
        ({**CHAT, "gen_ai.operation.name": "unknown"}, "unknown is not a model call"),
        ({"agent_name": "geo", "gen_ai.usage.input_tokens": 5, "gen_ai.request.model": "m"}, "agent run"),
        ({"gen_ai.tool.name": "search", "user.id": "u"}, "carries no model call"),
    ],
)
def test_a_span_that_is_no_model_call_is_not_counted(attributes: dict[str, object], word: str) -> None:
    batch = decoded(Made(attributes, kind=1))
    assert batch.calls == []
    (sighting,) = batch.sightings
    assert word in sighting.reason


@pytest.mark.parametrize(
    ("attributes", "operation"),
    [
        (CHAT, "chat"),
        ({**CHAT, "gen_ai.operation.name": "embeddings"}, "embeddings"),
        ({**CHAT, "gen_ai.operation.name": "chat.completions"}, "chat"),
        ({**CHAT, "gen_ai.operation.name": "generate_content"}, "generate_content"),
        ({"openinference.span.kind": "EMBEDDING", "embedding.model_name": "e"}, "embeddings"),
        ({"langfuse.observation.type": "embedding", "langfuse.observation.model.name": "e"}, "embeddings"),
        ({"ai.operationId": "ai.embedMany.doEmbed", "ai.model.id": "e", "ai.usage.tokens": 7}, "embeddings"),
        ({"ai.operationId": "ai.streamText.doStream", "ai.model.id": "m"}, "chat"),
        ({"llm.request.type": "completion", "gen_ai.request.model": "m"}, "text_completion"),
        ({"gen_ai.request.model": "mistral-small", "gen_ai.usage.prompt_tokens": 5}, "chat"),
        ({"litellm.call_id": "c", "gen_ai.operation.name": "acompletion"}, "chat"),
    ],
)
def test_a_model_call_counts_with_its_operation(attributes: dict[str, object], operation: str) -> None:
    assert read(attributes).operation == operation


def test_a_dialects_own_mark_goes_before_the_operation_name() -> None:
    assert read({**CHAT, "langsmith.span.kind": "llm"}).dialect == "langsmith"
    assert decoded(Made({**CHAT, "langsmith.span.kind": "chain"})).calls == []


def test_an_agents_sum_can_be_promoted_and_is_no_call_yet() -> None:
    (sighting,) = decoded(Made({**CHAT, "gen_ai.operation.name": "invoke_agent"})).sightings
    assert sighting.wrapper
    assert sighting.call is not None
    assert sighting.call.input_tokens == 100


def test_a_wrapper_whose_inner_call_is_here_waits_for_nothing() -> None:
    outer = Made({**CHAT, "gen_ai.operation.name": "invoke_agent"}, span_id=1)
    inner = Made(CHAT, span_id=2, parent=1)
    batch = decoded(outer, inner)
    assert len(batch.calls) == 1
    assert [(s.wrapper, s.call) for s in batch.sightings] == [(False, None)]


# Numbers


@pytest.mark.parametrize(
    "sent", [-5, 1037.5, float("nan"), float("inf"), 10**10, "many", [1], True, 2**63 - 1]
)
def test_a_count_that_is_none_becomes_unknown_and_is_marked(sent: object) -> None:
    call = read({**CHAT, "gen_ai.usage.input_tokens": sent})
    assert call.input_tokens is None
    assert call.output_tokens == 20
    assert call.flags & Flag.USAGE_INVALID


@pytest.mark.parametrize(
    ("sent", "count"),
    [
        (1037.0, 1037),
        ("1037", 1037),
        (10**9, 10**9),
        (0, 0),
        (127, 127),
        (128, 128),
        (16383, 16383),
        (16384, 16384),
        (2_097_152, 2_097_152),
    ],
)
def test_a_count_is_read_in_every_form_of_a_whole_number(sent: object, count: int) -> None:
    call = read({**CHAT, "gen_ai.usage.input_tokens": sent})
    assert call.input_tokens == count
    assert not call.flags & Flag.USAGE_INVALID


def test_an_invalid_count_is_not_replaced_by_an_alternative() -> None:
    call = read({**CHAT, "gen_ai.usage.input_tokens": -1, "gen_ai.usage.prompt_tokens": 100})
    assert call.input_tokens is None


def test_nothing_sent_is_missing_and_never_zero() -> None:
    call = read({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"})
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (None, None, MISSING)


def test_alternatives_are_never_added() -> None:
    call = read({**CHAT, "gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 10,
                 "gen_ai.usage.cache_read_input_tokens": 10})  # fmt: skip
    assert (call.input_tokens, call.cache_read_tokens) == (100, 10)


@pytest.mark.parametrize(
    ("usd", "pico"), [(0.000262575, 262_575_000), ("0.1", 10**11), (1e-12, 1), (-1.0, None)]
)
def test_a_reported_cost_is_exact(usd: object, pico: int | None) -> None:
    assert read({**CHAT, "gen_ai.usage.cost": usd}).reported_cost_pico_usd == pico


# Status


def test_langfuse_shows_errors_by_level_only() -> None:
    call = read(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o-mini",
            "langfuse.observation.level": "ERROR",
            "langfuse.observation.status_message": "Error: 429 Rate limit reached",
        }
    )
    assert (call.status, call.http_status) == (ERROR, 429)


@pytest.mark.parametrize(
    ("attributes", "http"),
    [
        ({"error.type": "429"}, 429),
        ({"error.type": "RateLimitError", "http.response.status_code": 429}, 429),
        ({"error.type": "ThrottlingException", "http.status_code": 429}, 429),
        ({"error.type": "InternalServerError", "error.code": "500"}, 500),
        ({"error.type": "RateLimitError"}, None),
    ],
)
def test_the_http_status_is_found_where_it_is(attributes: dict[str, object], http: int | None) -> None:
    call = read({**CHAT, **attributes})
    assert (call.status, call.http_status) == (ERROR, http)


def test_the_exception_event_tells_type_and_code() -> None:
    call = read(CHAT, failed=True, exception=("openai.RateLimitError", "Error code: 429 - {}"))
    assert (call.error_type, call.http_status) == ("openai.RateLimitError", 429)


def test_a_python_class_as_error_type_is_unwrapped() -> None:
    assert (
        read({**CHAT, "error.type": "<class 'semantic_kernel.exceptions.E'>"}).error_type
        == "semantic_kernel.exceptions.E"
    )


@pytest.mark.parametrize(
    "error", ["asyncio.exceptions.CancelledError", "AbortError", "context canceled", "499"]
)
def test_a_cancelled_call_is_no_error(error: str) -> None:
    assert read({**CHAT, "error.type": error}).status == CANCELLED


@pytest.mark.parametrize(
    ("scope", "dialect"),
    [
        ("opentelemetry.instrumentation.openai_v2", "otel_genai"),
        ("opentelemetry.instrumentation.genai.openai", "otel_genai"),
        ("opentelemetry.instrumentation.openai.v1", "openllmetry"),
        ("@traceloop/instrumentation-openai", "openllmetry"),
        ("openlit.instrumentation.openai", "openlit"),
        ("gen_ai", "vercel_ai"),
        ("pydantic-ai", "logfire"),
        ("com.anthropic.sdk.python", "sdk_native"),
        ("strands.telemetry.tracer", "agent_frameworks"),
        ("my.own.code", "otel_genai"),
    ],
)
def test_the_scope_names_the_dialect(scope: str, dialect: str) -> None:
    assert read(CHAT, scope).dialect == dialect


@pytest.mark.parametrize(
    ("scope", "sent", "expected"), [("strands.telemetry.tracer", 128, 128_000), ("openlit", 0.5, 500_000)]
)
def test_time_to_first_token_is_in_the_emitters_unit(scope: str, sent: object, expected: int) -> None:
    assert read({**CHAT, "gen_ai.server.time_to_first_token": sent}, scope).time_to_first_token_us == expected


@pytest.mark.parametrize(("start", "end"), [(1000, 1000), (1000, 0)])
def test_a_span_without_length_has_no_latency(start: int, end: int) -> None:
    call = read(CHAT, start=start, end=end)
    assert call.latency_us is None
    assert call.flags & Flag.LATENCY_UNKNOWN
