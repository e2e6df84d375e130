"""LangSmith through OpenTelemetry: `langsmith.*` beside `gen_ai.*`; every run says operation `chat`."""

from __future__ import annotations

from receiver.dialects.table import COUNTS, FALLBACK, Dialect, Key, Values, Verdict, metadata
from receiver.dialects.usage_objects import langchain_answer

_METADATA = "langsmith.metadata."


def judge(values: Values, failed: bool) -> Verdict | None:
    kind = values["langsmith_kind"]
    return COUNTS if kind == "llm" else Verdict(False, f"LangSmith {kind!s} run: not a model call")


DIALECT = Dialect(
    name="langsmith",
    mark="langsmith_kind",
    judge=judge,
    scopes=("langsmith",),
    keys=(
        Key("langsmith_kind", 10, "langsmith.span.kind"),
        Key("provider", 60, _METADATA + "ls_provider"),
        Key("request_model", 50, _METADATA + "ls_model_name"),
        Key("input_tokens", 70, _METADATA + "usage_metadata", ("input_tokens",)),
        Key("output_tokens", 70, _METADATA + "usage_metadata", ("output_tokens",)),
        Key("cache_read_tokens", 70, "gen_ai.usage.input_token_details", ("cache_read",)),
        Key("cache_read_tokens", 71, _METADATA + "usage_metadata", ("input_token_details", "cache_read")),
        Key("cache_write_tokens", 70, "gen_ai.usage.input_token_details", ("cache_creation",)),
        Key(
            "cache_write_tokens", 71, _METADATA + "usage_metadata", ("input_token_details", "cache_creation")
        ),
        Key("reasoning_tokens", 70, "gen_ai.usage.output_token_details", ("reasoning",)),
        Key("reasoning_tokens", 71, _METADATA + "usage_metadata", ("output_token_details", "reasoning")),
        Key("input_audio_tokens", 70, "gen_ai.usage.input_token_details", ("audio",)),
        Key("output_audio_tokens", 70, "gen_ai.usage.output_token_details", ("audio",)),
        Key("root_label", 80, "langsmith.trace.name", (), FALLBACK),
        Key("response_id", 31, "gen_ai.completion", ("id",)),
        *langchain_answer("gen_ai.completion", "langsmith"),
        *metadata(_METADATA, 17),
    ),
)
