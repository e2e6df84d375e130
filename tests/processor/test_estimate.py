"""Token estimates where the provider's usage is missing."""

from __future__ import annotations

import sys

import pytest

from processor.calls.call import ESTIMATED, MISSING, ModelCall, Source
from processor.calls.errors import ConfigError
from processor.calls.estimate import PROXY, VOCABULARY, Estimator, vocabulary_of
from processor.pricing.charge import price_call
from tests.processor.pricing_cases import a_call, default_book


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    pytest.importorskip("splintr", reason="needs the extra `estimate`")
    return Estimator()


def without_usage(**values: object) -> ModelCall:
    return a_call(tokens_in=None, tokens_out=None, usage_source=MISSING, **values)  # type: ignore[arg-type]


def test_a_known_vocabulary_counts_exactly(estimator: Estimator) -> None:
    # Hello · , · the · quick · brown · fox
    assert estimator.count("Hello, the quick brown fox", "openai", "gpt-4o") == (6, VOCABULARY, "o200k_base")


def test_control_tokens_in_a_text_are_text(estimator: Estimator) -> None:
    assert estimator.count("hello<|endoftext|>", "openai", "gpt-4o").tokens > 2


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gemini-2.5-pro", "warehouse-7b"])
def test_a_model_without_a_published_vocabulary_is_a_proxy(estimator: Estimator, model: str) -> None:
    assert estimator.count("hello", "anthropic", model).quality == PROXY


def test_a_long_text_is_extrapolated(estimator: Estimator) -> None:
    part = "The quick brown fox jumps over the lazy dog. " * 2000
    whole = estimator.count(part * 10, "openai", "gpt-4o")
    once = estimator.count(part, "openai", "gpt-4o")
    assert once.quality == VOCABULARY
    assert whole.quality == PROXY
    assert whole.tokens == pytest.approx(once.tokens * 10, rel=0.01)


@pytest.mark.parametrize("text", ["", "\ud800", "\0", "a" * 100_000, "日本語" * 1000])
def test_any_text_is_counted(estimator: Estimator, text: str) -> None:
    assert estimator.count(text, "openai", "gpt-4o").tokens >= bool(text)


def test_missing_usage_is_filled_marked_and_priced_as_an_estimate(estimator: Estimator) -> None:
    call = without_usage(sources=(Source("input_tokens", "<default>", 80), Source("model", "m", 10)))
    assert estimator.fill(call, "Hello, the quick brown fox", "Hello world")
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (6, 2, ESTIMATED)
    assert [(s.field, s.rank) for s in call.sources] == [
        ("model", 10),
        ("input_tokens", 70),
        ("output_tokens", 70),
    ]
    assert call.sources[1].attribute == "<estimate: o200k_base, vocabulary>"
    assert price_call(call, default_book()).status == "estimated"


def test_a_provider_s_count_is_never_touched(estimator: Estimator) -> None:
    call = a_call(tokens_in=1000, tokens_out=100)
    assert not estimator.fill(call, "a", "b")
    assert (call.input_tokens, call.output_tokens) == (1000, 100)


def test_without_the_extra_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "splintr", None)
    with pytest.raises(ConfigError, match="extra `estimate`"):
        Estimator()


@pytest.mark.parametrize(
    ("provider", "model", "vocabulary"),
    [
        ("openai", "gpt-4-0613", "cl100k_base"),
        ("openai", "gpt-4.1-mini", "o200k_base"),
        ("vllm", "meta-llama/Llama-3.1-8B-Instruct", "llama3"),
        ("openrouter", "deepseek/deepseek-r1", "deepseek_v3"),
        ("anthropic", "claude-sonnet-4-5", None),
    ],
)
def test_vocabularies(provider: str, model: str, vocabulary: str | None) -> None:
    assert vocabulary_of(provider, model) == vocabulary
