"""`spanledger serve`: the service."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import Annotated

import typer

from cli import options

app = options.app()


@app.command()
@options.grouped
def serve(
    *,
    grpc: Annotated[
        str | None, typer.Option(help="OTLP/gRPC address. [127.0.0.1:4317]", metavar="HOST:PORT")
    ] = None,
    http: Annotated[
        str | None, typer.Option(help="OTLP/HTTP address. [127.0.0.1:4318]", metavar="HOST:PORT")
    ] = None,
    ops: Annotated[
        str | None, typer.Option(help="Pages, health, metrics. [127.0.0.1:4319]", metavar="HOST:PORT")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Receiver processes on one port. [1]", min=1)] = None,
    given: options.Settings,
) -> None:
    """Receive spans and reports, price them, commit them; until SIGTERM or Ctrl-C. SIGHUP reloads."""
    flags: list[options.Flag] = [
        (("receiver", "grpc"), "--grpc", grpc),
        (("receiver", "http"), "--http", http),
        (("ops", "listen"), "--ops", ops),
        (("workers",), "--workers", workers),
    ]
    read = partial(given.load, flags)
    settings = read()
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    with ExitStack() as stack:
        if settings.workers > 1:
            from service.metric_files import shared_folder

            # Workers keep their counters here; prometheus_client looks for it when it is imported.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(stack.enter_context(shared_folder()))
        from service.process import serve as run

        run(settings, read)
