"""SDKs and plugins with a vocabulary of their own, without a capture: spans as their sources write them."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from processor.calls.call import Flag
from tests.receiver.spans import Made, decoded, read
from tests.receiver.test_emitters import counts


class TestOpenCode:
    """https://github.com/DEVtheOPS/opencode-plugin-otel, src/handlers/message.ts (20c3b17)."""

    def test_its_span_counts_as_its_event_does(self) -> None:
        told = {
            "openinference.span.kind": "LLM", "llm.model_name": "gpt-5", "llm.provider": "openai",
            "llm.token_count.prompt": 100, "llm.token_count.completion": 20,
            "llm.token_count.completion_details.reasoning": 7,
            "llm.token_count.prompt_details.cache_read": 50,
            "llm.token_count.prompt_details.cache_write": 0, "llm.token_count.total": 177,
        }  # fmt: skip
        call = read(told, "com.opencode")
        assert counts(call) == (150, 27, 50, 0, 7)
        assert call.flags & Flag.USAGE_AMBIGUOUS, "the plugin adds the total up, whatever OpenCode's version"


class TestBraintrust:
    """https://github.com/braintrustdata: braintrust-sdk-ruby `trace/tokens.rb`, the SDKs for Go and Java."""

    METRICS: ClassVar = {"prompt_tokens": 180, "completion_tokens": 20, "tokens": 200,
                         "prompt_cached_tokens": 50, "time_to_first_token": 0.25}  # fmt: skip

    def span(self, metrics: dict[str, object], **metadata: object) -> dict[str, object]:
        named = {"model": "claude-sonnet-4-5", "provider": "anthropic", "endpoint": "/v1/messages"}
        return {
            "braintrust.span_attributes": '{"type":"llm"}',
            "braintrust.metrics": json.dumps(metrics),
            "braintrust.metadata": json.dumps(named | metadata),
        }

    def test_input_includes_what_was_read_from_and_written_to_the_cache(self) -> None:
        call = read(self.span({**self.METRICS, "prompt_cache_creation_tokens": 30}), "braintrust")
        assert counts(call) == (180, 20, 50, 30, None)
        assert (call.provider, call.model, call.dialect) == ("anthropic", "claude-sonnet-4-5", "braintrust")
        assert call.time_to_first_token_us == 250_000
        assert not call.flags & Flag.USAGE_AMBIGUOUS

    def test_writes_may_be_told_by_their_lifetime_alone(self) -> None:
        written = {"prompt_cache_creation_5m_tokens": 10, "prompt_cache_creation_1h_tokens": 20}
        call = read(self.span({**self.METRICS, **written}), "braintrust-java")
        assert (call.input_tokens, call.cache_write_tokens, call.cache_write_1h_tokens) == (180, 30, 20)

    def test_reasoning_is_part_of_the_output(self) -> None:
        metrics = {
            "prompt_tokens": 10,
            "completion_tokens": 20,
            "tokens": 30,
            "completion_reasoning_tokens": 7,
        }
        call = read(self.span(metrics, model="gpt-5", provider="openai"), "braintrust")
        assert counts(call) == (10, 20, None, None, 7)

    def test_dotnet_writes_each_count_as_an_attribute_of_its_own(self) -> None:
        told = {"braintrust.span_attributes": '{"type":"llm"}', "braintrust.metrics.prompt_tokens": 10,
                "braintrust.metrics.completion_tokens": 20, "braintrust.metrics.tokens": 30,
                "braintrust.metadata.model": "gpt-4o-mini",
                "braintrust.metadata.provider": "openai"}  # fmt: skip
        call = read(told, "braintrust-dotnet")
        assert (counts(call), call.model) == ((10, 20, None, None, None), "gpt-4o-mini")

    def test_what_dotnets_client_of_anthropic_leaves_out_is_marked(self) -> None:
        """src/Braintrust.Sdk.Anthropic/InstrumentedMessageService.cs: input and output of the usage alone."""
        told = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 10,
                "gen_ai.usage.output_tokens": 20, "braintrust.metrics.prompt_tokens": 10,
                "braintrust.metrics.completion_tokens": 20, "braintrust.metrics.tokens": 30}  # fmt: skip
        assert read(told, "braintrust-dotnet").flags & Flag.USAGE_LOSSY

    @pytest.mark.parametrize("kind", ["task", "eval", "score", "tool"])
    def test_a_span_around_calls_is_none(self, kind: str) -> None:
        told = self.span(self.METRICS) | {"braintrust.span_attributes": json.dumps({"type": kind})}
        batch = decoded(Made(told, scope=("braintrust", "1")))
        assert (batch.calls, [sighting.wrapper for sighting in batch.sightings]) == ([], [True])


class TestLangWatch:
    """https://github.com/langwatch/langwatch, python-sdk, typescript-sdk, sdk-go."""

    @pytest.mark.parametrize(
        "metrics",
        [
            {"type": "json", "value": {"promptTokens": 10, "completionTokens": 5, "cost": 0.001}},
            {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.001},
        ],
        ids=["TypeScript", "Python and Go"],
    )
    def test_its_object_has_the_counts(self, metrics: dict[str, object]) -> None:
        told = {"langwatch.span.type": "llm", "gen_ai.request.model": "gpt-4o-mini",
                "langwatch.metrics": json.dumps(metrics), "langwatch.thread.id": "t-1",
                "langwatch.customer.id": "acme"}  # fmt: skip
        call = read(told, "langwatch")
        assert (counts(call), call.reported_cost_pico_usd) == ((10, 5, None, None, None), 1_000_000_000)
        assert (call.model, call.dialect) == ("gpt-4o-mini", "langwatch")
        assert (call.conversation_id, call.tenant_id) == ("t-1", "acme")

    def test_the_conventions_counts_come_first_and_are_not_added(self) -> None:
        told = {"langwatch.span.type": "llm", "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.prompt_tokens": 10, "gen_ai.usage.completion_tokens": 5,
                "langwatch.metrics": '{"prompt_tokens": 10, "completion_tokens": 5}'}  # fmt: skip
        assert counts(read(told, "langwatch")) == (10, 5, None, None, None)

    def test_a_claude_without_counts_of_the_cache_may_have_lost_them(self) -> None:
        told = {"langwatch.span.type": "llm", "gen_ai.request.model": "claude-sonnet-4-5",
                "langwatch.metrics": '{"prompt_tokens": 10, "completion_tokens": 5}'}  # fmt: skip
        assert read(told, "langwatch").flags & Flag.USAGE_LOSSY

    def test_a_chain_that_repeats_usage_is_none(self) -> None:
        told = {"langwatch.span.type": "chain", "langwatch.metrics": '{"prompt_tokens": 10}'}
        assert decoded(Made(told, scope=("langwatch", "1"))).calls == []
