"""LangSmith through OpenTelemetry: `langsmith.*` beside `gen_ai.*`; every run says operation `chat`."""

from __future__ import annotations

from receiver.dialects.spellings import detail_keys, usage_object_keys
from receiver.dialects.table import COUNTS, FALLBACK, Dialect, Key, Values, Verdict, metadata, repeats_usage
from receiver.dialects.usage_objects import langchain_answer

_METADATA = "langsmith.metadata."


def judge(values: Values, failed: bool) -> Verdict | None:
    kind = values["langsmith_kind"]
    return COUNTS if kind == "llm" else repeats_usage(f"LangSmith {kind!s} run: not a model call", values)


DIALECT = Dialect(
    name="langsmith",
    mark="langsmith_kind",
    judge=judge,
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
