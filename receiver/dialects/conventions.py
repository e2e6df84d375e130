"""How each emitter counts tokens where it is not the current convention: the cache table as data.

The default is the current convention: input includes cached tokens, output includes reasoning. Arithmetic
(`uncached_tokens`, cache greater than input) overrules both in `receiver.dialects.usage`.
"""

from __future__ import annotations

from receiver.dialects.table import Convention, Origin

_OUTSIDE = Convention(outside=True)
_DEFAULT = Convention()

_ANTHROPIC: tuple[tuple[str, str, Convention], ...] = (
    # scope begins with, version begins with, how it counts Anthropic-shaped usage
    ("opentelemetry.instrumentation.genai.bedrock", "", _OUTSIDE),
    ("opentelemetry.instrumentation.botocore", "", _OUTSIDE),
    ("opentelemetry.instrumentation.bedrock", "", _OUTSIDE),
    ("openlit", "", _OUTSIDE),
    ("org.springframework", "", _OUTSIDE),  # Spring AI passes the provider's count on: spring-ai#5962
    ("com.anthropic.claude_code", "", _OUTSIDE),
    ("claude_code.", "", _OUTSIDE),  # its log events
    ("ai", "", _OUTSIDE),  # Vercel 5; 6 and 7 give `noCacheTokens`, which overrules this
)
"""Emitters that leave cached tokens out of the input count when the provider does (Anthropic, Bedrock)."""

LOSES_CACHE: tuple[tuple[str, str], ...] = (
    ("opentelemetry.instrumentation.botocore", ""),  # `invoke_model`; `converse` spans carry the counts
    ("opentelemetry.instrumentation.bedrock", ""),  # the same
    ("openlit.otel.tracing", ""),  # 1.34, always
    ("openinference.instrumentation.anthropic", "0.1."),  # when streaming
)
"""Scope and version: an Anthropic-shaped span of these without cached counts may have lost them for good."""

THOUGHTS_OUTSIDE = ("opentelemetry.instrumentation.google_generativeai", "gemini_cli.", "qwen-code.")
"""Emitters whose output count leaves Gemini's thoughts out; the total shows them."""

_ESTIMATES: tuple[tuple[str, str], ...] = (
    # OpenLLMetry 0.40 to 0.62 counts a stream itself where the SDK gives no usage, and adds the first count
    # of the output to the last: packages/opentelemetry-instrumentation-anthropic, streaming.py
    ("opentelemetry.instrumentation.anthropic", "streams"),
    ("openlit.otel.tracing", "streams"),  # 1.34, even when the provider sent usage
    ("openlit", "streams without cached counts"),  # 1.45 writes those only from real usage
    ("@traceloop/instrumentation-openai", "any"),  # a stream's span looks like any other
)
"""Emitters that write their own tokenizer's count into the ordinary keys, and which spans may hold it."""


def anthropic_shaped(provider: str | None, model: str | None) -> bool:
    """Whether the provider's answer counts cached tokens beside its input tokens."""
    return provider in ("anthropic", "aws.bedrock") or (model is not None and "claude" in model)


def convention(origin: Origin) -> Convention:
    """How spans of this emitter count Anthropic-shaped usage, and whether they may hold estimates."""
    found = next(
        (c for scope, version, c in _ANTHROPIC if _begins(origin, scope, version)),
        _DEFAULT,
    )
    return Convention(
        outside=found.outside,
        loses_cache=any(_begins(origin, scope, version) for scope, version in LOSES_CACHE),
        thoughts_outside=origin.scope.startswith(THOUGHTS_OUTSIDE),
        handles=origin.scope.startswith("codex"),
        estimates=next((e for scope, e in _ESTIMATES if origin.scope.startswith(scope)), ""),
    )


def _begins(origin: Origin, scope: str, version: str) -> bool:
    exact = scope == "ai"  # a scope name of two letters begins too many others
    named = origin.scope == scope if exact else origin.scope.startswith(scope)
    return named and origin.version.startswith(version)
