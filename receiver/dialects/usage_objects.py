"""Where things stand inside LangChain's result."""

from __future__ import annotations

from typing import Final

from receiver.dialects.table import Key, Path

_MESSAGE: Final[Path] = ("generations", 0, 0, "message", "kwargs")
_DETAILS: Final = {
    "cache_write_tokens": ("input_token_details", "cache_creation"),
    "cache_write_5m_tokens": ("input_token_details", "ephemeral_5m_input_tokens"),
    "cache_write_1h_tokens": ("input_token_details", "ephemeral_1h_input_tokens"),
    "cache_read_tokens": ("input_token_details", "flex_cache_read"),
    "reasoning_tokens": ("output_token_details", "flex_reasoning"),
}
"""Counts of `usage_metadata` that OpenInference has no attribute for, or leaves out."""


def langchain_answer(attribute: str, scope: str) -> tuple[Key, ...]:
    """Keys of a LangChain result beyond its span: the id, model and tier that answered, details of usage.

    The model of a stream's attribute is the requested one.

    Source: https://github.com/langchain-ai/langchain, `langchain_core/messages/ai.py`, `UsageMetadata`;
    https://github.com/langchain-ai/langchain/issues/35845 (writes told by lifetime alone).
    """
    metadata: Path = (*_MESSAGE, "response_metadata")
    return (
        Key("response_id", 32, attribute, ("llm_output", "id"), only=scope),
        Key("response_id", 33, attribute, (*metadata, "id"), only=scope),
        Key("model", 5, attribute, (*metadata, "model_name"), only=scope),
        Key("service_tier", 32, attribute, (*metadata, "service_tier"), only=scope),
        *(
            Key(field, 90, attribute, (*_MESSAGE, "usage_metadata", *path), only=scope)
            for field, path in _DETAILS.items()
        ),
    )
