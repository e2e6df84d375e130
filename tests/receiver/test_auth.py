"""Keys on both transports: read from headers, compared whole, checked before the body."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import itertools
import logging
from base64 import b64encode

import grpc
import pytest

from receiver.auth import Forbidden, HashedKeys, Unauthenticated, basic_as_bearer, read_token
from receiver.http.app import LANGFUSE_TRACES
from tests.patience import PATIENCE_SECONDS, little_work, work
from tests.receiver.doors import EXPORT, REPORT, grpc_status, open_doors, request
from tests.receiver.test_http_server import JSON, PROTOBUF, is_status

KEY = "sl_4f9dQ2-secret-key"
OTHER = "sl_another-key"


def keys() -> HashedKeys:
    return HashedKeys(hashlib.sha256(key.encode()).digest() for key in (OTHER, KEY))


def basic(pair: str) -> dict[str, str]:
    return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}


GOOD = [
    {"authorization": f"Bearer {KEY}"},
    {"authorization": f"bearer {KEY}"},
    {"authorization": f"BEARER  {KEY}"},
    {"x-api-key": KEY},
    {"x-api-key": KEY, "authorization": f"Bearer {KEY}"},
    {"x-api-key": KEY, "authorization": "Basic abc"},
]
BAD: list[dict[str, str]] = [
    {},
    {"authorization": ""},
    {"authorization": "Bearer"},
    {"authorization": "Bearer ,"},
    {"authorization": f"Bearer {KEY[:-1]}"},
    {"authorization": f"Bearer {KEY}x"},
    {"authorization": f"Bearer {KEY.upper()}"},
    {"authorization": f"Bearer {KEY}, Bearer {KEY}"},
    {"authorization": KEY},
    {"authorization": f"Token {KEY}"},
    {"x-api-key": KEY[:-1]},
    {"x-api-key": KEY, "authorization": f"Bearer {OTHER}"},
    {"cookie": f"authorization=Bearer {KEY}"},
    {"proxy-authorization": f"Bearer {KEY}"},
    basic(f"public:{KEY}"),
]


async def test_a_valid_key_opens_both_transports() -> None:
    async with open_doors(keys()) as doors:
        for headers in GOOD:
            assert (await doors.post(request(), headers=headers)).status_code == 200, headers
            assert (await doors.post(REPORT, "/v1/telemetry", headers)).status_code == 200, headers
            await doors.export(request(), metadata=list(headers.items()))
        assert len(doors.sink.calls) == 3 * len(GOOD)


async def test_anything_else_is_refused_on_both_with_whatever_body() -> None:
    bodies = (request().SerializeToString(), b"", b"\x07garbage")
    async with open_doors(keys()) as doors:
        for headers, body in itertools.product(BAD, bodies):
            for path in ("/v1/traces", "/v1/metrics", "/v1/logs", "/v1/telemetry"):
                response = await doors.post(body, path, headers)
                is_status(response, 401, PROTOBUF)
                assert response.headers["www-authenticate"] == "Bearer", headers
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await doors.export(body, metadata=list(headers.items()))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED, headers
        assert not doors.sink.batches


async def test_a_key_in_the_query_is_none() -> None:
    async with open_doors(keys()) as doors:
        response = await doors.post(request(), f"/v1/traces?authorization=Bearer%20{KEY}&x-api-key={KEY}")
        is_status(response, 401, PROTOBUF)


async def test_the_refusal_comes_in_the_encoding_of_the_request() -> None:
    async with open_doors(keys()) as doors:
        is_status(await doors.post({}), 401, JSON)


async def test_the_password_of_basic_is_the_key_only_where_langfuse_sends() -> None:
    async with open_doors(keys()) as doors:
        headers = basic(f"pk-public:{KEY}")
        assert (await doors.post(request(), LANGFUSE_TRACES, headers)).status_code == 200
        is_status(await doors.post(request(), "/v1/traces", headers), 401, PROTOBUF)
        is_status(await doors.post(request(), LANGFUSE_TRACES, basic(f"{KEY}:wrong")), 401, PROTOBUF)
        is_status(await doors.post(request(), LANGFUSE_TRACES, {"authorization": "Basic ?"}), 401, PROTOBUF)


async def test_a_bomb_without_a_key_is_refused_before_it_is_read() -> None:
    bomb = gzip.compress(bytes(256 << 20), 1)
    async with open_doors(keys()) as doors:
        with little_work(work(lambda: gzip.decompress(bomb), rounds=1)):
            is_status(await doors.post(bomb, headers={"content-encoding": "gzip"}), 401, PROTOBUF)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await doors.export(bomb)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_over_grpc_the_answer_does_not_wait_for_the_message() -> None:
    async def stall() -> object:
        await asyncio.sleep(10 * PATIENCE_SECONDS)
        yield b""

    async with open_doors(keys()) as doors, asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await doors.channel.stream_unary(EXPORT)(stall())
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_over_http_the_answer_does_not_wait_for_the_body() -> None:
    async with open_doors(keys()) as doors:
        reader, writer = await doors.connect(doors.http.address)
        writer.write(
            b"POST /v1/traces HTTP/1.1\r\nhost: x\r\n"
            b"content-type: application/json\r\ncontent-length: 9999\r\n\r\n"
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 1)
        assert head.startswith(b"HTTP/1.1 401")
        assert b"connection: close" in head


async def test_a_key_without_the_right_is_403_and_permission_denied() -> None:
    class ReadOnly:
        async def check(self, headers: object) -> None:
            raise Forbidden("this key may read and not send")

    async with open_doors(ReadOnly()) as doors:
        is_status(await doors.post(request()), 403, PROTOBUF)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await doors.export(request())
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_no_key_is_ever_logged_or_answered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "sl_do-not-repeat-me"
    async with open_doors(keys()) as doors:
        response = await doors.post(request(), headers={"x-api-key": secret})
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await doors.export(request(), metadata=[("x-api-key", secret)])
        said = str(grpc_status(caught.value)) + str(doors.counts.values)
        assert secret not in response.text + str(response.headers) + said
    ours = [
        each.getMessage()
        for each in caplog.records
        if each.name.startswith(("spanledger", "receiver", "uvicorn"))
    ]
    assert secret not in "".join(ours)
    assert secret not in repr(keys())


@pytest.mark.parametrize("headers", GOOD)
def test_a_token_is_read_exactly(headers: dict[str, str]) -> None:
    assert read_token(headers) == KEY


async def test_an_empty_set_of_keys_lets_nobody_in() -> None:
    with pytest.raises(Unauthenticated):
        await HashedKeys([]).check({"x-api-key": KEY})


def test_a_password_may_hold_colons_and_a_broken_pair_changes_nothing() -> None:
    assert basic_as_bearer(basic("user:a:b"))["authorization"] == "Bearer a:b"
    broken = {"authorization": "Basic /w=="}
    assert basic_as_bearer(broken) == broken
