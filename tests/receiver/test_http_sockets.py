"""HTTP that no client library sends: what a proxy or an attacker can put on the wire byte by byte."""

from __future__ import annotations

import asyncio
import gzip
import json
from contextlib import suppress

import pytest

from tests.patience import PATIENCE_SECONDS, little_work
from tests.receiver.doors import Doors, Sink, open_doors, request, span

HEAD = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
GET = b"GET /v1/traces HTTP/1.1\r\nhost: x\r\n\r\n"


CLOSED_SECONDS = 9.0
"""Shorter than the time-outs that a test does not set itself."""


class Wire:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, within_seconds: float = PATIENCE_SECONDS) -> tuple[int, dict[str, str], bytes]:
        """The next response: code, headers, body."""
        async with asyncio.timeout(within_seconds):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])
            }
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers, body

    async def is_closed(self, within_seconds: float = CLOSED_SECONDS) -> bool:
        """True when the server ends the connection in time; whatever it still says is thrown away."""
        try:
            async with asyncio.timeout(within_seconds):
                while await self.reader.read(65536):
                    pass
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True


async def dial(doors: Doors) -> Wire:
    return Wire(*await doors.connect(doors.http.address))


def length(size: int) -> bytes:
    return b"content-length: %d\r\n\r\n" % size


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


async def still_answers(doors: Doors) -> None:
    """A plain request works right after, with little work."""
    with little_work(3):
        assert (await doors.post(request())).status_code == 200


async def test_s26_expect_100_continue_is_answered_before_the_body() -> None:
    body = request().SerializeToString()
    async with open_doors() as doors:
        wire = await dial(doors)
        wire.send(HEAD + b"expect: 100-continue\r\n" + length(len(body)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(body)
        assert (await wire.answer())[0] == 200


async def test_expect_100_continue_is_refused_without_asking_for_the_body() -> None:
    async with open_doors() as doors:
        wire = await dial(doors)
        wire.send(HEAD + b"expect: 100-continue\r\n" + length(1 << 40))
        code, headers, _ = await wire.answer()
        assert (code, headers["connection"]) == (413, "close")
        assert await wire.is_closed()


async def test_header_values_may_have_space_around_them() -> None:
    body = gzip.compress(request().SerializeToString())
    async with open_doors() as doors:
        wire = await dial(doors)
        wire.send(HEAD + b"Content-Encoding: \t gzip \t\r\n" + length(len(body)) + body)
        assert (await wire.answer())[0] == 200


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with open_doors() as doors:
        wire = await dial(doors)
        body = request().SerializeToString()
        wire.send(HEAD + length(len(body)) + body + GET + HEAD + length(1) + b"\x07")
        assert [(await wire.answer())[0] for _ in range(3)] == [200, 405, 400]


async def test_http_1_0_is_answered_and_closed() -> None:
    async with open_doors() as doors:
        wire = await dial(doors)
        wire.send(HEAD.replace(b"1.1", b"1.0") + length(0))
        assert (await wire.answer())[0] == 200
        assert await wire.is_closed()


async def test_an_oversized_length_is_413_from_the_header_alone() -> None:
    async with open_doors() as doors:
        wire = await dial(doors)
        wire.send(HEAD + length((64 << 20) + 1))
        code, headers, _ = await wire.answer()
        assert (code, headers["connection"]) == (413, "close")
        assert await wire.is_closed()
        await still_answers(doors)


async def test_a_sender_of_an_oversized_body_still_sees_the_413() -> None:
    """It writes 20 MiB before it reads; closing at once would reset the connection under the answer."""
    async with open_doors(max_message_bytes=1 << 20) as doors:
        wire = await dial(doors)
        wire.send(HEAD + length(20 << 20) + bytes(20 << 20))
        assert (await wire.answer())[0] == 413


async def test_an_endless_chunked_body_is_cut_at_the_limit() -> None:
    async with open_doors(max_message_bytes=1 << 20) as doors:
        wire = await dial(doors)
        wire.send(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        sent = 0
        with suppress(ConnectionError):
            while sent < 40 << 20 and not wire.reader._buffer:  # type: ignore[attr-defined]
                wire.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                await wire.writer.drain()
                sent += 0x10000
        code, headers, _ = await wire.answer()
        assert (code, headers["connection"]) == (413, "close")
        assert doors.intake.budget.used == 0
        await still_answers(doors)


@pytest.mark.parametrize(
    "headers",
    [
        b"content-length: 5\r\ncontent-length: 6\r\n",
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
        b"content-length: -1\r\n",
        b"content-length: +5\r\n",
        b"content-length: 5, 6\r\n",
        b"content-length: 99999999999999999999999999\r\n",
        b"content-length: five\r\n",
        b"transfer-encoding: gzip\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"bad name: x\r\n",
    ],
)
async def test_ambiguous_or_broken_framing_is_refused_and_closed(headers: bytes) -> None:
    async with open_doors() as doors:
        wire = await dial(doors)
        wire.send(HEAD + headers + b"\r\nhello")
        code, answered, body = await wire.answer()
        assert 400 <= code < 500
        assert json.loads(body)["message"] if answered["content-type"] == "application/json" else body
        assert await wire.is_closed()
        assert not doors.sink.batches
        await still_answers(doors)


@pytest.mark.parametrize("junk", [b"\x16\x03\x01\x02\x00\x01\x00", b"HELLO\r\n\r\n", b"\0" * 100])
async def test_what_is_no_http_is_400_with_a_status_and_closed(junk: bytes) -> None:
    async with open_doors() as doors:
        wire = await dial(doors)
        wire.send(junk)
        code, _, body = await wire.answer()
        assert code == 400
        assert json.loads(body)["code"] == 3
        assert await wire.is_closed()


@pytest.mark.parametrize("broken", [b"zz\r\n", b"-5\r\n", b"5\r\nhelloX", b"ffffffffffffffffff\r\n"])
async def test_a_broken_chunk_ends_the_connection_and_stores_nothing(broken: bytes) -> None:
    async with open_doors() as doors:
        wire = await dial(doors)
        wire.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + broken)
        assert await wire.is_closed()
        assert not doors.sink.batches
        await still_answers(doors)


async def test_a_body_shorter_than_its_length_stores_nothing() -> None:
    body = request().SerializeToString()
    async with open_doors() as doors:
        wire = await dial(doors)
        wire.send(HEAD + length(len(body) + 1) + body)
        wire.writer.write_eof()
        await asyncio.sleep(0.2)
        wire.writer.close()
        await still_answers(doors)
        assert len(doors.sink.batches) == 1  # the plain one
        assert doors.intake.budget.used == 0


async def test_headers_that_do_not_end_in_time_are_cut() -> None:
    async with open_doors(header_timeout_seconds=0.4) as doors:
        slow = [await dial(doors) for _ in range(3)]
        slow[1].send(b"POST /v1/traces HTTP/1.1\r\nhost:")
        slow[2].send(b"\r\n" * 3)
        trickle = asyncio.create_task(_trickle(slow[1], b" x"))
        assert await asyncio.gather(*(wire.is_closed() for wire in slow)) == [True] * 3
        trickle.cancel()
        await still_answers(doors)


async def test_on_a_kept_connection_the_next_headers_have_the_same_time() -> None:
    async with open_doors(header_timeout_seconds=0.4) as doors:
        wire = await dial(doors)
        wire.send(GET)
        await wire.answer()
        await asyncio.sleep(0.6)  # silence between requests is not counted
        wire.send(GET)
        await wire.answer()
        trickle = asyncio.create_task(_trickle(wire, b"G"))
        assert await wire.is_closed()
        trickle.cancel()


async def test_a_kept_connection_without_a_next_request_is_closed() -> None:
    async with open_doors(idle_timeout_seconds=1) as doors:
        wire = await dial(doors)
        wire.send(GET)
        await wire.answer()
        assert await wire.is_closed()


async def test_a_body_that_does_not_end_in_time_is_cut_and_may_be_sent_again() -> None:
    async with open_doors(body_timeout_seconds=0.4) as doors:
        wire = await dial(doors)
        wire.send(HEAD + length(10_000))
        trickle = asyncio.create_task(_trickle(wire, b"x"))
        code, headers, _ = await wire.answer()
        assert code == 503
        assert headers["retry-after"]
        assert await wire.is_closed()
        trickle.cancel()
        assert doors.intake.budget.used == 0
        await still_answers(doors)


async def _trickle(wire: Wire, piece: bytes) -> None:
    with suppress(ConnectionError):
        while True:
            wire.send(piece)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("shape", ["one endless line", "many lines", "a long path"])
async def test_headers_beyond_their_limit_are_431(shape: str) -> None:
    head = {
        "one endless line": b"GET / HTTP/1.1\r\nx: " + b"y" * 700_000,
        "many lines": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
        "a long path": b"GET /" + b"p" * 100_000 + b" HTTP/1.1\r\n\r\n",
    }[shape]
    async with open_doors() as doors:
        wire = await dial(doors)
        wire.send(head)
        assert (await wire.answer())[0] == 431
        assert await wire.is_closed()
        assert doors.counts.values["connections_cut", "header_bytes"] == 1
        await still_answers(doors)


async def test_above_the_connection_cap_the_next_one_is_503_and_closed() -> None:
    async with open_doors(max_connections=5) as doors:
        held = [await dial(doors) for _ in range(5)]
        await asyncio.sleep(0.1)
        code, headers, _ = await (await dial(doors)).answer()
        assert code == 503
        assert headers["retry-after"]
        for wire in held:
            wire.writer.close()
        await asyncio.sleep(0.2)
        await still_answers(doors)


async def test_six_hundred_silent_connections_hold_nobody_up() -> None:
    async with open_doors() as doors:
        await asyncio.gather(*(dial(doors) for _ in range(600)))
        await still_answers(doors)
        await doors.export(request())


async def test_forty_stalled_bodies_hold_nobody_up() -> None:
    async with open_doors() as doors:
        stalled = [await dial(doors) for _ in range(40)]
        for wire in stalled:
            wire.send(HEAD + length(60 << 20) + bytes(1000))
        await still_answers(doors)


async def test_a_sender_that_hangs_up_while_we_commit_costs_nothing() -> None:
    body = request(span()).SerializeToString()
    async with open_doors(sink=Sink(delay_seconds=0.2)) as doors:
        wire = await dial(doors)
        wire.send(HEAD + length(len(body)) + body)
        await asyncio.sleep(0.05)
        wire.writer.transport.abort()
        await asyncio.sleep(0.4)
        assert len(doors.sink.calls) == 1  # committed, though nobody heard it: the resend will be a duplicate
        assert doors.intake.budget.used == 0
        await still_answers(doors)


async def test_chunks_of_one_byte_are_a_body() -> None:
    body = request().SerializeToString()
    async with open_doors() as doors:
        wire = await dial(doors)
        pieces = [body[place : place + 1] for place in range(len(body))]
        wire.send(HEAD + b"Transfer-Encoding: Chunked\r\n\r\n" + chunked(*pieces))
        assert (await wire.answer())[0] == 200
        assert len(doors.sink.calls) == 1
