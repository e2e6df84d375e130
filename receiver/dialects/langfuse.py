"""Langfuse SDK 3–5 (Python) and 5 (JavaScript): `langfuse.*`; one usage attribute in three conventions."""

from __future__ import annotations

from receiver.dialects.table import COUNTS, FALLBACK, Dialect, Key, Path, Values, Verdict, metadata

_CALLS = {"generation": "chat", "embedding": "embeddings"}
_USAGE = "langfuse.observation.usage_details"
_OBSERVED = "langfuse.observation.metadata."


def judge(values: Values, failed: bool) -> Verdict | None:
    kind = values["langfuse_type"]
    return COUNTS if kind in _CALLS else Verdict(False, f"Langfuse {kind!s} observation: not a model call")


def _usage(name: str, *paths: Path, outside: bool = False) -> tuple[Key, ...]:
    order = 61 if outside else 60
    return tuple(Key(name, order, _USAGE, path, outside=outside) for path in paths)


DIALECT = Dialect(
    name="langfuse",
    mark="langfuse_type",
    judge=judge,
    scopes=("langfuse",),
    keys=(
        Key("langfuse_type", 10, "langfuse.observation.type"),
        Key("langfuse_level", 10, "langfuse.observation.level"),
        Key("status_message", 10, "langfuse.observation.status_message"),
        Key("provider", 60, _OBSERVED + "ls_provider"),
        Key("model", 60, "langfuse.observation.model.name"),
        Key("request_model", 80, _OBSERVED + "ls_model_name"),
        Key("request_model", 90, "langfuse.observation.model.name"),
        *_usage("input_tokens", ("prompt_tokens",), ("input_tokens",), ("input",)),
        *_usage("output_tokens", ("completion_tokens",), ("output_tokens",), ("output",)),
        *_usage("total_tokens", ("total_tokens",), ("total",)),
        *_usage(
            "cache_read_tokens",
            ("prompt_tokens_details", "cached_tokens"),
            ("input_tokens_details", "cached_tokens"),
            ("prompt_tokens_details.cached_tokens",),
            ("input_tokens_details.cached_tokens",),
        ),
        *_usage(
            "cache_read_tokens",
            ("cache_read_input_tokens",),
            ("input_cache_read",),
            ("input_cached_tokens",),
            outside=True,
        ),
        *_usage(
            "cache_write_tokens",
            ("cache_creation_input_tokens",),
            ("input_cache_creation",),
            outside=True,
        ),
        *_usage(
            "reasoning_tokens",
            ("completion_tokens_details", "reasoning_tokens"),
            ("output_tokens_details", "reasoning_tokens"),
            ("completion_tokens_details.reasoning_tokens",),
            ("output_tokens_details.reasoning_tokens",),
            ("output_reasoning",),
            ("output_reasoning_tokens",),
        ),
        *_usage("input_audio_tokens", ("prompt_tokens_details", "audio_tokens"), ("input_audio",)),
        *_usage("output_audio_tokens", ("completion_tokens_details", "audio_tokens"), ("output_audio",)),
        Key("service_tier", 30, "langfuse.observation.model.parameters", ("service_tier",)),
        Key("reported_cost", 30, "langfuse.observation.cost_details", ("total",)),
        Key("prompt_version", 5, "langfuse.observation.prompt.version"),
        Key("user_id", 30, _OBSERVED + "langfuse_user_id"),
        Key("user_id", 31, "langfuse.user.id"),
        Key("conversation_id", 30, _OBSERVED + "langfuse_session_id"),
        Key("conversation_id", 31, "langfuse.session.id"),
        Key("endpoint_label", 70, "langfuse.trace.name", (), FALLBACK),
        Key("environment", 30, "langfuse.environment"),
        *metadata(_OBSERVED, 15),
        *metadata("langfuse.trace.metadata.", 16),
    ),
)
