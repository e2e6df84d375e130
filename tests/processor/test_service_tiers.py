"""Service tiers: their own price, the vendor's, or the standard one with a mark."""

from __future__ import annotations

from pathlib import Path

import pytest

from processor.calls.call import Flag
from processor.calls.service_tiers import standard_tier
from processor.pricing.book import PriceBook
from processor.pricing.charge import Charge, price_call
from tests.processor.pricing_cases import a_call, at, book_of, default_book

MARKED = int(Flag.RATE_MISSING | Flag.COST_UNCERTAIN)


def charge(provider: str, model: str, tier: str | None, book: PriceBook | None = None) -> Charge:
    return price_call(a_call(provider, model, service_tier=tier), book or default_book())


@pytest.mark.parametrize(
    ("provider", "model", "tier", "micro_usd"),
    [
        ("openai", "gpt-5-2025-08-07", "flex", 1125),
        ("openai", "gpt-5-2025-08-07", "default", 2250),
        ("openai", "gpt-4.1-2025-04-14", "priority", 4900),
        ("azure.ai.openai", "gpt-4.1-2025-04-14", "priority", 4900),
        ("anthropic", "claude-opus-5", "fast", 15_000),
        ("anthropic", "claude-opus-4-6", "fast", 45_000),
        ("groq", "llama-3.3-70b-versatile", "flex", 669),
        ("groq", "llama-3.3-70b-versatile", "on_demand", 669),
    ],
)
def test_a_tier_with_a_price_of_its_own_is_certain(
    provider: str, model: str, tier: str, micro_usd: int
) -> None:
    priced = charge(provider, model, tier)
    assert (priced.cost, priced.flags) == (micro_usd * 10**6, 0)


def test_a_seller_has_the_vendors_tier_with_a_mark() -> None:
    azure, openai = (charge(seller, "gpt-5", "priority") for seller in ("azure.ai.openai", "openai"))
    assert azure.cost == openai.cost
    assert (azure.flags, openai.flags) == (MARKED, 0)


@pytest.mark.parametrize(
    ("provider", "model", "tier"),
    [
        ("openai", "gpt-4.1", "scale"),
        ("gcp.vertex_ai", "gemini-2.5-pro", "PROVISIONED_THROUGHPUT"),
        ("gcp.vertex_ai", "gemini-2.5-pro", "ON_DEMAND_PRIORITY"),
        ("aws.bedrock", "us.amazon.nova-lite-v1:0", "flex"),
        ("anthropic", "claude-sonnet-4-5", "priority"),
        ("openai", "gpt-4o-mini", "a-tier-nobody-knows"),
    ],
)
def test_a_tier_without_a_price_has_the_standard_one_with_a_mark(
    provider: str, model: str, tier: str
) -> None:
    marked, standard = charge(provider, model, tier), charge(provider, model, None)
    assert marked.cost == standard.cost
    assert (marked.flags, standard.flags) == (MARKED, 0)


def test_fast_mode_without_a_price_has_none() -> None:
    assert charge("anthropic", "claude-sonnet-4-5", "fast") == Charge(
        "unpriced_model", flags=Flag.RATE_MISSING
    )


def test_fast_mode_without_a_price_has_none_in_any_region() -> None:
    model = "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert charge("aws.bedrock", model, "fast").cost is None


def test_a_tier_before_its_first_price_is_marked() -> None:
    early = a_call("openai", "gpt-4.1", service_tier="batch", time_ns=at("2026-09-01"))
    assert price_call(early, default_book()).flags == MARKED
    assert charge("openai", "gpt-4.1", "batch").flags == 0


def test_a_class_that_a_tier_takes_from_the_standard_one_is_marked() -> None:
    cached = a_call("openai", "gpt-4.1", service_tier="batch", cache_read_tokens=500)
    flags = price_call(cached, default_book()).flags
    assert flags == Flag.CACHE_PRICE_ASSUMED | Flag.COST_UNCERTAIN


def test_a_long_context_that_a_tier_has_no_step_for_is_marked() -> None:
    short, long = (
        a_call("openai", "gpt-5.4", tokens, 10, service_tier="priority") for tokens in (272_000, 272_001)
    )
    assert price_call(short, default_book()).flags == 0
    assert price_call(long, default_book()).flags == MARKED


def test_a_long_context_that_only_the_vendor_has_a_step_for_is_marked() -> None:
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    short, long = (a_call("aws.bedrock", model, tokens, 10) for tokens in (200_000, 200_001))
    assert price_call(short, default_book()).flags == 0
    assert price_call(long, default_book()).flags == MARKED


@pytest.mark.parametrize("kind", [Flag.SEVERAL_CALLS, Flag.PROMOTED])
@pytest.mark.parametrize(("tokens", "flags"), [(272_000, 0), (300_000, Flag.COST_UNCERTAIN)])
def test_what_may_be_a_sum_of_several_calls_never_reaches_a_long_context(
    tokens: int, flags: int, kind: Flag
) -> None:
    call = a_call("openai", "gpt-5.4", tokens, 5000, flags=int(kind))
    priced = price_call(call, default_book())
    assert priced.cost == tokens * 2_500_000 + 5000 * 15_000_000
    assert priced.flags == flags


def test_a_tier_of_the_price_map_is_certain_and_others_are_marked(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        """
version: 1
models:
  - provider: openai
    model: gpt-4.1
    service_tier: scale
    prices: [{usd_per_mtok: {input: "1", output: "1"}}]
  - {provider: acme, model: own, prices: [{usd_per_mtok: {input: "1", output: "1"}}]}
ignore:
  - {provider: ollama, model: "*", treat_as: free}
""",
    )
    assert charge("openai", "gpt-4.1", "scale", book)[:2] == ("priced", 1100 * 10**6)
    assert charge("acme", "own", "priority", book).flags == MARKED
    assert charge("ollama", "llama3", "priority", book).flags == 0


def test_tiers_have_one_spelling() -> None:
    assert standard_tier("ON_DEMAND") is standard_tier(" Standard ") is standard_tier(None) is None
    assert standard_tier("ON_DEMAND_FLEX") == standard_tier("Flex") == "flex"
    assert standard_tier("flex", "groq") is None


# Regions in model ids


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 0),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", 0),
        ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", MARKED),
        ("eu.anthropic.claude-3-haiku-20240307-v1:0", 0),
        ("us.amazon.nova-lite-v1:0", 0),
        ("eu.amazon.nova-lite-v1:0", MARKED),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", 0),
        ("arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0", MARKED),
        (
            "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
            MARKED,
        ),
    ],
)
def test_a_region_whose_price_the_list_does_not_have_is_marked(model: str, flags: int) -> None:
    priced = charge("aws.bedrock", model, None)
    assert priced.cost
    assert priced.flags == flags
