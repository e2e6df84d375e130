"""LiteLLM's OpenTelemetry callback, 1.74 to 1.106: `litellm_request`, or its attributes on your own span.

`raw_gen_ai_request` below it holds the provider's answer as Python text; it is a call of its own only where
the parent lost the attributes (it ended before the callback ran).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from processor.calls.call import DETAIL, Flag
from receiver.dialects.spellings import usage_object_keys
from receiver.dialects.table import COUNTS, Dialect, Key, Values, Verdict, metadata, metadata_document

if TYPE_CHECKING:
    from receiver.otlp.read_call import ReadSpan

RAW_REQUEST = b"raw_gen_ai_request"
_PROVIDERS = (
    "openai", "anthropic", "bedrock", "gemini", "azure", "azure_ai", "vertex_ai", "mistral", "cohere",
    "cohere_chat", "groq", "deepseek", "openrouter", "xai", "together_ai", "fireworks_ai", "perplexity",
    "ollama", "hosted_vllm", "databricks", "huggingface", "None",
)  # fmt: skip
"""The providers that LiteLLM writes into key names (`llm.openai.id`); `None` for the Responses API."""


_BATCH = Verdict(True, flags=int(Flag.SEVERAL_CALLS | Flag.TIER_ASSUMED))


def judge(values: Values, failed: bool) -> Verdict | None:
    """A batch that was fetched is many calls, at a price that the span does not tell."""
    return _BATCH if "batch" in str(values.get("request_type", "")) else COUNTS


def settle_raw_requests(raws: Sequence[ReadSpan], find: Callable[[bytes, bytes], ReadSpan | None]) -> None:
    """Raw requests of one request: details of the call on their parent, or calls where it lost everything."""
    by_parent: dict[tuple[bytes, bytes], list[ReadSpan]] = {}
    for raw in raws:
        by_parent.setdefault((raw.trace_id, raw.parent_span_id), []).append(raw)
    for (trace_id, parent_id), below in by_parent.items():
        parent = find(trace_id, parent_id)
        if parent is None:
            continue
        is_call = parent.verdict.counts and parent.call is not None
        if is_call:
            parent.details = below
        for raw in below:
            raw.verdict = Verdict(False, raw.verdict.reason) if is_call else COUNTS
            raw.part = DETAIL if is_call else ""


def _written(attribute: str) -> tuple[Key, ...]:
    """Cache writes in LiteLLM's own object.

    From 1.64 to 1.76 its prompt leaves them out and its details do not name them. From 1.77 on the prompt has
    them, and the details name them, at first with the count of the reads.

    Source: https://github.com/BerriAI/litellm, `llms/anthropic/chat/transformation.py`, `calculate_usage`.
    """
    details = "prompt_tokens_details"
    return (
        Key("cache_write_tokens", 84, attribute, ("cache_creation_input_tokens",)),
        Key("write_counted", 84, attribute, (details, "cache_creation_tokens")),
        Key("write_counted", 85, attribute, (details, "cache_write_tokens")),
    )


def _raw(provider: str) -> tuple[Key, ...]:
    prefix = f"llm.{provider}."
    return (
        Key("raw_response_id", 50, prefix + "id"),
        Key("raw_response_id", 51, prefix + "responseId"),
        Key("model", 92, prefix + "model"),
        Key("user_id", 90, prefix + "user"),
        Key("service_tier", 40, prefix + "service_tier"),
        *usage_object_keys(prefix + "usage", 92),
        *usage_object_keys(prefix + "usageMetadata", 94),
    )


def provider_response_id(response_id: str, call_id: str | None) -> str | None:
    """The provider's id inside what LiteLLM wrote: none on errors, base64 of its routing for `responses`."""
    if response_id == call_id:
        return None
    if not response_id.startswith("resp_bGl0ZWxsb"):  # base64 of `litello…`
        return response_id
    try:
        routing = base64.b64decode(response_id[5:], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return response_id
    return routing.rpartition("response_id:")[2] or response_id


DIALECT = Dialect(
    name="litellm",
    mark="litellm_id",
    judge=judge,
    scopes=("litellm",),
    keys=(
        Key("litellm_id", 10, "litellm.call_id"),
        Key("request_type", 10, "llm.request.type"),
        Key("reported_cost", 15, "gen_ai.cost.total_cost"),
        Key("paid_extras", 15, "gen_ai.cost.tool_usage_cost"),
        Key("tenant_id", 60, "metadata.user_api_key_team_id"),
        Key("user_id", 75, "metadata.user_api_key_end_user_id"),
        *_written("metadata.usage_object"),
        *usage_object_keys("metadata.usage_object", 85, totals=True),
        *(key for provider in _PROVIDERS for key in _raw(provider)),
        *metadata_document("metadata.requester_metadata", 18),
        *metadata("metadata.", 19),
    ),
)
