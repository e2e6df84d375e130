"""OTLP/JSON by the book: S6 and S30–S33 of OTLP 1.11, and what hostile JSON does."""

from __future__ import annotations

import base64
import json
import math
import re
import time
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processor.calls.call import Rejection
from processor.calls.errors import BadData
from receiver.otlp.decode import decode_message
from receiver.otlp.json import parse
from tests.patience import little_work
from tests.receiver.doors import json_request
from tests.sizes import examples

_FOLDER = Path(__file__).parents[1] / "fixtures" / "captures"
CAPTURES = [path for path in sorted(_FOLDER.rglob("*.pb")) if not path.stem.endswith((".logs", ".metrics"))]
ID_KEYS = {"traceId", "spanId", "parentSpanId"}


def message_of(body: bytes) -> ExportTraceServiceRequest:
    """The message of a request of which nothing is refused."""
    parsed = parse(body)
    assert parsed.refused == []
    return parsed.message


def parse_one(**fields: Any) -> Span:
    return message_of(json.dumps(json_request(**fields)).encode()).resource_spans[0].scope_spans[0].spans[0]


def refused(**fields: Any) -> Rejection:
    """Why a span with these fields is refused, alone; the one before it is kept."""
    body = json_request()
    spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.append({**spans[0], **fields})
    parsed = parse(json.dumps(body).encode())
    assert len(parsed.message.resource_spans[0].scope_spans[0].spans) == 1
    (rejection,) = parsed.refused
    return rejection


def attribute(value: str) -> AnyValue:
    """The value of an attribute, given as JSON text."""
    text = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"a","value":VALUE}]}]}]}]}'
    return (
        message_of(text.replace("VALUE", value).encode())
        .resource_spans[0]
        .scope_spans[0]
        .spans[0]
        .attributes[0]
        .value
    )


def as_otlp_json(message: ExportTraceServiceRequest) -> bytes:
    """What a conforming sender writes: protobuf's JSON with ids in hex and enums as integers."""

    def in_hex(node: Any) -> Any:
        if isinstance(node, list):
            return [in_hex(child) for child in node]
        if not isinstance(node, dict):
            return node
        return {
            key: base64.b64decode(child).hex() if key in ID_KEYS else in_hex(child)
            for key, child in node.items()
        }

    return json.dumps(in_hex(MessageToDict(message, use_integers_for_enums=True))).encode()


def test_every_capture_is_the_same_message_in_both_encodings() -> None:
    assert len(CAPTURES) > 250
    for path in CAPTURES:
        message = ExportTraceServiceRequest.FromString(path.read_bytes())
        assert message_of(as_otlp_json(message)) == message, path


@pytest.mark.parametrize("change", [str.lower, str.upper, str.swapcase])
def test_s30_ids_are_hex_in_any_case(change: Any) -> None:
    ids = "5b8EfFf798038103d269B633813fc60c", "eee19B7ec3C1b174"
    span = parse_one(traceId=change(ids[0]), spanId=change(ids[1]), parentSpanId=change(ids[1]))
    assert (span.trace_id.hex(), span.span_id.hex()) == (ids[0].lower(), ids[1].lower())
    assert span.parent_span_id == span.span_id


@pytest.mark.parametrize(
    "ids",
    [
        {"traceId": "W47/95gDgQPSabYzgT/GDA=="},
        {"spanId": "7uGbfsPBsXQ="},
        {"traceId": "5b8efff798038103d269b633813fc60"},
        {"traceId": "0x8efff798038103d269b633813fc60c"},
        {"spanId": "eee19b7ec3c1b17z"},
        {"spanId": "eee19b7e c3c1b174"},
        {"parentSpanId": "7uGbfsPBsXQ="},
        {"links": [{"spanId": "7uGbfsPBsXQ="}]},
    ],
)
def test_s30_an_id_that_is_not_hex_costs_only_its_span_and_is_told(ids: dict[str, Any]) -> None:
    rejection = refused(**ids)
    assert rejection.detail.startswith("resourceSpans[0].scopeSpans[0].spans[1].")
    assert "expected hex digits" in rejection.detail
    assert "base64" in rejection.detail


@pytest.mark.parametrize("ids", [{"spanId": ""}, {"traceId": None}, {"traceId": "abcd"}])
def test_s30_an_id_that_is_missing_or_short_costs_only_its_span(ids: dict[str, Any]) -> None:
    body = json_request()
    spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.append({**spans[0], **ids})
    batch = decode_message(message_of(json.dumps(body).encode()), time.time_ns())
    assert (len(batch.calls), len(batch.rejections)) == (1, 1)


def test_s31_enums_are_integers_or_names_and_unknown_numbers_are_data() -> None:
    assert parse_one(kind=3).kind == parse_one(kind="SPAN_KIND_CLIENT").kind == parse_one(kind="3").kind == 3
    assert parse_one(kind=77, status={"code": 99}).status.code == 99
    assert "spans[1].kind" in refused(kind="SPAN_KIND_NOBODY").detail
    assert "spans[1].status.code" in refused(status={"code": 2**31}).detail


def test_s32_snake_case_is_unknown_and_ignored() -> None:
    span = parse_one(traceId=None, trace_id="5b8efff798038103d269b633813fc60c", start_time_unix_nano=5)
    assert span.trace_id == b""
    assert span.start_time_unix_nano == 1_790_000_000_000_000_000
    assert not message_of(b'{"resource_spans":[{"scope_spans":[]}]}').resource_spans


def test_s6_unknown_keys_are_ignored_at_every_level() -> None:
    known = json_request()
    noisy = json.loads(json.dumps(known).replace('{"', '{"unknown":{"deep":[1,{"x":null}]},"'))
    assert message_of(json.dumps(noisy).encode()) == message_of(json.dumps(known).encode())


@pytest.mark.parametrize(
    "value",
    [
        '{"intValue":"540"}',
        '{"intValue":540}',
        '{"intValue":540.0}',
        '{"intValue":5.4e2}',
        '{"intValue":"5.4e2"}',
        '{"intValue":"5400E-1"}',
    ],
)
def test_s33_64_bit_integers_are_strings_or_numbers(value: str) -> None:
    assert attribute(value).int_value == 540


def test_s33_the_extremes_of_64_bits_are_exact() -> None:
    assert attribute('{"intValue":"-9223372036854775808"}').int_value == -(2**63)
    assert attribute('{"intValue":9223372036854775807}').int_value == 2**63 - 1
    assert parse_one(startTimeUnixNano=2**64 - 1).start_time_unix_nano == 2**64 - 1
    assert parse_one(startTimeUnixNano=str(2**64 - 1)).start_time_unix_nano == 2**64 - 1


@pytest.mark.parametrize(
    "value",
    [1e21, "9223372036854775808", "-9223372036854775809", 3.7, "3.7", "1_000", " 5", "", "0x10", "NaN"],
)
def test_s33_an_integer_that_is_none_refuses_its_span_also_where_nobody_reads(value: object) -> None:
    rejection = refused(attributes=[{"key": "server.port", "value": {"intValue": value}}])
    assert rejection.reason == "bad_field"
    assert rejection.detail.startswith(
        "resourceSpans[0].scopeSpans[0].spans[1].attributes[0].value.intValue: expected a "
    )
    assert (len(rejection.trace_id), len(rejection.span_id)) == (16, 8)


def test_a_value_outside_of_the_spans_refuses_the_request() -> None:
    body = json_request()
    body["resourceSpans"][0]["resource"] = {"attributes": [{"key": "n", "value": {"intValue": 1e21}}]}
    with pytest.raises(BadData, match=r"resourceSpans\[0\]\.resource\.attributes\[0\]\.value\.intValue"):
        parse(json.dumps(body).encode())


def test_s33_null_is_an_absent_field() -> None:
    assert message_of(b'{"resourceSpans":null}') == ExportTraceServiceRequest()
    span = parse_one(name=None, attributes=None, status=None, kind=None)
    assert (span.name, len(span.attributes), span.HasField("status"), span.kind) == ("", 0, False, 0)
    assert attribute('{"stringValue":null,"intValue":null}').WhichOneof("value") is None


def test_s33_nan_and_infinity_are_strings() -> None:
    assert math.isnan(attribute('{"doubleValue":"NaN"}').double_value)
    assert attribute('{"doubleValue":"Infinity"}').double_value == math.inf
    assert attribute('{"doubleValue":"-Infinity"}').double_value == -math.inf
    assert attribute('{"doubleValue":"1.5"}').double_value == 1.5
    assert attribute('{"doubleValue":1e-999}').double_value == 0


@pytest.mark.parametrize("bare", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("key", ["doubleValue", "unknown"])
def test_s33_bare_nan_is_refused_even_where_nobody_looks(bare: str, key: str) -> None:
    with pytest.raises(BadData):
        attribute(f'{{"{key}":{bare}}}')


def test_attribute_values_of_every_kind() -> None:
    assert attribute('{"boolValue":true}').bool_value is True
    assert (
        attribute('{"bytesValue":"AAEC/w=="}').bytes_value == attribute('{"bytesValue":"AAEC_w"}').bytes_value
    )
    values = attribute('{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":1}]}}').array_value.values
    assert [values[0].string_value, values[1].int_value] == ["a", 1]
    pairs = attribute(
        '{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":false}}]}}'
    ).kvlist_value.values
    assert pairs[0].value.WhichOneof("value") == "bool_value"
    assert attribute('{"arrayValue":{}}').WhichOneof("value") == "array_value"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"startTimeUnixNano": "yesterday"}, r"spans\[1\]\.startTimeUnixNano"),
        ({"startTimeUnixNano": -1}, r"spans\[1\]\.startTimeUnixNano"),
        ({"startTimeUnixNano": 2**64}, r"spans\[1\]\.startTimeUnixNano"),
        ({"startTimeUnixNano": True}, r"spans\[1\]\.startTimeUnixNano"),
        ({"name": 5}, r"spans\[1\]\.name"),
        ({"attributes": {}}, r"spans\[1\]\.attributes"),
        ({"attributes": [None]}, r"spans\[1\]\.attributes\[0\]"),
        ({"attributes": [{"key": "a", "value": 5}]}, r"attributes\[0\]\.value"),
        ({"attributes": [{"key": "a", "value": {"boolValue": "true"}}]}, r"value\.boolValue"),
        ({"attributes": [{"key": "a", "value": {"bytesValue": "*"}}]}, r"value\.bytesValue"),
        ({"attributes": [{"key": "a", "value": {"intValue": "many"}}]}, r"value\.intValue"),
        ({"attributes": [{"key": "a", "value": {"doubleValue": 10**400}}]}, r"value\.doubleValue"),
        ({"status": []}, r"spans\[1\]\.status"),
        ({"flags": 2**32}, r"spans\[1\]\.flags"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_by_its_place(fields: dict[str, Any], place: str) -> None:
    assert re.search(place, refused(**fields).detail)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"{",
        b"{}{}",
        b"{'a':1}",
        b'{"a":1,}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b'{"a":"\x00"}',
        b'{"a":' + b"9" * 1_000_000 + b"}",
        b'{"a":1e' + b"9" * 1_000_000 + b"}",
        b"[" * 200_000,
        b'{"unknown":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"unknown":' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}",
        b"[" + b"{}," * 2_000_001 + b"{}]",
    ],
    ids=range(18),
)
def test_what_is_no_json_of_ours_is_refused_quickly(body: bytes) -> None:
    with little_work(2), pytest.raises(BadData):
        parse(body)


def test_values_nested_deeper_than_the_binary_parser_takes_are_refused() -> None:
    def nested(depth: int) -> str:
        return '{"arrayValue":{"values":[' * depth + '{"intValue":1}' + "]}}" * depth

    assert attribute(nested(40)).HasField("array_value")
    assert "too deep" in refused(attributes=[{"key": "a", "value": json.loads(nested(60))}]).detail


def test_lone_surrogates_are_replaced() -> None:
    assert attribute(r'{"stringValue":"a\ud800b\udfff"}').string_value == "a�b�"
    assert attribute(r'{"stringValue":"\ud83d\ude00"}').string_value == "😀"


@pytest.mark.parametrize("body", [b"", b" \n", b"{}"])
def test_an_empty_body_is_an_empty_request(body: bytes) -> None:
    assert message_of(body) == ExportTraceServiceRequest()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
_WORDS = """
resourceSpans scopeSpans spans traceId spanId kind name attributes key value stringValue intValue doubleValue
arrayValue values status code events links startTimeUnixNano resource scope flags bytesValue
"""
KEYS = st.sampled_from(_WORDS.split())
SHAPES = st.recursive(
    JSON_VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=examples(150))
@given(SHAPES)
def test_fuzz_any_json_is_a_message_or_bad_data(shape: object) -> None:
    body = json.dumps(shape).encode()
    try:
        parsed = parse(body)
    except BadData as error:
        str(error).encode()
    else:
        assert all(rejection.detail.encode() for rejection in parsed.refused)
        decode_message(parsed.message, time.time_ns())


@settings(max_examples=examples(150))
@given(st.data())
def test_fuzz_one_strange_value_in_a_span_costs_at_most_the_span(data: st.DataObject) -> None:
    body = json_request()
    span = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span[data.draw(st.sampled_from(sorted(span)))] = data.draw(JSON_VALUES)
    span["attributes"] = [
        {"key": "gen_ai.usage.input_tokens", "value": {data.draw(KEYS): data.draw(JSON_VALUES)}}
    ]
    parsed = parse(json.dumps(body).encode())
    batch = decode_message(parsed.message, time.time_ns())
    assert batch.spans + len(parsed.refused) == 1
