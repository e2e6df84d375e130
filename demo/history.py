"""The planned days as spans: the SDK and the stock exporters, with the times of the past given explicitly.

What a span carries (scope, name, kind, attributes) is what the instrumentation writes when it runs live: a
test compares the two. The clock and the ids are the plan's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from demo import plan as planned
from demo.plan import Plan, PlannedCall, PlannedRequest
from demo.shop import FEATURES
from demo.vocabularies import Attributes, anthropic_sdk, genai, http_status, openinference, tags

BATCH = 512
"""Spans in one export request: the batch span processor's own default."""
SERVICES = tuple(dict.fromkeys(feature.service for feature in FEATURES))


class HistoryLost(Exception):
    """The receiver did not take a batch."""


class SeededIds(IdGenerator):
    """Ids drawn from a seed: the same day has the same ids, so that sending it twice adds nothing."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def generate_span_id(self) -> int:
        """A span id, never zero."""
        return self._random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        """A trace id, never zero."""
        return self._random.getrandbits(128) or 1


class _Finished(SpanProcessor):
    """Collects the spans that ended, in the order of their ends."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def send(
    plan: Plan, service: str, exporter: SpanExporter, resource: Attributes, progress: Callable[[int], None]
) -> int:
    """Send one service's part of the days through `exporter`; returns how many spans.

    Args:
        resource: attributes beside `service.name`, such as `data_mode`.
        progress: is told how many spans each acknowledged request held.

    Raises:
        HistoryLost: the exporter gave up on a request.
    """
    sent = 0
    for batch in _batches(history(plan, service, resource)):
        if exporter.export(batch) is not SpanExportResult.SUCCESS:
            raise HistoryLost(f"{service}: the receiver did not take spans {sent} to {sent + len(batch)}")
        sent += len(batch)
        progress(len(batch))
    return sent


def span_count(plan: Plan, service: str) -> int:
    """How many spans `send` will send: one per call, two of the Anthropic SDK, and the SERVER spans."""
    return sum(
        _has_server_span(plan, request)
        + len(request.calls) * (2 if request.model.provider == "anthropic" else 1)
        for request in plan.requests
        if request.feature.service == service
    )


def _has_server_span(plan: Plan, request: PlannedRequest) -> bool:
    """Only on the last day: the ledger reads nothing of these spans, and they are half of what is sent."""
    return request.calls[0].start_ns >= int(plan.start.timestamp()) * 10**9


def _batches(requests: Iterator[list[ReadableSpan]]) -> Iterator[list[ReadableSpan]]:
    batch: list[ReadableSpan] = []
    for spans in requests:
        if batch and len(batch) + len(spans) > BATCH:
            yield batch
            batch = []
        batch += spans
    if batch:
        yield batch


def history(plan: Plan, service: str, resource: Attributes) -> Iterator[list[ReadableSpan]]:
    """One service's spans, request by request in the order of time: each try, and the SERVER span."""
    finished = _Finished()
    provider = TracerProvider(
        resource=Resource.create({"service.name": service, **resource}),
        id_generator=SeededIds(f"{plan.seed}:{plan.anchor.isoformat()}:{service}"),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(finished)
    emit = _Emitter(provider)
    for request in plan.requests:
        if request.feature.service == service:
            emit.request(request, _has_server_span(plan, request))
            yield finished.spans
            finished.spans = []


class _Scope(NamedTuple):
    name: str
    package: str


GENAI_OPENAI = _Scope(
    "opentelemetry.instrumentation.genai.openai", "opentelemetry-instrumentation-genai-openai"
)
GENAI_ANTHROPIC = _Scope(
    "opentelemetry.instrumentation.genai.anthropic", "opentelemetry-instrumentation-genai-anthropic"
)
ANTHROPIC_SDK = _Scope("com.anthropic.sdk.python", "anthropic")
OPENINFERENCE = _Scope("openinference.instrumentation.openai", "openinference-instrumentation-openai")


class _Emitter:
    """Starts and ends spans as the instrumentations do, with the plan's times."""

    def __init__(self, provider: TracerProvider) -> None:
        self._shop = provider.get_tracer("shop")
        scopes = (GENAI_OPENAI, GENAI_ANTHROPIC, ANTHROPIC_SDK, OPENINFERENCE)
        self._tracers = {scope: provider.get_tracer(scope.name, version(scope.package)) for scope in scopes}

    def request(self, request: PlannedRequest, has_server_span: bool) -> None:
        said = tags(request)
        if not has_server_span:
            for call in request.calls:
                self.call(request, call, {**said, "attempt": str(call.attempt)}, Context())
            return
        first, last = request.calls[0], request.calls[-1]
        name = f"POST {request.feature.route}"
        root = _start(self._shop, name, SpanKind.SERVER, said, first.start_ns - 2_000_000, Context())
        inside = trace.set_span_in_context(root)
        for call in request.calls:
            self.call(request, call, {**said, "attempt": str(call.attempt)}, inside)
        if last.outcome in (planned.RATE_LIMITED, planned.SERVER_ERROR):
            root.set_status(Status(StatusCode.ERROR))
        root.end(last.end_ns + 1_500_000)

    def call(self, request: PlannedRequest, call: PlannedCall, said: Attributes, inside: Context) -> None:
        if request.feature.service == "shop-api":
            name = "CreateEmbeddings" if request.feature.operation == "embeddings" else "ChatCompletion"
            attributes = {**said, **openinference(request, call)}
            span = _start(
                self._tracers[OPENINFERENCE], name, SpanKind.INTERNAL, attributes, call.start_ns, inside
            )
            if call.usage is not None:
                span.set_status(Status(StatusCode.OK))
            return _end(span, call)
        anthropic = request.model.provider == "anthropic"
        scope = GENAI_ANTHROPIC if anthropic else GENAI_OPENAI
        name = f"{request.feature.operation} {request.model.name}"
        attributes = {**said, **genai(request, call)}
        span = _start(self._tracers[scope], name, SpanKind.CLIENT, attributes, call.start_ns, inside)
        if anthropic:
            self.sdk_call(request, call, said, trace.set_span_in_context(span))
        return _end(span, call)

    def sdk_call(self, request: PlannedRequest, call: PlannedCall, said: Attributes, inside: Context) -> None:
        """The same call again, as the Anthropic SDK itself reports it, below the instrumentation's span."""
        attributes = {**said, **anthropic_sdk(request, call)}
        tracer, name = self._tracers[ANTHROPIC_SDK], "anthropic.messages.create"
        span = _start(tracer, name, SpanKind.CLIENT, attributes, call.start_ns + 300_000, inside)
        if call.usage is not None:
            span.set_status(Status(StatusCode.OK))
        _end(span, call, before_ns=200_000)


def _start(
    tracer: Tracer, name: str, kind: SpanKind, attributes: Attributes, start_ns: int, inside: Context
) -> Span:
    span = tracer.start_span(name, inside, kind, attributes, start_time=start_ns)
    assert isinstance(span, Span)  # the SDK's own, never sampled away
    return span


def _end(span: Span, call: PlannedCall, before_ns: int = 0) -> None:
    if call.outcome in (planned.RATE_LIMITED, planned.SERVER_ERROR):
        error = f"Error code: {http_status(call)} - {{'error': {{'message': 'Try again.'}}}}"
        span.set_status(Status(StatusCode.ERROR, error))
    span.end(call.end_ns - before_ns)
