"""Hand-made spans: requests as an instrumentation would send them, for what no capture shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from processor.calls.call import Batch, ModelCall
from receiver.otlp.decode import decode

T0 = 1_790_000_000_000_000_000
TRACE = bytes(range(1, 17))
Attributes = Mapping[str, object]


@dataclass
class Made:
    """One span to be sent; `start` and `end` are milliseconds after T0."""

    attributes: Attributes = field(default_factory=dict)
    span_id: int = 1
    parent: int = 0
    trace: bytes = TRACE
    name: str = "span"
    kind: int = Span.SPAN_KIND_CLIENT
    start: int = 0
    end: int = 1000
    failed: bool = False
    message: str = ""
    scope: tuple[str, str] = ("test", "1")
    resource: Attributes = field(default_factory=lambda: {"service.name": "shop"})
    exception: tuple[str, str] | None = None


def any_value(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        made = AnyValue()
        made.array_value.values.extend(any_value(item) for item in value)
        return made
    return AnyValue(string_value=str(value))


def pairs(attributes: Attributes) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def request(*spans: Made) -> ExportTraceServiceRequest:
    """The spans in this order, each in a ResourceSpans of its own."""
    made = ExportTraceServiceRequest()
    for one in spans:
        resource = made.resource_spans.add()
        resource.resource.attributes.extend(pairs(one.resource))
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = one.scope
        scope.spans.append(span(one))
    return made


def span(one: Made) -> Span:
    made = Span(
        trace_id=one.trace,
        span_id=one.span_id.to_bytes(8, "big"),
        parent_span_id=one.parent.to_bytes(8, "big") if one.parent else b"",
        name=one.name,
        kind=one.kind,  # type: ignore[arg-type]
        start_time_unix_nano=T0 + one.start * 1_000_000,
        end_time_unix_nano=T0 + one.end * 1_000_000,
        attributes=pairs(one.attributes),
    )
    if one.failed:
        made.status.code = Status.STATUS_CODE_ERROR
        made.status.message = one.message
    if one.exception:
        kind, message = one.exception
        made.events.add(name="exception").attributes.extend(
            pairs({"exception.type": kind, "exception.message": message})
        )
    return made


def decoded(*spans: Made) -> Batch:
    return decode(request(*spans).SerializeToString(), T0 + 10**10)


def one_call(*spans: Made) -> ModelCall:
    (call,) = decoded(*spans).calls
    return call


def read(attributes: Attributes, scope: str = "test", version: str = "1", **more: object) -> ModelCall:
    """The one call of a span with these attributes."""
    return one_call(Made(attributes, scope=(scope, version), **more))  # type: ignore[arg-type]


def ids(calls: Sequence[ModelCall]) -> set[int]:
    return {int.from_bytes(call.span_id, "big") for call in calls}


CHAT: Attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
}
