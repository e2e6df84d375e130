"""The cloud that sells a model, where the model's id names it: an emitter may know its vendor alone.

Source:
    https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html and inference-profiles-support;
    https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude (`claude-…@20250929`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from processor.calls.model_ids import BEDROCK_REGIONS, BEDROCK_VENDORS
from processor.calls.vocabulary import PROVIDERS

VENDORS: Final = frozenset(
    {"ai21", "anthropic", "cohere", "deepseek", "gcp.gemini", "meta", "mistral_ai", "moonshot_ai", "openai"}
)
"""Providers whose models clouds sell as well, under ids of their own."""

_CLOUDS: Final = frozenset({"aws.bedrock", "gcp.vertex_ai"})
_CONTEXT: Final = r"(?:\[\d+[km]\])?"
_BEDROCK: Final = re.compile(
    r"arn:aws[a-z-]*:bedrock:.+"
    rf"|(?:(?:{BEDROCK_REGIONS})\.)?(?:anthropic\.claude-|amazon\.(?:nova|titan)-).+"
    # of other vendors only what ends in Bedrock's version: Oracle's ids begin alike
    rf"|(?:(?:{BEDROCK_REGIONS})\.)?(?:{BEDROCK_VENDORS})\.[a-z0-9.-]+(?:-v\d+(?::\d+)?|-\d+:\d+){_CONTEXT}"
)
_VERTEX: Final = re.compile(
    r"(?:projects/[^/]+/locations/[^/]+/)?publishers/[^/]+/models/.+"
    r"|[a-z][a-z0-9.-]*@(?:20\d{6}|\d{3}|default|latest)" + _CONTEXT
)


@lru_cache(maxsize=4096)
def platform_of_model(model: str) -> str | None:
    """The cloud whose own spelling an id has, or None: `us.anthropic.claude-…-v1:0`, `claude-…@20250929`."""
    name = model.strip().lower()
    if _BEDROCK.fullmatch(name):
        return "aws.bedrock"
    if _VERTEX.fullmatch(name):
        return "gcp.vertex_ai"
    head, slash, _ = name.partition("/")
    named = PROVIDERS.get(head) if slash else None
    return named if named in _CLOUDS else None


def seller(provider: str | None, model: object) -> str | None:
    """Who sends the bill for a model, by the provider an emitter names and the model's id."""
    if (provider is not None and provider not in VENDORS) or not isinstance(model, str):
        return provider
    return platform_of_model(model) or provider
