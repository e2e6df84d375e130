"""Decoding: what a span that is not of GenAI costs, and what one that is costs to read and map."""

from __future__ import annotations

import random
from collections.abc import Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.decode import decode
from tests.benchmarks.figure import Figure, cpu_us_per_item
from tests.benchmarks.load import SPANS_PER_REQUEST, genai_request, plain_request

SKIP_BUDGET_US = 1.5
MAP_BUDGET_US = 18.0
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


def _per_span(body: bytes) -> float:
    return cpu_us_per_item(lambda: decode(body, _NOW_NS), SPANS_PER_REQUEST)


def _mixed_request(draw: random.Random) -> ExportTraceServiceRequest:
    request = plain_request(draw, SPANS_PER_REQUEST - SPANS_PER_REQUEST // _ONE_IN)
    request.MergeFrom(genai_request(draw, SPANS_PER_REQUEST // _ONE_IN))
    return request
