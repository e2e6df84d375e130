"""Spans of coding agents, as their sources write them."""

from __future__ import annotations

import pytest

from receiver.otlp.decode import decode
from tests.coding_agents.sessions import AGENTS, CANARY, session
from tests.receiver.spans import T0, Made, decoded, one_call

CLAUDE_SPANS = ("com.anthropic.claude_code.tracing", "1.0.0")
AGENT_SDK = ("openinference.instrumentation.claude_agent_sdk", "0.1.2")


@pytest.mark.parametrize("agent", AGENTS)
def test_the_spans_of_a_session_are_its_calls(agent: str) -> None:
    told = session(agent, T0)
    batch = decode(told.trace_request().SerializeToString(), T0)
    found = sorted((c.input_tokens or 0, c.cache_read_tokens or 0, c.request_model) for c in batch.calls)
    spoken = [call for call in told.calls if agent != "codex" or "status" not in call]  # no span of an error
    right = sorted((call.get("spanInput", call.get("input", 0)), call.get("cacheRead", 0), call["model"])
                   for call in spoken)  # fmt: skip
    assert [(i, model) for i, _, model in found] == [(i, model) for i, _, model in right]
    assert CANARY not in repr(batch)


@pytest.mark.parametrize("agent", AGENTS)
def test_spans_around_the_calls_are_not_counted_and_nothing_is_unread(agent: str) -> None:
    told = session(agent, T0)
    batch = decode(told.trace_request().SerializeToString(), T0)
    assert not [sighting for sighting in batch.sightings if sighting.unread is not None]
    assert len(batch.calls) < len(told.spans())


def test_fast_mode_is_a_tier_of_its_own_and_normal_speed_is_none() -> None:
    told = {
        "span.type": "llm_request",
        "model": "claude-opus-5",
        "gen_ai.system": "anthropic",
        "input_tokens": 1,
    }
    fast = one_call(Made(told | {"speed": "fast"}, scope=CLAUDE_SPANS))
    assert fast.service_tier == "fast"
    assert one_call(Made(told | {"speed": "normal"}, scope=CLAUDE_SPANS)).service_tier is None


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("claude-opus-5", "anthropic"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "aws.bedrock"),
    ],
)
def test_the_models_id_names_the_cloud_since_claude_code_does_not(model: str, provider: str) -> None:
    told = {"span.type": "llm_request", "model": model, "gen_ai.system": "anthropic", "input_tokens": 1}
    assert one_call(Made(told, scope=CLAUDE_SPANS)).provider == provider


def test_a_request_that_was_given_up_is_cancelled() -> None:
    told = {"span.type": "llm_request", "model": "claude-opus-5", "gen_ai.system": "anthropic",
            "success": False, "error": "Request was aborted."}  # fmt: skip
    assert one_call(Made(told, scope=CLAUDE_SPANS, failed=True)).status == "cancelled"


def test_the_handling_of_an_answer_is_not_as_long_as_the_call() -> None:
    told = {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 1, "codex.usage.total_tokens": 10}
    call = one_call(Made(told, scope=("codex_cli_rs", "0.158.0"), end=2))
    assert call.latency_us is None


def test_the_nearest_ancestor_names_the_model_of_codex() -> None:
    told = {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 1, "codex.usage.total_tokens": 10}
    scope = ("codex_exec", "0.158.0")
    batch = decoded(
        Made({"model": "gpt-5"}, span_id=1, scope=scope, kind=1),
        Made({"model": "gpt-5.5"}, span_id=2, parent=1, scope=scope, kind=1),
        Made(told, span_id=3, parent=2, scope=scope, kind=1),
    )
    (call,) = batch.calls
    assert (call.model, call.provider) == ("gpt-5.5", "openai")


SDK_AGENT = {
    "openinference.span.kind": "AGENT", "llm.model_name": "claude-sonnet-4-5", "llm.system": "anthropic",
    "llm.provider": "anthropic", "llm.token_count.prompt": 3, "llm.token_count.completion": 4,
    "llm.token_count.prompt_details.cache_read": 17024, "llm.cost.total": 0.0062,
}  # fmt: skip


def test_an_agent_span_of_the_agent_sdk_waits_for_the_calls_below_it() -> None:
    batch = decoded(Made(SDK_AGENT, scope=AGENT_SDK, kind=1))
    (waiting,) = batch.sightings
    assert not batch.calls
    assert waiting.wrapper
    assert waiting.call is not None
    assert (waiting.call.input_tokens, waiting.call.cache_read_tokens) == (17027, 17024)
    assert (waiting.call.model, waiting.call.reported_cost_pico_usd) == ("claude-sonnet-4-5", 6_200_000_000)


def test_with_claude_codes_own_spans_below_the_agent_span_counts_nothing() -> None:
    request = {"span.type": "llm_request", "model": "claude-sonnet-4-5", "gen_ai.system": "anthropic",
               "input_tokens": 3, "cache_read_tokens": 17024, "output_tokens": 4}  # fmt: skip
    batch = decoded(
        Made(SDK_AGENT, span_id=1, scope=AGENT_SDK, kind=1),
        Made(request, span_id=2, parent=1, scope=CLAUDE_SPANS, kind=1),
    )
    (call,) = batch.calls
    assert (call.span_id[-1], call.input_tokens) == (2, 17027)
    assert not any(sighting.wrapper for sighting in batch.sightings)


def test_copilots_repository_and_session_reach_its_requests() -> None:
    scope = ("copilot-chat", "0.59.0")
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "github",
             "github.copilot.git.repository": "https://github.com/acme/shop.git", "user.name": "ada",
             "gen_ai.usage.input_tokens": 1500, "gen_ai.request.model": "gpt-4o"}  # fmt: skip
    chat = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "github", "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.id": "chatcmpl-9f8a7b6c5d4e3f", "gen_ai.usage.input_tokens": 1500,
        "gen_ai.usage.output_tokens": 250, "copilot_chat.chat_session_id": "s-1",
    }  # fmt: skip
    (call,) = decoded(
        Made(agent, span_id=1, scope=scope, kind=1), Made(chat, span_id=2, parent=1, scope=scope)
    ).calls
    assert (call.provider, call.input_tokens, call.conversation_id) == ("github", 1500, "s-1")
    assert (call.endpoint_tag, call.user_id) == ("https://github.com/acme/shop.git", "ada")
