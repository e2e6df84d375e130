"""Older generations that are still deployed: spans as their sources of that version write them."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from processor.calls.call import ERROR, ESTIMATED, MISSING, Flag
from receiver.otlp.decode import decode
from tests.receiver.spans import T0, Made, decoded, one_call, read
from tests.receiver.test_emitters import EXPORTED, MESSAGES, counts


class TestLogfire4:
    """https://github.com/pydantic/logfire, v4.1.0, logfire/_internal/integrations/llm_providers."""

    ANTHROPIC: ClassVar[dict[str, object]] = {"model": "claude-sonnet-4-5", "messages": MESSAGES}

    @pytest.mark.parametrize(
        ("name", "provider", "model", "expected"),
        [
            ("chat", "openai", "gpt-4o-mini-2024-07-18", (1037, 211, 261, None, 71)),
            ("stream", "openai", "gpt-4o-mini", (1037, 211, 261, None, 71)),
            ("stream_no_usage", "openai", "gpt-4o-mini", (None,) * 5),
            ("embeddings", "openai", "text-embedding-3-small", (12, None, None, None, None)),
            ("responses", "openai", "gpt-4o-mini-2024-07-18", (1037, 211, None, None, None)),
            ("error", "openai", "fail", (None,) * 5),
            ("anthropic_chat", "anthropic", "claude-sonnet-4-5", (3421, 211, 2041, 343, None)),
            ("anthropic_stream", "anthropic", "claude-sonnet-4-5", (None,) * 5),
            ("anthropic_stream_helper", "anthropic", "claude-sonnet-4-5", (None,) * 5),
            ("anthropic_error", "anthropic", "fail", (None,) * 5),
        ],
    )
    def test_as_exported(
        self, name: str, provider: str, model: str, expected: tuple[int | None, ...]
    ) -> None:
        (call,) = decode((EXPORTED / "logfire-4.1.0" / f"{name}.pb").read_bytes(), T0 * 2).calls
        assert (call.provider, call.model, counts(call)) == (provider, model, expected)
        assert (call.status == ERROR) == name.endswith("error")
        assert call.http_status == (429 if call.status == ERROR else None)

    def test_anthropic_chat_names_neither_operation_nor_provider(self) -> None:
        usage = {"input_tokens": 1037, "output_tokens": 211, "cache_read_input_tokens": 2041,
                 "cache_creation_input_tokens": 343}  # fmt: skip
        call = read(
            {
                "request_data": json.dumps(self.ANTHROPIC),
                "async": False,
                "response_data": json.dumps({"message": {"role": "assistant"}, "usage": usage}),
                "logfire.span_type": "span",
            },
            "logfire.anthropic",
            "4.1.0",
        )
        assert (call.provider, call.model, call.operation) == ("anthropic", "claude-sonnet-4-5", "chat")
        assert counts(call) == (3421, 211, 2041, 343, None)

    def test_openai_chat(self) -> None:
        usage = {"prompt_tokens": 1037, "completion_tokens": 211, "total_tokens": 1248,
                 "prompt_tokens_details": {"cached_tokens": 261},
                 "completion_tokens_details": {"reasoning_tokens": 71}}  # fmt: skip
        call = read(
            {
                "request_data": json.dumps({"model": "gpt-4o-mini", "messages": MESSAGES}),
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.system": "openai",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.usage.input_tokens": 1037,
                "gen_ai.usage.output_tokens": 211,
                "response_data": json.dumps({"message": {"role": "assistant"}, "usage": usage}),
                "logfire.span_type": "span",
            },
            "logfire.openai",
            "4.1.0",
        )
        assert (call.provider, call.model) == ("openai", "gpt-4o-mini-2024-07-18")
        assert counts(call) == (1037, 211, 261, None, 71)

    def test_embeddings_have_no_output(self) -> None:
        call = read(
            {
                "request_data": json.dumps({"model": "text-embedding-3-small", "input": "a text"}),
                "gen_ai.request.model": "text-embedding-3-small",
                "gen_ai.usage.input_tokens": 12,
                "response_data": json.dumps({"usage": {"prompt_tokens": 12, "total_tokens": 12}}),
                "logfire.span_type": "span",
            },
            "logfire.openai",
            "4.1.0",
        )
        assert (call.operation, call.input_tokens) == ("embeddings", 12)

    @pytest.mark.parametrize(
        ("scope", "model"), [("logfire.anthropic", "claude-sonnet-4-5"), ("logfire.openai", "gpt-4o-mini")]
    )
    def test_a_stream_is_one_call(self, scope: str, model: str) -> None:
        request = json.dumps({"model": model, "messages": MESSAGES, "stream": True})
        answer = {"combined_chunk_content": "hello", "chunk_count": 3}
        common: dict[str, object] = {"request_data": request, "async": False}
        batch = decoded(
            Made({**common, "logfire.span_type": "span"}, span_id=1, end=300, scope=(scope, "4.1.0"), kind=1),
            Made(
                {**common, "logfire.span_type": "log", "duration": 1.5, "response_data": json.dumps(answer)},
                span_id=2,
                trace=bytes(range(2, 18)),
                start=1800,
                end=1800,
                scope=(scope, "4.1.0"),
                kind=1,
            ),
        )
        (call,) = batch.calls
        assert (call.model, call.usage_source, call.streaming) == (model, MISSING, True)

    @pytest.mark.parametrize(
        ("scope", "model", "provider"),
        [("logfire.anthropic", "claude-sonnet-4-5", "anthropic"), ("logfire.openai", "my-model", "openai")],
    )
    def test_an_error_is_a_call(self, scope: str, model: str, provider: str) -> None:
        call = one_call(
            Made(
                {"request_data": json.dumps({"model": model}), "logfire.span_type": "span"},
                scope=(scope, "4.1.0"),
                failed=True,
                exception=("anthropic.RateLimitError", "Error code: 429 - slow down"),
            )
        )
        assert (call.status, call.http_status, call.provider, call.model) == (ERROR, 429, provider, model)

    def test_another_api_is_no_call(self) -> None:
        attributes = {"request_data": json.dumps({"model": "claude-sonnet-4-5"}), "url": "/v1/files"}
        assert decoded(Made(attributes, scope=("logfire.anthropic", "4.1.0"))).calls == []


class TestOpenLLMetryAnthropicStream:
    """https://github.com/traceloop/openllmetry, 0.40.14 to 0.62, instrumentation/anthropic/streaming.py."""

    SPAN: ClassVar[dict[str, object]] = {
        "llm.request.type": "chat",
        "gen_ai.system": "Anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.model": "claude-sonnet-4-5-20250929",
        "gen_ai.usage.prompt_tokens": 9,
        "gen_ai.usage.completion_tokens": 8,
        "llm.usage.total_tokens": 17,
    }
    SCOPE = "opentelemetry.instrumentation.anthropic"

    def test_the_count_of_a_stream_may_be_the_packages_own(self) -> None:
        call = read({**self.SPAN, "llm.is_streaming": True}, self.SCOPE, "0.40.14")
        assert call.usage_source == ESTIMATED
        assert call.flags & Flag.ESTIMATE_UNMARKED

    def test_a_stream_of_the_helper_looks_like_an_answer_that_no_model_gave(self) -> None:
        span = {key: value for key, value in self.SPAN.items() if key != "gen_ai.response.model"}
        assert read(span, self.SCOPE, "0.40.14").usage_source == ESTIMATED

    def test_that_of_a_whole_answer_is_the_providers(self) -> None:
        call = read({**self.SPAN, "llm.is_streaming": False}, self.SCOPE, "0.40.14")
        assert call.usage_source == "provider"
