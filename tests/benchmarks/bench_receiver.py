"""The gRPC door alone: what receiving costs before decoding, and what the other ways to receive would cost.

Every server runs in a process of its own with nothing behind it; the figure is its CPU per span. The bare
servers answer without authentication, limits or counting: they are what was compared before choosing.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

import grpc
import psutil
import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from processor.calls.call import Batch, Outcome
from receiver.auth import Open
from receiver.budget import Share
from receiver.config import ReceiverConfig
from receiver.grpc import TRACES, serve_grpc
from receiver.intake import Inflate, Intake, Source
from receiver.otlp.json import parse
from receiver.reports.reports import read_body
from tests.benchmarks.figure import Figure, cpu_us_per_item
from tests.benchmarks.load import SPANS_PER_REQUEST, Plan, send

_REQUESTS = 200
_ADDRESS = "127.0.0.1:0"
_OPTIONS = [("grpc.max_receive_message_length", 64 << 20)]
_REPORT = {
    "externalRequestId": "req_01HZXB6MQZ2WQ9D2KCF9M4V2QY", "provider": "openai", "model": "gpt-4o-mini",
    "endpointTag": "checkout.ai_summary", "promptVersion": "summary_v3", "userId": "tenant_acme_hash",
    "inputTokens": 540, "outputTokens": 180, "latencyMs": 892, "status": "success", "dataMode": "real",
    "environment": "prod",
}  # fmt: skip


def measure() -> Iterator[Figure]:
    """Receiving over gRPC, our way and two others; reading JSON."""
    for connections in (4, 8):
        name = f"receive a span over gRPC, {connections} connections"
        yield Figure(name, _served(_ours, connections), "µs", 3.0, note="authentication, limits, counting")
    yield Figure("the same, threads instead of asyncio, bare", _served(_threads, 4), "µs")
    yield Figure("the same, asyncio with uvloop, bare", _served(_bare, 4), "µs")
    reports = json.dumps([_REPORT] * 1000).encode()
    yield Figure("read a direct report", cpu_us_per_item(lambda: read_body(reports, 1), 1000), "µs")
    spans = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [_json_span()] * 512}]}]}).encode()
    yield Figure("parse a span of OTLP/JSON", cpu_us_per_item(lambda: parse(spans), 512), "µs")


def _served(serve: Any, connections: int) -> float:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        plan = Plan(ours.recv(), _REQUESTS, connections)
        server = psutil.Process(process.pid)
        before: list[float] = []
        send(plan, 1, lambda: before.append(_cpu_seconds(server)))
        return (_cpu_seconds(server) - before[0]) / (_REQUESTS * SPANS_PER_REQUEST) * 1e6
    finally:
        process.terminate()
        process.join()
        ours.close()
        theirs.close()


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


class _NoIntake(Intake):
    async def traces(
        self, body: bytes, inflate: Inflate, share: Share, source: Source
    ) -> ExportTraceServiceResponse:
        return ExportTraceServiceResponse()


async def _nowhere(batch: Batch) -> Outcome:
    raise AssertionError("nothing is decoded here")


def _ours(told: Connection) -> None:
    async def run() -> None:
        config = ReceiverConfig(grpc=_ADDRESS)
        server = await serve_grpc(config, _NoIntake(config, _nowhere), Open())
        told.send(str(server.address))
        await asyncio.Event().wait()

    uvloop.run(run())


def _bare(told: Connection) -> None:
    async def export(body: bytes, _: object) -> bytes:
        return b""

    async def run() -> None:
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((_handler(export),))
        told.send(f"127.0.0.1:{server.add_insecure_port(_ADDRESS)}")
        await server.start()
        await server.wait_for_termination()

    uvloop.run(run())


def _threads(told: Connection) -> None:
    server = grpc.server(ThreadPoolExecutor(8), options=_OPTIONS)
    server.add_generic_rpc_handlers((_handler(lambda body, _: b""),))
    told.send(f"127.0.0.1:{server.add_insecure_port(_ADDRESS)}")
    server.start()
    server.wait_for_termination()


def _handler(export: Any) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        TRACES, {"Export": grpc.unary_unary_rpc_method_handler(export)}
    )


def _json_span() -> dict[str, object]:
    attributes = [{"key": f"app.attribute.{place}", "value": {"stringValue": "value"}} for place in range(21)]
    counts = [{"key": f"gen_ai.usage.count_{place}", "value": {"intValue": str(place)}} for place in range(4)]
    return {
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat",
        "kind": 3, "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000",
        "attributes": [*attributes, *counts],
    }  # fmt: skip
