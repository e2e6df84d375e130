"""Langfuse SDK 3–5 (Python) and 5 (JavaScript): `langfuse.*`; one usage attribute in three conventions."""

from __future__ import annotations

from receiver.dialects.spellings import usage_object_keys
from receiver.dialects.table import FALLBACK, Dialect, Key, judge_kinds, metadata

_CALLS = {"generation": "chat", "embedding": "embeddings"}
_USAGE = "langfuse.observation.usage_details"
_OBSERVED = "langfuse.observation.metadata."


DIALECT = Dialect(
    name="langfuse",
    mark="langfuse_type",
    judge=judge_kinds("langfuse_type", _CALLS, "Langfuse {} observation"),
    calls=_CALLS,
    scopes=("langfuse",),
    keys=(
        Key("langfuse_type", 10, "langfuse.observation.type"),
        Key("langfuse_level", 10, "langfuse.observation.level"),
        Key("status_message", 10, "langfuse.observation.status_message"),
        Key("provider", 60, _OBSERVED + "ls_provider"),
        Key("model", 60, "langfuse.observation.model.name"),
        Key("request_model", 80, _OBSERVED + "ls_model_name"),
        Key("request_model", 90, "langfuse.observation.model.name"),
        *usage_object_keys(_USAGE, 60),
        Key("asked_tier", 30, "langfuse.observation.model.parameters", ("service_tier",)),
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
