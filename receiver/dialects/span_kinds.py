"""`gen_ai.span.kind` beside OpenTelemetry keys: Alibaba's LoongSuite and ARMS, Dify, VeADK, Future AGI.

Spans of agents, chains, tasks and workflows may repeat the sum of the calls below them under the same keys,
and some of them name the operation `chat`: the kind tells them apart.

Source:
    https://github.com/alibaba/loongsuite-python-agent; https://github.com/langgenius/dify,
    `api/core/ops/{aliyun,tencent}_trace/entities/semconv.py`; https://github.com/volcengine/veadk-python.
"""

from __future__ import annotations

from receiver.dialects.table import COUNTS, Dialect, Key, Values, Verdict, repeats_usage

_CALLS = {
    spelled: operation
    for kind, operation in (
        ("llm", "chat"),
        ("generation", "chat"),
        ("embedding", "embeddings"),
    )
    for spelled in (kind, kind.upper())
}
_AROUND = frozenset(
    {
        "agent", "chain", "entry", "guardrail", "evaluator", "retriever", "step", "task", "tool", "workflow",
        "conversation", "unknown",
    }
)  # fmt: skip


def judge(values: Values, failed: bool) -> Verdict | None:
    """Of another kind than these nobody knows: the operation decides."""
    kind = str(values["genai_kind"])
    if kind in _CALLS:
        return COUNTS if failed or not {"model", "input_tokens"}.isdisjoint(values) else None
    if kind.lower() in _AROUND:
        return repeats_usage(f"span of kind {kind}: not a model call", values)
    return None


DIALECT = Dialect(
    name="span_kinds",
    mark="genai_kind",
    judge=judge,
    calls=_CALLS,
    keys=(
        Key("genai_kind", 10, "gen_ai.span.kind"),
        Key("genai_kind", 20, "gen_ai.span_kind_name"),
        Key("conversation_id", 72, "gen_ai.session.id"),
        Key("user_id", 82, "gen_ai.user.id"),
    ),
)
