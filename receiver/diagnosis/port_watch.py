"""Detects other protocols on the gRPC port while no gRPC request arrives.

grpcio hangs up on HTTP/1.1 and TLS without a word to us or to the sender (docs/decisions/0010). So while no
gRPC request arrives, we listen beside it on the same port (SO_REUSEPORT). The kernel gives us a share of new
connections: what speaks HTTP/2 is passed on to gRPC byte by byte, the rest is noted and told which port to
use. With the first gRPC request the listener closes: a service that is called does not pay for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from receiver.config import Address, ReceiverConfig
from receiver.diagnosis.http2 import PREFACE
from receiver.diagnosis.problems import sender_of
from receiver.observe import Observer

SILENT_SECONDS: Final = 30.0
"""Longer than senders take to come back after a restart (gRPC starts at one second and doubles)."""
_LOOK_SECONDS: Final = 1.0
_PIECE: Final = 1 << 16
_SEEN: Final = 12
"""Bytes of the preface that decide, as on the HTTP port."""
_TLS: Final = b"\x16\x03"
_METHODS: Final = (b"POST ", b"GET ", b"HEAD ", b"PUT ", b"OPTIONS ", b"DELETE ", b"PATCH ")
_HINT: Final = (
    "this port takes gRPC; send OTLP/HTTP to port 4318 (/v1/traces), or set OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
)
_numbers = itertools.count(1)


def inner_address() -> str:
    """A further address for a gRPC server that only this machine can reach, as gRPC writes it; Linux only."""
    return f"unix-abstract:spanledger-grpc-{os.getpid()}-{next(_numbers)}"


def is_possible() -> bool:
    """Whether the system has what a watch needs: abstract sockets, and one port for several listeners."""
    return sys.platform == "linux" and hasattr(socket, "SO_REUSEPORT")


class PortWatch:
    """Watches one gRPC port. `called()` says that a gRPC request arrived."""

    def __init__(
        self, address: Address, inner: str, config: ReceiverConfig, observer: Observer, silent_seconds: float
    ) -> None:
        """Args: address: where gRPC listens, with SO_REUSEPORT; inner: its `inner_address`."""
        self._address = address
        self._inner = "\0" + inner.partition(":")[2]
        self._is_tls = config.tls is not None
        self._patience = config.header_timeout_seconds
        self._observer = observer
        self._silent_seconds = silent_seconds
        self._last_call = time.monotonic()
        self._server: asyncio.Server | None = None
        self._is_ending = False
        self._guests: set[asyncio.Task[None]] = set()

    def called(self) -> None:
        """A gRPC request arrived: within a second this watch stops listening."""
        self._last_call = time.monotonic()

    def end(self) -> None:
        """Listen no more, for good; who was passed on stays until the block of `running` ends."""
        self._is_ending = True
        self._close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch while the block runs. Connections that were passed on live as long as gRPC lets them."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
            self.end()
            for guest in self._guests:
                guest.cancel()
            await asyncio.gather(*self._guests, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            is_silent = time.monotonic() - self._last_call >= self._silent_seconds
            if is_silent and self._server is None and not self._is_ending:
                with contextlib.suppress(OSError):  # without a second listener there is nothing to see
                    self._server = await asyncio.start_server(self._meet, sock=_beside(self._address))
            elif not is_silent:
                self._close()
            await asyncio.sleep(_LOOK_SECONDS)

    def _close(self) -> None:
        """Listen no more; who is connected stays."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._guests.add(task)
        try:
            first = await asyncio.wait_for(reader.read(_PIECE), self._patience)
            if self._is_ours(first):
                await self._pass_on(first, reader, writer)
            elif first:
                self._refuse(first, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._guests.discard(task)
            writer.close()

    def _is_ours(self, first: bytes) -> bool:
        """Whether gRPC can read it. Fewer bytes than decide are left to gRPC as well."""
        return first.startswith(_TLS if self._is_tls else PREFACE[:_SEEN]) or 0 < len(first) < len(_TLS)

    def _refuse(self, first: bytes, writer: asyncio.StreamWriter) -> None:
        is_http = first.startswith(_METHODS)
        if self._is_tls:
            cause = "plain_on_tls_port"
        elif first.startswith(_TLS):
            cause = "tls_on_plain_port"
        elif is_http:
            cause = "http_on_grpc_port"
        else:
            return
        peer = writer.get_extra_info("peername")
        host = str(peer[0]) if isinstance(peer, tuple) else ""
        self._observer.note(cause, "grpc", sender=sender_of(host, _user_agent(first)))
        if is_http:
            writer.write(_ANSWER)

    async def _pass_on(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        inner_reader, inner_writer = await _connect(self._inner)
        try:
            inner_writer.write(first)
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, inner_writer))
                both.create_task(_copy(inner_reader, writer))
        except* OSError:
            writer.transport.abort()
        finally:
            inner_writer.close()


async def _connect(name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to an abstract socket; uvloop cannot by name."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, name)
        return await asyncio.open_unix_connection(sock=made, limit=_PIECE)
    except BaseException:
        made.close()
        raise


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything, in order, no faster than the other side takes it; then the end."""
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def _beside(address: Address) -> socket.socket:
    """A listener in gRPC's group: of IPv6, also for an IPv4 address, where the system has it."""
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, host = found[0][0], str(found[0][4][0])
    if family == socket.AF_INET and socket.has_dualstack_ipv6():
        family, host = socket.AF_INET6, "::" if host == "0.0.0.0" else f"::ffff:{host}"
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, address.port))
    except OSError:
        made.close()
        raise
    return made


def _user_agent(head: bytes) -> str:
    """The user agent among the first bytes of an HTTP/1.1 request; empty when it is not there."""
    for line in head.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"user-agent":
            return value.decode("latin-1")
    return ""


_BODY: Final = json.dumps({"code": 14, "message": _HINT}).encode()
_ANSWER: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 2\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)
"""503, so that a sender that queues keeps its spans until the address is corrected."""
