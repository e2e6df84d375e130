"""Service tiers: words for the tier that was served, and which tiers have the standard price."""

from __future__ import annotations

from typing import Final

_STANDARD: Final = frozenset(
    {"", "auto", "default", "none", "on-demand", "on_demand", "ondemand", "standard", "standard_only"}
)
_SPELLINGS: Final[dict[str, str]] = {
    # Vertex AI, `usageMetadata.trafficType`:
    # https://docs.cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/GenerateContentResponse
    "on_demand_flex": "flex",
    "on_demand_priority": "priority",
    "traffic_type_unspecified": "standard",
}
"""The tier as sent, in lower case → the word that prices are kept under."""
_AT_STANDARD_PRICE: Final = frozenset({("groq", "flex")})
"""(provider, tier) that cost what the standard tier costs: Groq's flex has higher limits, at the same price
(https://console.groq.com/docs/flex-processing)."""


def standard_tier(service_tier: str | None, provider: str = "") -> str | None:
    """None for every tier of a provider that has the standard price, else the tier as prices are kept."""
    sent = (service_tier or "").strip().lower()
    tier = _SPELLINGS.get(sent, sent)
    return None if tier in _STANDARD or (provider, tier) in _AT_STANDARD_PRICE else tier


def is_near_standard(tier: str | None) -> bool:
    """Whether the standard price may stand for a tier without a rate: most cost 0.5 to 2.5 times as much.

    Fast mode costs up to six times as much (https://platform.claude.com/docs/en/build-with-claude/fast-mode).
    """
    return tier != "fast"
