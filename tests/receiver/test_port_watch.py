"""What another protocol meets at the gRPC port, and that gRPC loses nothing by our listening beside it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import httpx
import pytest
import uvloop
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from receiver.config import TlsConfig
from tests.end_to_end.traffic import make_spans
from tests.patience import until_async
from tests.receiver.doors import EXPORT, Doors, open_doors, request, span
from tests.receiver.test_problems import certificate as certificate
from tests.sizes import FULL_SIZE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the gRPC port is watched on Linux only")

TRIES = 60
"""The kernel gives us every second connection: a try fails once in 10^18 runs."""
ROUNDS = 12 if FULL_SIZE else 6
"""Each opens a connection of its own: half of them come through the watch."""


async def until(is_so: Callable[[], bool], attempt: Callable[[], Awaitable[object]]) -> None:
    """Try again until it is so."""
    for _ in range(TRIES):
        await attempt()
        if is_so():
            return
    pytest.fail("it did not become so")


def listeners(doors: Doors) -> int:
    """Sockets that listen on the gRPC port."""
    port = f":{doors.grpc.address.port:04X}"
    text = "".join(Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    return sum(fields[1].endswith(port) and fields[3] == "0A" for fields in map(str.split, text.splitlines()))


async def watched(doors: Doors) -> None:
    """Until the port is watched."""
    await until_async(lambda: listeners(doors) == 2)


async def test_http_at_the_silent_grpc_port_is_noted_and_told_where_to_go() -> None:
    async with open_doors(is_shared=True, silent_seconds=0) as doors:
        await watched(doors)
        answers: list[httpx.Response] = []

        async def attempt() -> None:
            try:
                async with httpx.AsyncClient(trust_env=False, verify=False) as client:
                    answers.append(await client.post(f"http://{doors.grpc.address}/v1/traces", content=b"x"))
            except httpx.TransportError:
                pass  # gRPC itself met this one

        await until(lambda: bool(answers), attempt)
        assert answers[0].status_code == 503
        assert "send OTLP/HTTP to port 4318" in answers[0].json()["message"]
        [(cause, transport, _, sender, _)] = doors.counts.notes
        assert (cause, transport) == ("http_on_grpc_port", "grpc")
        assert sender.startswith("python-httpx/")


async def test_the_stock_http_exporter_finds_its_way_into_the_notes() -> None:
    async with open_doors(is_shared=True, silent_seconds=0) as doors:
        await watched(doors)

        async def attempt() -> None:
            exporter = HttpExporter(f"http://{doors.grpc.address}/v1/traces", timeout=1)
            result = await asyncio.to_thread(exporter.export, make_spans(1, seed=1))
            assert result is SpanExportResult.FAILURE
            await asyncio.to_thread(exporter.shutdown)

        await until(lambda: bool(doors.counts.notes), attempt)
        assert doors.counts.notes[0][0] == "http_on_grpc_port"
        assert doors.counts.notes[0][3].startswith("OTel-OTLP-Exporter-Python/")


async def test_tls_at_a_plain_grpc_port_is_noted() -> None:
    async with open_doors(is_shared=True, silent_seconds=0) as doors:
        await watched(doors)

        async def attempt() -> None:
            with pytest.raises(httpx.TransportError):
                async with httpx.AsyncClient(trust_env=False, verify=False) as client:
                    await client.post(f"https://{doors.grpc.address}/v1/traces", content=b"x")

        await until(lambda: bool(doors.counts.notes), attempt)
        assert {note[0] for note in doors.counts.notes} == {"tls_on_plain_port"}


async def test_grpc_without_tls_at_a_tls_port_is_noted(certificate: TlsConfig) -> None:
    async with open_doors(is_shared=True, silent_seconds=0, tls=certificate) as doors:
        await watched(doors)

        async def attempt() -> None:
            async with grpc.aio.insecure_channel(str(doors.grpc.address), options=fresh()) as channel:
                with pytest.raises(grpc.aio.AioRpcError):
                    await channel.unary_unary(EXPORT)(b"", timeout=1)

        await until(lambda: bool(doors.counts.notes), attempt)
        assert {note[0] for note in doors.counts.notes} == {"plain_on_tls_port"}


async def test_grpc_calls_that_come_through_the_watch_are_answered_as_ever(certificate: TlsConfig) -> None:
    await _call_often(certificate)


def test_they_are_with_uvloop_as_well_which_the_service_runs_on(certificate: TlsConfig) -> None:
    uvloop.run(_call_often(certificate))


async def _call_often(certificate: TlsConfig) -> None:
    large = request(*(span(name="x" * 20_000) for _ in range(200)))
    for tls in (None, certificate):
        async with open_doors(is_shared=True, silent_seconds=0, tls=tls) as doors:
            await watched(doors)
            for _ in range(ROUNDS):
                async with channel_to(doors, tls) as channel:
                    answers = [channel.unary_unary(EXPORT)(large.SerializeToString(), timeout=30)]
                    answers += [channel.unary_unary(EXPORT)(request().SerializeToString()) for _ in range(20)]
                    assert await asyncio.gather(*answers) == [b""] * 21
            assert len(doors.sink.calls) == ROUNDS * 220
            assert doors.counts.notes == []


async def test_a_port_that_is_called_is_not_watched() -> None:
    async with open_doors(is_shared=True, silent_seconds=1.5) as doors:
        await watched(doors)
        await doors.export(request())
        await until_async(lambda: listeners(doors) == 1)
        assert (await doors.export(request())).partial_success.rejected_spans == 0
        assert len(doors.sink.calls) == 2


async def test_a_probe_that_says_nothing_is_no_problem() -> None:
    async with open_doors(is_shared=True, silent_seconds=0, header_timeout_seconds=0.2) as doors:
        await watched(doors)
        for _ in range(8):
            _, writer = await doors.connect(doors.grpc.address)
            writer.close()
        silent = [await doors.connect(doors.grpc.address) for _ in range(8)]
        async with asyncio.timeout(15):
            await asyncio.gather(*(reader.read() for reader, _ in silent), return_exceptions=True)
        assert doors.counts.notes == []


def fresh() -> list[tuple[str, int]]:
    """Options for a connection of its own."""
    return [("grpc.use_local_subchannel_pool", 1)]


def channel_to(doors: Doors, tls: TlsConfig | None) -> grpc.aio.Channel:
    """A new connection to the gRPC port."""
    options = [*fresh(), ("grpc.max_send_message_length", -1)]
    if tls is None:
        return grpc.aio.insecure_channel(str(doors.grpc.address), options=options)
    credentials = grpc.ssl_channel_credentials(tls.certificate.read_bytes())
    return grpc.aio.secure_channel(str(doors.grpc.address), credentials, options=options)
