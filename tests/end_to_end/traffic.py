"""Spans as an instrumented application makes them, and the sums that a ledger of them must show."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

RESOURCE = Resource({"service.name": "shop", "deployment.environment.name": "prod"})
MODELS = ("gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5", "gemini-2.5-flash", "no-such-model-7b")
PROVIDERS = {"g": "openai", "c": "anthropic", "n": "openai"}
ENDPOINTS = tuple(f"checkout.step_{number}" for number in range(12))

_HOUR_NS = 3600 * 10**9

Identity = tuple[str, str]
"""Trace id and span id in hex: what makes a span one span."""


class Sums(NamedTuple):
    """What must come out of the ledger, whatever happened on the way."""

    calls: int
    input_tokens: int
    output_tokens: int
    errors: int


def make_spans(count: int, seed: int, spread_seconds: float = 3 * 3600.0) -> list[ReadableSpan]:
    """`count` model calls of the last `spread_seconds`; but for the time, the seed decides all.

    Two in a hundred failed without usage, one model in five has no price, some share their application's
    request id, and one in a hundred is a gateway's old answer given again: its response id, an hour later.
    """
    draw = random.Random(seed)
    now = time.time_ns()
    spans: list[ReadableSpan] = []
    answers: list[tuple[str, int]] = []
    for _ in range(count):
        start_ns = now - int(draw.uniform(1, spread_seconds) * 1e9)
        response_id = f"chatcmpl-{draw.getrandbits(96):024x}"
        if answers and draw.random() < 0.01 and abs(answers[-1][1] - start_ns) > _HOUR_NS:
            response_id, _ = answers.pop()
        else:
            answers.append((response_id, start_ns))
        spans.append(_span(draw, start_ns, response_id))
    return spans


def identity(span: ReadableSpan) -> Identity:
    """The span's own identity."""
    context = span.context
    assert context is not None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def sums(spans: Sequence[ReadableSpan]) -> Sums:
    """The truth about a set of spans."""
    attributes: list[dict[str, Any]] = [dict(span.attributes or {}) for span in spans]
    return Sums(
        calls=len(spans),
        input_tokens=sum(each.get("gen_ai.usage.input_tokens", 0) for each in attributes),
        output_tokens=sum(each.get("gen_ai.usage.output_tokens", 0) for each in attributes),
        errors=sum("error.type" in each for each in attributes),
    )


def _span(draw: random.Random, start_ns: int, response_id: str) -> ReadableSpan:
    model = draw.choice(MODELS)
    failed = draw.random() < 0.02
    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini" if model.startswith("gemini") else PROVIDERS[model[0]],
        "gen_ai.request.model": model,
        "endpoint_tag": draw.choice(ENDPOINTS),
        "prompt_version": f"v{draw.randrange(4)}",
        "user.id": f"u-{draw.randrange(200)}",
        "tenant.id": f"t-{draw.randrange(10)}",
        "server.address": "llm.internal",
    }
    if draw.random() < 0.25:
        attributes["external_request_id"] = f"req-{draw.randrange(10**4)}"
    if failed:
        attributes["error.type"] = "RateLimitError"
    else:
        attributes |= {
            "gen_ai.response.model": model,
            "gen_ai.response.id": response_id,
            "gen_ai.usage.input_tokens": draw.randrange(1, 4000),
            "gen_ai.usage.output_tokens": draw.randrange(1, 900),
        }
    trace_id, span_id = draw.getrandbits(128) | 1, draw.getrandbits(64) | 1
    context = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return ReadableSpan(
        name=f"chat {model}",
        context=context,
        resource=RESOURCE,
        attributes=attributes,
        kind=SpanKind.CLIENT,
        status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
        start_time=start_ns,
        end_time=start_ns + draw.randrange(200, 9000) * 1_000_000,
    )
