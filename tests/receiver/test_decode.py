"""The hot path and its edges: broken bytes cost only themselves, nothing but BadData is raised."""

from __future__ import annotations

import contextlib
import random

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from processor.calls.errors import BadData
from receiver.dialects.table import ApplicationKeys, Origin
from receiver.otlp.decode import decode, decode_message
from receiver.otlp.framing import Frame
from receiver.otlp.read_plan import MAX_PLANS
from receiver.otlp.shapes import MAX_SHAPE, ReadPlans
from tests.receiver.captures import CAPTURES
from tests.receiver.spans import CHAT, T0, Made, decoded, ids, request
from tests.sizes import examples

BODIES = [capture.body for capture in CAPTURES if capture.body]


@pytest.mark.parametrize(
    "body", [b"", ExportTraceServiceRequest().SerializeToString(), b"\x0a\x00", b"\x0a\x02\x12\x00"]
)
def test_an_empty_request_is_an_empty_batch(body: bytes) -> None:
    batch = decode(body, T0)
    assert (batch.calls, batch.sightings, batch.rejections, batch.spans) == ([], [], [], 0)


@pytest.mark.parametrize("body", [b"garbage", b"\x0a\xff", b"\x0a\x05abc", b"\xff" * 40])
def test_a_body_that_is_no_request_is_bad_data(body: bytes) -> None:
    with pytest.raises(BadData) as refused:
        decode(body, T0)
    assert refused.value.field == "body"


@pytest.mark.parametrize(
    ("trace_id", "span_id", "reason"),
    [
        (b"", b"\1" * 8, "bad_trace_id"),
        (b"\1" * 15, b"\1" * 8, "bad_trace_id"),
        (bytes(16), b"\1" * 8, "bad_trace_id"),
        (b"\1" * 16, b"", "bad_span_id"),
        (b"\1" * 16, b"\1" * 9, "bad_span_id"),
        (b"\1" * 16, bytes(8), "bad_span_id"),
    ],
)
@pytest.mark.parametrize("attributes", [CHAT, {"db.system": "postgresql"}])
def test_a_span_with_broken_ids_is_refused_alone(
    trace_id: bytes, span_id: bytes, reason: str, attributes: dict[str, object]
) -> None:
    message = request(Made(CHAT, span_id=7), Made(attributes, name="broken"))
    broken = message.resource_spans[1].scope_spans[0].spans[0]
    broken.trace_id, broken.span_id = trace_id, span_id
    batch = decode_message(message, T0)
    assert ids(batch.calls) == {7}
    (rejection,) = batch.rejections
    assert (rejection.reason, rejection.name) == (reason, "broken")
    assert batch.spans == 2


def test_ids_in_an_unusual_place_are_read() -> None:
    """Field order is free on the wire: a name before the ids hides them from the quick look."""
    body = request(Made(CHAT, span_id=7), Made({"user.id": "u"}, span_id=3)).SerializeToString()
    message = ExportTraceServiceRequest.FromString(body)
    parent = message.resource_spans[1].scope_spans[0].spans[0]
    call = message.resource_spans[0].scope_spans[0].spans[0]
    call.parent_span_id = parent.span_id
    turned = b"".join(_name_first(span) for span in (call, parent))
    scope = b"\x12" + _length(turned) + turned
    (read,) = decode(b"\x0a" + _length(scope) + scope, T0).calls
    assert read.user_id == "u"


def _name_first(span: Span) -> bytes:
    name = Span(name="first").SerializeToString()
    whole = name + span.SerializeToString()
    return b"\x12" + _length(whole) + whole


def _length(data: bytes) -> bytes:
    size, out = len(data), bytearray()
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes([*out, size])


def test_invalid_utf8_in_a_value_costs_nothing_but_the_character() -> None:
    body = request(Made({**CHAT, "user.id": "user-XX"}, span_id=7)).SerializeToString()
    (call,) = decode(body.replace(b"user-XX", b"user-\xff\xfe"), T0).calls
    assert call.user_id is not None
    assert call.user_id.startswith("user-")
    assert call.input_tokens == 100


def test_invalid_utf8_in_content_is_not_even_looked_at() -> None:
    body = request(Made({**CHAT, "gen_ai.input.messages": "secret-XX"})).SerializeToString()
    assert len(decode(body.replace(b"secret-XX", b"secret-\xff\xfe"), T0).calls) == 1


def test_invalid_utf8_in_a_key_costs_only_its_span() -> None:
    message = request(Made(CHAT, span_id=7), Made({**CHAT, "bad-key-XX": 1}, span_id=8))
    batch = decode(message.SerializeToString().replace(b"bad-key-XX", b"bad-key-\xff\xfe"), T0)
    assert ids(batch.calls) == {7}
    (rejection,) = batch.rejections
    assert (rejection.reason, rejection.span_id) == ("bad_span", (8).to_bytes(8, "big"))


def test_the_standard_parser_refuses_the_whole_request_for_it() -> None:
    """Why the lean schema exists."""
    body = (
        request(Made({**CHAT, "user.id": "user-XX"}))
        .SerializeToString()
        .replace(b"user-XX", b"user-\xff\xfe")
    )
    with pytest.raises(DecodeError):
        ExportTraceServiceRequest.FromString(body)


def test_values_nested_20_000_deep_cost_nothing() -> None:
    deep = AnyValue(string_value="x").SerializeToString()
    for _ in range(20_000):
        inner = b"\x0a" + _length(deep) + deep
        deep = b"\x2a" + _length(inner) + inner
    body = request(Made(CHAT, span_id=7)).SerializeToString()
    frame = Frame(body)
    key = b"\x0a\x06nested\x12" + _length(deep) + deep
    span = frame.spans[0] + b"\x4a" + _length(key) + key
    scope = b"\x12" + _length(span) + span
    block = b"\x12" + _length(scope) + scope
    assert ids(decode(b"\x0a" + _length(block) + block, T0).calls) == {7}


def test_a_span_of_20_000_attributes_is_read() -> None:
    many = {f"app.attribute.{i}": i for i in range(20_000)}
    batch = decoded(Made({**many, **CHAT}), Made({**many, **CHAT}, span_id=2, trace=b"\2" * 16))
    assert [call.input_tokens for call in batch.calls] == [100, 100]


def test_unknown_fields_are_ignored_at_every_level() -> None:
    unknown = b"\xfa\x7f\x03abc"
    span = Frame(request(Made(CHAT)).SerializeToString()).spans[0] + unknown
    scope = b"\x12" + _length(span) + span + unknown
    resource = b"\x12" + _length(scope) + scope + unknown
    assert len(decode(b"\x0a" + _length(resource) + resource + unknown, T0).calls) == 1


@pytest.mark.parametrize("start", [0, 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("end", [0, 2**63, 2**64 - 1])
def test_impossible_times_are_no_error(start: int, end: int) -> None:
    message = request(Made(CHAT))
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.start_time_unix_nano, span.end_time_unix_nano = start, end
    (call,) = decode_message(message, T0).calls
    assert call.time_ns in (start, end)


def test_spans_without_genai_are_counted_and_skipped() -> None:
    batch = decoded(Made({"db.system": "postgresql"}), Made({"http.route": "/"}, span_id=2, kind=2))
    assert (batch.spans, batch.calls, batch.sightings) == (2, [], [])


def test_content_that_speaks_of_genai_does_not_make_a_call() -> None:
    talk = "set gen_ai.operation.name to chat and llm.model_name to gpt-4o, openinference.span.kind LLM"
    assert decoded(Made({"http.request.body": talk})).calls == []


def test_the_size_of_a_batch_grows_with_what_it_holds() -> None:
    assert 0 < decoded(Made(CHAT)).size_bytes < decoded(Made(CHAT), Made(CHAT, span_id=2)).size_bytes


def test_an_already_parsed_message_decodes_alike() -> None:
    message = request(Made(CHAT))
    one, other = decode(message.SerializeToString(), T0).calls[0], decode_message(message, T0).calls[0]
    assert (one.span_id, one.input_tokens, one.sources) == (other.span_id, other.input_tokens, other.sources)


def test_invented_keys_cannot_fill_the_memory() -> None:
    emitter = ReadPlans(ApplicationKeys()).emitter(Origin("s", ""))
    for i in range(MAX_PLANS + 10):
        emitter.shape((f"invented.{i}",))
    emitter.shape(tuple(f"k{i}" for i in range(MAX_SHAPE + 1)))
    assert len(emitter._by_shape) <= MAX_PLANS
    assert all(len(shape) <= MAX_SHAPE for shape in emitter._by_shape)


def _mutated(body: bytes, draw: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(draw.randrange(1, 12)):
        kind, place = draw.randrange(4), draw.randrange(max(1, len(changed)))
        if kind == 0:
            changed[place : place + 1] = draw.randbytes(1)
        elif kind == 1:
            del changed[place : place + draw.randrange(1, 9)]
        elif kind == 2:
            changed[place:place] = draw.randbytes(draw.randrange(1, 9))
        else:
            changed[place : place + 1] = bytes([changed[place] ^ 1 << draw.randrange(8)]) if changed else b""
    return bytes(changed)


@settings(max_examples=examples(400))
@given(st.sampled_from(BODIES), st.integers(0, 2**32))
def test_mutated_requests_raise_nothing_but_bad_data(body: bytes, seed: int) -> None:
    changed = _mutated(body, random.Random(seed))
    try:
        batch = decode(changed, T0)
    except BadData:
        return
    assert len(batch.calls) + len(batch.rejections) <= batch.spans
    for call in batch.calls:
        assert len(call.trace_id) == 16
        assert len(call.span_id) == 8
        assert (call.input_tokens or 0) >= 0


@settings(max_examples=examples(200))
@given(st.binary(max_size=400))
def test_noise_raises_nothing_but_bad_data(body: bytes) -> None:
    with contextlib.suppress(BadData):
        assert decode(body, T0).size_bytes >= 0


def test_a_second_id_further_on_in_the_span_is_seen() -> None:
    """On the wire the last occurrence of a field counts, not the one where ids usually stand."""
    span = Frame(request(Made(CHAT)).SerializeToString()).spans[0] + b"\x0a\x02xx"
    scope = b"\x12" + _length(span) + span
    resource = b"\x12" + _length(scope) + scope
    batch = decode(b"\x0a" + _length(resource) + resource, T0)
    assert batch.calls == []
    assert [rejection.reason for rejection in batch.rejections] == ["bad_trace_id"]


@pytest.mark.parametrize("parent", [bytes(8), b"\1" * 7, b"\1" * 16])
def test_a_parent_id_that_is_none_makes_a_root(parent: bytes) -> None:
    message = request(Made(CHAT))
    message.resource_spans[0].scope_spans[0].spans[0].parent_span_id = parent
    (call,) = decode_message(message, T0).calls
    assert call.parent_span_id == b""


def test_spans_with_as_many_but_other_attributes_are_told_apart() -> None:
    """The shape of a span is guessed from the number of its attributes."""
    tagged = {**CHAT, "endpoint_tag": "search"}
    named = {**CHAT, "gen_ai.conversation.id": "c-1"}
    plain = {**CHAT, "app.region": "eu"}
    several = [Made(kind, span_id=place + 1) for place, kind in enumerate([tagged, named, plain, plain] * 3)]
    together = {call.span_id: call for call in decoded(*several).calls}
    alone = [decoded(made).calls[0] for made in several]
    assert len(together) == len(alone)
    for call in alone:
        other = together[call.span_id]
        assert (other.endpoint_tag, other.conversation_id) == (call.endpoint_tag, call.conversation_id)
        assert other.sources == call.sources


def test_calls_with_the_same_words_that_failed_and_did_not_are_told_apart() -> None:
    message = request(Made(CHAT, span_id=1), Made(CHAT, span_id=2), Made(CHAT, span_id=3))
    message.resource_spans[1].scope_spans[0].spans[0].status.code = Status.STATUS_CODE_ERROR
    assert [call.status for call in decode_message(message, T0).calls] == ["success", "error", "success"]


@pytest.mark.parametrize("few", [True, False])
def test_a_call_is_found_wherever_it_stands_and_however_many_there_are(few: bool) -> None:
    """Two ways to search a request: model calls are looked for one by one where they are many."""
    plain = [Made({"db.system": "postgresql"}, span_id=100 + place) for place in range(9)]
    for place in range(1, 8):
        spans = list(plain)
        spans[place] = Made(CHAT, span_id=1)
        if not few:
            spans[0] = Made(CHAT, span_id=2)
        found = Frame(request(*spans).SerializeToString()).interesting()
        assert found == ([place] if few else sorted({0, place}))


@pytest.mark.parametrize(
    "needle",
    [
        b"gen_ai", b"endpoint_tag", b"prompt_version", b".span.kind", b"langfuse.", b"ai.operationId",
        b"llm.", b"tokens", b"Tokens", b"token_count", b"TokenCount", b"token\x12\x02\x18", b"usage",
        b"model\x12", b"model_name\x12", b"modelId\x12",
    ],
)  # fmt: skip
def test_a_needle_counts_in_a_span_and_not_where_two_meet(needle: bytes) -> None:
    frame = Frame(b"")
    frame.spans = [b"-", b"-" + needle, b"-", needle[:3], needle[3:], b"-", needle + b"-" + needle, b"-"]
    assert frame.interesting() == [1, 6]
    frame.spans.insert(0, b"gen_ai")
    assert frame.interesting() == [0, 2, 7]
