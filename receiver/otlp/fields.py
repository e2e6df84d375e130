"""The fields that a span may fill, and how a value of each kind is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from processor.calls.merge import USAGE
from processor.calls.regions import special_geography, special_place
from processor.calls.vocabulary import model_name, provider_name, provider_of_host
from receiver.otlp import attributes
from receiver.otlp.attributes import MAX_SECONDS, Read

COUNT_FIELDS = frozenset({*USAGE, "cache_write_5m_tokens"})
LIFETIMES = frozenset({"cache_write_5m_tokens", "cache_write_1h_tokens"})
PARTS = frozenset({"cache_read_tokens", "cache_write_tokens", "reasoning_tokens"}) | LIFETIMES
RARE_COUNTS = frozenset(
    {
        "cache_write_1h_tokens",
        "input_audio_tokens",
        "output_audio_tokens",
        "input_image_tokens",
        "output_image_tokens",
        "input_cached_audio_tokens",
        "input_cached_image_tokens",
    }
)
TIMINGS = frozenset({"first_token", "first_chunk_seconds", "first_chunk_ms"})
IDENTIFIERS = frozenset(
    {"raw_response_id", "litellm_id", "external_request_id", "attempt", "reported_cost", "speed"}
    | {"priority_tier", "flex_tier", "asked_tier", "geography", "paid_extras", "served_id"}
)
_OTHER_COUNTS = frozenset(
    {
        "total_tokens",
        "uncached_tokens",
        "whole_input_tokens",
        "tool_prompt_tokens",
        "input_text_tokens",
        "output_text_tokens",
        "input_video_tokens",
        "input_document_tokens",
        "write_counted",
        "http_status",
        "attempt",
    }
)
_PRESENCES = frozenset({"agent_run", "logfire_request", "logfire_embeds", "priority_tier", "flex_tier"})
"""Marks whose value is content: only that they are there is read."""
_TAGS = frozenset(
    {
        "user_id",
        "tenant_id",
        "conversation_id",
        "prompt_version",
        "endpoint_tag",
        "external_request_id",
        "data_mode",
        "environment",
        "service_name",
        "http_route",
        "workflow",
        "service_tier",
        "asked_tier",
    }
)
UNIQUE = frozenset(
    {
        "response_id",
        "raw_response_id",
        "served_id",
        "litellm_id",
        "external_request_id",
        "request_label",
        "status_message",
        "reported_cost",
        "first_token",
        "first_chunk_seconds",
        "first_chunk_ms",
        "stream_seconds",
        "duration_us",
    }
)
"""Fields whose values hardly ever come again: remembering them is waste."""

_LABELS = frozenset({"endpoint_label", "root_label"})
_NUMBERS = frozenset({"first_token", "first_chunk_seconds", "first_chunk_ms"})
SHOWN_AS = {
    "otel_operation": "operation",
    "request_type": "operation",
    "oi_kind": "operation",
    "vercel_operation": "operation",
    "langfuse_type": "operation",
    "langsmith_kind": "operation",
    "sentry_type": "operation",
    "genai_kind": "operation",
    "mlflow_type": "operation",
    "genkit_type": "operation",
    "mastra_type": "operation",
    "langfuse_level": "status",
    "first_token": "time_to_first_token_us",
    "first_chunk_seconds": "time_to_first_token_us",
    "first_chunk_ms": "time_to_first_token_us",
    "stream_seconds": "latency_us",
    "reported_cost": "reported_cost_pico_usd",
    "raw_response_id": "response_id",
    "served_id": "response_id",
    "duration_us": "latency_us",
    "speed": "service_tier",
    "asked_tier": "service_tier",
    "ancestor_model": "",
}
"""Marks and parts → the field of `ModelCall` they decide."""

_CONSTANT_LABELS = frozenset({"OpenAI Agent", "OpenRouter Request"})
"""OpenLLMetry writes the first on every span of the OpenAI Agents SDK, OpenRouter the second on every
trace."""


def _label(found: object) -> str | None:
    name = attributes.as_tag(found)
    return None if name in _CONSTANT_LABELS else name


def _provider(found: object) -> str | None:
    return provider_name(attributes.as_tag(found))


def _word(found: object) -> str | None:
    """A tag; a boolean is one too, since an unknown word must be reported."""
    return attributes.as_tag(str(found).lower() if isinstance(found, bool) else found)


_SERVED_ID = re.compile(r"([a-z]+-[0-9a-f]{32}|[a-z]+-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-\w+")


def _served_id(found: object) -> str | None:
    """The id of an answer in the server's own id of the request: `chatcmpl-<32 hex>-0`."""
    name = attributes.as_text(found)
    suffixed = _SERVED_ID.fullmatch(name) if name else None
    return suffixed[1] if suffixed else name


def _is_used(found: object) -> bool:
    """Whether there is something: a count above zero (also in digits), a first entry."""
    return found not in (None, False, 0, "", "0")


def _number(found: object) -> int | float | None:
    return None if isinstance(found, bool) or not isinstance(found, int | float) else found


def _seconds(found: object) -> int | float | None:
    """A duration of one call; None for what is none (a start is reckoned back from it)."""
    number = _number(found)
    return number if number is not None and 0 <= number <= MAX_SECONDS else None


def _model(found: object) -> str | None:
    return model_name(attributes.as_tag(found))


class Kind(NamedTuple):
    """How a field's value is read from an attribute, and how from inside a JSON value."""

    read: Read
    convert: Callable[[object], object | None]


def _of(convert: Callable[[object], object | None]) -> Kind:
    return Kind(lambda raw: convert(attributes.plain(raw)), convert)


PROVIDER = _of(_provider)
MODEL = _of(_model)
TEXT = Kind(attributes.text, attributes.as_text)
TAG = Kind(attributes.tag, attributes.as_tag)
COUNT = Kind(attributes.count, attributes.as_count)
_PRESENT = Kind(lambda raw: True, lambda found: None if found is None else True)
KINDS: dict[str, Kind] = {
    "provider": PROVIDER,
    "model": MODEL,
    "request_model": MODEL,
    "streaming": _of(attributes.as_truth),
    "reported_cost": _of(attributes.as_pico_usd),
    **dict.fromkeys(_PRESENCES, _PRESENT),
    "mapped_mark": _of(
        lambda found: str(found).lower() if isinstance(found, bool) else attributes.as_text(found)
    ),
    "place": _of(special_place),
    "geography": _of(special_geography),
    "served_id": _of(_served_id),
    "paid_extras": _of(_is_used),
    "host": _of(provider_of_host),
    "duration_us": _of(attributes.as_microseconds_of_ms_text),
    "speed": _of(lambda found: "fast" if found == "fast" else None),  # "normal" is no tier
    **dict.fromkeys(COUNT_FIELDS | _OTHER_COUNTS, COUNT),
    **dict.fromkeys(_TAGS, TAG),
    **dict.fromkeys(_LABELS, _of(_label)),
    **dict.fromkeys(_NUMBERS, _of(_number)),
    "stream_seconds": _of(_seconds),
    "data_mode": _of(_word),
}

SOURCED = (
    (_TAGS | COUNT_FIELDS | set(SHOWN_AS.values()) | {"provider", "model", "request_model", "response_id"})
    | {"error_type", "http_status", "streaming", "attempt", "operation"}
) - {"http_route", "workflow", "cache_write_5m_tokens"}
"""Fields of `ModelCall` whose origin is worth a line."""
