"""Dialect rules, one by one, with hand-made spans for packages and versions that no capture shows."""

from __future__ import annotations

import json

import pytest

from processor.call import CANCELLED, ERROR, ESTIMATED, MISSING, PROVIDER, Flag
from tests.receiver.spans import CHAT, Made, decoded, read

ANTHROPIC = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-20250514",
    "gen_ai.usage.input_tokens": 5037,
    "gen_ai.usage.output_tokens": 211,
}
CACHED = {"gen_ai.usage.cache_read.input_tokens": 2041, "gen_ai.usage.cache_creation.input_tokens": 343}


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


# Cached tokens


@pytest.mark.parametrize(
    ("scope", "version", "total"),
    [
        ("com.anthropic.sdk.python", "2.12.0", 5037),
        ("opentelemetry.instrumentation.genai.anthropic", "1.3b0", 5037),
        ("opentelemetry.instrumentation.anthropic", "0.40.14", 5037),
        ("opentelemetry.instrumentation.anthropic", "0.62.4", 5037),
        ("strands.telemetry.tracer", "", 5037),
        ("pydantic-ai", "2.68.0", 5037),
        ("gen_ai", "", 5037),
        ("opentelemetry.instrumentation.genai.bedrock", "1.3b0", 7421),
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", "0.66b2", 7421),
        ("opentelemetry.instrumentation.bedrock", "0.62.4", 7421),
        ("openlit.instrumentation.anthropic", "", 7421),
    ],
)
def test_each_emitter_counts_the_cache_in_its_own_way(scope: str, version: str, total: int) -> None:
    call = read({**ANTHROPIC, **CACHED}, scope, version)
    assert call.input_tokens == total
    assert bool(call.flags & Flag.USAGE_NORMALISED) == (total != 5037)


def test_openai_shaped_usage_includes_the_cache_everywhere() -> None:
    call = read({**CHAT, "gen_ai.usage.cache_read.input_tokens": 60}, "openlit.instrumentation.openai")
    assert call.input_tokens == 100


def test_more_cache_than_input_can_only_be_outside() -> None:
    call = read({**CHAT, "gen_ai.usage.cache_read.input_tokens": 2041}, "an.unknown.package")
    assert call.input_tokens == 2141
    assert {s.rank for s in call.sources if s.field == "input_tokens"} == {30}


@pytest.mark.parametrize(("sent", "uncached", "total"), [(1037, 1037, 3421), (3421, 1037, 3421)])
def test_vercel_counts_are_decided_by_their_details(sent: int, uncached: int, total: int) -> None:
    """Vercel 5 leaves the cache out, 6 and 7 count it in, under the same scope and keys."""
    call = read(
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.provider": "anthropic.messages",
            "ai.model.id": "claude-sonnet-4-20250514",
            "ai.usage.inputTokens": sent,
            "ai.usage.outputTokens": 211,
            "ai.usage.inputTokenDetails.noCacheTokens": uncached,
            "ai.usage.inputTokenDetails.cacheReadTokens": 2041,
            "ai.usage.inputTokenDetails.cacheWriteTokens": 343,
            "ai.usage.outputTokenDetails.reasoningTokens": 71,
        },
        "ai",
        "",
    )
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (total, 2041, 343)
    assert call.reasoning_tokens == 71


@pytest.mark.parametrize(
    ("details", "total", "cached"),
    [
        (
            {"prompt_tokens": 1037, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 261}},
            1037,
            261,
        ),
        ({"input": 776, "output": 9, "input_cache_read": 261}, 1037, 261),
        ({"input": 776, "output": 9, "input_cached_tokens": 261}, 1037, 261),
        (
            {"input": 1037, "output": 9, "cache_read_input_tokens": 2041, "cache_creation_input_tokens": 343},
            3421,
            2041,
        ),
        ({"input_tokens": 1037, "output_tokens": 9, "input_tokens_details.cached_tokens": 261}, 1037, 261),
    ],
)
def test_langfuses_one_usage_attribute_holds_three_conventions(
    details: dict[str, object], total: int, cached: int
) -> None:
    call = read(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o-mini",
            "langfuse.observation.usage_details": json.dumps(details),
        }
    )
    assert (call.input_tokens, call.output_tokens, call.cache_read_tokens) == (total, 9, cached)


def test_logfire_4_has_anthropics_usage_only_in_its_response_data() -> None:
    usage = {
        "input_tokens": 1037,
        "output_tokens": 211,
        "cache_read_input_tokens": 2041,
        "cache_creation_input_tokens": 343,
        "cache_creation": {"ephemeral_1h_input_tokens": 43},
    }
    call = read(
        {
            "logfire.span_type": "span",
            "request_data": '{"model":"claude-sonnet-4-20250514"}',
            "response_data": json.dumps({"usage": usage}),
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "anthropic",
        },
        "logfire.anthropic",
        "4.1.0",
    )
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (3421, 2041, 343)
    assert call.cache_write_1h_tokens == 43
    assert call.model == "claude-sonnet-4-20250514"


def test_litellm_1_74_has_the_cache_only_in_python_text() -> None:
    usage = (
        "{'completion_tokens': 211, 'prompt_tokens': 3421, 'prompt_tokens_details': {'cached_tokens': 2041}, "
    )
    usage += "'cache_creation_input_tokens': 343, 'completion_tokens_details': {'reasoning_tokens': 7}}"
    call = read(
        {
            "llm.request.type": "completion",
            "gen_ai.request.model": "claude-sonnet-4-20250514",
            "gen_ai.system": "anthropic",
            "gen_ai.usage.prompt_tokens": 3421,
            "gen_ai.usage.completion_tokens": 211,
            "metadata.usage_object": usage,
            "llm.is_streaming": "False",
            "metadata.user_api_key_team_id": "acme",
            "metadata.requester_metadata": "{'endpoint': 'answer_capital'}",
            "llm.user": "user-42",
        },
        "litellm",
        "",
    )
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (3421, 2041, 343)
    assert (call.reasoning_tokens, call.streaming) == (7, False)
    assert (call.tenant_id, call.user_id, call.endpoint_tag) == ("acme", "user-42", "answer_capital")


def test_openinference_bedrock_is_billed_by_aws() -> None:
    call = read(
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "aws",
            "llm.system": "anthropic",
            "llm.model_name": "claude-sonnet-4-20250514-v1:0",
            "llm.token_count.prompt": 3421,
            "llm.token_count.completion": 211,
            "llm.token_count.prompt_details.cache_read": 2041,
            "output.value": '{"id": "msg_stub000137612807", "content": "…"}',
        },
        "openinference.instrumentation.bedrock",
        "0.1.61",
    )
    assert (call.provider, call.input_tokens) == ("aws.bedrock", 3421)
    assert call.request_model == "claude-sonnet-4-20250514-v1:0"
    assert call.response_id == "msg_stub000137612807"


@pytest.mark.parametrize(
    ("scope", "version"),
    [
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", "0.66b2"),
        ("opentelemetry.instrumentation.bedrock", "0.62.4"),
        ("openlit.otel.tracing", "1.34.10"),
        ("openinference.instrumentation.anthropic", "0.1.18"),
    ],
)
def test_usage_that_lost_its_cache_is_kept_and_marked(scope: str, version: str) -> None:
    call = read(ANTHROPIC, scope, version)
    assert call.input_tokens == 5037
    assert call.flags & Flag.USAGE_LOSSY


def test_gemini_thoughts_that_the_output_leaves_out_are_added() -> None:
    call = read(
        {
            **CHAT,
            "gen_ai.usage.input_tokens": 1037,
            "gen_ai.usage.output_tokens": 211,
            "gen_ai.usage.total_tokens": 1319,
        },
        "opentelemetry.instrumentation.google_generativeai",
        "0.21.5",
    )
    assert call.output_tokens == 282
    assert call.flags & Flag.USAGE_NORMALISED


# Estimates


@pytest.mark.parametrize(
    ("scope", "more", "source"),
    [
        ("openlit.otel.tracing", {"gen_ai.request.is_stream": True}, ESTIMATED),
        ("openlit.instrumentation.openai", {"gen_ai.request.stream": True}, ESTIMATED),
        ("openlit.instrumentation.openai", {"gen_ai.request.stream": False}, PROVIDER),
        (
            "openlit.instrumentation.openai",
            {"gen_ai.request.stream": True, "gen_ai.usage.cache_read.input_tokens": 0},
            PROVIDER,
        ),
        ("@traceloop/instrumentation-openai", {}, ESTIMATED),
        ("opentelemetry.instrumentation.openai.v1", {"gen_ai.is_streaming": True}, PROVIDER),
    ],
)
def test_an_instrumentations_own_estimate_is_not_the_providers_usage(
    scope: str, more: dict[str, object], source: str
) -> None:
    call = read({**CHAT, **more}, scope, "")
    assert call.usage_source == source
    assert bool(call.flags & Flag.ESTIMATE_UNMARKED) == (source == ESTIMATED)


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
