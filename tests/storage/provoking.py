"""Spans that provoke every rule about which of them are one call."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.receiver.spans import CHAT, Made

STRONG, OTHER, WEAK = "msg_01AbCdEfGhIjKlMn", "msg_02ZyXwVuTsRqPoNm", "chatcmpl-42"
LOSSY, SDK = ("openinference.instrumentation.anthropic", "0.1.5"), ("com.anthropic.sdk.python", "2")
ESTIMATING, PLAIN = ("openlit.otel.tracing", "1.34"), ("test", "1")
CLAUDE = {**CHAT, "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4"}
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHED = {INPUT: 150, "gen_ai.usage.cache_read.input_tokens": 50}
NO_USAGE = {INPUT: None, OUTPUT: None}
WRAPPER = {
    "ai.operationId": "ai.generateText", "ai.model.id": "gpt-4o-mini", "ai.model.provider": "openai.chat",
    "ai.usage.promptTokens": 100, "ai.usage.completionTokens": 20,
}  # fmt: skip
TAGS = ("prompt_version", "tenant.id", "user.id", "session.id", "endpoint_tag")
BARE = {key: value for key, value in CHAT.items() if key not in NO_USAGE}


@st.composite
def calls(draw: st.DrawFn, span_id: int) -> Made:
    """A call: with a strong, a weak or no id; with the provider's, a part of, estimated or no usage."""
    attributes: dict[str, object] = {**draw(st.sampled_from([CHAT, CLAUDE]))}
    response_id = draw(st.sampled_from([None, None, STRONG, STRONG, OTHER, WEAK]))
    attributes |= {} if response_id is None else {"gen_ai.response.id": response_id}
    attributes |= draw(
        st.sampled_from([{}, {}, CACHED, {"gen_ai.usage.reasoning.output_tokens": 7}, {INPUT: 37}, NO_USAGE])
    )
    attributes |= draw(
        st.sampled_from(
            [{}, {}, {"gen_ai.response.model": "m-2"}, {"gen_ai.request.stream": True},
             {"gen_ai.response.time_to_first_chunk": 0.25}, {"openai.response.service_tier": "flex"}]
        )
    )  # fmt: skip
    attributes |= draw(tags)
    trace = draw(st.sampled_from([b"1", b"1", b"2"]))
    start = draw(st.sampled_from([0, 0, 10, 500, 9_000, 21_000, 40_000, 62_000]))
    return Made(
        {key: value for key, value in attributes.items() if value is not None},
        span_id,
        draw(st.integers(0, 7)),
        trace,
        start=start,
        end=start + draw(st.sampled_from([400, 1_000, 8_000, 25_000])),
        failed=draw(st.sampled_from([False, False, False, True])),
        scope=draw(st.sampled_from([PLAIN, SDK, LOSSY, ESTIMATING])),
    )


tags = st.dictionaries(st.sampled_from(TAGS), st.sampled_from(["x", "y"]), max_size=2)


@st.composite
def around(draw: st.DrawFn, span_id: int) -> Made:
    """What lies around calls: agents with tags, wrappers, LiteLLM's span and its raw requests."""
    kind = draw(st.sampled_from(["agent", "agent", "wrapper", "litellm", "raw"]))
    found: dict[str, Any] = {"trace": draw(st.sampled_from([b"1", b"1", b"2"])), "end": 30_000}
    if kind in ("litellm", "raw"):
        found["trace"] = b"1"
    said = dict(draw(tags))
    parent = draw(st.integers(0, 7))
    if kind == "agent":
        said |= {"gen_ai.operation.name": "invoke_agent"}
        said |= draw(st.sampled_from([{}, {"gen_ai.agent.name": "helper"}, {"genai.environment": "staging"}]))
        return Made(said, span_id, parent, name=f"agent {span_id}", kind=1, **found)
    if kind == "wrapper":
        return Made(dict(WRAPPER), span_id, parent, name="ai.generateText", scope=("ai", ""), **found)
    if kind == "litellm":
        said |= {**CHAT, "litellm.call_id": f"call-{span_id}", "llm.request.type": "completion"}
        return Made(said, span_id, parent, name="litellm_request", scope=("litellm", ""), **found)
    raw = {
        "llm.openai.id": f"chatcmpl-raw{span_id:09x}",
        "llm.openai.usage": "{'prompt_tokens': 100, 'completion_tokens': 20}",
    }
    return Made(raw, span_id, parent, name="raw_gen_ai_request", scope=("litellm", ""), **found)


@st.composite
def traces(draw: st.DrawFn) -> list[Made]:
    """Up to seven spans in two traces, without a cycle of parents."""
    size = draw(st.integers(1, 7))
    spans = [draw(st.one_of(calls(n), calls(n), around(n))) for n in range(1, size + 1)]
    by_id = {span.span_id: span for span in spans}
    for span in spans:
        parent = by_id.get(span.parent)
        if parent is not None and (parent.trace != span.trace or _is_above(span.span_id, parent, by_id)):
            span.parent = 0
    return [span for span in spans if span.name != "raw_gen_ai_request" or _has_call(span, by_id)]


def _is_above(span_id: int, span: Made | None, by_id: dict[int, Made]) -> bool:
    met: set[int] = set()
    while span is not None and span.span_id not in met:
        if span.span_id == span_id:
            return True
        met.add(span.span_id)
        span = by_id.get(span.parent)
    return False


def _has_call(raw: Made, by_id: dict[int, Made]) -> bool:
    """Whether a raw request is below a LiteLLM call; without one it is a wrapper of its own."""
    parent = by_id.get(raw.parent)
    return parent is not None and parent.name == "litellm_request"
