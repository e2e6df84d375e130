"""Which ids stand for a priced model, and which must not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.calls.dates import ALWAYS, NEVER
from processor.calls.model_ids import fine_tune_base, is_version, spellings, version_of
from processor.pricing.charge import price_call
from processor.pricing.sources.genai_records import read_records
from tests.processor.pricing_cases import NOW, a_call, at, default_book

CORE = (
    "anthropic",
    "openai",
    "azure.ai.openai",
    "aws.bedrock",
    "gcp.gemini",
    "gcp.vertex_ai",
    "mistral_ai",
    "x_ai",
)

MUST_NOT_PRICE = [
    # deployments, routers, aliases and self-hosted models: only the pricing map can know them
    ("azure.ai.openai", "gpt4o-westeurope-07"),
    ("azure.ai.openai", "my-deployment"),
    ("azure.ai.openai", "prod-chat"),
    ("aws.bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"),
    ("aws.bedrock", "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abcdef"),
    ("aws.bedrock", "acme.claude-3-5-haiku-20241022-v1:0"),
    ("vllm", "meta-llama/Llama-3.1-8B-Instruct"),
    ("ollama", "llama3.1:8b"),
    ("huggingface", "tgi"),
    ("litellm", "gpt-4o-mini"),
    ("unknown", "gpt-4o-mini"),
    ("", "gpt-4o-mini"),
    ("acme-gateway", "gpt-4o"),
    # providers that only look like one
    ("notopenai", "gpt-4o"),
    ("openai-compatible", "gpt-4o"),
    ("my.anthropic.proxy", "claude-sonnet-4-5"),
    ("azure.ai.openai", "mistral-large-2411"),
    # models that only look like one
    ("openai", ""),
    ("openai", " "),
    ("openai", "gpt"),
    ("openai", "gpt-4o-acme"),
    ("openai", "gpt-4o-mini-acme-v2"),
    ("openai", "gpt-4ox"),
    ("openai", "gpt-99"),
    ("openai", "xgpt-4o"),
    ("openai", "acme/gpt-4o"),
    ("openai", "gpt-4o-2024-13-40"),
    ("openai", "gpt-4o-mini-2099-01-01"),
    ("openai", "gpt-3.5-turbo-instruct-acme"),
    ("openai", "gpt-4o-realtime-clone"),
    ("openai", "computer-user-manual"),
    ("openai", "my-moderation-model"),
    ("openai", "ft:acme-model:acme::1234"),
    ("openai", "o1-acme"),
    ("anthropic", "claude"),
    ("anthropic", "claude-2-acme"),
    ("anthropic", "claude-3-opus-acme"),
    ("anthropic", "claude-sonnet-4-5-thinking-acme"),
    ("anthropic", "claude-sonnet-99"),
    ("anthropic", "my-claude-v2-finetune"),
    ("anthropic", "claude-3-5-sonnet-20991231"),
    ("gcp.gemini", "gemini-9-pro"),
    ("gcp.gemini", "gemini-1.5-flash-acme"),
    ("gcp.gemini", "tunedModels/my-gemini-1.5-flash"),
    ("gcp.vertex_ai", "projects/p/locations/l/endpoints/1234567890"),
    ("gcp.vertex_ai", "claude-3-opus-acme"),
    ("mistral_ai", "magistral-medium-acme"),
    ("mistral_ai", "ft:open-mistral-7b:acme"),
    ("cohere", "acme-aya-expanse-8b"),
    ("deepseek", "deepseek-chat-acme"),
    ("x_ai", "grok"),
    # the price hangs on the hour of the day, and the list does not say since when
    ("deepseek", "deepseek-chat"),
    ("deepseek", "deepseek-reasoner"),
    # entries of the list without any price
    ("openrouter", "google/gemma-3-27b-it:free"),
]


@pytest.mark.parametrize(("provider", "model"), MUST_NOT_PRICE)
def test_what_nobody_priced_stays_unpriced(provider: str, model: str) -> None:
    assert price_call(a_call(provider, model), default_book()).status == "unpriced_model"


def test_no_model_of_a_core_provider_is_priced_under_an_invented_suffix_or_prefix() -> None:
    records = {record.id: record for record in read_records()}
    wrong = [
        (provider, name)
        for provider, listed in zip(
            CORE, ("anthropic", "openai", "openai", "aws", "google", "google", "mistral", "x-ai"), strict=True
        )
        for record in records[listed].models
        for name in (f"{record.id}-acme", f"{record.id}-acme-v1", f"acme-{record.id}", f"{record.id}x9q")
        if price_call(a_call(provider, name), default_book()).cost is not None
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("provider", "model", "like"),
    [
        ("openai", "GPT-4o", "gpt-4o"),
        ("openai", " gpt-4o ", "gpt-4o"),
        ("openai", "openai/gpt-4o-mini", "gpt-4o-mini"),
        ("openai", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("anthropic", "anthropic/claude-sonnet-4-20250514", "claude-sonnet-4-20250514"),
        ("gcp.gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
        (
            "gcp.vertex_ai",
            "projects/p/locations/us/publishers/google/models/gemini-2.5-flash",
            "gemini-2.5-flash",
        ),
        (
            "aws.bedrock",
            "converse/anthropic.claude-sonnet-4-20250514-v1:0",
            "anthropic.claude-sonnet-4-20250514-v1:0",
        ),
        (
            "aws.bedrock",
            "bedrock/converse/anthropic.claude-sonnet-4-20250514-v1:0",
            "claude-sonnet-4-20250514",
        ),
        ("openrouter", "openrouter/openai/gpt-4o", "openai/gpt-4o"),
        ("azure.ai.inference", "gpt-4o", "gpt-4o"),
        ("azure.ai.openai", "openai/gpt-4o", "gpt-4o"),
        ("gcp.vertex_ai", "google/gemini-2.5-flash", "gemini-2.5-flash"),
        ("gcp.vertex_ai", "anthropic/claude-sonnet-4@20250514", "claude-sonnet-4@20250514"),
        ("openai", "openai:gpt-4o-mini", "gpt-4o-mini"),
        ("gcp.gemini", "google-gla:gemini-2.5-flash", "gemini-2.5-flash"),
        ("openai", "litellm_proxy/gpt-4o-mini", "gpt-4o-mini"),
    ],
)
def test_spellings_of_one_model_cost_the_same(provider: str, model: str, like: str) -> None:
    charge = price_call(a_call(provider, model), default_book())
    assert charge.cost
    assert charge.cost == price_call(a_call(provider, like), default_book()).cost


def test_a_version_is_not_priced_before_its_date() -> None:
    name = "claude-opus-4-7-20260416"
    assert (
        price_call(a_call("anthropic", name, time_ns=at("2026-04-15T23:59:59")), default_book()).cost is None
    )
    assert price_call(a_call("anthropic", name, time_ns=at("2026-04-16")), default_book()).cost


@pytest.mark.parametrize(
    ("name", "base", "from_ns"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o", at("2024-08-06")),
        ("claude-sonnet-4-20250514-v1:0", "claude-sonnet-4", at("2025-05-14")),
        ("claude-sonnet-4-6@default", "claude-sonnet-4-6", ALWAYS),
        ("claude-sonnet-4@20250514", "claude-sonnet-4", at("2025-05-14")),
        ("mistral-large-2411", "mistral-large", at("2024-11-01")),
        ("mistral-large-latest", "mistral-large", ALWAYS),
        ("gpt-4-0613", "gpt-4", ALWAYS),
        ("gemini-2.0-flash-001", "gemini-2.0-flash", ALWAYS),
        ("gpt-4o", "gpt-4o", ALWAYS),
        ("kimi-k2-0905-preview", "kimi-k2-0905-preview", ALWAYS),
        ("gemini-2.5-pro-preview-06-05", "gemini-2.5-pro", ALWAYS),
        ("gpt-4-2025-02-31", "gpt-4", NEVER),
        ("gpt-4-32k", "gpt-4-32k", ALWAYS),
    ],
)
def test_version_tails(name: str, base: str, from_ns: int) -> None:
    version = version_of(name)
    assert name[: version.start] == base
    assert version.from_ns == from_ns


def test_a_fine_tune_is_priced_by_its_base() -> None:
    assert fine_tune_base("ft:gpt-3.5-turbo-1106:acme::ad5574bf") == "ft:gpt-3.5-turbo-1106"
    assert fine_tune_base("gpt-4o") == "gpt-4o"


def test_only_known_qualifiers_may_stand_before_a_name() -> None:
    name = "us.anthropic.claude-3-opus-20240229-v1:0"
    assert is_version(name, "claude-3-opus-20240229", version_of(name))
    assert not is_version("acme.claude-3-opus", "claude-3-opus", version_of("acme.claude-3-opus"))


@given(st.text(max_size=60), st.sampled_from(["openai", "aws.bedrock", "gcp.vertex_ai", "x"]))
def test_any_text_is_a_model_id_that_can_be_looked_up(model: str, provider: str) -> None:
    assert next(spellings(provider, model)) == model.strip().lower()
    assert 0 <= version_of(model).start <= max(len(model), 1)
    default_book().lookup(provider, model, None, NOW)
