"""What the receiver's tests share: real servers on free ports, a sink that collects, requests to send."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processor.calls.call import Batch, ModelCall, Outcome, Rejection
from receiver.auth import Authenticator, Open
from receiver.config import Address, ReceiverConfig
from receiver.grpc import GrpcServer, serve_grpc
from receiver.http.server import HttpServer, serve_http
from receiver.intake import Intake
from tests.patience import PATIENCE_SECONDS

ANY_PORT = "127.0.0.1:0"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
REPORT: dict[str, Any] = {
    "externalRequestId": "req_01HZXB6MQZ2WQ9D2KCF9M4V2QY",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "endpointTag": "checkout.ai_summary",
    "promptVersion": "summary_v3",
    "userId": "tenant_acme_hash",
    "inputTokens": 540,
    "outputTokens": 180,
    "latencyMs": 892,
    "status": "success",
    "dataMode": "real",
    "environment": "prod",
}
_ids = itertools.count(1)


@dataclass
class Sink:
    """A consumer that keeps what it is given and accepts everything, unless told otherwise.

    Attributes:
        failure: raised instead of accepting.
        delay_seconds: how long a "commit" takes.
        also_refused: rejections of the ledger, on top of those made while decoding.
    """

    batches: list[Batch] = field(default_factory=list)
    failure: Exception | None = None
    delay_seconds: float = 0.0
    also_refused: list[Rejection] = field(default_factory=list)
    duplicates: int = 0

    async def consume(self, batch: Batch) -> Outcome:
        """Keep it."""
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.failure is not None:
            raise self.failure
        self.batches.append(batch)
        rejections = [*batch.rejections, *self.also_refused]
        return Outcome(
            len(batch.calls) - len(self.also_refused) - self.duplicates, self.duplicates, rejections
        )

    @property
    def calls(self) -> list[ModelCall]:
        """Every call, in the order of arrival."""
        return [call for batch in self.batches for call in batch.calls]

    @property
    def span_ids(self) -> list[bytes]:
        """The calls' span ids, sorted."""
        return sorted(call.span_id for call in self.calls)


class Meeting(Sink):
    """A sink that accepts when so many requests are in it at the same time, and not before."""

    def __init__(self, requests: int) -> None:
        super().__init__()
        self._all_here = asyncio.Barrier(requests)

    async def consume(self, batch: Batch) -> Outcome:
        """Keep it, with all the others."""
        await self._all_here.wait()
        return await super().consume(batch)


class Counts:
    """An observer that can be read: `counts["requests", "OK"]` style keys of (name, *label values).

    Attributes:
        notes: (cause, transport, detail, sender, service) of every problem.
        services: services whose calls were read.
    """

    def __init__(self) -> None:
        self.values: Counter[tuple[str, ...]] = Counter()
        self.notes: list[tuple[str, str, str, str, str]] = []
        self.services: set[str] = set()

    def note(
        self, cause: str, transport: str, *, detail: str = "", sender: str = "", service: str = ""
    ) -> None:
        """Keep it."""
        self.notes.append((cause, transport, detail, sender, service))

    def counted(self, services: Iterable[str]) -> None:
        """Keep them."""
        self.services.update(services)

    def count(self, name: str, amount: int = 1, /, **labels: str) -> None:
        """Add it under the name and its label values, sorted by label name."""
        self.values[(name, *(value for _, value in sorted(labels.items())))] += amount


@dataclass
class Doors:
    """Both servers, what they lead to, and clients for them."""

    config: ReceiverConfig
    authenticator: Authenticator
    sink: Sink
    counts: Counts
    intake: Intake
    grpc: GrpcServer
    http: HttpServer
    channel: grpc.aio.Channel
    client: httpx.AsyncClient
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A raw connection to one of the servers; closed with them."""
        reader, writer = await asyncio.open_connection(*address)
        self.writers.append(writer)
        return reader, writer

    async def hang_up(self) -> None:
        """Close the raw connections."""
        for writer in self.writers:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def export(
        self,
        body: bytes | ExportTraceServiceRequest,
        metadata: Sequence[tuple[str, str]] = (),
        **options: Any,
    ) -> ExportTraceServiceResponse:
        """Send a trace request over gRPC."""
        content = body if isinstance(body, bytes) else body.SerializeToString()
        call = self.channel.unary_unary(EXPORT)
        answer: bytes = await call(content, metadata=tuple(metadata), timeout=PATIENCE_SECONDS, **options)
        return ExportTraceServiceResponse.FromString(answer)

    async def post(
        self,
        body: bytes | ExportTraceServiceRequest | object,
        path: str = "/v1/traces",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """POST protobuf (bytes or a message) or JSON (anything else)."""
        if isinstance(body, ExportTraceServiceRequest):
            body = body.SerializeToString()
        is_bytes = isinstance(body, bytes)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        media_type = "application/x-protobuf" if is_bytes else "application/json"
        return await self.client.post(
            path, content=content, headers={"content-type": media_type, **(headers or {})}
        )


@asynccontextmanager
async def open_doors(
    authenticator: Authenticator | None = None,
    sink: Sink | None = None,
    is_shared: bool = False,
    silent_seconds: float = 3600.0,
    **settings: Any,
) -> AsyncIterator[Doors]:
    """Both servers on free ports for the length of the block."""
    config = ReceiverConfig(**{"grpc": ANY_PORT, "http": ANY_PORT, **settings})
    sink, counts = sink or Sink(), Counts()
    intake = Intake(config, sink.consume, observer=counts)
    check = authenticator or Open()
    grpc_server = await serve_grpc(
        config, intake, check, counts, is_shared=is_shared, silent_seconds=silent_seconds
    )
    http_server = await serve_http(config, intake, check, counts, is_shared=is_shared)
    options = [("grpc.max_send_message_length", -1)]
    channel = grpc.aio.insecure_channel(str(grpc_server.address), options=options)
    client = httpx.AsyncClient(
        base_url=f"http://{http_server.address}",
        timeout=PATIENCE_SECONDS,
        trust_env=False,
        verify=False,  # plain HTTP: reading the machine's certificates takes longer than the rest
    )
    try:
        async with channel, client:
            doors = Doors(config, check, sink, counts, intake, grpc_server, http_server, channel, client)
            try:
                yield doors
            finally:
                await doors.hang_up()
    finally:
        await asyncio.gather(grpc_server.stop(0), http_server.stop(0))
        intake.close()


def span(**fields: Any) -> Span:
    """A billable GenAI span with ids of its own."""
    number = next(_ids)
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        **fields.pop("attributes", {}),
    }
    made = Span(
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        name="chat gpt-4o-mini",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=1_790_000_000_000_000_000,
        end_time_unix_nano=1_790_000_001_000_000_000,
    )
    for key, value in attributes.items():
        made.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
    for key, count in (("gen_ai.usage.input_tokens", 540), ("gen_ai.usage.output_tokens", 180)):
        made.attributes.append(KeyValue(key=key, value=AnyValue(int_value=count)))
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def request(*spans: Span) -> ExportTraceServiceRequest:
    """An export request of these spans; of one without any."""
    made = ExportTraceServiceRequest()
    made.resource_spans.add().scope_spans.add().spans.extend(spans or (span(),))
    return made


def json_request(**fields: Any) -> dict[str, Any]:
    """An OTLP/JSON request of one GenAI span; `fields` replace or add to the span's."""
    number = next(_ids)
    made = {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "chat gpt-4o-mini",
        "kind": 3,
        "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000001000000000",
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.provider.name", "value": {"stringValue": "openai"}},
            {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o-mini"}},
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "540"}},
            {"key": "gen_ai.usage.output_tokens", "value": {"intValue": 180}},
        ],
        **fields,
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [made]}]}]}


def grpc_status(error: grpc.RpcError) -> status_pb2.Status | None:
    """The `google.rpc.Status` of a refused call."""
    status: status_pb2.Status | None = rpc_status.from_call(error)
    return status


def retry_info(status: status_pb2.Status | None) -> error_details_pb2.RetryInfo | None:
    """The RetryInfo among a Status's details."""
    return _detail(status, error_details_pb2.RetryInfo())


def bad_request(status: status_pb2.Status | None) -> error_details_pb2.BadRequest | None:
    """The BadRequest among a Status's details."""
    return _detail(status, error_details_pb2.BadRequest())


def _detail(status: status_pb2.Status | None, wanted: Any) -> Any:
    found = [detail for detail in (status.details if status else ()) if detail.Is(wanted.DESCRIPTOR)]
    return wanted if found and found[0].Unpack(wanted) else None
