"""A model's id names the cloud that sells it, and a vendor's name does not contradict it."""

from __future__ import annotations

import pytest

from processor.calls.platforms import seller


@pytest.mark.parametrize(
    ("provider", "model", "sells"),
    [
        ("anthropic", "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
        ("anthropic", "anthropic.claude-opus-4-6", "aws.bedrock"),
        ("mistral_ai", "mistral.mistral-large-2402-v1:0", "aws.bedrock"),
        (
            "anthropic",
            "arn:aws-us-gov:bedrock:us-gov-west-1:1:application-inference-profile/x",
            "aws.bedrock",
        ),
        ("anthropic", "vertex_ai/claude-sonnet-4-5", "gcp.vertex_ai"),
        ("gcp.gemini", "projects/p/locations/l/publishers/google/models/gemini-2.5-pro", "gcp.vertex_ai"),
        (None, "gemini-1.5-pro@001", "gcp.vertex_ai"),
        (None, "gpt-4o", None),
        (None, None, None),
        ("anthropic", "claude-sonnet-4-5-20250929", "anthropic"),
        ("openai", "openai/gpt-4o", "openai"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::id", "openai"),
        ("cohere", "cohere.command-r-plus", "cohere"),  # so does Oracle spell it
        ("openai", "@cf/meta/llama-3-8b-instruct", "openai"),
        ("acme", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "acme"),
        ("openrouter", "claude-sonnet-4-5@20250929", "openrouter"),
    ],
)
def test_an_id_decides_where_the_provider_is_the_vendor(
    provider: str | None, model: str | None, sells: str | None
) -> None:
    assert seller(provider, model) == sells
