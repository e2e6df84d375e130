"""Sentry's AI spans: `gen_ai.*` with `gen_ai.operation.type`, and the older `ai.*` of its SDKs.

Source: https://github.com/getsentry/sentry-conventions, `model/attributes/{ai,gen_ai}` (2026-08). Input
includes cached tokens, output includes reasoning (briefs of `gen_ai.usage.input_tokens`, `output_tokens`).
Not sent: the lifetime of cache writes; audio and image tokens.
"""

from __future__ import annotations

from receiver.dialects.spellings import attribute_keys
from receiver.dialects.table import Dialect, Key, judge_kinds

_CALLS = {"ai_client": "chat"}

DIALECT = Dialect(
    name="sentry",
    mark="sentry_type",
    judge=judge_kinds("sentry_type", _CALLS, "Sentry {} span"),
    calls=_CALLS,
    scopes=("@sentry/", "sentry"),
    keys=(
        Key("sentry_type", 10, "gen_ai.operation.type"),
        Key("model", 97, "ai.model_id"),
        Key("request_model", 97, "ai.model_id"),
        *attribute_keys("ai.", 58),
        Key("streaming", 40, "gen_ai.response.streaming"),
        Key("streaming", 41, "ai.streaming"),
        Key("first_chunk_seconds", 20, "gen_ai.response.time_to_first_token"),
        Key("reported_cost", 50, "ai.total_cost"),
    ),
)
