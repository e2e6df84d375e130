"""OpenRouter Broadcast: OpenRouter exports a span per request itself, as OTLP/JSON, with Sentry's spellings.

The provider attribute holds the display name of the host that answered ("Google AI Studio"). OpenRouter sends
the bill, so the provider is OpenRouter, and the model its `vendor/model`.

Source: https://openrouter.ai/docs/guides/features/broadcast/otel-collector (2026).
Not sent: the lifetime of cache writes; audio and image tokens.
"""

from __future__ import annotations

from receiver.dialects.table import FALLBACK, Dialect, Key, metadata

_METADATA = "trace.metadata."

DIALECT = Dialect(
    name="openrouter",
    mark="openrouter_host",
    scopes=("openrouter",),
    biller="openrouter",
    keys=(
        Key("openrouter_host", 10, _METADATA + "openrouter.provider_name"),
        Key("endpoint_label", 75, "trace.name", (), FALLBACK),
        *metadata(_METADATA, 18),
    ),
)
