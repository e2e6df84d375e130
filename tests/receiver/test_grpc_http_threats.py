"""What attackers and broken senders do, on both transports: bounded, and a plain request works right after.

The servers run in a process of their own, so that their memory can be read.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import multiprocessing
import time
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any, NamedTuple

import grpc
import httpx
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from processor.calls.errors import BadData
from receiver.otlp.decode import decode
from tests.patience import PATIENCE_SECONDS, little_work
from tests.receiver.doors import EXPORT, json_request, open_doors, request, span
from tests.sizes import examples

MIB = 1 << 20
GROWTH_LIMIT = 400 * MIB
WORK_SECONDS = 10.0
JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf"}


def _serve(addresses: Any) -> None:
    async def run() -> None:
        async with open_doors() as doors:
            addresses.send((str(doors.grpc.address), str(doors.http.address)))
            await asyncio.get_running_loop().run_in_executor(None, addresses.recv)

    asyncio.run(run())


class Target(NamedTuple):
    process: psutil.Process
    channel: grpc.aio.Channel
    client: httpx.AsyncClient

    async def export(self, body: bytes) -> str:
        """The gRPC code of the answer."""
        try:
            await self.channel.unary_unary(EXPORT)(body, timeout=PATIENCE_SECONDS)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    async def post(self, body: bytes, **headers: str) -> int:
        """The HTTP code of the answer."""
        return (
            await self.client.post("/v1/traces", content=body, headers={**PROTOBUF, **headers})
        ).status_code


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[psutil.Process, str, str]]:
    """The servers' process and their addresses."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    grpc_address, http_address = ours.recv()
    yield psutil.Process(process.pid), grpc_address, http_address
    ours.send("stop")
    process.join(10)
    ours.close()
    theirs.close()


@pytest.fixture
async def target(served: tuple[psutil.Process, str, str]) -> AsyncIterator[Target]:
    """The servers; afterwards a plain request must work at once, memory must have stayed within bounds."""
    process, grpc_address, http_address = served
    options = [("grpc.max_send_message_length", -1)]
    async with (
        grpc.aio.insecure_channel(grpc_address, options=options) as channel,
        httpx.AsyncClient(
            base_url=f"http://{http_address}", timeout=PATIENCE_SECONDS, trust_env=False, verify=False
        ) as client,
    ):
        made = Target(process, channel, client)
        plain = request().SerializeToString()
        assert await made.export(plain) == "OK"
        before = process.memory_info().rss
        peaks = [0]
        watch = asyncio.create_task(_watch_memory(process, peaks))
        yield made
        with little_work(3, process):
            assert await made.export(plain) == "OK"
            assert await made.post(plain) == 200
        watch.cancel()
        assert max(peaks) - before < GROWTH_LIMIT


async def _watch_memory(process: psutil.Process, peaks: list[int]) -> None:
    while True:
        peaks.append(process.memory_info().rss)
        await asyncio.sleep(0.02)


@cache
def gzip_bomb(size_mib: int) -> bytes:
    return gzip.compress(bytes(size_mib * MIB), 9)


@pytest.mark.parametrize("size_mib", [1, 64, 65, 256])
async def test_a_gzip_bomb_is_refused_within_bounds(target: Target, size_mib: int) -> None:
    bomb = gzip_bomb(size_mib)
    too_large = size_mib > 64
    with little_work(WORK_SECONDS, target.process):
        assert await target.export(bomb) == ("RESOURCE_EXHAUSTED" if too_large else "INVALID_ARGUMENT")
        assert await target.post(bomb, **{"content-encoding": "gzip"}) == (413 if too_large else 400)


async def test_eight_bombs_at_once_on_each_transport(target: Target) -> None:
    bomb = gzip_bomb(256)
    with little_work(WORK_SECONDS, target.process):
        codes = await asyncio.gather(
            *(target.export(bomb) for _ in range(8)),
            *(target.post(bomb, **{"content-encoding": "gzip"}) for _ in range(8)),
        )
    assert set(codes) == {"RESOURCE_EXHAUSTED", 413}


async def test_eight_bombs_that_lie_about_their_size(target: Target) -> None:
    bomb = gzip_bomb(256)[:-4] + b"\x10\0\0\0"
    with little_work(5, target.process):  # 0.2 s each
        codes = await asyncio.gather(*(target.export(bomb) for _ in range(8)))
    assert set(codes) == {"RESOURCE_EXHAUSTED"}


async def test_a_bomb_of_valid_spans_leaves_others_answered(target: Target) -> None:
    """60 MiB of spans in a few hundred KiB: legal, large, decoded beside the loop."""
    one = request(span(attributes={"filler": "x" * 20_000})).SerializeToString()
    bomb = gzip.compress(one * (60 * MIB // len(one)), 6)
    begun = time.monotonic()
    sending = asyncio.create_task(target.export(bomb))
    await asyncio.sleep(0.1)
    assert await target.export(request().SerializeToString()) == "OK"
    plain = time.monotonic() - begun
    assert await sending == "OK"
    assert plain < (time.monotonic() - begun) / 2


async def test_three_hundred_fat_requests_are_answered(target: Target) -> None:
    fat = request(span(attributes={"text": "x" * MIB})).SerializeToString()
    codes = await asyncio.gather(
        *(target.export(fat) for _ in range(150)), *(target.post(fat) for _ in range(150))
    )
    assert set(codes) <= {"OK", 200, "UNAVAILABLE", 503}
    assert codes.count("OK") + codes.count(200) > 0


async def test_a_span_with_20_000_attributes_is_accepted(target: Target) -> None:
    made = span(attributes={f"attribute.{place}": "value" for place in range(20_000)})
    with little_work(WORK_SECONDS, target.process):
        assert await target.export(request(made).SerializeToString()) == "OK"
        assert await target.post(request(made).SerializeToString()) == 200


async def test_megabyte_attributes_5000_events_and_5000_resources_are_accepted(target: Target) -> None:
    eventful = span(attributes={"gen_ai.prompt": "p" * MIB})
    for place in range(5000):
        eventful.events.add(name=f"event {place}", time_unix_nano=1)
    many = ExportTraceServiceRequest()
    for _ in range(5000):
        many.resource_spans.add().scope_spans.add().spans.append(span())
    with little_work(WORK_SECONDS, target.process):
        assert await target.export(request(eventful).SerializeToString()) == "OK"
        assert await target.export(many.SerializeToString()) == "OK"


@pytest.mark.parametrize("depth", [50, 1000, 20_000])
async def test_values_nested_deep_crash_nothing(target: Target, depth: int) -> None:
    value = AnyValue(int_value=1).SerializeToString()
    for _ in range(depth):
        inner = b"\x0a" + _varint(len(value)) + value  # ArrayValue.values
        value = b"\x2a" + _varint(len(inner)) + inner  # AnyValue.array_value
    made = span()
    deep = KeyValue(key="gen_ai.deep").SerializeToString() + b"\x12" + _varint(len(value)) + value
    content = made.SerializeToString() + b"\x4a" + _varint(len(deep)) + deep
    body = (
        b"\x0a"
        + _varint(len(scope := b"\x12" + _varint(len(s := b"\x12" + _varint(len(content)) + content)) + s))
        + scope
    )
    assert await target.export(body) in {"OK", "INVALID_ARGUMENT"}
    assert await target.post(body) in {200, 400}


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


@pytest.mark.parametrize(
    "body",
    [
        b'{"unknown":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"resourceSpans":' + b"[" * 200_000,
        b'{"a":' + b"9" * 1_000_000 + b"}",
        b'{"resourceSpans":[{"scopeSpans":NaN}]}',
        b"[" + b"{}," * 3_000_000 + b"{}]",
        b'{"a":"\xff\xfe"}',
    ],
    ids=[
        "deep unknown",
        "deep known",
        "million digits",
        "bare NaN",
        "nine megabytes of objects",
        "invalid UTF-8",
    ],
)
async def test_hostile_json_is_400_with_little_work(target: Target, body: bytes) -> None:
    with little_work(3, target.process):
        assert await target.post(body, **JSON) == 400


@pytest.mark.parametrize(
    "value", ["a\0b", "\udcff".encode("utf-8", "surrogatepass").decode("latin-1"), "😀" * 1000]
)
async def test_odd_text_costs_nothing(target: Target, value: str) -> None:
    made = span(attributes={"endpoint_tag": value, "gen_ai.request.model": value})
    assert await target.export(request(made).SerializeToString()) == "OK"


async def test_invalid_utf_8_in_a_span_is_an_answer_and_no_fault(target: Target) -> None:
    body = request(span()).SerializeToString().replace(b"chat gpt-4o-mini", b"chat \xff\xfe-4o-mini")
    assert await target.export(body) in {"OK", "INVALID_ARGUMENT"}
    assert await target.post(body) in {200, 400}


@pytest.mark.parametrize(
    "value",
    [
        {"intValue": "-5"}, {"doubleValue": 3.7}, {"doubleValue": "NaN"}, {"doubleValue": "Infinity"},
        {"intValue": str(2**63 - 1)}, {"intValue": str(-(2**63))}, {"doubleValue": None},
        {"stringValue": "many"}, {"arrayValue": {}}, {"boolValue": True},
    ],
    ids=str,
)  # fmt: skip
async def test_a_strange_token_count_keeps_the_span(value: dict[str, Any]) -> None:
    body = json_request()
    attributes = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    attributes[3]["value"] = value
    async with open_doors() as doors:
        assert (await doors.post(body)).json() == {}
        [call] = doors.sink.calls
        assert call.input_tokens is None or call.input_tokens >= 0
        assert call.output_tokens == 180


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 0), (5, 4), (2**64 - 1, 2**64 - 1), (2**63, 0), (1_790_000_000, 1_790_000_001), (1, 2**64 - 1)],
)
async def test_strange_times_are_no_error_of_the_request(start: int, end: int) -> None:
    good = span()
    strange = span(start_time_unix_nano=start, end_time_unix_nano=end)
    async with open_doors() as doors:
        await doors.export(request(good, strange))
        assert good.span_id in doors.sink.span_ids


SOUND = request(span(), span(attributes={"user.id": "u1"})).SerializeToString()


@settings(max_examples=examples(150))
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_fuzz_mutated_protobuf_is_a_batch_or_bad_data(changes: list[tuple[int, int]]) -> None:
    body = bytearray(SOUND)
    for place, byte in changes:
        body[place] = byte
    _decodes_or_refuses(bytes(body))


@settings(max_examples=examples(150))
@given(st.binary(max_size=200) | st.integers(0, len(SOUND)).map(lambda end: SOUND[:end]))
def test_fuzz_any_bytes_are_a_batch_or_bad_data(body: bytes) -> None:
    _decodes_or_refuses(body)


def _decodes_or_refuses(body: bytes) -> None:
    try:
        batch = decode(body, time.time_ns())
    except BadData as error:
        str(error).encode()
        return
    assert len(batch.rejections) <= batch.spans
    json.dumps([rejection.detail for rejection in batch.rejections]).encode()


async def test_a_mix_of_good_and_bad_spans_is_counted_exactly_over_both_transports() -> None:
    spans = [span(span_id=b"\0" * 8) if place % 7 == 3 else span() for place in range(1000)]
    bad = sum(1 for each in spans if not any(each.span_id))
    async with open_doors() as doors:
        over_grpc = await doors.export(request(*spans))
        over_http = ExportTraceServiceResponse.FromString((await doors.post(request(*spans))).content)
        assert over_grpc.partial_success.rejected_spans == over_http.partial_success.rejected_spans == bad
        assert len(doors.sink.calls) == 2 * (1000 - bad)
