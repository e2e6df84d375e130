"""The stock OpenTelemetry exporters of Python against both servers: what most senders really are."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from processor.calls.errors import Overloaded
from receiver.config import TlsConfig
from tests.certificates import make_certificates
from tests.receiver.doors import Doors, Sink, open_doors, request
from tests.receiver.test_auth import KEY, keys

Exporter = Callable[[Doors], SpanExporter]
HEADERS = {"x-api-key": KEY}


def over_grpc(**options: Any) -> Exporter:
    return lambda doors: GrpcExporter(
        f"http://{doors.grpc.address}", insecure=True, headers=HEADERS, **options
    )


def over_http(**options: Any) -> Exporter:
    return lambda doors: HttpExporter(f"http://{doors.http.address}/v1/traces", headers=HEADERS, **options)


EXPORTERS = {
    "grpc": over_grpc(),
    "grpc gzip": over_grpc(compression=grpc.Compression.Gzip),
    "http": over_http(),
    "http gzip": over_http(compression=Compression.Gzip),
    "http deflate is refused": over_http(compression=Compression.Deflate),
}


def finished_spans(count: int) -> Sequence[ReadableSpan]:
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("application")
    for _ in range(count):
        with tracer.start_as_current_span("chat gpt-4o-mini") as span:
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.provider.name", "openai")
            span.set_attribute("gen_ai.request.model", "gpt-4o-mini")
            span.set_attribute("gen_ai.usage.input_tokens", 540)
    provider.shutdown()
    return memory.get_finished_spans()


def ids(spans: Sequence[ReadableSpan]) -> list[bytes]:
    return sorted(span.context.span_id.to_bytes(8, "big") for span in spans)


@pytest.mark.parametrize("name", [name for name in EXPORTERS if "refused" not in name])
async def test_the_stored_set_is_the_sent_set(name: str) -> None:
    spans = finished_spans(2000)
    async with open_doors(keys()) as doors:
        exporter = EXPORTERS[name](doors)
        for start in range(0, len(spans), 512):
            result = await asyncio.to_thread(exporter.export, spans[start : start + 512])
            assert result is SpanExportResult.SUCCESS
        await asyncio.to_thread(exporter.shutdown)
        assert doors.sink.span_ids == ids(spans)


@pytest.mark.parametrize("make", [over_grpc(), over_http()])
async def test_overload_is_retried_by_the_exporter_until_it_ends(make: Exporter) -> None:
    spans = finished_spans(5)
    async with open_doors(keys(), Sink(failure=Overloaded("full", 0.2))) as doors:
        exporter = make(doors)
        sending = asyncio.create_task(asyncio.to_thread(exporter.export, spans))
        await asyncio.sleep(0.5)
        doors.sink.failure = None
        assert await sending is SpanExportResult.SUCCESS
        await asyncio.to_thread(exporter.shutdown)
        assert doors.sink.span_ids == ids(spans)


@pytest.mark.parametrize("name", ["grpc", "http"])
async def test_a_wrong_key_is_a_final_failure(name: str) -> None:
    async with open_doors(keys()) as doors:
        doors.authenticator._digests = ()  # type: ignore[attr-defined]
        exporter = EXPORTERS[name](doors)
        result = await asyncio.wait_for(asyncio.to_thread(exporter.export, finished_spans(1)), 5)
        assert result is SpanExportResult.FAILURE
        await asyncio.to_thread(exporter.shutdown)


async def test_deflate_over_http_is_refused_with_the_coding_that_is_taken() -> None:
    async with open_doors(keys()) as doors:
        exporter = EXPORTERS["http deflate is refused"](doors)
        assert await asyncio.to_thread(exporter.export, finished_spans(1)) is SpanExportResult.FAILURE
        await asyncio.to_thread(exporter.shutdown)


async def test_a_metric_exporter_on_the_same_port_is_content() -> None:
    async with open_doors() as doors:
        exporter = OTLPMetricExporter(f"http://{doors.grpc.address}", insecure=True)
        provider = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=10**7)])
        provider.get_meter("application").create_counter("calls").add(1)
        assert await asyncio.to_thread(provider.force_flush)
        await asyncio.to_thread(provider.shutdown)
        assert doors.counts.values["ignored", "metrics"] >= 1


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def certificates(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the files; `requests` would prefer an authority that the environment names."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return authority


async def test_tls_on_both_ports(certificates: Path) -> None:
    tls = TlsConfig(certificate=certificates / "server.pem", key=certificates / "server.key")
    async with open_doors(tls=tls) as doors:
        ca = str(certificates / "ca.pem")
        over_tls: list[SpanExporter] = [
            GrpcExporter(
                f"https://{doors.grpc.address}",
                credentials=trusting(ca),
            ),
            HttpExporter(f"https://{doors.http.address}/v1/traces", certificate_file=ca),
        ]
        for exporter in over_tls:
            assert await asyncio.to_thread(exporter.export, finished_spans(3)) is SpanExportResult.SUCCESS
            await asyncio.to_thread(exporter.shutdown)
        assert len(doors.sink.calls) == 6


async def test_mutual_tls_wants_a_certificate_of_the_authority(certificates: Path) -> None:
    tls = TlsConfig(
        certificate=certificates / "server.pem",
        key=certificates / "server.key",
        client_ca=certificates / "ca.pem",
    )
    ca, pem, key = (str(certificates / name) for name in ("ca.pem", "client.pem", "client.key"))
    async with open_doors(tls=tls) as doors:
        url = f"https://{doors.http.address}/v1/traces"
        with_certificate = HttpExporter(
            url, certificate_file=ca, client_certificate_file=pem, client_key_file=key
        )
        assert await asyncio.to_thread(with_certificate.export, finished_spans(1)) is SpanExportResult.SUCCESS
        await asyncio.to_thread(with_certificate.shutdown)
        credentials = trusting(ca, key, pem)
        exporter = GrpcExporter(f"https://{doors.grpc.address}", credentials=credentials)
        assert await asyncio.to_thread(exporter.export, finished_spans(1)) is SpanExportResult.SUCCESS
        await asyncio.to_thread(exporter.shutdown)
        body = request().SerializeToString()
        async with httpx.AsyncClient(verify=ssl_context(ca), trust_env=False) as stranger:
            with pytest.raises(httpx.TransportError):
                await stranger.post(url, content=body)
        async with grpc.aio.secure_channel(str(doors.grpc.address), trusting(ca)) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary("/x/y")(body, timeout=5)
        assert len(doors.sink.calls) == 2


def ssl_context(ca: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)


def trusting(*files: str) -> grpc.ChannelCredentials:
    """Credentials of a client: authority, then key and certificate of its own, PEM files."""
    return grpc.ssl_channel_credentials(*(Path(name).read_bytes() for name in files))
