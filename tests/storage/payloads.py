"""Captured payloads and reported cases as deliveries: the same spans in any pieces, apart from each other.

A delivery has trace ids, response ids and a service name of its own, so that all play side by side in one
ledger. Ids keep their lengths and their order.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processor.calls.response_id import is_strong_response_id
from receiver.otlp.decode import decode
from receiver.otlp.json import parse
from tests.cases.comparison import CASES
from tests.receiver.captures import CAPTURES

_ID = 8
"""Last characters of a response id that are a delivery's own."""
_PREFIX = b"resp_"


@dataclass(frozen=True)
class Payload:
    """The spans that an emitter sent."""

    name: str
    body: bytes

    @cached_property
    def newest_ns(self) -> int:
        return max(span.end_time_unix_nano for *_, span in _spans(self.body))

    @cached_property
    def traces(self) -> list[bytes]:
        return sorted({span.trace_id for *_, span in _spans(self.body)})

    @cached_property
    def ids(self) -> list[str]:
        """Strong response ids, the longest first."""
        batch = decode(self.body, self.newest_ns)
        calls = [*batch.calls, *(s.call for s in (*batch.sightings, *batch.readings) if s.call is not None)]
        found = {call.response_id for call in calls if call.response_id}
        return sorted(filter(is_strong_response_id, found), key=lambda one: (-len(one), one))

    @cached_property
    def wrapped_ids(self) -> list[bytes]:
        """Ids of LiteLLM that have one of these ids in them, in base64."""
        found = {one for one in re.findall(_PREFIX + rb"[A-Za-z0-9+/]{40,}=*", self.body) if _unwrapped(one)}
        return sorted(one for one in found if any(inner.encode() in _unwrapped(one) for inner in self.ids))


@dataclass(frozen=True)
class Delivery:
    """A payload as it is sent once; `number` keeps it apart (`deliveries.new_number`)."""

    payload: Payload
    number: int

    @property
    def prefix(self) -> str:
        return f"{self.number:08x}"

    @cached_property
    def spans(self) -> list[bytes]:
        """A request for each span, in the order of the payload; one after the other they are one request."""
        made = []
        for resource, scope, span in _spans(self._body()):
            request = ExportTraceServiceRequest()
            group = request.resource_spans.add(resource=resource)
            group.scope_spans.add(scope=scope).spans.append(span)
            _rename(group.resource, self.prefix)
            made.append(request.SerializeToString())
        return made

    @property
    def whole(self) -> bytes:
        """The payload in one request, grouped as its emitter does."""
        request = ExportTraceServiceRequest.FromString(self._body())
        for group in request.resource_spans:
            _rename(group.resource, self.prefix)
        return request.SerializeToString()

    @property
    def originals(self) -> list[tuple[str, str]]:
        """What is this delivery's own → what stands there in the payload."""
        traces = [(own.hex(), one.hex()) for one, own in self._traces()]
        wrapped = ((self._own(one).decode(), one.decode()) for one in self.payload.wrapped_ids)
        return [*traces, *wrapped, *((own, one) for one, own in self._ids()), (f"-{self.prefix}", "")]

    def _traces(self) -> list[tuple[bytes, bytes]]:
        head = self.number.to_bytes(4, "big")
        return [(t, head + place.to_bytes(4, "big") + t[8:]) for place, t in enumerate(self.payload.traces)]

    def _ids(self) -> list[tuple[str, str]]:
        return [(one, f"{one[:-_ID]}{self.number + place:08x}") for place, one in enumerate(self.payload.ids)]

    def _body(self) -> bytes:
        body = self.payload.body
        for original, own in self._traces():
            body = body.replace(original, own)
        for one in self.payload.wrapped_ids:
            body = body.replace(one, self._own(one))
        return self._with_own_ids(body)

    def _own(self, wrapped: bytes) -> bytes:
        """LiteLLM's id of a response, which wraps the provider's, with this delivery's own id in it."""
        return _PREFIX + b64encode(self._with_own_ids(_unwrapped(wrapped)))

    def _with_own_ids(self, text: bytes) -> bytes:
        for one, other in self._ids():
            text = text.replace(one.encode(), other.encode())
        return text


def _unwrapped(one: bytes) -> bytes:
    try:
        return b64decode(one.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return b""


def payloads() -> list[Payload]:
    """Every captured payload that has spans, and every case."""
    found = [Payload(capture.name, capture.body) for capture in CAPTURES]
    for case in CASES:
        request = parse(case.path.read_bytes()).message
        found.append(Payload(f"cases/{case.name}", request.SerializeToString()))
    return [payload for payload in found if payload.body]


def _spans(body: bytes) -> Iterator[tuple[Resource, InstrumentationScope, Span]]:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        for block in group.scope_spans:
            for span in block.spans:
                yield group.resource, block.scope, span


def _rename(resource: Resource, prefix: str) -> None:
    for attribute in resource.attributes:
        if attribute.key == "service.name":
            attribute.value.string_value += f"-{prefix}"
            return
    resource.attributes.add(key="service.name").value.string_value = f"unnamed-{prefix}"
