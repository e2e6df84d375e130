"""A stand-in receiver for tests of senders: takes OTLP/HTTP protobuf and keeps the spans."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Received(NamedTuple):
    """One span with what stood above it."""

    resource: Resource
    scope: str
    span: Span

    @property
    def keys(self) -> set[str]:
        """The span's attribute keys."""
        return {attribute.key for attribute in self.span.attributes}


class Sink(NamedTuple):
    """A running receiver."""

    url: str
    received: list[Received]


@contextmanager
def otlp_sink(delay_seconds: float = 0) -> Iterator[Sink]:
    """Run a receiver on a free port of this machine; it answers after a delay."""
    received: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            return

        def do_POST(self) -> None:
            body = _body(self)
            time.sleep(delay_seconds)
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":  # some exporters send metrics and logs too
                received.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Sink(f"http://127.0.0.1:{server.server_port}", received)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    """The request's body; Node's exporter sends it in chunks."""
    if handler.headers.get("transfer-encoding") != "chunked":
        return handler.rfile.read(int(handler.headers["content-length"]))
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def _spans(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Received(of_resource.resource, of_scope.scope.name, span)
