"""SDKs that trace themselves: Anthropic (`com.anthropic.sdk.python`) and Mistral (`mistralai_sdk_tracer`).

They write OpenTelemetry keys; an instrumentation on top sees the same call again (`receiver.otlp.dedupe`).
"""

from __future__ import annotations

from receiver.dialects.spellings import attribute_keys
from receiver.dialects.table import Dialect, Key

DIALECT = Dialect(
    name="sdk_native",
    scopes=("com.anthropic.sdk", "mistralai_sdk_tracer"),
    keys=(
        *attribute_keys("anthropic.usage.", 10),
        Key("service_tier", 30, "anthropic.response.service_tier"),
        Key("request_label", 10, "anthropic.request.id"),
    ),
)
