"""Emitters without a capture: spans as their sources write them, ids and texts invented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from processor.calls.call import ERROR, Flag, ModelCall
from receiver.otlp.decode import decode
from tests.receiver.spans import CHAT, T0, Made, decoded, one_call, read

EXPORTED = Path(__file__).parents[1] / "fixtures" / "emitters"
MESSAGES = [{"role": "user", "content": "Name the queue."}]


def counts(call: ModelCall) -> tuple[int | None, ...]:
    """Input, output, cache read, cache write, reasoning."""
    return (
        call.input_tokens,
        call.output_tokens,
        call.cache_read_tokens,
        call.cache_write_tokens,
        call.reasoning_tokens,
    )


class TestMLflow:
    """https://github.com/mlflow/mlflow, mlflow/tracing/constant.py, mlflow/openai/autolog.py (3.9)."""

    def span(self, **more: object) -> dict[str, object]:
        usage = {"input_tokens": 1037, "output_tokens": 211, "total_tokens": 1248,
                 "cache_read_input_tokens": 261}  # fmt: skip
        return {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanInputs": json.dumps({"model": "gpt-4o-mini", "messages": MESSAGES}),
            "mlflow.spanOutputs": json.dumps({"id": "chatcmpl-1", "model": "gpt-4o-mini-2024-07-18"}),
            "mlflow.message.format": '"openai"',
            "mlflow.chat.tokenUsage": json.dumps(usage),
            "mlflow.llm.model": '"gpt-4o-mini"',
            "mlflow.llm.provider": '"openai"',
            "mlflow.llm.cost": '{"input_cost": 0.0001, "output_cost": 0.0002, "total_cost": 0.0003}',
            **more,
        }

    def test_a_chat_model_span_is_a_call(self) -> None:
        call = read(self.span(), "mlflow.openai.autolog")
        assert (call.provider, call.model, call.request_model) == (
            "openai",
            "gpt-4o-mini-2024-07-18",
            "gpt-4o-mini",
        )
        assert counts(call) == (1037, 211, 261, None, None)
        assert (call.response_id, call.dialect) == ("chatcmpl-1", "mlflow")
        assert call.reported_cost_pico_usd == 300_000_000

    def test_as_exported_by_3_17(self) -> None:
        """OpenAI, its embeddings, Anthropic: the stub's counts of the captures, and 12 for the embeddings."""
        body = (EXPORTED / "mlflow-3.17.2.pb").read_bytes()
        chat, embeddings, claude = decode(body, T0 * 2).calls
        assert (chat.provider, counts(chat)) == ("openai", (1037, 211, 261, None, 71))
        assert (embeddings.operation, embeddings.input_tokens) == ("embeddings", 12)
        assert (claude.provider, counts(claude)) == ("anthropic", (3421, 211, 2041, 343, None))
        assert not (chat.flags | embeddings.flags | claude.flags) & Flag.USAGE_AMBIGUOUS

    def test_an_embedding_is_one(self) -> None:
        usage = '{"input_tokens": 12, "output_tokens": 0, "total_tokens": 12}'
        call = read(self.span(**{"mlflow.spanType": '"EMBEDDING"', "mlflow.chat.tokenUsage": usage}))
        assert (call.operation, call.input_tokens) == ("embeddings", 12)

    def test_before_its_own_keys_model_and_provider_stand_in_inputs_and_format(self) -> None:
        span = self.span()
        for key in ("mlflow.llm.model", "mlflow.llm.provider", "mlflow.spanOutputs"):
            span.pop(key)
        call = read(span)
        assert (call.provider, call.model) == ("openai", "gpt-4o-mini")

    def test_a_chain_around_it_waits(self) -> None:
        inner = Made(self.span(), span_id=2, parent=1)
        outer = Made(self.span(**{"mlflow.spanType": '"CHAIN"'}), span_id=1)
        batch = decoded(outer, inner)
        assert [call.span_id[-1] for call in batch.calls] == [2]
        (alone,) = decoded(outer).sightings
        assert alone.wrapper


class TestCloudflare:
    """https://developers.cloudflare.com/ai-gateway/observability/otel-integration/"""

    SPAN: ClassVar[dict[str, object]] = {
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.model.provider": "openai",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cost": 0.000027,
        "gen_ai.prompt_json": "[]",
        "gen_ai.completion_json": "{}",
        "user_id": "u-17",
    }

    def test_a_request_is_a_call(self) -> None:
        call = read(self.SPAN)
        assert (call.provider, call.model, call.user_id) == ("openai", "gpt-4o-mini", "u-17")
        assert (call.input_tokens, call.output_tokens, call.reported_cost_pico_usd) == (100, 20, 27_000_000)
        assert call.dialect == "cloudflare"

    def test_one_without_usage_is_counted_too(self) -> None:
        span = {"gen_ai.request.model": "gpt-4o-mini", "gen_ai.model.provider": "openai"}
        assert one_call(Made(span, failed=True)).status == ERROR

    @pytest.mark.parametrize(
        ("sent", "provider"),
        [("google-ai-studio", "gcp.gemini"), ("aws-bedrock", "aws.bedrock"), ("workers-ai", "cloudflare")],
    )
    def test_its_names_of_providers_are_known(self, sent: str, provider: str) -> None:
        assert read({**self.SPAN, "gen_ai.model.provider": sent}).provider == provider

    def test_the_unified_endpoint_leaves_the_vendor_to_the_model(self) -> None:
        span = {**self.SPAN, "gen_ai.model.provider": "compat", "gen_ai.request.model": "openai/gpt-4o-mini"}
        call = read(span)
        assert (call.provider, call.model) == ("openai", "gpt-4o-mini")


class TestGenkit:
    """https://github.com/firebase/genkit, js/core/src/action.ts, js/ai/src/model-types.ts (2026-04)."""

    def span(self, subtype: str = "model", name: str = "googleai/gemini-2.5-flash") -> dict[str, object]:
        usage = {"inputTokens": 1000, "outputTokens": 100, "thoughtsTokens": 71, "totalTokens": 1171,
                 "cachedContentTokens": 400}  # fmt: skip
        return {
            "genkit:type": "action",
            "genkit:metadata:subtype": subtype,
            "genkit:name": name,
            "genkit:output": json.dumps({"message": {"role": "model"}, "usage": usage}),
            "genkit:state": "success",
        }

    def test_a_model_action_is_a_call_and_thoughts_are_output(self) -> None:
        call = read(self.span(), "genkit-tracer", "v1")
        assert (call.provider, call.model) == ("gcp.gemini", "gemini-2.5-flash")
        assert counts(call) == (1000, 171, 400, None, 71)

    def test_as_exported_by_python_0_12(self) -> None:
        batch = decode((EXPORTED / "genkit-0.12.0-python.pb").read_bytes(), T0 * 2)
        (call,) = batch.calls
        assert (call.provider, call.model) == ("gcp.gemini", "gemini-2.5-flash")
        assert counts(call) == (1000, 171, 400, None, 71)
        assert [sighting.name for sighting in batch.sightings] == ["generate"]

    def test_the_helper_alone_names_the_model_that_it_asked(self) -> None:
        asked = {"genkit:input": json.dumps({"model": "googleai/gemini-2.5-flash", "messages": []})}
        helper = {**self.span(name="generate"), **asked, "genkit:type": "util"}
        helper.pop("genkit:metadata:subtype")
        (sighting,) = decoded(Made(helper, kind=1)).sightings
        assert sighting.call is not None
        assert (sighting.wrapper, sighting.call.model) == (True, "gemini-2.5-flash")

    def test_the_flow_and_the_helper_around_it_are_none(self) -> None:
        flow = {"genkit:type": "action", "genkit:metadata:subtype": "flow", "genkit:name": "menu"}
        helper = {**self.span(name="generate"), "genkit:type": "util"}
        helper.pop("genkit:metadata:subtype")
        batch = decoded(
            Made(flow, span_id=1), Made(helper, span_id=2, parent=1), Made(self.span(), span_id=3, parent=2)
        )
        assert [call.span_id[-1] for call in batch.calls] == [3]

    def test_an_embedder_is_one(self) -> None:
        call = read(self.span("embedder", "vertexai/text-embedding-005"))
        assert (call.operation, call.provider) == ("embeddings", "gcp.vertex_ai")


class TestServers:
    """https://github.com/vllm-project/vllm, vllm/v1/engine/output_processor.py (0.29); sglang, srt/tracing
    (0.5)."""

    REQUEST: ClassVar[dict[str, object]] = {
        "gen_ai.latency.time_to_first_token": 0.115,
        "gen_ai.latency.e2e": 0.25,
        "gen_ai.usage.prompt_tokens": 100,
        "gen_ai.usage.completion_tokens": 20,
        "gen_ai.request.id": "chatcmpl-9",
    }

    @pytest.mark.parametrize(
        ("scope", "provider"), [("vllm.llm_engine", "vllm"), ("sglang server", "sglang")]
    )
    def test_the_servers_span_is_the_call(self, scope: str, provider: str) -> None:
        call = one_call(Made(self.REQUEST, name="llm_request", kind=2, scope=(scope, "")))
        assert (call.provider, call.model, call.response_id) == (provider, "unknown", "chatcmpl-9")
        assert (call.input_tokens, call.output_tokens) == (100, 20)
        assert (call.latency_us, call.time_to_first_token_us) == (1_000_000, 115_000)

    def test_older_ones_name_the_model(self) -> None:
        call = read({**self.REQUEST, "gen_ai.response.model": "meta-llama/Llama-3.1-8B"}, "vllm.llm_engine")
        assert (call.provider, call.model) == ("vllm", "meta-llama/Llama-3.1-8B")


class TestMastra:
    """https://github.com/mastra-ai/mastra, observability/otel-exporter/src/gen-ai-semantics.ts, pull
    23910."""

    def test_the_sum_of_a_loop_is_marked(self) -> None:
        call = read({**CHAT, "mastra.span.type": "model_generation"}, "@mastra/otel-exporter", "1.0.9")
        assert call.flags & Flag.SEVERAL_CALLS

    def test_since_september_2026_the_request_is_the_call_and_the_loop_none(self) -> None:
        loop = {"gen_ai.operation.name": "model_generation", "mastra.span.type": "model_generation"}
        step = {"gen_ai.operation.name": "agent_step", "mastra.span.type": "model_step"}
        call = {**CHAT, "mastra.span.type": "model_inference"}
        batch = decoded(
            Made(loop, span_id=1), Made(step, span_id=2, parent=1), Made(call, span_id=3, parent=2)
        )
        assert [(c.span_id[-1], c.flags & Flag.SEVERAL_CALLS) for c in batch.calls] == [(3, 0)]

    def test_its_audio_is_read(self) -> None:
        call = read({**CHAT, "gen_ai.usage.audio_input_tokens": 7, "gen_ai.usage.audio_output_tokens": 3})
        assert (call.input_audio_tokens, call.output_audio_tokens) == (7, 3)


class TestLiveKit:
    """https://github.com/livekit/agents, livekit/agents/llm/llm.py and telemetry/utils.py (1.7.0)."""

    @pytest.mark.parametrize(
        ("sent", "provider"),
        [
            ("api.openai.com", "openai"),
            ("AWS Bedrock", "aws.bedrock"),
            ("Vertex AI", "gcp.vertex_ai"),
            ("api.anthropic.com", "anthropic"),
            ("MistralAI", "mistral_ai"),
            ("FireworksAI", "fireworks_ai"),
        ],
    )
    def test_the_provider_is_a_host_or_a_display_name(self, sent: str, provider: str) -> None:
        assert read({**CHAT, "gen_ai.provider.name": sent}, "livekit-agents").provider == provider

    def test_realtime_tells_audio_and_cache(self) -> None:
        call = read(
            {
                **CHAT,
                "gen_ai.request.model": "gpt-realtime",
                "gen_ai.usage.input_tokens": 1200,
                "gen_ai.usage.output_tokens": 300,
                "gen_ai.usage.input_text_tokens": 200,
                "gen_ai.usage.input_audio_tokens": 1000,
                "gen_ai.usage.input_cached_tokens": 900,
                "gen_ai.usage.output_text_tokens": 60,
                "gen_ai.usage.output_audio_tokens": 240,
            },
            "livekit-agents",
            "1.5.0",
        )
        assert (call.cache_read_tokens, call.input_audio_tokens, call.output_audio_tokens) == (900, 1000, 240)


class TestGoogleADK:
    """https://github.com/google/adk-python, src/google/adk/telemetry/tracing.py, trace_call_llm (1.4 to
    1.39)."""

    SPAN: ClassVar[dict[str, object]] = {
        "gen_ai.system": "gcp.vertex.agent",
        "gen_ai.request.model": "gemini-2.5-flash",
        "gcp.vertex.agent.invocation_id": "e-7f",
        "gcp.vertex.agent.event_id": "ev-1",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
    }

    def test_its_thoughts_stand_outside_of_the_output(self) -> None:
        thoughts = {"gen_ai.usage.experimental.reasoning_tokens": 71}
        call = read({**self.SPAN, **thoughts}, "gcp.vertex.agent", "1.20.0")
        assert (call.provider, counts(call)) == ("gcp.gemini", (1000, 171, None, None, 71))

    def test_the_answer_tells_what_the_counts_leave_out(self) -> None:
        usage = {"prompt_token_count": 1000, "candidates_token_count": 100, "thoughts_token_count": 71,
                 "cached_content_token_count": 400, "total_token_count": 1171}  # fmt: skip
        answer = json.dumps({"content": {"role": "model"}, "usage_metadata": usage})
        call = read({**self.SPAN, "gcp.vertex.agent.llm_response": answer}, "gcp.vertex.agent", "1.15.1")
        assert counts(call) == (1000, 171, 400, None, 71)

    def test_the_span_inside_it_is_the_same_request_and_knows_less(self) -> None:
        usage = {"prompt_token_count": 1000, "candidates_token_count": 100, "thoughts_token_count": 71}
        event = {**self.SPAN, "gcp.vertex.agent.event_id": "2b1f6f0e-5c1d-4a60-9d0e-6f6f0b1b7c11"}
        outer = {**event, "gcp.vertex.agent.llm_response": json.dumps({"usage_metadata": usage})}
        inner = {**event, "gen_ai.operation.name": "generate_content"}
        scope = ("gcp.vertex.agent", "1.26.0")
        call = one_call(
            Made(outer, span_id=1, scope=scope),
            Made(inner, span_id=2, parent=1, start=10, end=900, scope=scope),
        )
        assert (call.output_tokens, call.reasoning_tokens) == (171, 71)
        assert not call.flags & Flag.USAGE_LOSSY

    def test_alone_it_may_have_lost_the_thoughts(self) -> None:
        inner = {**self.SPAN, "gen_ai.operation.name": "generate_content"}
        assert read(inner, "gcp.vertex.agent", "1.26.0").flags & Flag.USAGE_LOSSY

    def test_a_model_of_another_vendor_is_billed_by_it(self) -> None:
        call = read({**self.SPAN, "gen_ai.request.model": "openai/gpt-4o-mini"}, "gcp.vertex.agent", "1.15.1")
        assert (call.provider, call.model) == ("openai", "gpt-4o-mini")


class TestSpringAI:
    """https://github.com/spring-projects/spring-ai, spring-ai-commons AiProvider, AiOperationType
    (2026-08)."""

    def span(self, provider: str, model: str, **more: str) -> dict[str, object]:
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": "none",
            "gen_ai.usage.input_tokens": "3000",
            "gen_ai.usage.output_tokens": "200",
            "gen_ai.usage.total_tokens": "3200",
            **more,
        }

    @pytest.mark.parametrize(
        ("sent", "model", "provider"),
        [
            ("bedrock_converse", "anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
            ("google_genai", "gemini-2.5-flash", "gcp.gemini"),
            ("mistral_ai", "mistral-small-latest", "mistral_ai"),
            ("vertex_ai", "gemini-2.5-flash", "gcp.vertex_ai"),
            ("spring_ai", "gpt-4o-mini", "openai"),
            ("deepseek", "deepseek-chat", "deepseek"),
        ],
    )
    def test_every_provider(self, sent: str, model: str, provider: str) -> None:
        call = read(self.span(sent, model), "org.springframework.boot", "4.0.2")
        assert (call.provider, call.model) == (provider, model)

    def test_bedrock_leaves_the_cache_out_of_the_input(self) -> None:
        span = self.span("bedrock_converse", "anthropic.claude-sonnet-4-5-20250929-v1:0")
        cached = {
            "gen_ai.usage.cache_read.input_tokens": "2000",
            "gen_ai.usage.cache_creation.input_tokens": "500",
        }
        call = read({**span, **cached}, "org.springframework.boot", "4.0.2")
        assert counts(call) == (5500, 200, 2000, 500, None)

    def test_the_word_none_is_no_model(self) -> None:
        call = read(self.span("openai", "none"), "org.springframework.boot", "4.0.2")
        assert (call.model, call.request_model) == ("unknown", None)


class TestRubyLLM:
    """https://github.com/thoughtbot/opentelemetry-instrumentation-ruby_llm, patches/chat.rb (0.4.0)."""

    def test_an_unknown_model_has_a_row_of_its_own(self) -> None:
        call = read(
            {**CHAT, "gen_ai.provider.name": "unknown", "gen_ai.request.model": "unknown"},
            "OpenTelemetry::Instrumentation::RubyLLM",
        )
        assert (call.provider, call.model, call.request_model) == ("unknown", "unknown", None)

    @pytest.mark.parametrize(("sent", "provider"), [("gemini", "gcp.gemini"), ("bedrock", "aws.bedrock")])
    def test_its_names_of_providers_are_known(self, sent: str, provider: str) -> None:
        assert read({**CHAT, "gen_ai.provider.name": sent}).provider == provider


class TestOpenInferenceFrameworks:
    """Agno, CrewAI, DSPy, LlamaIndex: https://github.com/Arize-ai/openinference, python/instrumentation
    (2026-08)."""

    LLM: ClassVar[dict[str, object]] = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini",
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 20,
        "llm.token_count.total": 120,
    }

    @pytest.mark.parametrize("package", ["agno", "crewai", "dspy", "llama_index"])
    def test_the_model_span_counts_and_the_agent_around_it_does_not(self, package: str) -> None:
        scope = (f"openinference.instrumentation.{package}", "1.0")
        agent = {**self.LLM, "openinference.span.kind": "AGENT"}
        batch = decoded(
            Made(agent, span_id=1, kind=1, scope=scope),
            Made(self.LLM, span_id=2, parent=1, start=10, end=900, kind=1, scope=scope),
        )
        assert [call.span_id[-1] for call in batch.calls] == [2]

    def test_an_agent_that_alone_has_the_tokens_waits_for_its_calls(self) -> None:
        agent = {**self.LLM, "openinference.span.kind": "AGENT"}
        (sighting,) = decoded(Made(agent, kind=1)).sightings
        assert sighting.wrapper
        assert sighting.call is not None
        assert sighting.call.input_tokens == 100
