"""Billing facts that the price list cannot express, as data, each with the vendor's page.

Pages read on 2026-11-29. Providers are spelled as the price list spells them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from processor.pricing.vectors import Gaps

CHECKED: Final = "2026-11-29"


class Fact(NamedTuple):
    """Classes of tokens of some models.

    Attributes:
        providers: the price list's ids.
        start, part: how the model's id begins, and what it contains.
        classes: fields of `processor.pricing.vectors.Rates`.
    """

    providers: frozenset[str]
    start: str
    part: str
    classes: frozenset[str]
    source: str


def _fact(providers: str, start: str, part: str, classes: str, source: str) -> Fact:
    return Fact(frozenset(providers.split()), start, part, frozenset(classes.split()), source)


_INCLUDED: Final = (
    _fact(
        "openai azure", "", "", "input_image",
        "https://platform.openai.com/docs/guides/images-vision: image inputs are charged as tokens",
    ),
    _fact(
        "anthropic", "", "", "input_image",
        "https://platform.claude.com/docs/en/build-with-claude/vision: images count as input tokens",
    ),
    _fact(
        "aws google", "", "claude", "input_image",
        "https://platform.claude.com/docs/en/build-with-claude/vision: images count as input tokens",
    ),
    _fact(
        "google", "gemini", "", "input_image input_audio",
        "https://ai.google.dev/gemini-api/docs/pricing: one input price, unless audio has its own line",
    ),
    _fact(
        "google", "gemini", "tts", "output_audio",
        "https://ai.google.dev/gemini-api/docs/pricing: the output price of a speech model is for audio",
    ),
    _fact(
        "openai azure", "gpt-image", "", "output_image",
        "https://openai.com/api/pricing: image models; where there is one output price it is for images",
    ),
)  # fmt: skip
"""Classes that are billed at the price of input or output: without a rate of their own they are exact."""

_ASSUMED: Final = (
    _fact(
        "openai azure", "", "transcribe", "input_audio",
        "https://platform.openai.com/docs/guides/speech-to-text: the input is audio, but for a short prompt",
    ),
)  # fmt: skip
"""Classes that all fresh input is taken to be where a span does not say."""

_LACKING: Final = (
    _fact(
        "google openai azure openrouter quicksilverpro novita", "", "-image", "output_image",
        "https://openrouter.ai/docs/guides/overview/multimodal/image-generation: output tokens that are "
        "images have a price of their own",
    ),
    _fact(
        "openai azure openrouter", "", "-audio", "input_audio output_audio",
        "https://platform.openai.com/docs/pricing: audio tokens of gpt-4o-audio-preview and gpt-audio",
    ),
)  # fmt: skip
"""Purposes of models with prices of their own that some lists lack."""

_FEES: Final = (
    _fact(
        "openai azure openrouter", "", "search-preview", "call",
        "https://platform.openai.com/docs/pricing: each call of a search model has a fee",
    ),
    _fact("openai azure", "", "search-api", "call", "https://platform.openai.com/docs/pricing: the same"),
    _fact(
        "openai azure openrouter", "", "deep-research", "call",
        "https://platform.openai.com/docs/pricing: its searches have a fee each",
    ),
    _fact(
        "perplexity openrouter", "", "sonar", "call",
        "https://docs.perplexity.ai/getting-started/pricing: a fee by the size of the search's context",
    ),
)  # fmt: skip
"""Models with a fee per call whose size spans do not report."""

_UNTOLD: Final = (
    _fact(
        "openrouter quicksilverpro novita", "", "omni", "output_video",
        "https://openrouter.ai/google/gemini-omni-1.1-flash: speech and video have prices of their own",
    ),
    _fact(
        "mistral", "voxtral", "", "input_audio",
        "https://mistral.ai/pricing: audio is billed by the minute beside the tokens",
    ),
)  # fmt: skip
"""Models that speak, hear or film by a measure that no span tells, listed at their price of text."""

_SAME_TIERS: Final = (
    ("azure", "priority", ("gpt-4.1", "gpt-5.1", "gpt-5.2"), "https://github.com/BerriAI/litellm/pull/28506"),
)
"""(seller, tier, models, source): a tier that a seller has at its vendor's price."""

_TIER_FACTORS: Final = (
    # Retired on 2026-07-24, and not in the list; also https://openrouter.ai/anthropic/claude-opus-4.6-fast
    (
        "anthropic",
        "fast",
        "claude-opus-4-6",
        6,
        "https://platform.claude.com/docs/en/build-with-claude/fast-mode",
    ),
    ("anthropic", "fast", "claude-opus-4-7", 6, "https://openrouter.ai/anthropic/claude-opus-4.7-fast"),
)
"""(provider, tier, model, factor, source): every rate of the tier is so many times the standard one."""


def gaps_of(provider: str, model: str) -> Gaps:
    """Facts about a model's price beside its rates."""
    return Gaps(included=included(provider, model), assumed=assumed(provider, model))


def included(provider: str, model: str) -> frozenset[str]:
    """Classes that need no rate of their own."""
    return _classes(_INCLUDED, provider, model)


def assumed(provider: str, model: str) -> frozenset[str]:
    """Classes that the whole input is assumed to be."""
    return _classes(_ASSUMED, provider, model)


def lacking(provider: str, model: str) -> frozenset[str]:
    """Classes that the model is made for and that have another price than text, listed or not."""
    return _classes(_LACKING, provider, model) - included(provider, model)


def has_untold_fees(provider: str, model: str) -> bool:
    """Whether each call costs a fee that depends on more than a span reports."""
    return bool(_classes(_FEES, provider, model))


def has_untold_media(provider: str, model: str) -> bool:
    """Whether a part of what the model does is billed by what no span tells."""
    return bool(_classes(_UNTOLD, provider, model))


def has_vendors_tier(seller: str, tier: str | None, model: str) -> bool:
    """Whether a seller of another vendor's model is known to have the vendor's price on a tier."""
    return any((seller, tier) == (s, t) and model in models for s, t, models, _ in _SAME_TIERS)


def tier_factor(provider: str, tier: str | None, model: str) -> int | None:
    """How many times the standard rates a tier missing in the list costs; None if unknown."""
    return next((f for p, t, m, f, _ in _TIER_FACTORS if (p, t, m) == (provider, tier, model)), None)


def _classes(facts: tuple[Fact, ...], provider: str, model: str) -> frozenset[str]:
    fitting = (
        f.classes for f in facts if provider in f.providers and model.startswith(f.start) and f.part in model
    )
    return frozenset().union(*fitting)
