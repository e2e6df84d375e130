"""One spelling per provider, environment and data mode."""

from __future__ import annotations

import pytest

from processor.calls.vocabulary import (
    FRAMEWORKS,
    PROVIDERS,
    data_mode_name,
    environment_name,
    model_name,
    provider_name,
    provider_of_model,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("openai.responses", "openai"),
        ("openai.embedding", "openai"),
        ("anthropic.messages", "anthropic"),
        ("azure-openai.responses", "azure.ai.openai"),
        ("vertex.anthropic.messages", "gcp.vertex_ai"),
        ("google.generative-ai", "gcp.gemini"),
        ("google", "gcp.gemini"),
        ("gemini", "gcp.gemini"),
        ("gcp.gen_ai", "gcp.gemini"),
        ("vertex_ai", "gcp.vertex_ai"),
        ("bedrock", "aws.bedrock"),
        ("aws", "aws.bedrock"),
        ("MistralAI", "mistral_ai"),
        ("Cohere", "cohere"),
        ("xai.chat", "x_ai"),
        ("azure.ai.openai", "azure.ai.openai"),
        (" OpenAI ", "openai"),
        ("Acme-Gateway", "acme-gateway"),
        ("my.openai.proxy", "my.openai.proxy"),
        ("Google AI Studio", "gcp.gemini"),
        ("Google Vertex", "gcp.vertex_ai"),
        ("Vertex AI Model Garden", "gcp.vertex_ai"),
        ("Amazon Bedrock", "aws.bedrock"),
        ("AWS Bedrock", "aws.bedrock"),
        ("Azure OpenAI", "azure.ai.openai"),
        ("Moonshot AI", "moonshot_ai"),
        ("Z.AI", "zai"),
        ("Some Host", "some host"),
        ("api.openai.com", "openai"),
        ("https://api.anthropic.com/v1", "anthropic"),
        ("shop.openai.azure.com", "azure.ai.openai"),
        ("us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
        ("not-openai.com", "not-openai.com"),
        ("llm.shop.internal:8000", "llm.shop.internal:8000"),
    ],
)
def test_every_spelling_of_a_provider_becomes_one(raw: str, expected: str) -> None:
    assert provider_name(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        None, "", " ", "Langchain", "langgraph", "strands-agents", "az.ai.inference", "microsoft.foundry",
        "gcp.vertex.agent", "Google ADK", "Spring AI", "none", "N/A", "unknown", "<unknown>", "null",
    ],
)  # fmt: skip
def test_a_framework_is_not_a_provider(raw: str | None) -> None:
    assert provider_name(raw) is None


def test_a_look_alike_is_not_taken_for_a_vendor() -> None:
    assert provider_name("notopenai") == "notopenai"
    assert provider_name("anthropic-compatible") == "anthropic-compatible"


@pytest.mark.parametrize("raw", [None, "none", "None", "null", "unknown", "N/A", "undefined", "-"])
def test_a_word_for_no_value_is_no_model(raw: str | None) -> None:
    assert model_name(raw) is None


def test_a_model_is_kept_as_sent() -> None:
    assert model_name("My-Deployment") == "My-Deployment"
    assert model_name("none-of-yours") == "none-of-yours"


def test_the_tables_agree_with_themselves() -> None:
    assert not FRAMEWORKS & PROVIDERS.keys()
    assert all(provider_name(target) == target for target in PROVIDERS.values())
    assert all(raw == raw.strip().lower() for raw in (*PROVIDERS, *FRAMEWORKS))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o-mini", "openai"),
        ("openai/gpt-4o-mini", "openai"),
        ("anthropic:claude-sonnet-4-5", "anthropic"),
        ("llama3:8b", None),
        ("claude-sonnet-4-20250514", "anthropic"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "aws.bedrock"),
        ("llama-3.1-8b", None),
        ("acme/gpt", None),
        ("", None),
        (None, None),
    ],
)
def test_a_model_id_names_its_provider_only_when_nothing_else_uses_it(
    model: str | None, expected: str | None
) -> None:
    assert provider_of_model(model) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("production", "prod"),
        ("Prod", "prod"),
        (" PRODUCTION ", "prod"),
        ("stage", "staging"),
        ("Development", "dev"),
        ("qa-eu", "qa-eu"),
        ("", "prod"),
        ("  ", "prod"),
        (None, "prod"),
    ],
)
def test_environments_have_one_spelling(raw: str | None, expected: str) -> None:
    assert environment_name(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("real", "real"), ("Test", "test"), ("demo", "demo"), ("prod", None), ("", None), (None, None)],
)
def test_a_data_mode_is_one_of_three_or_nothing(raw: str | None, expected: str | None) -> None:
    assert data_mode_name(raw) == expected
