"""Where a call was served, as far as its price depends on it: price lists hold the usual region's prices."""

from __future__ import annotations

import re
from typing import Final

_PREFIX: Final = re.compile(r"(?P<region>af|ap|apac|au|ca|eu|global|in|jp|me|sa|uk|us|us-gov)\.")
_ARN: Final = re.compile(r"arn:aws(?P<partition>[a-z-]*):bedrock:(?P<region>[a-z0-9-]*):")
_SAME_EVERYWHERE: Final = re.compile(r"(?:global|regional)\.|(?:[a-z]+\.)?anthropic\.claude-3")
"""Entries of the list whose price is that of every commercial region; others have the price of the US
(https://aws.amazon.com/bedrock/pricing/)."""


def is_elsewhere(listed: str, provider: str, name: str) -> bool:
    """Whether a Bedrock model id names a region whose price the list's entry is not known to be.

    Args:
        listed: id of the list's entry, in lower case.
        name: the id of the call, in lower case.
    """
    if provider != "aws.bedrock":
        return False
    arn = _ARN.match(name)
    region = arn["region"] if arn else ""
    prefix = _PREFIX.match(name.rpartition("/")[2] if arn else name)
    named = prefix["region"] if prefix else region
    if "gov" in region or named == "us-gov" or (arn and arn["partition"] == "-us-gov"):
        return True
    return bool(named) and not named.startswith(("us", "global")) and not _SAME_EVERYWHERE.match(listed)


_VERTEX_HOST: Final = re.compile(r"(?:[a-z0-9-]+-aiplatform|aiplatform\.[a-z]+\.rep)\.googleapis\.com")
_AWS_HOST: Final = re.compile(r"bedrock[a-z-]*\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)")
_RESIDENT_HOST: Final = re.compile(r"(?:[a-z]{2}\.api\.openai\.com|[a-z]{2}-api\.together\.ai)")
_REGION: Final = re.compile(r"[a-z]{2,14}(?:-[a-z]+)+-?\d{1,2}[a-z]?")
_BEFORE_RESIDENCY: Final = re.compile(
    r"(?:ft:)?(?:gpt-(?:3|4|5(?:\.[0-3])?(?!\.?\d))|o[134]|chatgpt|text-|whisper|tts)"
)
"""OpenAI's models from before March 5, 2026, which cost the same everywhere
(https://developers.openai.com/api/docs/guides/data-residency)."""


def special_place(address: object) -> str:
    """The part of a server's address or region that may decide a price, in lower case; "" for a usual one."""
    place = str(address).strip().lower()
    host = _AWS_HOST.fullmatch(place)
    if host is not None:
        return host["region"]
    known = (_VERTEX_HOST, _RESIDENT_HOST, _REGION)
    is_special = place.endswith(".azure.us") or any(pattern.fullmatch(place) for pattern in known)
    return place if is_special else ""


def special_geography(sent: object) -> str | None:
    """Where Anthropic was asked to keep a call, if that has a price of its own; None for anywhere.

    `us` costs 1.1 times as much from Claude Opus 4.6 on; older models answer `not_available`.

    Source: https://platform.claude.com/docs/en/build-with-claude/data-residency
    """
    place = sent.strip().lower() if isinstance(sent, str) else ""
    return None if place in ("", "global", "not_available", "unspecified") else place


def is_priced_apart(provider: str, model: str, place: str) -> bool:
    """Whether a call served at a special place may cost more than the price list says.

    Vertex AI outside of its global endpoint (1.1 times since July 2026,
    https://github.com/BerriAI/litellm/pull/37543), OpenAI's and Together's resident endpoints, governments'
    clouds, and on Bedrock what is not sold at one price everywhere.
    """
    if "gov" in place or place.endswith(".azure.us"):
        return provider in ("aws.bedrock", "azure.ai.openai", "azure.ai.inference", "gcp.vertex_ai")
    if provider == "gcp.vertex_ai":
        return bool(place)
    if provider == "openai":
        return place.endswith("openai.com") and not _BEFORE_RESIDENCY.match(model)
    if provider == "together_ai":
        return place.endswith("together.ai")
    in_the_us = place.startswith("us-")
    return (
        provider == "aws.bedrock"
        and bool(_REGION.fullmatch(place))
        and not in_the_us
        and "claude" not in model
    )
