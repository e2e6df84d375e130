"""The same call seen twice in one request is counted once, completed, and the other kept with its reason."""

from __future__ import annotations

import copy
import random
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processor.calls.call import Batch, Flag, ModelCall
from receiver.otlp.decode import decode
from tests.receiver.captures import CAPTURES, Capture
from tests.receiver.spans import CHAT, T0, Made, decoded, ids, one_call, request
from tests.sizes import examples

ID = "chatcmpl-AbC123dEf456GhI"
OTHER = b"\x22" * 16
SDK, TOP = ("com.anthropic.sdk.python", "2"), ("opentelemetry.instrumentation.anthropic", "0.62.4")


def with_id(response_id: str, **more: object) -> dict[str, object]:
    return {**CHAT, "gen_ai.response.id": response_id, **more}


def facts(batch: Batch) -> list[tuple[object, ...]]:
    """What is counted, free of order."""
    return sorted(
        (
            c.trace_id,
            c.span_id,
            c.input_tokens,
            c.output_tokens,
            c.user_id,
            c.endpoint_tag,
            c.response_id,
            c.model,
        )
        for c in map(_comparable, batch.calls)
    )


def _comparable(call: ModelCall) -> ModelCall:
    same = copy.copy(call)
    for name in ("input_tokens", "output_tokens"):
        setattr(same, name, -1 if getattr(call, name) is None else getattr(call, name))
    for name in ("user_id", "endpoint_tag", "response_id"):
        setattr(same, name, getattr(call, name) or "")
    return same


def test_a_strong_id_joins_across_traces() -> None:
    inner = Made(with_id(ID), span_id=1, start=4, end=900, scope=SDK)
    outer = Made(with_id(ID, **{"user.id": "u-1"}), span_id=2, trace=OTHER, end=1000, scope=TOP)
    batch = decoded(outer, inner)
    assert ids(batch.calls) == {1}
    assert batch.calls[0].user_id == "u-1"
    (sighting,) = batch.sightings
    assert "same response id" in sighting.reason
    assert sighting.call is not None


def test_a_strong_id_again_later_is_a_further_call() -> None:
    batch = decoded(
        Made(with_id(ID), span_id=1), Made(with_id(ID), span_id=2, trace=OTHER, start=60_000, end=61_000)
    )
    assert ids(batch.calls) == {1, 2}


def test_a_weak_id_joins_only_within_its_trace() -> None:
    weak = with_id("chatcmpl-42")
    assert len(decoded(Made(weak, span_id=1), Made(weak, span_id=2, trace=OTHER)).calls) == 2
    assert len(decoded(Made(weak, span_id=1), Made(weak, span_id=2)).calls) == 1


def test_the_inner_of_two_nested_spans_is_counted() -> None:
    outer = Made({**CHAT, "user.id": "u-1"}, span_id=1)
    inner = Made(CHAT, span_id=2, parent=1)
    for spans in permutations((outer, inner)):
        batch = decoded(*spans)
        assert ids(batch.calls) == {2}
        assert batch.calls[0].user_id == "u-1"


def test_nested_calls_with_other_tokens_are_two_calls() -> None:
    batch = decoded(
        Made(CHAT, span_id=1), Made({**CHAT, "gen_ai.usage.output_tokens": 21}, span_id=2, parent=1)
    )
    assert ids(batch.calls) == {1, 2}


def test_nested_calls_with_two_ids_are_two_calls() -> None:
    batch = decoded(Made(with_id(ID), span_id=1), Made(with_id(ID + "x"), span_id=2, parent=1))
    assert ids(batch.calls) == {1, 2}


def test_both_without_usage_are_one_only_when_both_failed() -> None:
    bare = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.provider.name": "openai"}
    other = {**bare, "gen_ai.operation.name": "text_completion"}
    assert (
        len(decoded(Made(bare, span_id=1, failed=True), Made(bare, span_id=2, parent=1, failed=True)).calls)
        == 1
    )
    assert len(decoded(Made(bare, span_id=1), Made(other, span_id=2, parent=1)).calls) == 2


def test_an_outer_call_without_usage_wraps_the_inner_of_the_same_operation() -> None:
    bare = {key: value for key, value in CHAT.items() if "usage" not in key}
    batch = decoded(Made(bare, span_id=1), Made(CHAT, span_id=2, parent=1))
    assert ids(batch.calls) == {2}


def test_two_instrumentations_in_two_traces_without_id_are_one_call() -> None:
    batch = decoded(
        Made(CHAT, span_id=1, start=5, end=990, scope=SDK), Made(CHAT, span_id=2, trace=OTHER, scope=TOP)
    )
    assert len(batch.calls) == 1


def test_two_instrumentations_side_by_side_in_one_trace_are_one_call() -> None:
    around = Made({}, span_id=9, name="GET /", kind=2)
    sdk = Made(CHAT, span_id=1, parent=9, start=5, end=990, scope=SDK)
    assert len(decoded(around, sdk, Made(CHAT, span_id=2, parent=9, scope=TOP)).calls) == 1
    assert len(decoded(around, sdk, Made(CHAT, span_id=2, parent=9, scope=SDK)).calls) == 2


@pytest.mark.parametrize(
    "other",
    [
        Made(CHAT, span_id=2, trace=OTHER, scope=SDK),
        Made(CHAT, span_id=2, trace=OTHER, scope=TOP, start=5000, end=6000),
        Made({**CHAT, "gen_ai.request.model": "claude-x"}, span_id=2, trace=OTHER, scope=TOP),
        Made(CHAT, span_id=2, trace=OTHER, scope=TOP, resource={"service.name": "another"}),
        Made({**CHAT, "gen_ai.usage.input_tokens": 101}, span_id=2, trace=OTHER, scope=TOP),
    ],
    ids=["same scope", "no overlap", "another model", "another service", "other tokens"],
)
def test_calls_of_two_traces_that_only_look_alike_stay_two(other: Made) -> None:
    assert len(decoded(Made(CHAT, span_id=1, scope=SDK), other).calls) == 2


def test_usage_of_the_better_rank_wins_whole() -> None:
    """OpenLIT's own estimate yields to the SDK's twin that has the provider's usage."""
    guess = Made(
        with_id(ID, **{"gen_ai.request.stream": True, "gen_ai.usage.input_tokens": 38}),
        span_id=2,
        parent=1,
        scope=("openlit.instrumentation.openai", ""),
    )
    call = one_call(Made(with_id(ID), span_id=1), guess)
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (100, 20, "provider")
    assert not call.flags & Flag.ESTIMATE_UNMARKED


def test_two_equal_usages_complete_each_others_parts() -> None:
    outer = Made({**CHAT, "gen_ai.usage.reasoning.output_tokens": 7}, span_id=1)
    call = one_call(outer, Made({**CHAT, "gen_ai.usage.cache_read.input_tokens": 60}, span_id=2, parent=1))
    assert (call.cache_read_tokens, call.reasoning_tokens) == (60, 7)


def test_a_raw_request_counts_when_its_parent_lost_everything() -> None:
    raw = Made(
        {"llm.openai.id": ID, "llm.openai.usage": "{'prompt_tokens': 5, 'completion_tokens': 2}"},
        span_id=2, parent=1, name="raw_gen_ai_request", scope=("litellm", ""),
    )  # fmt: skip
    parent = Made({"http.route": "/a"}, span_id=1, kind=2)
    assert ids(decoded(parent, raw).calls) == {2}
    (alone,) = decoded(raw).sightings
    assert alone.wrapper
    assert alone.call is not None
    assert alone.call.input_tokens == 5


def test_the_log_of_a_stream_gives_its_span_usage_and_duration() -> None:
    bare = {k: v for k, v in CHAT.items() if "usage" not in k}
    half = Made({**bare, "logfire.span_type": "span"}, span_id=1, end=100, scope=("logfire.openai", "5"))
    log = Made(
        {**CHAT, "logfire.span_type": "log", "duration": 0.6},
        span_id=2, trace=OTHER, start=701, end=701, scope=("logfire.openai", "5"),
    )  # fmt: skip
    call = one_call(half, log)
    assert (ids([call]), call.input_tokens, call.latency_us, call.streaming) == ({1}, 100, 600_000, True)
    alone = one_call(log)
    assert (alone.time_ns, alone.latency_us) == (T0 + 101_000_000, 600_000)
    assert decoded(half).sightings[0].wrapper


def test_the_order_of_spans_does_not_matter() -> None:
    assert len(CAPTURES) > 250
    for capture in CAPTURES:
        shuffled = _shuffled(capture)
        assert facts(decode(shuffled, T0)) == facts(decode(capture.body, T0)), capture.name


def _shuffled(capture: Capture) -> bytes:
    """The request with its spans and scopes in another order, the same each time."""
    message = ExportTraceServiceRequest.FromString(capture.body)
    draw = random.Random(capture.name)
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            spans = list(scope.spans)
            draw.shuffle(spans)
            del scope.spans[:]
            scope.spans.extend(spans)
        blocks = list(resource.scope_spans)
        draw.shuffle(blocks)
        del resource.scope_spans[:]
        resource.scope_spans.extend(blocks)
    return message.SerializeToString()


made = st.builds(
    Made,
    attributes=st.sampled_from(
        [CHAT, with_id(ID), with_id("chatcmpl-7"), {**CHAT, "user.id": "u"}, {"endpoint_tag": "e"},
         {**CHAT, "gen_ai.operation.name": "invoke_agent"},
         {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}]
    ),
    span_id=st.integers(1, 6),
    parent=st.integers(0, 6),
    trace=st.sampled_from([b"\1" * 16, OTHER]),
    start=st.integers(0, 3000),
    end=st.integers(0, 6000),
    failed=st.booleans(),
    scope=st.sampled_from([SDK, TOP]),
)  # fmt: skip


def _distinct(spans: list[Made]) -> list[Made]:
    return list({(span.trace, span.span_id): span for span in spans}.values())


@settings(max_examples=examples(150))
@given(st.lists(made, max_size=8).map(_distinct), st.randoms(use_true_random=False))
def test_any_order_counts_the_same_calls(spans: list[Made], draw: random.Random) -> None:
    before = facts(decoded(*spans))
    shuffled = list(spans)
    draw.shuffle(shuffled)
    assert facts(decoded(*shuffled)) == before


@settings(max_examples=examples(100))
@given(st.lists(made, max_size=8).map(_distinct))
def test_every_span_is_counted_or_seen_or_skipped_once(spans: list[Made]) -> None:
    batch = decoded(*spans)
    counted = {(call.trace_id, call.span_id) for call in batch.calls}
    seen = [(sighting.trace_id, sighting.span_id) for sighting in batch.sightings]
    assert len(counted) == len(batch.calls)
    assert len(set(seen)) == len(seen)
    assert counted.isdisjoint(seen)
    assert batch.spans == len(spans)


def test_twice_equals_once() -> None:
    body = request(Made(with_id(ID), span_id=1), Made(with_id(ID), span_id=2, parent=1)).SerializeToString()
    assert facts(decode(body, T0)) == facts(decode(body, T0))
    doubled = decode(body + body, T0)
    assert {call.span_id for call in doubled.calls} == {call.span_id for call in decode(body, T0).calls}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_span_told_twice_in_one_request_joins_its_call_once(order: tuple[int, ...]) -> None:
    outer = Made({**CHAT, "gen_ai.response.id": "msg_01AbCdEfGhIjKlMn"}, span_id=5)
    inner = Made(CHAT, span_id=6, parent=5, end=900)
    spans = [outer, inner, inner]
    batch = decoded(*(spans[place] for place in order))
    assert [call.span_id[-1] for call in batch.calls] == [6]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_span_around_a_call_that_is_told_twice_in_one_request_is_that_call(order: tuple[int, ...]) -> None:
    outer, inner = Made(CHAT, span_id=5, name="chat"), Made(CHAT, span_id=6, parent=5, end=900)
    spans = [outer, inner, outer]
    (call,) = decoded(*(spans[place] for place in order)).calls
    assert call.span_id[-1] == 6
    assert call.endpoint_tag is None


def test_a_raw_request_that_is_told_twice_is_one_request() -> None:
    call = Made({**CHAT, "litellm.call_id": "c"}, 1, name="litellm_request", scope=("litellm", ""))
    raw = Made({"llm.openai.id": ID}, 2, 1, name="raw_gen_ai_request", scope=("litellm", ""))
    assert not one_call(call, raw, raw).flags & Flag.SEVERAL_CALLS
