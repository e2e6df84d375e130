"""Decoding: what a span or a log record without a call costs, and what one with a call costs to read."""

from __future__ import annotations

import random
from collections.abc import Iterator

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from receiver.otlp.decode import decode
from receiver.otlp.logs import decode_logs
from tests.benchmarks.figure import Figure, cpu_us_per_item
from tests.benchmarks.load import SPANS_PER_REQUEST, genai_request, plain_request
from tests.coding_agents.sessions import session

SKIP_BUDGET_US = 1.5
MAP_BUDGET_US = 18.0
SKIP_RECORD_BUDGET_US = 2.0
_NOW_NS = 1_790_000_000_000_000_000
_ONE_IN = 20
"""One span in twenty is a model call in the mixed stream."""


def measure() -> Iterator[Figure]:
    """Skip a span, map a span, and the stream in which one span in twenty is a model call."""
    plain = plain_request(random.Random(1)).SerializeToString()
    genai = genai_request(random.Random(2)).SerializeToString()
    mixed = _mixed_request(random.Random(3)).SerializeToString()
    yield Figure("skip a span that is not GenAI", _per_span(plain), "µs", SKIP_BUDGET_US)
    yield Figure("decode and map a GenAI span", _per_span(genai), "µs", MAP_BUDGET_US, note="25 attributes")
    yield Figure("a span of a mixed stream", _per_span(mixed), "µs", note="one in twenty is a model call")

    records = _log_request().SerializeToString()
    figure = cpu_us_per_item(lambda: decode_logs(records, _NOW_NS), SPANS_PER_REQUEST)
    note = "Claude Code's prompts and tools, 600 bytes"
    yield Figure("skip a log record that tells of no call", figure, "µs", SKIP_RECORD_BUDGET_US, note=note)


def _per_span(body: bytes) -> float:
    return cpu_us_per_item(lambda: decode(body, _NOW_NS), SPANS_PER_REQUEST)


def _mixed_request(draw: random.Random) -> ExportTraceServiceRequest:
    request = plain_request(draw, SPANS_PER_REQUEST - SPANS_PER_REQUEST // _ONE_IN)
    request.MergeFrom(genai_request(draw, SPANS_PER_REQUEST // _ONE_IN))
    return request


def _log_request() -> ExportLogsServiceRequest:
    """A coding agent's events between its model requests."""
    request = session("claude_code", _NOW_NS).log_request()
    (records,) = (scope.log_records for group in request.resource_logs for scope in group.scope_logs)
    others = [record for record in records if not decode_logs(_alone(record), _NOW_NS).calls]
    plain = [record for record in others if b"api_" not in record.SerializeToString()]
    made = ExportLogsServiceRequest()
    scope = made.resource_logs.add().scope_logs.add()
    scope.log_records.extend(plain[number % len(plain)] for number in range(SPANS_PER_REQUEST))
    return made


def _alone(record: LogRecord) -> bytes:
    made = ExportLogsServiceRequest()
    made.resource_logs.add().scope_logs.add(log_records=[record])
    return made.SerializeToString()
