"""LangWatch's SDKs: `langwatch.*` beside `gen_ai.*`; counts inside a JSON object, in newer versions in both.

The object has no counts of the cache, and its input is what the application or its framework handed over.

Source:
    langwatch/langwatch, python-sdk/src/langwatch/telemetry/span.py and domain (`SpanMetrics`); its tests of
    both forms of the object, `canonicalizeSpanAttributesService`.
"""

from __future__ import annotations

from collections.abc import Iterable

from receiver.dialects.table import FALLBACK, Dialect, Key, judge_kinds, metadata_document

_METRICS = "langwatch.metrics"
_CALLS = {"llm": "chat"}
_COUNTS = {
    "input_tokens": ("promptTokens", "prompt_tokens"),
    "output_tokens": ("completionTokens", "completion_tokens"),
    "reported_cost": ("cost",),
}


def _metrics() -> Iterable[Key]:
    """TypeScript wraps the object in `{"type": "json", "value": {…}}`; Python and Go do not."""
    for field, names in _COUNTS.items():
        for place, name in enumerate(names):
            yield Key(field, 86 + place / 100, _METRICS, ("value", name))
            yield Key(field, 86.5 + place / 100, _METRICS, (name,))


DIALECT = Dialect(
    name="langwatch",
    mark="langwatch_kind",
    judge=judge_kinds("langwatch_kind", _CALLS, "LangWatch {} span"),
    calls=_CALLS,
    scopes=("langwatch",),
    keys=(
        Key("langwatch_kind", 10, "langwatch.span.type"),
        *_metrics(),
        Key("streaming", 86, "langwatch.gen_ai.streaming"),
        Key("request_model", 86, "langwatch.request.model"),
        Key("conversation_id", 86, "langwatch.thread.id"),
        Key("user_id", 86, "langwatch.user.id"),
        Key("tenant_id", 86, "langwatch.customer.id"),
        Key("prompt_version", 86, "langwatch.prompt.version.number", (), FALLBACK),
        *metadata_document("metadata", 87),
    ),
)
