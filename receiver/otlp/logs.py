"""OTLP log export requests → the calls that their records report.

A record that reports no call costs its framing and a byte scan. One that does is read as the span it stands
for: by the same plans, judged by the same rules, so that a vocabulary is written once for both signals.

Source:
    https://opentelemetry.io/docs/specs/otel/logs/data-model/ (fields of a record, `event.name`)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from google.protobuf.message import DecodeError

from processor.calls.call import UNKNOWN, Batch, Flag, ModelCall, Rejection, UncountedSpan, Unread
from receiver.dialects import DIALECTS
from receiver.dialects.table import LogEvent, Origin
from receiver.otlp import attributes
from receiver.otlp.decode import CALL_BYTES, DEFAULT, SIGHTING_BYTES, DecodeOptions, Tables, tables_of
from receiver.otlp.framing import TOKENS, Frame, origin_of, search
from receiver.otlp.lineage import Context
from receiver.otlp.read_call import ReadSpan, judge_span
from receiver.otlp.read_plan import FieldValues
from receiver.otlp.unread import unread_keys, unread_reason
from receiver.otlp.wire import LogRecord, parse_record

NAME = "event.name"
EVENTS: Mapping[str, LogEvent] = {event.name: event for dialect in DIALECTS for event in dialect.events}
NEEDLES = (
    re.compile(rb"api_(?:re(?:quest|sponse)|error)"),
    re.compile(rb"l(?:s(?<=operation\.details)|ete(?:(?<=response\.complete)d|(?<=response\.incomplete)))"),
    re.compile(rb"g(?<=error\.messag)e"),
    TOKENS,
)
"""Every record of one of the events that are read holds one of them; of Codex' events, of which an answer has
hundreds, only those that end it. The last finds counts of emitters that no rule knows (unread.py).
Each begins with one text, or one rare character: an alternative at the beginning costs a record ten times as
much."""

_KNOWN = (
    "com.anthropic.claude_code", "claude_code.", "codex", "gemini_cli.", "gemini-cli", "qwen-code",
    "copilot_chat.", "github.copilot", "opencode.", "com.opencode",
)  # fmt: skip
"""Emitters and events whose vocabulary is known: what their other events count is no call's usage."""


def _text(text: str) -> bytes:
    """An `AnyValue` that holds a short text."""
    raw = text.encode()
    return b"\n" + len(raw).to_bytes(1, "big") + raw


_TEXTS = {name: _text(name) for name in EVENTS}
_BY_TEXT = {_TEXTS[name]: event for name, event in EVENTS.items()}
_BY_FIELD = {name.encode(): event for name, event in EVENTS.items()}
_BARE = {(event.bare, event.scope): event for event in EVENTS.values() if event.bare}
_CLIENT, _MS = 3, 1_000_000
_FAILED = b"\x18\x02"
"""A `Status` with code ERROR and nothing else."""
_IDENTIFYING = ("response_id", "conversation_id", "model", "input_tokens", "output_tokens", "event_sequence")


@dataclass(slots=True)
class LogSpan:
    """The span that a log record stands for (`receiver.otlp.wire.Span`).

    It begins its duration before the record was written, or at the record's time (`LogEvent.begins`). Its
    parent is the span that was active then.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: bytes
    kind: int
    start: int
    end: int
    attributes: Mapping[str, bytes]
    events: Sequence[bytes]
    status: bytes


def decode_logs(body: bytes, received_ns: int, options: DecodeOptions = DEFAULT) -> Batch:
    """Read one serialized `ExportLogsServiceRequest`.

    Args:
        body: the request, uncompressed.
        received_ns: the receiver's stamp, nanoseconds since 1970 UTC.

    Returns:
        The calls it holds; sightings of records with usage that no rule reads; rejections of records that
        may tell of a call but cannot be read. `spans` counts all records. Identities are as sent; content is
        never in it.

    Raises:
        BadData: `body` is no such message.
    """
    return _LogDecoder(Frame(body, "ExportLogsServiceRequest"), received_ns, tables_of(options)).batch()


class _LogDecoder:
    """One request on its way through."""

    def __init__(self, frame: Frame, received_ns: int, tables: Tables) -> None:
        self._frame = frame
        self._received_ns = received_ns
        self._tables = tables
        self._context = Context(lambda trace_id, span_id: None, tables.home)
        self._calls: list[ModelCall] = []
        self._sightings: list[UncountedSpan] = []

    def batch(self) -> Batch:
        frame = self._frame
        rejections: list[Rejection] = []
        for index in sorted(search(frame.spans, (*NEEDLES, *self._tables.needles))):
            try:
                self._read(index)
            except DecodeError:
                rejections.append(Rejection(b"", b"", "", "bad_record", "log record: no OTLP LogRecord"))
        held = CALL_BYTES * len(self._calls) + SIGHTING_BYTES * len(self._sightings)
        return Batch(self._calls, self._sightings, rejections, len(frame.spans), held, self._received_ns)

    def _read(self, index: int) -> None:
        """Keep what a record says. Raises `DecodeError`."""
        record = parse_record(self._frame.spans[index])
        block, _ = self._frame.block_of(index)
        origin = origin_of(block.scope)
        name, event = event_of(record, origin.scope)
        keys = () if event or _is_known(name, origin.scope) else unread_keys(record.attributes, origin.scope)
        is_mapped = event is None and self._tables.plans.maps(origin)
        if event is None and not keys and not is_mapped:
            return
        seen = self._judge(record, name, event, origin, self._frame.resources[block.group])
        if seen.call is not None and seen.verdict.counts:
            seen.call.flags |= Flag.FROM_LOG
            self._context.complete(seen.call, seen)
            self._calls.append(seen.call)
        elif keys and not (is_mapped and seen.verdict.known):
            self._sightings.append(self._unread(seen, keys))

    def _judge(
        self, record: LogRecord, name: str, event: LogEvent | None, origin: Origin, resource: bytes
    ) -> ReadSpan:
        """The record as the span it stands for."""
        if event is not None:
            record.attributes[NAME] = _TEXTS[event.name]
            origin = _emitter(event, origin)
        plan, reading = self._tables.plans.emitter(origin).read_attributes(record.attributes)
        failed = event is not None and event.failed(reading.values)
        span = _span(record, name, reading, _FAILED if failed else b"", event is not None and event.begins)
        return judge_span(span, plan, reading, self._received_ns, resource)

    def _unread(self, seen: ReadSpan, keys: tuple[str, ...]) -> UncountedSpan:
        """Usage that no rule reads; where it belongs is read as for a call."""
        call = ModelCall(span_id=seen.span_id)
        self._context.complete(call, seen)
        place = call.service_name or UNKNOWN, call.environment, call.data_mode
        unread = Unread(seen.trace_id + seen.span_id, seen.start, *seen.plan.origin, keys, *place)
        reason = unread_reason(keys)
        return UncountedSpan(
            seen.trace_id, seen.span_id, seen.parent_span_id, seen.name, reason, unread=unread
        )


def event_of(record: LogRecord, scope: str) -> tuple[str, LogEvent | None]:
    """A record's name, from its field, its attribute or its body, and the event that it is, if it is read."""
    named = record.attributes.get(NAME, b"")
    event = _BY_FIELD.get(record.event_name) or _BY_TEXT.get(named) or _BY_TEXT.get(record.body)
    return (event.name, event) if event is not None else _event_otherwise(record, named, scope)


def _event_otherwise(record: LogRecord, named: bytes, scope: str) -> tuple[str, LogEvent | None]:
    """The same for a name that is no event's full one, or is written in another way."""
    body = attributes.content(record.body).decode("utf-8", "replace") if len(record.body) < 100 else ""
    names = (record.event_name.decode("utf-8", "replace"), attributes.text(named), body)
    for name in names:
        if name and name in EVENTS:
            return name, EVENTS[name]
    bare = (event for (name, start), event in _BARE.items() if name in names and scope.startswith(start))
    event = next(bare, None)
    return (event.name if event else names[0] or names[1] or ""), event


def _is_known(name: str, scope: str) -> bool:
    """Whether the record's emitter is known, and so are all its events that report calls."""
    return name.startswith(_KNOWN) or scope.startswith(_KNOWN)


def holds_logs(body: bytes) -> bool:
    """Whether a serialized export request is one of logs: both kinds have the same outer form.

    Raises:
        BadData: it has neither form.
    """
    for raw in Frame(body, "export request").spans:
        try:
            record = parse_record(raw)
        except DecodeError:
            return False
        return bool(record.time or record.observed)
    return False


def _emitter(event: LogEvent, origin: Origin) -> Origin:
    """The event names its emitter, whatever became of the scope on its way; the conventions' does not."""
    return origin if event.name.startswith("gen_ai.") else Origin(event.name, origin.version)


def _span(record: LogRecord, name: str, reading: FieldValues, status: bytes, begins: bool) -> LogSpan:
    values = reading.values
    told = record.time or record.observed
    lasts = values.get("duration_us", 0) * 1000
    start, end = told - lasts, told
    if begins and record.observed >= told + lasts - _MS:
        start, end = told, told + lasts
    said = [name, told, *(values.get(field) for field in _IDENTIFYING)]
    digest = blake2b(repr(said).encode("utf-8", "replace"), digest_size=24).digest()
    is_traced = len(record.trace_id) == 16 and any(record.trace_id)
    return LogSpan(
        record.trace_id if is_traced else digest[:16],
        digest[16:],
        record.span_id if is_traced else b"",
        name.encode("utf-8", "replace"),
        _CLIENT,
        max(start, 0),
        end,
        record.attributes,
        (),
        status,
    )
