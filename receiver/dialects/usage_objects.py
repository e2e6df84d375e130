"""Where things stand inside an answer: the provider's usage object, LangChain's result."""

from __future__ import annotations

from receiver.dialects.table import Key, Path

_INPUT: tuple[Path, ...] = (("prompt_tokens",), ("input_tokens",))
_OUTPUT: tuple[Path, ...] = (("completion_tokens",), ("output_tokens",))
_CACHE_INSIDE: tuple[Path, ...] = (
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
)
_CACHE_OUTSIDE: tuple[Path, ...] = (("cache_read_input_tokens",),)
_WRITE_OUTSIDE: tuple[Path, ...] = (("cache_creation_input_tokens",),)
_WRITE_1H: tuple[Path, ...] = (("cache_creation", "ephemeral_1h_input_tokens"),)
_REASONING: tuple[Path, ...] = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
)


def provider_usage(attribute: str, order: int, *prefix: str) -> tuple[Key, ...]:
    """The provider's own usage object inside an attribute, OpenAI-shaped or Anthropic-shaped.

    Only the Anthropic shape counts cached tokens outside of its input tokens.
    """

    def keys(name: str, order: int, paths: tuple[Path, ...], outside: bool = False) -> tuple[Key, ...]:
        return tuple(Key(name, order, attribute, (*prefix, *path), outside=outside) for path in paths)

    return (
        *keys("input_tokens", order, _INPUT),
        *keys("output_tokens", order, _OUTPUT),
        *keys("cache_read_tokens", order, _CACHE_INSIDE),
        *keys("cache_read_tokens", order + 1, _CACHE_OUTSIDE, outside=True),
        *keys("cache_write_tokens", order, _WRITE_OUTSIDE, outside=True),
        *keys("cache_write_1h_tokens", order, _WRITE_1H),
        *keys("reasoning_tokens", order, _REASONING),
    )


def langchain_answer(attribute: str, scope: str) -> tuple[Key, ...]:
    """Id and model that answered, inside a LangChain result; a stream's attribute has the requested model."""
    metadata: Path = ("generations", 0, 0, "message", "kwargs", "response_metadata")
    return (
        Key("response_id", 32, attribute, ("llm_output", "id"), only=scope),
        Key("response_id", 33, attribute, (*metadata, "id"), only=scope),
        Key("model", 5, attribute, (*metadata, "model_name"), only=scope),
    )
