"""Traces of the service itself, where OpenTelemetry's own variables say where to.

Only requests that hold something to count are traced. Our own spans hold nothing of that kind: exported to
our own port, they make no further ones.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import opentelemetry.trace as api
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from service.version import version

log = logging.getLogger("spanledger.tracing")

TRACER: Final = api.get_tracer("spanledger")
"""Makes spans that go nowhere until `tracing` runs."""
_LAST_SECONDS: Final = 1.0
"""Time for the last spans of a process: a stop, of a worker and then of the service, waits twice at most."""


def is_wanted() -> bool:
    """Whether an endpoint is named (https://opentelemetry.io/docs/specs/otel/protocol/exporter/)."""
    return bool(
        os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    )


@contextmanager
def tracing() -> Iterator[None]:
    """Export the spans of this process while the block runs, if an endpoint is named."""
    if not is_wanted():
        yield
        return
    own = {"service.name": os.environ.get("OTEL_SERVICE_NAME", "spanledger"), "service.version": version()}
    provider = TracerProvider(resource=Resource.create(own))
    provider.add_span_processor(BatchSpanProcessor(_exporter()))
    api.set_tracer_provider(provider)
    log.info("exporting our own traces")
    try:
        yield
    finally:
        last = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
        last.start()
        last.join(_LAST_SECONDS)


def _exporter() -> SpanExporter:
    """The stock exporter of the protocol that the variables name; they configure it."""
    common = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", common) == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        return Grpc()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

    return Http()
