"""Servers of models that trace themselves: vLLM 0.6 to 0.29 and SGLang 0.5. Their SERVER spans are the calls.

Source: https://github.com/vllm-project/vllm, `vllm/tracing`, `vllm/v1/engine/output_processor.py`;
https://github.com/sgl-project/sglang, `python/sglang/srt/tracing/trace.py`.
vLLM's id of a request is the answer's with a suffix of its own (`vllm/v1/engine`, `external_req_id`).
Not sent: the model (vLLM since its engine V1), the operation, cached tokens (vLLM). Whoever runs
the server pays for the machine and not for tokens: without a price of one's own the calls are unpriced.
"""

from __future__ import annotations

from receiver.dialects.table import COUNTS, Dialect, Key, Values, Verdict


def judge(values: Values, failed: bool) -> Verdict | None:
    """Only the span of a request carries counts; those of its phases have times alone."""
    return COUNTS


def _keys(mark: str, scope: str) -> tuple[Key, ...]:
    return (
        Key(mark, 10, "gen_ai.usage.prompt_tokens", only=scope),
        Key(mark, 11, "gen_ai.usage.completion_tokens", only=scope),
        Key("served_id", 60, "gen_ai.request.id", only=scope),
        Key("first_chunk_seconds", 50, "gen_ai.latency.time_to_first_token", only=scope),
    )


VLLM = Dialect(
    name="vllm",
    mark="vllm_request",
    judge=judge,
    scopes=("vllm.",),
    biller="vllm",
    serves=True,
    keys=_keys("vllm_request", "vllm."),
)
SGLANG = Dialect(
    name="sglang",
    mark="sglang_request",
    judge=judge,
    scopes=("sglang",),
    biller="sglang",
    serves=True,
    keys=_keys("sglang_request", "sglang"),
)
