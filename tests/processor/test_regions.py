"""Where a call was served, as far as its price depends on it."""

from __future__ import annotations

import pytest

from processor.calls.call import Flag
from processor.calls.regions import is_priced_apart, special_place
from processor.pricing.charge import price_call
from tests.processor.pricing_cases import a_call, default_book


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("api.openai.com", ""),
        ("EU.api.openai.com", "eu.api.openai.com"),
        ("aiplatform.googleapis.com", ""),
        ("us-east5-aiplatform.googleapis.com", "us-east5-aiplatform.googleapis.com"),
        ("aiplatform.eu.rep.googleapis.com", "aiplatform.eu.rep.googleapis.com"),
        ("generativelanguage.googleapis.com", ""),
        ("bedrock-runtime.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-runtime-fips.us-east-1.amazonaws.com", "us-east-1"),
        ("eu-west-1", "eu-west-1"),
        ("europe-west4", "europe-west4"),
        ("shop.openai.azure.us", "shop.openai.azure.us"),
        ("127.0.0.1", ""),
        ("my-proxy", ""),
        (4317, ""),
    ],
)
def test_a_place_is_kept_where_it_may_decide_a_price(address: object, place: str) -> None:
    assert special_place(address) == place


@pytest.mark.parametrize(
    ("provider", "model", "address", "is_apart"),
    [
        ("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "us-gov-west-1", True),
        ("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-1", False),
        ("aws.bedrock", "amazon.nova-lite-v1:0", "eu-west-1", True),
        ("aws.bedrock", "amazon.nova-lite-v1:0", "us-west-2", False),
        ("gcp.vertex_ai", "claude-sonnet-4-5", "us-east5-aiplatform.googleapis.com", True),
        ("gcp.vertex_ai", "gemini-2.5-pro", "aiplatform.googleapis.com", False),
        ("gcp.gemini", "gemini-2.5-pro", "europe-west4", False),
        ("openai", "gpt-5.4-2026-03-05", "eu.api.openai.com", True),
        ("openai", "gpt-6-sol", "us.api.openai.com", True),
        ("openai", "gpt-5.2-2025-12-11", "eu.api.openai.com", False),
        ("openai", "gpt-5-2025-08-07", "eu.api.openai.com", False),
        ("openai", "gpt-4o-mini", "eu.api.openai.com", False),
        ("openai", "gpt-5.4", "eu-west-1", False),
        ("together_ai", "zai-org/GLM-5.3", "us-api.together.ai", True),
        ("azure.ai.openai", "gpt-4o", "shop.openai.azure.us", True),
    ],
)
def test_what_costs_more_at_a_place(provider: str, model: str, address: str, is_apart: bool) -> None:
    assert is_priced_apart(provider, model, special_place(address)) is is_apart


def test_a_regional_call_has_the_lists_price_with_a_mark() -> None:
    call = a_call("gcp.vertex_ai", "claude-sonnet-4-5", flags=int(Flag.REGION_PRICED))
    priced = price_call(call, default_book())
    assert (priced.cost, priced.flags) == (4500 * 10**6, Flag.COST_UNCERTAIN)
