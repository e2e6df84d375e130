"""Mastra: OpenTelemetry keys with `mastra.span.type`.

Until September 2026 the span `chat {model}` is the whole loop of an agent with the sum of its requests
(`model_generation`); since then there is one `chat` span per request (`model_inference`) and the loop has
no usage.

Source: https://github.com/mastra-ai/mastra, `observability/otel-exporter/src/gen-ai-semantics.ts`; pull
request 23910.
Not sent: the lifetime of cache writes, image tokens; in the sums: how many requests there were.
"""

from __future__ import annotations

from processor.calls.call import Flag
from receiver.dialects.table import COUNTS, Dialect, Key, Values, Verdict

_LOOP = Verdict(True, flags=int(Flag.SEVERAL_CALLS))


def judge(values: Values, failed: bool) -> Verdict | None:
    kind = values["mastra_type"]
    if kind != "model_generation":
        return COUNTS if kind == "model_inference" else None
    has_usage = "input_tokens" in values or "output_tokens" in values
    return _LOOP if has_usage else Verdict(False, "Mastra's agent loop: its requests are spans of their own")


DIALECT = Dialect(
    name="mastra",
    mark="mastra_type",
    judge=judge,
    calls={"model_generation": "chat", "model_inference": "chat", "rag_embedding": "embeddings"},
    scopes=("@mastra/",),
    keys=(Key("mastra_type", 10, "mastra.span.type"),),
)
