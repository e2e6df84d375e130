"""`python -m demo ROLE`: one process of the demo, the provider or one of the shop's two services.

Prints the port it listens on as its first line, and ends when its standard input ends: whoever started it has
gone, however it went.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys

import uvicorn
from starlette.types import ASGIApp

from demo.provider import REFUSED_OF, Provider

ROLES = ("provider", "support-bot", "shop-api")


def main() -> None:
    """Run one role until standard input ends."""
    arguments = _arguments()
    if arguments.role == "provider":
        asyncio.run(serve(Provider(arguments.seconds_per_token, arguments.refused_of).app()))
        return
    from demo import app  # the SDKs take a second to import: not for the provider

    tracing = app.instrument(arguments.role)
    asyncio.run(serve(app.web_app(arguments.role, app.Shop(arguments.provider))))
    tracing.shutdown()


async def serve(asgi: ASGIApp) -> None:
    """Serve on a free port of this machine, say which, and stop when standard input ends."""
    # The protocol is named because asyncio sets TCP_NODELAY only where it is: else every answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        server = uvicorn.Server(uvicorn.Config(asgi, log_level="warning", lifespan="off", access_log=False))
        print(listener.getsockname()[1], flush=True)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True
        await serving


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo")
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--provider", metavar="URL", default="", help="where the services find their models")
    parser.add_argument(
        "--seconds-per-token", type=float, default=0.0006, help="how fast the provider answers"
    )
    parser.add_argument(
        "--refused-of", type=int, default=REFUSED_OF, help="one question in so many is refused"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
