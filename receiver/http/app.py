"""OTLP/HTTP and POST /v1/telemetry as an ASGI application.

Everything that can be refused is refused before the body is read. A refusal with an unread body is answered
at once, then what is still coming is thrown away for two seconds, so that the sender sees the answer instead
of a reset connection.

Source:
    https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, NamedTuple

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from processor.calls.errors import BadData, PipelineError, Retryable, TooLarge
from receiver.auth import Authenticator, Unauthenticated, basic_as_bearer
from receiver.budget import Share, gunzip
from receiver.config import ReceiverConfig
from receiver.diagnosis.problems import Unreadable, cause_of, clean, sender_of, unreadable
from receiver.intake import Inflate, Intake, Source, plain, uncounted_metrics
from receiver.observe import BYTES, FAULTS, IGNORED, REQUESTS, Observer
from receiver.status import Misdirected, grpc_code, http_code, log_fault, retry_after_header, to_status
from receiver.telemetry_pb2 import ReportResponse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
LANGFUSE_TRACES: Final = "/api/public/otel/v1/traces"
"""Where Langfuse SDKs export to below the host they are given."""
SIGNALS: Final = {
    "/v1/traces": "traces",
    LANGFUSE_TRACES: "traces",
    "/v1/metrics": "metrics",
    "/v1/logs": "logs",
    "/v1/telemetry": "telemetry",
}
_INFLATERS: Final[dict[str, Inflate]] = {"": plain, "identity": plain, "gzip": gunzip, "x-gzip": gunzip}
_LINGER_SECONDS: Final = 2.0
_LABELS: Final = {"transport": "http"}


class _Gone(Exception):
    """The sender hung up; nobody is there to be answered."""


class _Request(NamedTuple):
    """A request as known before its body.

    Attributes:
        host: the sender's address, as text.
    """

    path: str
    signal: str
    headers: Mapping[str, str]
    media_type: str
    host: str

    def sender(self) -> str:
        """Program and place."""
        return sender_of(self.host, self.headers.get("user-agent", ""))


class HttpApp:
    """The ASGI application of OTLP/HTTP and direct reports. `receiver.http.server.serve_http` runs it."""

    def __init__(
        self, config: ReceiverConfig, intake: Intake, authenticator: Authenticator, observer: Observer
    ) -> None:
        self._config = config
        self._intake = intake
        self._authenticator = authenticator
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; never raises for what a sender can do."""
        if scope["type"] != "http":
            return
        request = _request(scope)
        body = _Body(receive, request.headers)
        extra: dict[str, str] = {}
        try:
            response = await self._answer(scope["method"], request, body)
            content, code = _write(response, request.media_type), 200
        except _Gone:
            self._count(request, "CANCELLED")
            return
        except Exception as error:
            content, code, extra = self._refusal(error, request)
            self._count(request, grpc_code(error).name)
        else:
            self._count(request, "OK")
        await _send(send, code, request.media_type, content, extra, body)

    async def _answer(self, method: str, request: _Request, body: _Body) -> Message:
        if not request.signal:
            raise Misdirected(404, "wrong_path", f"no such path; send POST to {', '.join(SIGNALS)}")
        if method != "POST":
            raise Misdirected(405, "wrong_method", "only POST is answered here", allow="POST")
        is_langfuse = request.path == LANGFUSE_TRACES
        await self._authenticator.check(basic_as_bearer(request.headers) if is_langfuse else request.headers)
        _check_media_type(request)
        inflate = _inflater(request.headers)
        self._check_length(request.headers)
        with self._intake.budget.share() as share:
            content = await self._read(body, share)
            try:
                return await self._consume(request, content, inflate, share)
            except BadData as error:
                if type(error) is not BadData or error.field != "body":
                    raise
                raise Unreadable(error, unreadable(content, request.media_type == JSON)) from error

    async def _consume(self, request: _Request, content: bytes, inflate: Inflate, share: Share) -> Message:
        is_json = request.media_type == JSON
        if request.signal == "traces":
            read = self._intake.json_traces if is_json else self._intake.traces
            return await read(content, inflate, share, Source("http", request.sender))
        if request.signal == "telemetry":
            return await self._intake.json_reports(content, inflate, share)
        if request.signal == "logs":
            read_logs = self._intake.json_logs if is_json else self._intake.logs
            return await read_logs(content, inflate, share, Source("http", request.sender))
        self._observer.count(IGNORED, signal=request.signal)
        self._observer.note(request.signal, "http", sender=request.sender())
        return uncounted_metrics()

    def _check_length(self, headers: Mapping[str, str]) -> None:
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise Misdirected(400, "not_http", "content-length is not a number")
        if int(length) > self._config.max_message_bytes:
            raise TooLarge("body", f"is larger than {self._config.max_message_bytes} bytes")

    async def _read(self, body: _Body, share: Share) -> bytes:
        pieces = []
        try:
            async with asyncio.timeout(self._config.body_timeout_seconds):
                async for piece in body:
                    share.grow(len(piece))
                    if share.size > self._config.max_message_bytes:
                        raise TooLarge("body", f"is larger than {self._config.max_message_bytes} bytes")
                    pieces.append(piece)
        except TimeoutError:
            body.is_stalled = True
            raise Retryable("the body did not arrive in time") from None
        self._observer.count(BYTES, share.size, **_LABELS)
        return b"".join(pieces) if len(pieces) > 1 else pieces[0] if pieces else b""

    def _refusal(self, error: Exception, request: _Request) -> tuple[bytes, int, dict[str, str]]:
        if not isinstance(error, PipelineError):
            self._observer.count(FAULTS, error=type(error).__name__, **_LABELS)
            log_fault(error, f"http {request.signal}")
        self._note(error, request)
        extra = dict(error.headers) if isinstance(error, Misdirected) else {}
        code = http_code(error)
        if code == 503:
            extra["retry-after"] = retry_after_header(error)
        if isinstance(error, Unauthenticated):
            extra["www-authenticate"] = "Bearer"
        return _write(to_status(error), request.media_type), code, extra

    def _note(self, error: Exception, request: _Request) -> None:
        found = cause_of(error)
        if found is None:
            return
        cause, detail = found
        if not detail:
            detail = _SHOWN.get(cause, _path)(request)
        self._observer.note(cause, "http", detail=clean(detail), sender=request.sender())

    def _count(self, request: _Request, code: str) -> None:
        self._observer.count(REQUESTS, signal=request.signal or "none", code=code, **_LABELS)


def _path(request: _Request) -> str:
    return request.path


_SHOWN: Final[Mapping[str, Callable[[_Request], str]]] = {
    "wrong_content_type": lambda request: request.media_type or "no content-type",
    "wrong_encoding": lambda request: request.headers.get("content-encoding", ""),
}
"""Detail of a problem, beside the path."""


class _Body:
    """The body as pieces, and how much of it is still to come."""

    def __init__(self, receive: Receive, headers: Mapping[str, str]) -> None:
        self._receive = receive
        self._waits_for_100 = headers.get("expect", "").lower() == "100-continue"
        self.is_complete = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        self.is_stalled = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self._waits_for_100 = False
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                self.is_complete = True
                return

    async def discard(self) -> None:
        """Throw away what still comes, for a moment; a sender that asked before sending sends nothing."""
        if self._waits_for_100 or self.is_stalled:
            return
        with contextlib.suppress(TimeoutError, _Gone):
            async with asyncio.timeout(_LINGER_SECONDS):
                async for _ in self:
                    pass


def _request(scope: Scope) -> _Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    path = scope["path"]
    host = (scope.get("client") or ("",))[0]
    return _Request(path, SIGNALS.get(path, ""), headers, media_type, host)


def _check_media_type(request: _Request) -> None:
    accepted = (JSON,) if request.signal == "telemetry" else (PROTOBUF, JSON)
    if request.media_type not in accepted:
        detail = f"content-type must be {' or '.join(accepted)}"
        raise Misdirected(415, "wrong_content_type", detail, accept=", ".join(accepted))


def _inflater(headers: Mapping[str, str]) -> Inflate:
    inflate = _INFLATERS.get(headers.get("content-encoding", "").strip().lower())
    if inflate is None:
        detail = "content-encoding must be gzip or absent"
        raise Misdirected(415, "wrong_encoding", detail, **{"accept-encoding": "gzip"})
    return inflate


def _write(message: Message, media_type: str) -> bytes:
    """In the request's encoding; JSON where the request had none of ours."""
    if isinstance(message, ReportResponse):
        return _write_report(message)
    if media_type == PROTOBUF:
        return message.SerializeToString()
    return MessageToJson(message, indent=None).encode()


def _write_report(response: ReportResponse) -> bytes:
    """Counts as JSON numbers (protobuf's own JSON writes 64-bit integers as strings)."""
    answer: dict[str, object] = {
        "accepted": response.accepted,
        "duplicates": response.duplicates,
        "rejected": [
            {"index": record.index, "field": record.field, "reason": record.reason}
            for record in response.rejected
        ],
    }
    if response.warnings:
        answer["warnings"] = list(response.warnings)
    return json.dumps(answer, ensure_ascii=False).encode()


async def _send(
    send: Send, code: int, media_type: str, content: bytes, extra: Mapping[str, str], body: _Body
) -> None:
    headers = {
        "content-type": PROTOBUF if media_type == PROTOBUF else JSON,
        "content-length": str(len(content)),
        **extra,
    }
    if not body.is_complete:
        headers["connection"] = "close"
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": code, "headers": raw})
    await send({"type": "http.response.body", "body": content, "more_body": not body.is_complete})
    if not body.is_complete:
        await body.discard()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
