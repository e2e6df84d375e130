"""SDKs that trace themselves: Anthropic (`com.anthropic.sdk.python`) and Mistral (`mistralai_sdk_tracer`).

They write OpenTelemetry keys; another instrumentation on top sees the same call once more (`receiver.join`).
"""

from __future__ import annotations

from receiver.dialects.table import Dialect, Key

DIALECT = Dialect(
    name="sdk_native",
    scopes=("com.anthropic.sdk", "mistralai_sdk_tracer"),
    keys=(
        Key("cache_write_1h_tokens", 10, "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"),
        Key("service_tier", 30, "anthropic.response.service_tier"),
        Key("request_label", 10, "anthropic.request.id"),
    ),
)
