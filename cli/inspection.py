"""What one OTLP payload would become: the calls that count, the spans that do not, and why."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from operations.format import iso
from operations.terminal import exact_usd
from processor.calls.admission import YEAR_2015_NS, Admission, admit
from processor.calls.call import Batch, Flag, ModelCall
from processor.calls.errors import BadData
from processor.pricing.book import PriceBook
from processor.pricing.charge import Charge, price_call
from receiver.otlp import json as otlp_json
from receiver.otlp.decode import DEFAULT, DecodeOptions, decode_message, unread_names
from receiver.otlp.json import Parsed
from receiver.otlp.logs import holds_logs
from receiver.reports.fields import FIELDS

_MINUTE_NS = 60_000_000_000
_UNITS = {"latency_us": 1_000, "time_to_first_token_us": 1_000}
"""Fields kept in microseconds and shown in milliseconds."""
NOT_GENAI = "nothing of GenAI in it"
NO_USAGE = "names GenAI, but carries neither token counts nor a model with its provider"
_GENAI_WORDS = ("gen_ai", "llm.", "langfuse.", "ai.operationId", "traceloop.", "openinference.", "langsmith.")


class Counted(NamedTuple):
    """One call as it would be stored, with its price."""

    call: ModelCall
    charge: Charge
    unread: tuple[str, ...] = ()
    """Attributes of the span that speak of tokens or usage and that no rule reads."""


class NotCounted(NamedTuple):
    """One span that would not be counted."""

    span_id: str
    name: str
    reason: str
    unread: tuple[str, ...] = ()
    """Keys that speak of a model call, where no rule reads them (`receiver.otlp.unread`)."""


class Inspection(NamedTuple):
    """What a payload holds."""

    counted: list[Counted]
    not_counted: list[NotCounted]


Traces: TypeAlias = Parsed[ExportTraceServiceRequest]
Logs: TypeAlias = Parsed[ExportLogsServiceRequest]


def read_payload(path: Path) -> Traces | Logs:
    """Read an export request of traces or logs, binary or OTLP/JSON; its bytes tell which.

    Raises:
        BadData: the file is neither; for JSON, says what it holds instead.
    """
    body = path.read_bytes()
    if body.lstrip()[:1] == b"{":
        if b'"resourceSpans"' not in body and b'"resourceLogs"' not in body:
            raise BadData(path.name, _why_not_read(body))
        is_logs = b'"resourceLogs"' in body and b'"resourceSpans"' not in body
        return otlp_json.parse_logs(body) if is_logs else otlp_json.parse(body)
    try:
        if holds_logs(body):
            return Parsed(ExportLogsServiceRequest.FromString(body), [])
        return Parsed(ExportTraceServiceRequest.FromString(body), [])
    except (DecodeError, BadData) as error:
        raise BadData(path.name, "neither an OTLP export request nor its JSON form") from error


def _why_not_read(body: bytes) -> str:
    """Why a JSON file holds no call: OTLP/JSON ignores unknown keys, so nothing else would say it."""
    if b'"resource_spans"' in body or b'"resource_logs"' in body:
        return "has snake_case keys, which OTLP/JSON ignores; write resourceSpans, traceId, startTimeUnixNano"
    if b'"resourceMetrics"' in body:
        return "holds metrics, which are not counted; calls are read from spans and log events"
    return "is no OTLP/JSON request: it has neither resourceSpans nor resourceLogs"


def inspect_payload(
    payload: Traces, book: PriceBook, rules: Admission | None, reading: DecodeOptions = DEFAULT
) -> Inspection:
    """Read, admit and price as the service would.

    Args:
        rules: the rules of the door; None leaves calls, identities above all, as they were sent.
        reading: how spans are read, by the configuration.
    """
    request = payload.message
    batch = decode_message(request, _received_ns(request), reading)
    counted: list[Counted] = []
    reasons = _reasons(batch)
    attributes = {(s.trace_id, s.span_id): [pair.key for pair in s.attributes] for s in _spans(request)}
    unread = {(s.trace_id, s.span_id): s.unread.keys for s in batch.sightings if s.unread is not None}
    for call in (*batch.calls, *_promoted(batch, request)):
        refusal = admit(call, rules) if rules is not None else None
        if refusal is None:
            names = attributes.get((call.trace_id, call.span_id), ())
            counted.append(Counted(call, price_call(call, book), unread_names(names, reading)))
        else:
            reasons[call.trace_id, call.span_id] = f"{refusal.reason}: {refusal.detail}"
    kept = {(item.call.trace_id, item.call.span_id) for item in counted}
    refused = [NotCounted(r.span_id.hex(), r.name, f"{r.reason}: {r.detail}") for r in payload.refused]
    return Inspection(counted, [*_not_counted(request, reasons, kept, unread), *refused])


def _promoted(batch: Batch, request: ExportTraceServiceRequest) -> Iterator[ModelCall]:
    """Wrappers that the service counts when no inner call has come within the binding window (LEDGER §23).

    A file is inspected as the whole story. Of nested wrappers only the innermost stands for the call.
    """
    waiting = {s.span_id: s.call for s in batch.sightings if s.wrapper and s.call is not None}
    parents = {span.span_id: span.parent_span_id for span in _spans(request)} if waiting else {}
    around: set[bytes] = set()
    for span_id in waiting:
        above = parents.get(span_id, b"")
        while above and above not in around:
            around.add(above)
            above = parents.get(above, b"")
    for span_id, call in waiting.items():
        if span_id not in around:
            call.flags |= Flag.PROMOTED
            yield call


def _received_ns(request: ExportTraceServiceRequest) -> int:
    spans = _spans(request)
    return received_after(ns for span in spans for ns in (span.start_time_unix_nano, span.end_time_unix_nano))


def received_after(told_ns: Iterable[int]) -> int:
    """Now, or a minute after the newest moment of an old file: a file is inspected as if it came in time.

    Args:
        told_ns: what its spans or records say, nanoseconds since 1970; a clock that counts from elsewhere
            does not tell when the file was made.
    """
    newest = max((ns for ns in told_ns if ns >= YEAR_2015_NS), default=0)
    return min(time.time_ns(), newest + _MINUTE_NS) if newest else time.time_ns()


def _reasons(batch: Batch) -> dict[tuple[bytes, bytes], str]:
    reasons = {(s.trace_id, s.span_id): s.reason for s in batch.sightings}
    reasons.update({(r.trace_id, r.span_id): f"{r.reason}: {r.detail}" for r in batch.rejections})
    return reasons


def _not_counted(
    request: ExportTraceServiceRequest,
    reasons: Mapping[tuple[bytes, bytes], str],
    counted: set[tuple[bytes, bytes]],
    unread: Mapping[tuple[bytes, bytes], tuple[str, ...]],
) -> Iterator[NotCounted]:
    for span in _spans(request):
        place = span.trace_id, span.span_id
        if place not in counted:
            reason = reasons.get(place) or _silence(span)
            yield NotCounted(span.span_id.hex(), span.name, reason, unread.get(place, ()))


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def _silence(span: Span) -> str:
    """Why a span without a verdict is none: it says nothing of GenAI, or nothing that could be counted."""
    speaks = any(word in pair.key for pair in span.attributes for word in _GENAI_WORDS)
    return NO_USAGE if speaks else NOT_GENAI


def public_call(item: Counted) -> dict[str, object]:
    """A call under the public names of the telemetry schema; fields without a value are left out."""

    call = item.call
    shown: dict[str, object] = {}
    for name, reader in FIELDS.items():
        value = getattr(call, reader.field)
        if value is not None and value != b"":
            shown[name] = _public(name, reader.field, value)
    shown["costUsd"] = exact_usd(item.charge.cost)
    shown["priceStatus"] = item.charge.status
    shown["dialect"] = call.dialect
    shown["flags"] = [flag.name.lower() for flag in Flag if flag & (call.flags | item.charge.flags)]
    public = {reader.field: name for name, reader in FIELDS.items()}
    if item.unread:
        shown["unreadKeys"] = list(item.unread)
    shown["sources"] = {public[s.field]: s.attribute for s in call.sources if s.field in public}
    return shown


def _public(name: str, field: str, value: object) -> object:

    if isinstance(value, bytes):
        return value.hex()
    if field == "time_ns" and isinstance(value, int):
        return iso(datetime.fromtimestamp(value / 1e9, UTC))
    if field in _UNITS and isinstance(value, int):
        return value / _UNITS[field]
    if field == "reported_cost_pico_usd" and isinstance(value, int):
        return exact_usd(value)
    return value
