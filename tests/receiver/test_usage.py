"""Token counts of every convention brought to the ledger's: totals with their parts, or marked."""

from __future__ import annotations

import json

import pytest

from processor.calls.call import Flag
from receiver.dialects.balance import INSIDE, OUTSIDE
from receiver.dialects.conventions import CACHE, REASONING
from tests.receiver.spans import CHAT, read

ANTHROPIC = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-20250514",
    "gen_ai.usage.input_tokens": 5037,
    "gen_ai.usage.output_tokens": 211,
}
GEMINI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "gcp.gemini",
    "gen_ai.request.model": "gemini-2.5-flash",
    "gen_ai.usage.input_tokens": 1037,
    "gen_ai.usage.output_tokens": 211,
}
CACHED = {"gen_ai.usage.cache_read.input_tokens": 2041, "gen_ai.usage.cache_creation.input_tokens": 343}


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
        ("livekit-agents", "1.6.0", 5037),
        ("opentelemetry.instrumentation.langchain", "0.62.4", 5037),
        ("@traceloop/instrumentation-anthropic", "0.27.0", 5037),
        ("opentelemetry.instrumentation.genai.bedrock", "1.3b0", 7421),
        ("opentelemetry.instrumentation.botocore.bedrock-runtime", "0.66b2", 7421),
        ("opentelemetry.instrumentation.bedrock", "0.62.4", 7421),
        ("openlit.instrumentation.anthropic", "", 7421),
        ("org.springframework.boot", "4.0.2", 7421),
        ("opentelemetry.instrumentation.llamaindex", "0.62.4", 7421),
        ("openinference.instrumentation.agno", "0.1.30", 7421),
        ("agent_framework", "1.23.0", 7421),
        ("@openlit/instrumentation-bedrock", "1.0.0", 7421),
    ],
)
def test_each_emitter_counts_the_cache_in_its_own_way(scope: str, version: str, total: int) -> None:
    call = read({**ANTHROPIC, **CACHED}, scope, version)
    assert call.input_tokens == total
    assert call.flags == (Flag.USAGE_NORMALISED if total != 5037 else 0)


def test_openai_shaped_usage_includes_the_cache_everywhere() -> None:
    call = read({**CHAT, "gen_ai.usage.cache_read.input_tokens": 60}, "openlit.instrumentation.openai")
    assert call.input_tokens == 100


def test_more_cache_than_input_can_only_be_outside() -> None:
    call = read({**CHAT, "gen_ai.usage.cache_read.input_tokens": 2041}, "an.unknown.package")
    assert call.input_tokens == 2141
    assert {s.rank for s in call.sources if s.field == "input_tokens"} == {30}


@pytest.mark.parametrize("provider", ["anthropic", "aws.bedrock", "gcp.vertex_ai"])
def test_an_unknown_emitter_of_anthropic_shaped_usage_is_ambiguous(provider: str) -> None:
    sent = {**ANTHROPIC, **CACHED, "gen_ai.provider.name": provider}
    call = read(sent, "an.unknown.package", "1")
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (5037, 2041, 343)
    assert call.flags == Flag.USAGE_AMBIGUOUS
    assert {s.rank for s in call.sources if s.field == "input_tokens"} == {50}


@pytest.mark.parametrize(
    ("more", "total"),
    [
        ({"gen_ai.usage.total_tokens": 5037 + 211}, None),
        ({"gen_ai.usage.total_tokens": 7421 + 211}, 7421),
        ({"gen_ai.usage.total_tokens": 2653 + 211}, 5037),
        ({"gen_ai.usage.details.input_tokens": 5037}, 7421),
        ({"gen_ai.usage.details.input_tokens": 2653}, 5037),
        ({"llm.token_count.prompt": 7421}, 7421),
        ({"llm.usage.prompt_tokens": 2653}, 5037),
        ({"llm.token_count.prompt": 5037}, None),
        ({"llm.token_count.prompt": 99}, None),
    ],
)
def test_arithmetic_decides_where_the_emitter_is_unknown(more: dict[str, int], total: int | None) -> None:
    call = read({**ANTHROPIC, **CACHED, **more}, "an.unknown.package", "1")
    assert call.input_tokens == (total or 5037)
    assert bool(call.flags & Flag.USAGE_AMBIGUOUS) == (total is None)
    assert bool(call.flags & Flag.USAGE_NORMALISED) == (total == 7421)


@pytest.mark.parametrize(
    ("scope", "total"), [("strands.telemetry.tracer", 7632), ("openinference.instrumentation.bedrock", 7632)]
)
def test_a_total_that_shows_the_cache_goes_before_what_is_known_of_the_emitter(
    scope: str, total: int
) -> None:
    """Strands 1.10 and OpenInference's newest Bedrock pass Converse's input on, with its whole total."""
    sent = {**ANTHROPIC, **CACHED, "gen_ai.provider.name": "aws.bedrock", "gen_ai.usage.total_tokens": total}
    call = read(sent, scope)
    assert (call.input_tokens, call.flags) == (7421, Flag.USAGE_NORMALISED)


@pytest.mark.parametrize("provider", ["openai", "openrouter", "azure.ai.openai", "groq", "deepseek", "x_ai"])
def test_cached_tokens_of_openais_form_are_never_ambiguous(provider: str) -> None:
    sent = {**CHAT, "gen_ai.provider.name": provider, "gen_ai.usage.cache_read.input_tokens": 60}
    call = read({**sent, "gen_ai.request.model": "m"}, "an.unknown.package")
    assert (call.input_tokens, call.flags) == (100, 0)


def test_claude_sold_in_openais_form_counts_the_cache_in() -> None:
    sent = {**ANTHROPIC, **CACHED, "gen_ai.provider.name": "openrouter"}
    call = read({**sent, "gen_ai.request.model": "anthropic/claude-sonnet-4"}, "an.unknown.package")
    assert (call.input_tokens, call.flags) == (5037, 0)


def test_every_row_of_the_cache_table_names_its_source() -> None:
    for row in (*CACHE, *REASONING):
        assert row.how in (INSIDE, OUTSIDE)
        assert len(row.source) > 10
        scopes = [other.scope for other in (CACHE if row in CACHE else REASONING)]
        assert scopes.count(row.scope) == 1


@pytest.mark.parametrize(
    ("details", "sent", "total"),
    [
        ({"cached_tokens": 2041}, 3078, 3421),
        ({"cached_tokens": 2041, "cache_creation_tokens": 2041}, 3421, 3421),
        ({"cached_tokens": 2041, "cache_write_tokens": 343, "cache_creation_tokens": 343}, 3421, 3421),
    ],
    ids=["1.65 to 1.76", "1.77", "1.106"],
)
def test_litellms_versions_differ_in_cache_writes(details: dict[str, int], sent: int, total: int) -> None:
    usage = {"prompt_tokens": sent, "prompt_tokens_details": details, "cache_creation_input_tokens": 343}
    call = read(
        {
            "llm.request.type": "completion",
            "gen_ai.request.model": "claude-sonnet-4-20250514",
            "gen_ai.system": "anthropic",
            "gen_ai.usage.prompt_tokens": sent,
            "gen_ai.usage.completion_tokens": 211,
            "llm.usage.total_tokens": sent + 211,
            "metadata.usage_object": str(usage),
        },
        "litellm",
        "",
    )
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (total, 2041, 343)
    assert call.flags == (Flag.USAGE_NORMALISED if sent != total else 0)


def test_langfuse_details_beside_an_unknown_emitters_counts_are_ambiguous() -> None:
    details = json.dumps({"cache_read_input_tokens": 2041, "cache_creation_input_tokens": 343})
    call = read({**ANTHROPIC, "langfuse.observation.usage_details": details}, "an.unknown.package")
    assert (call.input_tokens, call.flags) == (5037, Flag.USAGE_AMBIGUOUS)


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


def test_litellm_1_74_counts_cache_reads_in_and_leaves_writes_out() -> None:
    """`calculate_usage` of 1.65 to 1.76 adds reads alone to the prompt; 1.77 adds both."""
    usage = (
        "{'completion_tokens': 211, 'prompt_tokens': 3078, 'prompt_tokens_details': {'cached_tokens': 2041}, "
    )
    usage += "'cache_creation_input_tokens': 343, 'completion_tokens_details': {'reasoning_tokens': 7}}"
    call = read(
        {
            "llm.request.type": "completion",
            "gen_ai.request.model": "claude-sonnet-4-20250514",
            "gen_ai.system": "anthropic",
            "gen_ai.usage.prompt_tokens": 3078,
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
            **GEMINI,
            "gen_ai.usage.total_tokens": 1319,
        },
        "opentelemetry.instrumentation.google_generativeai",
        "0.21.5",
    )
    assert call.output_tokens == 282
    assert call.flags & Flag.USAGE_NORMALISED


@pytest.mark.parametrize(
    ("reasoning", "total", "answered"),
    [(317, None, 319), (317, 14, 319), (317, 331, 319)],
)
@pytest.mark.parametrize("scope", ["ai", "an.unknown.package", "opentelemetry.instrumentation.genai.openai"])
def test_more_reasoning_than_output_is_outside_of_it(
    reasoning: int, total: int | None, answered: int, scope: str
) -> None:
    sent = {**CHAT, "gen_ai.provider.name": "x_ai", "gen_ai.request.model": "grok-3-mini"}
    sent |= {"gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 2}
    sent |= {"gen_ai.usage.reasoning.output_tokens": reasoning}
    call = read({**sent, **({} if total is None else {"gen_ai.usage.total_tokens": total})}, scope)
    assert (call.input_tokens, call.output_tokens, call.reasoning_tokens) == (12, answered, 317)
    assert call.flags == Flag.USAGE_NORMALISED
    assert {s.rank for s in call.sources if s.field == "output_tokens"} == {30}


@pytest.mark.parametrize(
    ("provider", "model", "flag"),
    [
        ("gcp.gemini", "gemini-2.5-pro", Flag.USAGE_AMBIGUOUS),
        ("gcp.vertex_ai", "gemini-2.5-pro", Flag.USAGE_AMBIGUOUS),
        ("x_ai", "grok-4", Flag.USAGE_AMBIGUOUS),
        ("openai", "o3-mini", 0),
        ("anthropic", "claude-sonnet-4-5", 0),
    ],
)
def test_reasoning_of_an_unknown_emitter_is_ambiguous_where_the_provider_counts_it_outside(
    provider: str, model: str, flag: int
) -> None:
    sent = {**CHAT, "gen_ai.provider.name": provider, "gen_ai.request.model": model}
    call = read({**sent, "gen_ai.usage.reasoning.output_tokens": 7}, "an.unknown.package")
    assert (call.output_tokens, call.reasoning_tokens, call.flags) == (20, 7, flag)


@pytest.mark.parametrize(
    ("scope", "thoughts", "total", "expected", "flags"),
    [
        ("org.springframework.boot", None, 1319, (1037, 282), Flag.USAGE_NORMALISED),
        ("an.unknown", None, 1319, (1037, 282), Flag.USAGE_NORMALISED | Flag.USAGE_AMBIGUOUS),
        ("an.unknown", 71, 1319, (1037, 282), Flag.USAGE_NORMALISED),
        ("pydantic-ai", 71, 1298, (1087, 211), Flag.USAGE_NORMALISED),
        ("an.unknown", 71, 1298, (1087, 211), Flag.USAGE_NORMALISED),
        ("an.unknown", 71, 1369, (1087, 282), Flag.USAGE_NORMALISED | Flag.USAGE_AMBIGUOUS),
    ],
)
def test_what_else_geminis_total_holds_is_thoughts_and_prompts_of_tools(
    scope: str, thoughts: int | None, total: int, expected: tuple[int, int], flags: int
) -> None:
    sent = {**GEMINI, "gen_ai.usage.total_tokens": total}
    sent |= {} if thoughts is None else {"gen_ai.usage.reasoning.output_tokens": thoughts}
    call = read(sent, scope)
    assert ((call.input_tokens, call.output_tokens), call.flags) == (expected, flags)


def test_geminis_own_object_counts_thoughts_and_prompts_of_tools_outside() -> None:
    usage = {"promptTokenCount": 1000, "candidatesTokenCount": 200, "thoughtsTokenCount": 70}
    usage |= {"toolUsePromptTokenCount": 40, "cachedContentTokenCount": 300, "totalTokenCount": 1310}
    attributes = {"gen_ai.operation.name": "chat", "llm.gemini.usageMetadata": str(usage)}
    call = read({**attributes, "gen_ai.request.model": "gemini-2.5-flash"}, "litellm", "")
    assert (call.input_tokens, call.output_tokens, call.reasoning_tokens) == (1040, 270, 70)
    assert (call.cache_read_tokens, call.flags) == (300, Flag.USAGE_NORMALISED)


def test_a_total_that_no_count_explains_makes_the_usage_lossy() -> None:
    call = read({**CHAT, "gen_ai.usage.total_tokens": 500}, "an.unknown.package")
    assert (call.input_tokens, call.output_tokens, call.flags) == (100, 20, Flag.USAGE_LOSSY)


@pytest.mark.parametrize(
    ("sent", "answered", "operation", "expected"),
    [
        (None, 20, "chat", (100, 20)),
        (100, None, "chat", (100, 20)),
        (None, None, "chat", (None, None)),
        (None, None, "embeddings", (120, None)),
        (120, None, "embeddings", (120, None)),
        (None, 130, "chat", (None, 130)),
    ],
)
def test_a_count_that_is_missing_is_what_the_total_has_beyond_the_other(
    sent: int | None, answered: int | None, operation: str, expected: tuple[int | None, int | None]
) -> None:
    counts = {"gen_ai.usage.input_tokens": sent, "gen_ai.usage.output_tokens": answered}
    attributes = {name: value for name, value in CHAT.items() if name not in counts}
    attributes |= {name: value for name, value in counts.items() if value is not None}
    attributes |= {"gen_ai.operation.name": operation, "gen_ai.usage.total_tokens": 120}
    call = read(attributes)
    assert (call.input_tokens, call.output_tokens) == expected
    assert bool(call.flags & Flag.USAGE_NORMALISED) == (expected != (sent, answered))


@pytest.mark.parametrize(
    ("model", "lossy"),
    [
        ("anthropic.claude-sonnet-4-20250514-v1:0", True),
        ("amazon.nova-pro-v1:0", True),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", True),
        ("meta.llama3-70b-instruct-v1:0", False),
        ("mistral.mistral-large-2407-v1:0", False),
    ],
)
def test_only_a_model_with_a_cache_can_have_lost_its_counts(model: str, lossy: bool) -> None:
    sent = {**ANTHROPIC, "gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": model}
    call = read(sent, "opentelemetry.instrumentation.botocore.bedrock-runtime", "0.66b2")
    assert call.flags == (Flag.USAGE_LOSSY if lossy else 0)
