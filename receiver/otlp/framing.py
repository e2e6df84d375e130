"""The frame of one export request: its spans as byte strings, which of them to read, and who sent them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from google.protobuf.message import DecodeError

from processor.calls.errors import BadData
from receiver.dialects.table import Origin
from receiver.otlp.wire import parse_request, parse_scope, parse_span

_COMMON = b"gen_ai"
TOKENS = re.compile(
    rb"k(?:ind(?<=\.span\.kind)|it:(?<=genkit:)|ens(?<=[tT]okens)"
    rb"|en(?<=[tT]oken)(?:[_.-]?(?:[cC]ount|[uU]s|[dD]etail|[tT]otal|[nN]um|[sS]um)|\x12.[\x18!]))",
    re.DOTALL,
)
NEEDLES = (
    re.compile(
        rb"_(?:ai(?<=gen_ai)|tag(?<=endpoint_tag)|version(?<=prompt_version)"
        rb"|data(?<=request_data)|mode(?<=data_mode))"
    ),
    TOKENS,
    re.compile(rb"g(?:fuse\.(?<=langfuse\.)|e(?<=usage))"),
    re.compile(rb"Id(?<=ai\.operationId)"),
    re.compile(rb"l(?:m\.(?<=llm\.)|(?<=odel)(?:[._]?(?:[nN]ame|[iI]d))?\x12)"),
)
"""Every span of GenAI interest holds one: `gen_ai.*` and `raw_gen_ai_request`; OpenInference, LangSmith and
Traceloop by `<name>.span.kind`; Langfuse; Vercel; LiteLLM's `llm.*`; spans of the application that name the
calls below them, which may come in another request (docs/decisions); and what no vocabulary here knows, by
its counts of tokens, its `usage` or its model (see unread.py; `\\x12` ends a key, `\\x18` and `!` begin
a number: `csrf_token` is let go). What only looks like it is let go later.

Five patterns cost a span 0.75 µs, eleven plain searches 1.8 µs: `re` leaps from one rare first character to
the next (`_`, `k`, `g`, `I`, `l`) and only then compares, looking behind where several words share it.
"""

Needles = tuple[re.Pattern[bytes], ...]
_IDS_BYTES = 28
_ID_TAGS = ((0, b"\n"), (1, b"\x10"), (18, b"\x12"), (19, b"\x08"))
"""How a span begins that writes its fields in order: place and byte before its two ids."""
_NO_TRACE, _NO_SPAN = b"\n\x10" + bytes(16), b"\x12\x08" + bytes(8)
_MAX_ORIGINS = 4096


class Block(NamedTuple):
    """One ScopeSpans: spans `first` up to the next block's.

    Attributes:
        group: index of its ResourceSpans in `Frame.resources`.
    """

    first: int
    group: int
    scope: bytes


class Frame:
    """A request cut into spans, or log records, without reading them.

    Args:
        message: what the body should be, for the error.
    """

    def __init__(self, body: bytes, message: str = "ExportTraceServiceRequest") -> None:
        self.spans: list[bytes] = []
        self.blocks: list[Block] = []
        self.resources: list[bytes] = []
        self._by_ids: dict[bytes, int] | None = None
        self._odd: list[int] = []
        try:
            for group, resource in enumerate(parse_request(body).resources):
                self.resources.append(resource.resource)
                for scope in resource.scopes:
                    self.blocks.append(Block(len(self.spans), group, scope.scope))
                    self.spans.extend(scope.spans)
        except DecodeError as error:
            raise BadData("body", f"not an OTLP {message}") from error

    def interesting(self, more: Needles = ()) -> list[int]:
        """Indexes of the spans that may hold something of GenAI, ascending.

        Args:
            more: beside `NEEDLES` (`needles_for`).
        """
        spans, common = self.spans, _COMMON
        # Where model calls are many, each is found at once; where they are few, one search for all is faster.
        if spans and any(common in spans[place] for place in (0, len(spans) // 2, -1)):
            marked = {place for place, span in enumerate(spans) if common in span}
            rest = [place for place in range(len(spans)) if place not in marked]
            found = search([spans[place] for place in rest], (*NEEDLES, *more)) if rest else ()
            return sorted({*marked, *(rest[at] for at in found)})
        return sorted(search(spans, (*NEEDLES, *more)))

    def block_of(self, index: int) -> tuple[Block, int]:
        """The block that holds a span, and the index of the next block's first span."""
        place = bisect_right(self.blocks, index, key=_first)
        block = self.blocks[place - 1]
        last = self.blocks[place].first if place < len(self.blocks) else len(self.spans)
        return block, last

    def malformed(self) -> dict[int, tuple[str, str]]:
        """Spans whose ids are no ids: index → (reason, detail)."""
        heads = b"".join([span[:_IDS_BYTES] for span in self.spans])
        if _all_plain(heads, len(self.spans)):
            return {}
        found: dict[int, tuple[str, str]] = {}
        for index, span in enumerate(self.spans):
            if not _all_plain(span[:_IDS_BYTES], 1):
                self._odd.append(index)
                self._note_bad(index, found)
        return found

    def _note_bad(self, index: int, found: dict[int, tuple[str, str]]) -> None:
        try:
            span = parse_span(self.spans[index])
        except DecodeError:
            return  # undecodable: said when it is read, and harmless when it is not
        fault = id_fault(span.trace_id, span.span_id)
        if fault is not None:
            found[index] = fault

    def find(self, trace_id: bytes, span_id: bytes) -> int | None:
        """Index of the span with these ids, the first one if it was sent twice."""
        if self._by_ids is None:
            backwards = zip(range(len(self.spans) - 1, -1, -1), reversed(self.spans), strict=True)
            self._by_ids = {span[:_IDS_BYTES]: index for index, span in backwards}
            for index in self._odd:
                self._index_odd(index, self._by_ids)
        return self._by_ids.get(b"\n\x10" + trace_id + b"\x12\x08" + span_id)

    def _index_odd(self, index: int, by_ids: dict[bytes, int]) -> None:
        try:
            span = parse_span(self.spans[index])
        except DecodeError:
            return
        by_ids.setdefault(b"\n\x10" + span.trace_id + b"\x12\x08" + span.span_id, index)


def _first(block: Block) -> int:
    return block.first


def _all_plain(heads: bytes, spans: int) -> bool:
    """Whether so many spans begin with a trace id and a span id; column by column, for that is fastest."""
    return (
        len(heads) == spans * _IDS_BYTES
        and all(heads[place::_IDS_BYTES] == byte * spans for place, byte in _ID_TAGS)
        and _NO_TRACE not in heads
        and _NO_SPAN not in heads
    )


def id_fault(trace_id: bytes, span_id: bytes) -> tuple[str, str] | None:
    """Why a span's ids are invalid (trace.proto), or None."""
    if len(trace_id) != 16 or not any(trace_id):
        return "bad_trace_id", "trace_id: expected 16 bytes, not all zero"
    if len(span_id) != 8 or not any(span_id):
        return "bad_span_id", "span_id: expected 8 bytes, not all zero"
    return None


def needles_for(keys: Iterable[str]) -> Needles:
    """What the byte scan must look for to find spans with one of these attributes, where `NEEDLES` do not."""
    ended = [key.encode("utf-8", "replace") + b"\x12" for key in keys]
    missed = [key for key in ended if not any(needle.search(key + b"\x02\n") for needle in NEEDLES)]
    return tuple(re.compile(re.escape(key)) for key in missed)  # alternatives cost ten times as much


def search(spans: list[bytes], needles: Iterable[re.Pattern[bytes]]) -> set[int]:
    """Places of the spans that hold a needle; they are searched as one text, with a NUL between two."""
    blob = b"\0".join(spans)
    firsts = [(needle, hit) for needle in needles if (hit := needle.search(blob)) is not None]
    ends = list(accumulate(len(span) + 1 for span in spans)) if firsts else []
    found: set[int] = set()
    for needle, first in firsts:
        at = bisect_right(ends, first.start())
        found.add(at)
        while (further := needle.search(blob, ends[at])) is not None:
            at = bisect_right(ends, further.start())
            found.add(at)
    return found


_origins: dict[bytes, Origin] = {}


def origin_of(scope: bytes) -> Origin:
    """The emitter that an InstrumentationScope names; unreadable ones count as unnamed."""
    known = _origins.get(scope)
    if known is None:
        if len(_origins) >= _MAX_ORIGINS:
            _origins.clear()
        known = _origins[scope] = _read_origin(scope)
    return known


def _read_origin(scope: bytes) -> Origin:
    try:
        parsed = parse_scope(scope)
    except DecodeError:
        return Origin("", "")
    return Origin(parsed.name.decode("utf-8", "replace"), parsed.version.decode("utf-8", "replace"))
