"""The load of the benchmarks: requests as a busy application's exporter sends them, and who sends them.

A span carries 25 attributes: a chat call as the current conventions describe it, with the application's own
tags. Names are drawn with a long tail (a few endpoints and users make most of the traffic). Two calls in a
hundred failed, one model is in no price list.
"""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from typing import NamedTuple

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SPANS_PER_REQUEST = 512

MODELS = (
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("openai", "gpt-4o", "gpt-4o-2024-11-20"),
    ("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash"),
    ("openai", "gpt-4.1", "gpt-4.1-2025-04-14"),
    ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001"),
    ("openai", "warehouse-7b", "warehouse-7b"),
)
_TIMEOUT_SECONDS = 120.0
_BUILD_SECONDS = 120.0


def long_tail(count: int) -> list[float]:
    """Cumulative weights of `count` names, the first the most used."""
    return list(accumulate(1 / (place + 1) for place in range(count)))


_ENDPOINTS, _USERS, _PROMPTS = long_tail(40), long_tail(5000), long_tail(12)


def genai_request(draw: random.Random, spans: int = SPANS_PER_REQUEST) -> ExportTraceServiceRequest:
    """One request with fresh ids, started within the last seconds."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    _put(resource.resource.attributes.add(), "service.name", "shop")
    _put(resource.resource.attributes.add(), "deployment.environment.name", "prod")
    scope = resource.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.openai_v2"
    for _ in range(spans):
        _add_genai_span(draw, scope)
    return request


def plain_request(draw: random.Random, spans: int = SPANS_PER_REQUEST) -> ExportTraceServiceRequest:
    """A request of database client spans: nothing of GenAI in it."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for _ in range(spans):
        span = _add_span(draw, scope, "SELECT shop.orders", Span.SPAN_KIND_CLIENT)
        for key, value in (
            ("db.system.name", "postgresql"), ("db.namespace", "shop"), ("db.operation.name", "SELECT"),
            ("db.query.text", "SELECT id, total FROM orders WHERE customer_id = $1 AND created_at > $2"),
            ("server.address", "db.internal"), ("server.port", 5432), ("network.peer.address", "10.0.3.7"),
        ):  # fmt: skip
            _put(span.attributes.add(), key, value)
    return request


def _add_genai_span(draw: random.Random, scope: ScopeSpans) -> None:
    provider, model, answered = draw.choices(MODELS, weights=range(len(MODELS), 0, -1))[0]
    failed = draw.random() < 0.02
    user = _pick(draw, _USERS)
    span = _add_span(draw, scope, f"chat {model}", Span.SPAN_KIND_CLIENT)
    attributes: list[tuple[str, str | int | float | bool]] = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", provider),
        ("gen_ai.request.model", model),
        ("gen_ai.request.max_tokens", 4096),
        ("gen_ai.request.temperature", 0.2),
        ("gen_ai.request.top_p", 0.9),
        ("gen_ai.output.type", "text"),
        ("gen_ai.conversation.id", f"conversation-{user}"),
        ("server.address", f"api.{provider}.com"),
        ("server.port", 443),
        ("endpoint_tag", f"feature_{_pick(draw, _ENDPOINTS)}.answer"),
        ("prompt_version", f"answer_v{_pick(draw, _PROMPTS)}"),
        ("user.id", f"user-{user}"),
        ("tenant.id", f"tenant-{user % 97}"),
        ("session.id", f"session-{draw.getrandbits(40):010x}"),
        ("app.release", "2026.11.3"),
        ("app.region", "eu-west-1"),
        ("app.feature_flag", True),
        ("network.protocol.version", "2"),
    ]
    if failed:
        attributes += [("error.type", "RateLimitError"), ("http.response.status_code", 429)]
        span.status.code = Status.STATUS_CODE_ERROR
    else:
        attributes += [
            ("gen_ai.response.model", answered),
            ("gen_ai.response.id", f"chatcmpl-{draw.getrandbits(96):024x}"),
            ("gen_ai.usage.input_tokens", draw.randrange(200, 4000)),
            ("gen_ai.usage.output_tokens", draw.randrange(20, 900)),
            ("gen_ai.usage.cache_read.input_tokens", draw.choice((0, 0, 128))),
            ("http.response.status_code", 200),
        ]
    for key, value in attributes:
        _put(span.attributes.add(), key, value)


def _add_span(draw: random.Random, scope: ScopeSpans, name: str, kind: Span.SpanKind.ValueType) -> Span:
    end = time.time_ns() - draw.randrange(5 * 10**9)
    return scope.spans.add(
        trace_id=draw.randbytes(16), span_id=draw.randbytes(8), parent_span_id=draw.randbytes(8), name=name,
        kind=kind, start_time_unix_nano=end - draw.randrange(200, 9000) * 10**6, end_time_unix_nano=end,
        flags=0x101,
    )  # fmt: skip


def _pick(draw: random.Random, weights: list[float]) -> int:
    return draw.choices(range(len(weights)), cum_weights=weights)[0]


def _put(attribute: object, key: str, value: str | int | float | bool) -> None:
    attribute.key = key  # type: ignore[attr-defined]
    field = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}[type(value)]
    setattr(attribute.value, field, value)  # type: ignore[attr-defined]


class Sent(NamedTuple):
    """One acknowledged request: when it was due, or begun, and when its answer came (wall clock, seconds)."""

    due: float
    answered: float


_Answer = tuple[str, list[Sent]]
"""What one process reports: why it failed, if it did, and what was acknowledged."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send.

    Attributes:
        address: gRPC address of the service.
        requests: how many requests, over all connections.
        connections: each with one request outstanding, as a batch span processor has.
        calls_per_second: over all connections; 0 sends as fast as answers come.
        spans: per request.
    """

    address: str
    requests: int
    connections: int = 4
    calls_per_second: float = 0.0
    spans: int = SPANS_PER_REQUEST
    processes: int = 2


def send(plan: Plan, seed: int, before: Callable[[], object] = int) -> list[Sent]:
    """Send a plan from processes of its own and return what was acknowledged. Any refusal fails.

    Args:
        before: called when everything is built and connected, just before the first request.
    """
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(plan.processes + 1), context.SimpleQueue()
    shares = [
        context.Process(target=_send_share, args=(plan, seed, place, barrier, answers), daemon=True)
        for place in range(plan.processes)
    ]
    for share in shares:
        share.start()
    barrier.wait(_BUILD_SECONDS)  # a share that fails breaks it for all
    before()
    barrier.wait(_BUILD_SECONDS)
    found = [answers.get() for _ in shares]
    for share in shares:
        share.join()
    if failures := [failure for failure, _ in found if failure]:
        raise RuntimeError(f"the service refused: {failures[0]}")
    return sorted(each for _, done in found for each in done)


def _send_share(plan: Plan, seed: int, place: int, barrier: Barrier, answers: SimpleQueue[_Answer]) -> None:
    """One process's part: build, connect, wait for the others, send."""
    try:
        draw = random.Random(seed * 1000 + place)
        numbers = range(place, plan.requests, plan.processes)
        queue = _Queue([(number, genai_request(draw, plan.spans).SerializeToString()) for number in numbers])
        channels = [_connect(plan.address) for _ in range(place, plan.connections, plan.processes)]
    except BaseException:
        barrier.abort()
        raise
    barrier.wait()
    barrier.wait()
    start = time.time()
    threads = [threading.Thread(target=queue.drain, args=(plan, channel, start)) for channel in channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put((queue.failure, queue.done))


def _connect(address: str) -> grpc.Channel:
    channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
    grpc.channel_ready_future(channel).result(timeout=30)
    return channel


class _Queue:
    """The requests of one process, taken by its connections in order."""

    def __init__(self, bodies: Sequence[tuple[int, bytes]]) -> None:
        self.done: list[Sent] = []
        self.failure: str = ""
        self._bodies = iter(bodies)
        self._lock = threading.Lock()

    def drain(self, plan: Plan, channel: grpc.Channel, start: float) -> None:
        export: Callable[..., bytes] = channel.unary_unary(METHOD)
        pace = plan.spans / plan.calls_per_second if plan.calls_per_second else 0.0
        while not self.failure:
            with self._lock:
                number, body = next(self._bodies, (-1, b""))
            if number < 0:
                return
            due = start + number * pace if pace else time.time()
            time.sleep(max(0.0, due - time.time()))
            try:
                answer = export(body, timeout=_TIMEOUT_SECONDS)
            except grpc.RpcError as error:
                self.failure = f"{error.code()}: {error.details()}"
                return
            if answer:
                self.failure = f"not all accepted: {answer!r}"
            self.done.append(Sent(due, time.time()))
