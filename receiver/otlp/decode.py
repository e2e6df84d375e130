"""OTLP trace export requests → what the ledger counts of them. The hot path.

A span that holds nothing of GenAI costs its framing and a byte scan; one that does is parsed alone, read by a
plan that was made for its shape once, joined with its duplicates and completed from its ancestors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processor.calls.admission import YEAR_2015_NS
from processor.calls.call import (
    DETAIL,
    DUPLICATE,
    ELSEWHERE,
    HALF,
    OWN,
    UNKNOWN,
    Batch,
    ModelCall,
    Rejection,
    UncountedSpan,
    Unread,
)
from receiver.config import ReceiverConfig
from receiver.dialects.mapped import compile_dialects, looked_for
from receiver.dialects.table import ApplicationKeys, Dialect
from receiver.otlp.dedupe import RESENT, join
from receiver.otlp.framing import Frame, id_fault, needles_for, origin_of
from receiver.otlp.lineage import BINDING, Context, ResourceTags, read_home
from receiver.otlp.read_call import NOT_GENAI, OUTGOING, RAW, ReadSpan, read_span
from receiver.otlp.shapes import Emitter, ReadPlans
from receiver.otlp.unread import UNREAD, names_usage, repeats, unread_reason
from receiver.otlp.wire import parse_span

_MAX_HOMES = 1024
CALL_BYTES = 1200
"""A call in memory with its texts, measured with tracemalloc on the captures (900–1 150)."""
SIGHTING_BYTES = 500
_SHOWN_BLOCKS = 8
"""Of a request without anything to read so many scopes are named: enough to find its sender."""


@dataclass(frozen=True)
class DecodeOptions:
    """What a user may configure about reading spans."""

    application_keys: ApplicationKeys = field(default_factory=ApplicationKeys)
    dialects: tuple[Dialect, ...] = ()
    """Vocabularies that the user maps (`receiver.dialects.mapped`)."""


DEFAULT = DecodeOptions()


def decode_options(config: ReceiverConfig) -> DecodeOptions:
    """How spans are read by this configuration."""
    return DecodeOptions(dialects=compile_dialects(config.dialects))


class Tables:
    """The plans and resources known to one configuration."""

    def __init__(self, options: DecodeOptions) -> None:
        self.plans = ReadPlans(options.application_keys, options.dialects)
        self.needles = needles_for(looked_for(options.dialects))
        self._homes: dict[bytes, ResourceTags] = {}

    def home(self, resource: bytes) -> ResourceTags:
        known = self._homes.get(resource)
        if known is None:
            if len(self._homes) >= _MAX_HOMES:
                self._homes.clear()
            known = self._homes[resource] = read_home(resource, self.plans)
        return known


@lru_cache(maxsize=8)
def tables_of(options: DecodeOptions) -> Tables:
    return Tables(options)


def decode(body: bytes, received_ns: int, options: DecodeOptions = DEFAULT) -> Batch:
    """Read one serialized `ExportTraceServiceRequest`.

    Args:
        body: the request, uncompressed.
        received_ns: the receiver's stamp, nanoseconds since 1970 UTC.

    Returns:
        The calls it holds, each once; sightings of what is not counted, with the reason; rejections of
        spans with broken ids or bytes. Identities are as sent; content is never in it.

    Raises:
        BadData: `body` is no such message.
    """
    decoder = _Decoder(Frame(body), received_ns, tables_of(options))
    try:
        return decoder.batch(len(body))
    finally:
        decoder.release()


def decode_message(
    request: ExportTraceServiceRequest, received_ns: int, options: DecodeOptions = DEFAULT
) -> Batch:
    """The same for a message that was parsed already (OTLP/JSON)."""
    return decode(request.SerializeToString(), received_ns, options)


def unread_names(names: Iterable[str], options: DecodeOptions = DEFAULT) -> tuple[str, ...]:
    """The attribute names that speak of tokens or usage and that no rule reads, sorted; for a closer look."""
    plans = tables_of(options).plans
    return tuple(sorted(name for name in names if names_usage(name) and not plans.reads(name)))


class _Decoder:
    """One request on its way through."""

    def __init__(self, frame: Frame, received_ns: int, tables: Tables) -> None:
        self._frame = frame
        self._received_ns = received_ns
        self._tables = tables
        self._seen: dict[int, ReadSpan | None] = {}
        self._rejections: list[Rejection] = []
        self._context = Context(self._find, tables.home)
        self._last = 0
        self._resource = b""
        self._emitter: Emitter

    def batch(self, size: int) -> Batch:
        frame = self._frame
        bad = frame.malformed()
        for index, (reason, detail) in bad.items():
            self._reject(index, reason, detail)
            self._seen[index] = None
        self._read_all([index for index in frame.interesting(self._tables.needles) if index not in bad])
        counted = self._count()
        self._settle_unread()
        calls = [call for seen in counted if (call := seen.counted or seen.call) is not None]
        readings = [self._own_reading(seen) for seen in counted if seen.counted is not None]
        rest = self._uncounted()
        served = self._served(counted) if rest else frozenset()
        sightings = [self._sighting(seen, id(seen) in served) for seen in rest]
        bytes_held = CALL_BYTES * len(calls) + SIGHTING_BYTES * len(sightings)
        spans = len(frame.spans)
        batch = Batch(calls, sightings, self._rejections, spans, bytes_held, self._received_ns, readings)
        if not (calls or sightings or self._rejections):
            batch.origins = self._origins()
        return batch

    def release(self) -> None:
        """Leave no reference cycle: nothing collects one while calls come in (service/collector.py)."""
        for seen in self._seen.values():
            if seen is not None and seen.group:
                seen.group = ()
        self._seen.clear()
        del self._context

    def _origins(self) -> list[tuple[str, tuple[str, ...]]]:
        """Services and scopes of a request of which nothing is read, for the operator to find the sender."""
        found: dict[int, dict[str, None]] = {}
        for block in self._frame.blocks[:_SHOWN_BLOCKS]:
            found.setdefault(block.group, {})[origin_of(block.scope).scope or "unnamed scope"] = None
        resources = self._frame.resources
        return [
            (self._tables.home(resources[group]).service_name or "", tuple(scopes))
            for group, scopes in found.items()
        ]

    def _read_all(self, indexes: list[int]) -> None:
        """Read spans in order; what one of them has wrong costs only itself."""
        spans, seen, received_ns = self._frame.spans, self._seen, self._received_ns
        last = 0
        for index in indexes:
            if index >= last:
                self._enter(index)
                emitter, resource, last = self._emitter, self._resource, self._last
            try:
                one = seen[index] = read_span(spans[index], emitter, received_ns, resource)
            except DecodeError:
                self._reject(index, "bad_span", "span: the bytes are no OTLP span")
                seen[index] = None
                continue
            if len(one.trace_id) != 16 or len(one.span_id) != 8:  # a second id further on in the span
                self._reject(index, *(id_fault(one.trace_id, one.span_id) or ("bad_span", "span: two ids")))
                seen[index] = None

    def _read(self, index: int) -> ReadSpan | None:
        """Read one span out of order: an ancestor that is asked for."""
        self._read_all([index])
        return self._seen[index]

    def _enter(self, index: int) -> None:
        """Step into the ScopeSpans that holds this span."""
        block, self._last = self._frame.block_of(index)
        self._resource = self._frame.resources[block.group]
        self._emitter = self._tables.plans.emitter(origin_of(block.scope))

    def _find(self, trace_id: bytes, span_id: bytes) -> ReadSpan | None:
        """A span of this request, read when it is asked for the first time."""
        index = self._frame.find(trace_id, span_id)
        if index is None:
            return None
        return self._seen[index] if index in self._seen else self._read(index)

    def _count(self) -> list[ReadSpan]:
        """Join and complete; answers the spans that are counted."""
        candidates = [seen for seen in self._seen.values() if seen is not None and seen.call is not None]
        join(candidates, self._find, self._context.lineage, self._service)
        counted = []
        for seen in candidates:
            if seen.call is None or (seen.part and seen.part != HALF):
                continue  # a part of a call is read with the span that is counted
            if seen.group or seen.details:
                seen.counted = self._context.count(seen)
            else:
                self._context.complete(seen.call, seen)
            if seen.verdict.counts:
                counted.append(seen)
        return counted

    def _service(self, resource: bytes) -> str:
        return self._tables.home(resource).service_name or ""

    def _settle_unread(self) -> None:
        """Usage that no rule reads is reported, unless a counted call is around or inside it.

        A wrapper that waits is none: should it be counted later, the binder takes back what lies in its line.
        """
        unread = [s for s in self._seen.values() if s is not None and s.unread and not s.verdict.known]
        if not unread:
            return
        lineage = self._context.lineage
        told = (DUPLICATE, ELSEWHERE, DETAIL)
        calls = [s for s in self._seen.values() if s is not None and (s.verdict.counts or s.part in told)]
        inside = {id(a): call for call in calls for a in lineage(call.trace_id, call.parent_span_id)}
        by_id = {id(call): call for call in calls}
        for seen in unread:
            line = lineage(seen.trace_id, seen.parent_span_id)
            call = inside.get(id(seen)) or next((by_id[id(a)] for a in line if id(a) in by_id), None)
            seen.verdict = UNREAD if call is None else repeats(call.span_id)

    def _served(self, counted: list[ReadSpan]) -> frozenset[int]:
        """The ancestors of counted calls: no wrapper among them still waits for an inner call."""
        lineage = self._context.lineage
        return frozenset(id(a) for seen in counted for a in lineage(seen.trace_id, seen.parent_span_id))

    def _uncounted(self) -> list[ReadSpan]:
        rest = (seen for seen in self._seen.values() if seen is not None and not seen.verdict.counts)
        uncounted = [seen for seen in rest if seen.verdict is not RESENT]
        links = self._links() if uncounted else frozenset()
        return [
            seen
            for seen in uncounted
            if seen.verdict is not NOT_GENAI
            or id(seen) in links
            or (seen.kind not in OUTGOING and not BINDING.isdisjoint(seen.reading.values))
        ]

    def _links(self) -> frozenset[int]:
        """Spans without tags that lead from one that is kept to ancestors elsewhere, or to the same call."""
        links: set[int] = set()
        for seen in list(self._seen.values()):
            if seen is None or seen.verdict is NOT_GENAI:
                continue
            line = self._context.lineage(seen.trace_id, seen.parent_span_id)
            if line and (seen.group or not line[-1].is_root):
                links.update(map(id, line))
        return frozenset(links)

    def _sighting(self, seen: ReadSpan, is_served: bool) -> UncountedSpan:
        is_wrapper, is_half = seen.verdict.wrapper, seen.part == HALF
        waits = is_wrapper and (not is_served or is_half)
        tagged = self._context.tagged(seen)
        unread = self._unread(seen) if seen.verdict is UNREAD else None
        counted = seen.group[0] if seen.group else None
        return UncountedSpan(
            seen.trace_id,
            seen.span_id,
            seen.parent_span_id,
            seen.name,
            seen.verdict.reason if unread is None else unread_reason(unread.keys),
            tuple(tagged.tags.items()),
            waits,
            seen.call if waits or seen.part or seen.verdict is RAW else None,
            tuple(tagged.attributes.items()),
            unread,
            DETAIL if seen.verdict is RAW else seen.part,
            (counted.trace_id, counted.span_id) if counted is not None else None,
            seen.start if is_wrapper and not waits and seen.start >= YEAR_2015_NS else 0,
        )

    def _own_reading(self, seen: ReadSpan) -> UncountedSpan:
        tagged = self._context.tagged(seen)
        return UncountedSpan(
            seen.trace_id,
            seen.span_id,
            seen.parent_span_id,
            seen.name,
            "counted together with other spans",
            tuple(tagged.tags.items()),
            call=seen.call,
            attributes=tuple(tagged.attributes.items()),
            part=OWN,
            of=(seen.trace_id, seen.span_id),
        )

    def _unread(self, seen: ReadSpan) -> Unread:
        """Where the span belongs is read as for a call."""
        call = ModelCall(span_id=seen.span_id)
        self._context.complete(call, seen)
        return Unread(
            seen.trace_id + seen.span_id,
            seen.start,
            *seen.plan.origin,
            seen.unread,
            call.service_name or UNKNOWN,
            call.environment,
            call.data_mode,
        )

    def _reject(self, index: int, reason: str, detail: str) -> None:
        try:
            span = parse_span(self._frame.spans[index])
        except DecodeError:
            head = self._frame.spans[index][:28]
            plain = head[:2] == b"\n\x10" and head[18:20] == b"\x12\x08"
            ids = (head[2:18], head[20:28]) if plain else (b"", b"")
            self._rejections.append(Rejection(*ids, "", reason, detail))
            return
        name = span.name.decode("utf-8", "replace")
        self._rejections.append(Rejection(span.trace_id, span.span_id, name, reason, detail))
