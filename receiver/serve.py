"""Both receivers of one process, with what they share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from processor.call import Consume
from receiver.auth import Authenticator
from receiver.config import Address, ReceiverConfig
from receiver.grpc_server import GrpcServer, serve_grpc
from receiver.http_server import HttpServer, serve_http
from receiver.intake import Intake
from receiver.observe import Observer


@dataclass(frozen=True, slots=True)
class Receivers:
    """The running servers."""

    grpc: GrpcServer
    http: HttpServer
    intake: Intake

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing new, answer what is in flight within `grace_seconds`, then cut it. Both at once."""
        await asyncio.gather(self.grpc.stop(grace_seconds), self.http.stop(grace_seconds))


@asynccontextmanager
async def receivers(
    config: ReceiverConfig,
    consume: Consume,
    authenticator: Authenticator,
    observer: Observer | None = None,
    *,
    grpc_address: Address | None = None,
    http_socket: socket.socket | None = None,
    is_shared: bool = False,
) -> AsyncIterator[Receivers]:
    """Receive until the end of the block; then stop at once, unless `stop` was called with more grace.

    Args:
        consume: gets every decoded request; returns after the commit.
        grpc_address: instead of `config.grpc`, when the port is already chosen.
        http_socket: a bound socket instead of `config.http`.
        is_shared: other workers listen on the same ports (SO_REUSEPORT).

    Raises:
        ConfigError: an address cannot be listened on; names the flag.
    """
    intake = Intake(config, consume)
    try:
        grpc = await serve_grpc(
            config, intake, authenticator, observer, address=grpc_address, is_shared=is_shared
        )
        try:
            http = await serve_http(config, intake, authenticator, observer, bound=http_socket)
        except BaseException:
            await grpc.stop(0)
            raise
        running = Receivers(grpc, http, intake)
        try:
            yield running
        finally:
            await running.stop(0)
    finally:
        intake.close()
