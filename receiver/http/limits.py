"""HTTP/1.1 connections with limits: uvicorn's protocol bounds neither headers, their time, nor silence."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToJson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from processor.calls.errors import Overloaded
from receiver.config import ReceiverConfig
from receiver.diagnosis.http2 import PREFACE, GrpcRefusal
from receiver.diagnosis.problems import sender_of
from receiver.observe import CUT, Observer
from receiver.status import Misdirected, http_code, retry_after_header, to_status

_LOG: Final = logging.getLogger("spanledger.receiver.http")
"""Quiet below errors: uvicorn warns about every broken request, which any stranger can send."""
_LOG.setLevel(logging.ERROR)


_PREFACE_SEEN: Final = 12
"""Bytes of `PRI * HTTP/2.0` that decide; no HTTP/1.1 request begins with them."""
_TLS_HANDSHAKE: Final = b"\x16\x03"
_GRPC_HINT: Final = (
    "this port takes OTLP/HTTP; send gRPC to port 4317, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
)


class LimitedProtocol(HttpToolsProtocol):
    """One connection. Made by uvicorn; `limited` binds the configuration to it.

    - At most `max_connections`; the next one is answered 503 with Retry-After and closed.
    - Headers arrive complete within `header_timeout_seconds`, counted from the connection or, on a kept one,
      from their first byte, and within `max_header_bytes`.
    - gRPC is refused in its own protocol with a text that names the right port; anything else that is not
      HTTP/1.1 is answered 400 with a Status, in JSON since its own encoding is unknown. Both are noted.
    """

    settings: ReceiverConfig
    observer: Observer

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _LOG
        self._header_timer: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._is_in_headers = True
        self._is_new = True
        self._first_bytes = b""
        self._refusal: GrpcRefusal | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it when there are too many."""
        if len(self.connections) >= self.settings.max_connections:
            self.transport = transport
            self.observer.count(CUT, limit="connections")
            self._refuse(Overloaded("too many connections"))
            return
        super().connection_made(transport)
        self._start_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and its timer."""
        self._stop_header_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; headers within their limits, and first of all a look at the protocol."""
        if self._is_new:
            self._is_new = False
            self._first_bytes = data[:2]
            if data.startswith(PREFACE[:_PREFACE_SEEN]):
                self._note("grpc_on_http_port")
                self._refusal = GrpcRefusal(_GRPC_HINT)
        if self._refusal is not None:
            self.transport.write(self._refusal.feed(data))
            return
        if self._is_in_headers:
            self._header_bytes += len(data)
            if self._header_timer is None:
                self._start_header_timer()
        super().data_received(data)
        if self._is_in_headers and self._header_bytes > self.settings.max_header_bytes:
            self._cut_headers()

    def on_headers_complete(self) -> None:
        """Start the request, unless its headers are too large."""
        self._stop_header_timer()
        self._is_in_headers = False
        self._header_bytes = 0
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.settings.max_header_bytes:
            self._cut_headers()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body."""
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The next byte begins the headers of the next request."""
        self._is_in_headers = True
        if self.cycle is not None:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        cause = "tls_on_plain_port" if self._first_bytes == _TLS_HANDSHAKE else "not_http"
        self._note(cause)
        self._refuse(Misdirected(400, cause, msg))

    def _cut_headers(self) -> None:
        self.observer.count(CUT, limit="header_bytes")
        detail = f"headers are larger than {self.settings.max_header_bytes} bytes"
        self._note("too_large", detail)
        self._refuse(Misdirected(431, "too_large", detail))

    def _note(self, cause: str, detail: str = "") -> None:
        peer = self.transport.get_extra_info("peername")
        host = str(peer[0]) if isinstance(peer, tuple) else ""
        self.observer.note(cause, "http", detail=detail, sender=sender_of(host, ""))

    def _start_header_timer(self) -> None:
        self._header_timer = self.loop.call_later(
            self.settings.header_timeout_seconds, self._headers_are_late
        )

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_are_late(self) -> None:
        self._header_timer = None
        self.observer.count(CUT, limit="header_timeout")
        self.transport.close()

    def _refuse(self, error: Exception) -> None:
        """Answer outside of any request, and close."""
        if self.transport.is_closing():
            return
        body = MessageToJson(to_status(error), indent=None).encode()
        lines = [b"content-type: application/json", b"content-length: %d" % len(body), b"connection: close"]
        if http_code(error) == 503:
            lines.append(b"retry-after: " + retry_after_header(error).encode())
        head = STATUS_LINE[http_code(error)] + b"\r\n".join(lines) + b"\r\n\r\n"
        self.transport.write(head + body)
        self.transport.close()


if TYPE_CHECKING:
    Protocol = type[asyncio.Protocol]


def limited(settings: ReceiverConfig, observer: Observer) -> Protocol:
    """The protocol class for one server."""
    return type("Protocol", (LimitedProtocol,), {"settings": settings, "observer": observer})
