"""OTLP/gRPC and TelemetryService.Report: receive, hand on, answer after the commit.

Every method is registered as a stream of requests although it is unary. On the wire there is no difference;
here it means that the handler runs before the message is read, so that a sender without a key costs nothing
and a stalled one is cut. At 512 spans a request it costs the same as a unary handler (1.2 to 1.5 µs of CPU a
span, also with threads instead of asyncio, and with uvloop).

Source:
    https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health_aio
from grpc_status import rpc_status

from processor.calls.errors import BadData, ConfigError, PipelineError, Retryable
from receiver.auth import Authenticator
from receiver.budget import Share, inflate_grpc
from receiver.config import Address, ReceiverConfig, parse_address
from receiver.diagnosis.port_watch import SILENT_SECONDS, PortWatch, inner_address, is_possible
from receiver.diagnosis.problems import cause_of, clean, host_of_peer, sender_of
from receiver.intake import Intake, Source, uncounted_metrics
from receiver.observe import BYTES, FAULTS, IGNORED, REQUESTS, Observer, Silent
from receiver.status import grpc_code, log_fault, to_status

TRACES: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
METRICS: Final = "opentelemetry.proto.collector.metrics.v1.MetricsService"
LOGS: Final = "opentelemetry.proto.collector.logs.v1.LogsService"
TELEMETRY: Final = "spanledger.telemetry.v1.TelemetryService"
_SERVICES: Final = ("", TRACES, METRICS, LOGS, TELEMETRY)
_LABELS: Final = {"transport": "grpc"}

Context = grpc.aio.ServicerContext[bytes, bytes]
Answer = Callable[[bytes, Share, Context], Awaitable[Message]]


class GrpcServer:
    """A running OTLP/gRPC server."""

    def __init__(
        self,
        server: grpc.aio.Server,
        health: health_aio.HealthServicer,
        address: Address,
        watch: PortWatch | None,
    ) -> None:
        self._server = server
        self._health = health
        self._watch = watch
        self._stack = AsyncExitStack()
        self.address = address
        """Where it listens, with the real port."""

    async def start(self) -> None:
        """Take calls, and watch the port."""
        if self._watch is not None:
            await self._stack.enter_async_context(self._watch.running())
        await self.set_ready(True)
        await self._server.start()

    async def set_ready(self, is_ready: bool) -> None:
        """The answer of the gRPC health service from now on; SERVING at the start."""
        states = health_pb2.HealthCheckResponse
        for service in _SERVICES:
            await self._health.set(service, states.SERVING if is_ready else states.NOT_SERVING)

    async def stop(self, grace_seconds: float) -> None:
        """Take no new calls, let those in flight end within `grace_seconds`, then cut them."""
        if self._watch is not None:
            self._watch.end()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)
        await self._stack.aclose()


async def serve_grpc(
    config: ReceiverConfig,
    intake: Intake,
    authenticator: Authenticator,
    observer: Observer | None = None,
    *,
    address: Address | None = None,
    is_shared: bool = False,
    silent_seconds: float = SILENT_SECONDS,
) -> GrpcServer:
    """Start listening.

    Args:
        address: instead of `config.grpc`, when the port is already chosen.
        is_shared: several workers listen on the port (SO_REUSEPORT).
        silent_seconds: how long nobody calls a shared port before other protocols on it are looked for.

    Raises:
        ConfigError: the address cannot be listened on; names the flag.
    """
    at = address or parse_address(config.grpc)
    server = grpc.aio.server(options=_options(config, is_shared))
    health = health_aio.HealthServicer()
    observer = observer or Silent()
    methods = _Methods(config, intake, authenticator, observer)
    handlers = (*methods.handlers(), _health_handler(health, config), _OtherMethods(methods.refuse_other))
    server.add_generic_rpc_handlers(handlers)
    at = at._replace(port=_bind(server, str(at), config))
    watch = None
    if is_shared and is_possible():
        _bind(server, inner := inner_address(), config)
        watch = PortWatch(at, inner, config, observer, silent_seconds)
        methods.on_call = watch.called
    running = GrpcServer(server, health, at, watch)
    await running.start()
    return running


def _options(config: ReceiverConfig, is_shared: bool) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", int(is_shared)),
        ("grpc.max_receive_message_length", config.max_message_bytes),
        # `inflate_grpc` does it: gRPC would inflate outside our budget and answer INTERNAL for damaged data.
        ("grpc.per_message_decompression", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        # OTLP wants a ping every 10 s tolerated; one a second costs us nothing. gRPC's default: 5 minutes.
        ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
        ("grpc.keepalive_time_ms", 60_000),  # finds peers that vanished without a word
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.server_handshake_timeout_ms", round(config.header_timeout_seconds * 1000)),
    ]


def _bind(server: grpc.aio.Server, address: str, config: ReceiverConfig) -> int:
    try:
        if config.tls is None:
            return server.add_insecure_port(address)
        tls = config.tls
        credentials = grpc.ssl_server_credentials(
            [(tls.key.read_bytes(), tls.certificate.read_bytes())],
            root_certificates=tls.client_ca.read_bytes() if tls.client_ca else None,
            require_client_auth=tls.client_ca is not None,
        )
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ConfigError(
            f"{address} (receiver.grpc) cannot be listened on, it may be in use: choose another with --grpc"
        ) from error


def _nothing() -> None:
    pass


class _Methods:
    """The methods of the four services, all of one shape: authenticate, read, answer or refuse."""

    def __init__(
        self, config: ReceiverConfig, intake: Intake, authenticator: Authenticator, observer: Observer
    ) -> None:
        self._config = config
        self._intake = intake
        self._authenticator = authenticator
        self._observer = observer
        self.on_call: Callable[[], None] = _nothing
        """Told of every request before it is read."""

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        return (
            self._handler(TRACES, "Export", "traces", self._traces),
            self._handler(METRICS, "Export", "metrics", self._metrics),
            self._handler(LOGS, "Export", "logs", self._logs),
            self._handler(TELEMETRY, "Report", "telemetry", self._reports),
        )

    def _handler(self, service: str, method: str, signal: str, answer: Answer) -> grpc.GenericRpcHandler:
        async def handle(_: object, context: Context) -> bytes:
            return await self._handle(context, signal, answer)

        return grpc.method_handlers_generic_handler(
            service, {method: grpc.stream_unary_rpc_method_handler(handle)}
        )

    async def _handle(self, context: Context, signal: str, answer: Answer) -> bytes:
        self.on_call()
        try:
            await self._authenticator.check(_headers(context))
            with self._intake.budget.share() as share:
                response = await answer(await self._read(context, share), share, context)
            content = response.SerializeToString()
        except Exception as error:
            await self._refuse(context, signal, error)
            raise  # not reached: refusing aborts the call
        self._observer.count(REQUESTS, signal=signal, code="OK", **_LABELS)
        return content

    async def refuse_other(self, method: str, context: Context) -> None:
        """Answer a method that does not exist: UNIMPLEMENTED, as gRPC itself would, and noted."""
        self._observer.count(REQUESTS, signal="none", code="UNIMPLEMENTED", **_LABELS)
        self._observer.note("unknown_rpc", "grpc", detail=clean(method), sender=_sender(context))
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"no such method; traces go to /{TRACES}/Export")

    async def _read(self, context: Context, share: Share) -> bytes:
        try:
            async with asyncio.timeout(self._config.body_timeout_seconds):
                message = await context.read()
        except TimeoutError:
            raise Retryable("the message did not arrive in time") from None
        if not isinstance(message, bytes):
            # Above the limit gRPC itself has answered RESOURCE_EXHAUSTED, without RetryInfo.
            raise BadData("body", "no message arrived within the size limit")
        self._observer.count(BYTES, len(message), **_LABELS)
        share.resize(len(message))
        return message

    async def _refuse(self, context: Context, signal: str, error: Exception) -> None:
        self._observer.count(REQUESTS, signal=signal, code=grpc_code(error).name, **_LABELS)
        if found := cause_of(error):
            cause, detail = found
            self._observer.note(cause, "grpc", detail=clean(detail or signal), sender=_sender(context))
        if not isinstance(error, PipelineError):
            self._observer.count(FAULTS, error=type(error).__name__, **_LABELS)
            log_fault(error, f"grpc {signal}")
        await context.abort_with_status(rpc_status.to_status(to_status(error)))

    async def _traces(self, message: bytes, share: Share, context: Context) -> Message:
        return await self._intake.traces(
            message, inflate_grpc, share, Source("grpc", lambda: _sender(context))
        )

    async def _reports(self, message: bytes, share: Share, context: Context) -> Message:
        return await self._intake.reports(message, inflate_grpc, share)

    async def _metrics(self, message: bytes, share: Share, context: Context) -> Message:
        self._observer.count(IGNORED, signal="metrics")
        self._observer.note("metrics", "grpc", sender=_sender(context))
        return uncounted_metrics()

    async def _logs(self, message: bytes, share: Share, context: Context) -> Message:
        return await self._intake.logs(message, inflate_grpc, share, Source("grpc", lambda: _sender(context)))


class _OtherMethods(grpc.GenericRpcHandler):
    """Every method that no handler before it knows."""

    def __init__(self, refuse: Callable[[str, Context], Awaitable[None]]) -> None:
        self._refuse = refuse

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        async def refuse(_: object, context: Context) -> bytes:
            await self._refuse(details.method, context)
            return b""  # not reached: refusing aborts the call

        return grpc.stream_unary_rpc_method_handler(refuse)


def _sender(context: Context) -> str:
    metadata = dict(context.invocation_metadata() or ())
    return sender_of(host_of_peer(context.peer()), str(metadata.get("user-agent", "")))


def _headers(context: Context) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in context.invocation_metadata() or ():
        text = value if isinstance(value, str) else value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _health_handler(health: health_aio.HealthServicer, config: ReceiverConfig) -> grpc.GenericRpcHandler:
    """grpc.health.v1, open to everybody: it tells whether we serve and nothing else."""

    def read(message: bytes) -> health_pb2.HealthCheckRequest:
        try:
            return health_pb2.HealthCheckRequest.FromString(inflate_grpc(message, 1024))
        except (DecodeError, BadData):
            return health_pb2.HealthCheckRequest(service="(unreadable)")  # answered NOT_FOUND, not INTERNAL

    write = health_pb2.HealthCheckResponse.SerializeToString
    return grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health",
        {
            "Check": grpc.unary_unary_rpc_method_handler(health.Check, read, write),
            "Watch": grpc.unary_stream_rpc_method_handler(health.Watch, read, write),
        },
    )
