"""The HTTP server: uvicorn with our limits, on a given port, stopped by the caller."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from processor.calls.errors import ConfigError
from receiver.auth import Authenticator
from receiver.config import Address, ReceiverConfig, parse_address
from receiver.diagnosis.problems import clean
from receiver.http.app import HttpApp
from receiver.http.limits import limited
from receiver.intake import Intake
from receiver.observe import Observer, Silent

_BACKLOG: Final = 1024
_PLAIN_REASONS: Final = frozenset({"HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER"})
"""OpenSSL's names for a first record that is HTTP/1.1, or HTTP/2 as gRPC speaks it without TLS."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers (the process has its own), and stopped at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_listening = asyncio.Event()
        self.is_told_to_stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.is_listening.set()

    async def main_loop(self) -> None:
        """Tick until told to stop: uvicorn's own loop looks only at its next tick, up to 0.1 s later."""
        ticks = asyncio.create_task(super().main_loop())
        told = asyncio.create_task(self.is_told_to_stop.wait())
        try:
            await asyncio.wait({ticks, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ticks.cancel()
            told.cancel()


class HttpServer:
    """A running OTLP/HTTP server."""

    def __init__(self, server: _Server, task: asyncio.Task[None], address: Address) -> None:
        self._server = server
        self._task = task
        self.address = address
        """Where it listens, with the real port."""

    async def stop(self, grace_seconds: float) -> None:
        """Take no new requests, let those in flight end within `grace_seconds`, then cut them."""
        self._server.config.timeout_graceful_shutdown = max(1, round(grace_seconds))
        self._server.should_exit = True
        self._server.is_told_to_stop.set()
        await self._task


async def serve_http(
    config: ReceiverConfig,
    intake: Intake,
    authenticator: Authenticator,
    observer: Observer | None = None,
    *,
    address: Address | None = None,
    is_shared: bool = False,
) -> HttpServer:
    """Start listening.

    Args:
        address: instead of `config.http`, when the port is already chosen.
        is_shared: several workers listen on the port (SO_REUSEPORT).

    Raises:
        ConfigError: the address cannot be listened on; names the flag.
    """
    listener = _bind(address or parse_address(config.http), is_shared)
    observer = observer or Silent()
    settings = uvicorn.Config(
        HttpApp(config, intake, authenticator, observer),
        http=limited(config, observer),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=round(config.idle_timeout_seconds),
        backlog=_BACKLOG,
        **_tls(config),
    )
    _watch_handshakes(settings, observer)
    server = _Server(settings)
    task = asyncio.create_task(server.serve([listener]), name="http")
    started = asyncio.create_task(server.is_listening.wait())
    await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
    if not server.is_listening.is_set():
        started.cancel()
        await task
    host, port = listener.getsockname()[:2]
    return HttpServer(server, task, Address(host, port))


def _bind(address: Address, is_shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=is_shared)
    except OSError as error:
        raise ConfigError(
            f"{address} (receiver.http): {os.strerror(error.errno or 0)}; choose another with --http"
        ) from error


def _watch_handshakes(settings: uvicorn.Config, observer: Observer) -> None:
    """Note why TLS handshakes fail: no request follows that could tell."""
    settings.load()
    if settings.ssl is None:
        return

    class Watched(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                raise  # not at its end yet, or a probe that hung up
            except ssl.SSLError as error:
                is_plain = error.reason in _PLAIN_REASONS
                cause = "plain_on_tls_port" if is_plain else "failed_handshake"
                observer.note(cause, "http", detail=clean(error.reason or ""))
                raise

    settings.ssl.sslobject_class = Watched


def _tls(config: ReceiverConfig) -> dict[str, Any]:
    if config.tls is None:
        return {}
    settings: dict[str, Any] = {"ssl_certfile": config.tls.certificate, "ssl_keyfile": config.tls.key}
    if config.tls.client_ca is not None:
        settings |= {"ssl_ca_certs": str(config.tls.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return settings
