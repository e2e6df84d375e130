"""Why a call's cost may be wrong, or has no price although its model has one: a sentence for each flag."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_SENTENCES: Final[dict[str, str]] = {
    "cache_price_assumed": "The list has no price for these cached tokens; the next higher one was used.",
    "rate_missing": "A class of tokens, the tier, the region or the context length has no rate of its own.",
    "modality_unknown": "The price depends on which tokens are images or audio, and the span does not say.",
    "region_priced": "It was served at a regional endpoint that may cost more; the list's price was used.",
    "tier_assumed": "Only the request names the service tier; another one may have served it.",
    "fees_missing": "It searched the web or asked an advisor; what that costs is not in the cost.",
    "bill_differs": "OpenRouter, which sends the bill, reports another cost on its span.",
    "usage_ambiguous": "Cached tokens stand beside an input that may or may not include them.",
    "usage_lossy": "The payload lost a part of the provider's usage.",
    "data_mode_unknown": "The data mode that was sent is no known word; the call counts as real.",
    "promoted": "The span surrounds calls and may be the sum of several; no long-context price was used.",
    "several_calls": "The span is the sum of several calls; no long-context price was used for it.",
}
"""Flag of `genai.model_call` → what it says about the cost."""
_WITHOUT_PRICE: Final = ("rate_missing", "modality_unknown")


def doubts(flags: Iterable[str]) -> list[str]:
    """Why a cost that is flagged `cost_uncertain` may be wrong; empty for a certain one."""
    known = set(flags)
    return [text for flag, text in _SENTENCES.items() if flag in known] if "cost_uncertain" in known else []


def why_without_price(flags: Iterable[str]) -> list[str]:
    """Why a call has no price although its model has one; empty where the model has none."""
    known = set(flags)
    return [_SENTENCES[flag] for flag in _WITHOUT_PRICE if flag in known]
