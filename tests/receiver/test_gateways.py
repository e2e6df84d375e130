"""OpenRouter, Sentry and what stands in the words of any emitter: operations, counts, models."""

from __future__ import annotations

from typing import ClassVar

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList

from processor.calls.call import Flag
from receiver.dialects.otel_genai import operation_name
from receiver.otlp.decode import decode_message
from tests.receiver.spans import CHAT, Made, decoded, one_call, read, request


class TestOpenRouter:
    """https://openrouter.ai/docs/guides/features/broadcast/otel-collector"""

    SPAN: ClassVar[dict[str, object]] = {
        "trace.name": "OpenRouter Request",
        "span.type": "generation",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "anthropic/claude-sonnet-4.5",
        "gen_ai.response.model": "anthropic/claude-sonnet-4.5",
        "gen_ai.usage.input_tokens": 3421,
        "gen_ai.usage.output_tokens": 211,
        "gen_ai.usage.input_tokens.cached": 2041,
        "gen_ai.usage.input_tokens.cache_write": 343,
        "gen_ai.usage.output_tokens.reasoning": 64,
        "gen_ai.usage.total_cost": 0.00817455,
        "trace.metadata.environment_name": "x",
        "trace.metadata.tenant_id": "acme",
    }

    @pytest.mark.parametrize("host", ["Anthropic", "Amazon Bedrock", "Google Vertex", "Azure", "Fireworks"])
    def test_it_sends_the_bill_whatever_host_answered(self, host: str) -> None:
        call = read({**self.SPAN, "gen_ai.provider.name": host}, "openrouter")
        assert (call.provider, call.model) == ("openrouter", "anthropic/claude-sonnet-4.5")
        assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (3421, 2041, 343)
        assert (call.reasoning_tokens, call.reported_cost_pico_usd) == (64, 8_174_550_000)
        assert (call.tenant_id, call.endpoint_tag) == ("acme", None)

    def test_the_host_in_its_metadata_shows_who_wrote_the_span(self) -> None:
        host = {"trace.metadata.openrouter.provider_name": "Azure", "gen_ai.provider.name": "Azure"}
        assert read({**self.SPAN, **host}, "some.relay").provider == "openrouter"

    def test_an_attempt_below_it_is_no_call(self) -> None:
        attempt = {"span.type": "span", "http.response.status_code": 200}
        batch = decoded(
            Made(self.SPAN, span_id=1, scope=("openrouter", "")),
            Made(attempt, span_id=2, parent=1, scope=("openrouter", "")),
        )
        assert [call.span_id[-1] for call in batch.calls] == [1]


class TestSentry:
    """https://github.com/getsentry/sentry-conventions, model/attributes/{ai,gen_ai} (2026-08)."""

    def test_its_older_keys(self) -> None:
        call = read(
            {
                "ai.model_id": "gpt-4o-mini",
                "ai.model.provider": "openai",
                "ai.prompt_tokens.used": 100,
                "ai.completion_tokens.used": 20,
                "ai.total_tokens.used": 120,
                "ai.total_cost": 0.000027,
                "ai.streaming": True,
            },
            "@sentry/node",
        )
        assert (call.provider, call.model, call.streaming) == ("openai", "gpt-4o-mini", True)
        assert (call.input_tokens, call.output_tokens, call.reported_cost_pico_usd) == (100, 20, 27_000_000)

    def test_its_input_includes_the_cache(self) -> None:
        cached = {"gen_ai.usage.input_tokens.cached": 40, "gen_ai.usage.input_tokens.cache_write": 10}
        claude = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
        call = read({**CHAT, **claude, **cached}, "@sentry/node")
        assert (call.input_tokens, call.flags & Flag.USAGE_AMBIGUOUS) == (100, 0)

    def test_the_type_of_the_operation_decides(self) -> None:
        agent = {**CHAT, "gen_ai.operation.type": "agent"}
        call = {**CHAT, "gen_ai.operation.type": "ai_client"}
        batch = decoded(Made(agent, span_id=1), Made(call, span_id=2, parent=1))
        assert [call.span_id[-1] for call in batch.calls] == [2]


@pytest.mark.parametrize(
    ("sent", "operation"),
    [
        ("chat.completions", "chat"),
        ("Chat", "chat"),
        ("ChatCompletion", "chat"),
        ("chat-completions.create", "chat"),
        ("embedding", "embeddings"),
        ("text.completions", "text_completion"),
        ("text completion", "text_completion"),
        ("llm_call", "chat"),
        ("generateContent", "generate_content"),
        ("InvokeModel", "chat"),
        ("responses.create", "responses"),
        ("realtime", "chat"),
        ("invoke_agent", None),
        ("execute_tool", None),
        ("model_step", None),
        ("", None),
    ],
)
def test_an_operation_is_a_call_in_any_spelling(sent: str, operation: str | None) -> None:
    assert operation_name(sent) == operation


@pytest.mark.parametrize(("sent", "count"), [("1037", 1037), ("1037.0", 1037), (" 1037 ", 1037), ("0", 0)])
def test_a_count_may_be_text(sent: str, count: int) -> None:
    call = read({**CHAT, "gen_ai.usage.input_tokens": sent})
    assert call.input_tokens == count


@pytest.mark.parametrize("sent", ["1037.5", "-1", "1e3", "many", "99999999999", "1_000"])
def test_text_that_is_no_count_is_none(sent: str) -> None:
    call = read({**CHAT, "gen_ai.usage.input_tokens": sent})
    assert call.input_tokens is None
    assert call.flags & Flag.USAGE_INVALID


def test_a_usage_object_may_be_a_map_of_otlp() -> None:
    usage = KeyValueList(values=[
        KeyValue(key="input_tokens", value=AnyValue(int_value=100)),
        KeyValue(key="output_tokens", value=AnyValue(double_value=20)),
    ])  # fmt: skip
    message = request(Made({"mlflow.spanType": '"LLM"', "mlflow.llm.model": '"gpt-4o-mini"'}))
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.add(key="mlflow.chat.tokenUsage").value.kvlist_value.CopyFrom(usage)
    (call,) = decode_message(message, 10**18).calls
    assert (call.input_tokens, call.output_tokens) == (100, 20)


@pytest.mark.parametrize("word", ["none", "None", "NULL", "unknown", "n/a", "undefined"])
def test_a_word_for_no_value_leaves_the_model_to_the_next_source(word: str) -> None:
    call = one_call(Made({**CHAT, "gen_ai.response.model": word}))
    assert (call.model, call.request_model) == ("gpt-4o-mini", "gpt-4o-mini")
