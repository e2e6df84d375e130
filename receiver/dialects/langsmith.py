"""LangSmith through OpenTelemetry: `langsmith.*` beside `gen_ai.*`; every run says operation `chat`."""

from __future__ import annotations

from receiver.dialects.spellings import detail_keys, usage_object_keys
from receiver.dialects.table import FALLBACK, Dialect, Key, judge_kinds, metadata
from receiver.dialects.usage_objects import langchain_answer

_METADATA = "langsmith.metadata."


_CALLS = {"llm": "chat", "embedding": "embeddings"}

DIALECT = Dialect(
    name="langsmith",
    mark="langsmith_kind",
    judge=judge_kinds("langsmith_kind", _CALLS, "LangSmith {} run"),
    calls=_CALLS,
    scopes=("langsmith",),
    keys=(
        Key("langsmith_kind", 10, "langsmith.span.kind"),
        Key("provider", 60, _METADATA + "ls_provider"),
        Key("request_model", 50, _METADATA + "ls_model_name"),
        *usage_object_keys(_METADATA + "usage_metadata", 71),
        *detail_keys("gen_ai.usage.input_token_details", 70),
        *detail_keys("gen_ai.usage.output_token_details", 70),
        Key("root_label", 80, "langsmith.trace.name", (), FALLBACK),
        Key("response_id", 31, "gen_ai.completion", ("id",)),
        *langchain_answer("gen_ai.completion", "langsmith"),
        *metadata(_METADATA, 17),
    ),
)
