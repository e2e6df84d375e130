"""One trace as known so far: its spans across requests, and what each knows for the calls around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from processor.calls.call import DETAIL, DUPLICATE, ELSEWHERE, HALF, OWN, ModelCall
from processor.calls.inherit import MAX_DEPTH
from storage.ingest.uncounted import call_of
from storage.journal.stored_row import RowKey

QUIET_US, LONGEST_US = 15 * 60 * 1_000_000, 2 * 3600 * 1_000_000
"""Spans of a trace are bound while each comes at most 15 min after the one before, for at most 2 h."""


class TraceSpan(NamedTuple):
    """A span of the trace, from a sighting or an open call.

    Attributes:
        parent: empty for a root.
        place: where it is counted, if it is.
        of: the counted call that it is a duplicate of.
        further: counted calls that have one of its response ids at another time.
        document: the call that it would be (storage/ingest/uncounted.py), for a wrapper or a duplicate.
        is_settled: nothing but its row is left: the window of its trace has run out.
    """

    span_id: bytes
    parent: bytes
    received_us: int
    place: RowKey | None = None
    of: RowKey | None = None
    wrapper: bool = False
    name: str = ""
    tags: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}
    document: Mapping[str, Any] | None = None
    is_settled: bool = False
    further: frozenset[RowKey] = frozenset()

    @property
    def linked(self) -> set[RowKey]:
        """The calls of other spans that ingest found it to be one with, or to have a response id of."""
        return {*self.further} if self.of is None else {self.of, *self.further}

    @property
    def places(self) -> set[RowKey]:
        """Where it is counted, or what it leads to is."""
        return self.linked if self.place is None else {self.place, *self.linked}

    @property
    def part(self) -> str:
        """What it is in a call reported by several spans (`processor.calls.call.UncountedSpan.part`)."""
        return "" if self.document is None else self.document.get("part", "")

    @property
    def is_call(self) -> bool:
        """A counted call, or the same call as one."""
        return self.place is not None or self.part in (OWN, DUPLICATE, ELSEWHERE) or self.is_paired

    @property
    def is_detail(self) -> bool:
        """Belongs to the call on its parent."""
        return self.place is None and self.part == DETAIL

    @property
    def is_half(self) -> bool:
        """The half of a streamed call that waits for the other, which is in a trace of its own."""
        return self.part == HALF and not self.is_paired

    @property
    def is_paired(self) -> bool:
        """The half of a streamed call whose other half is counted."""
        return self.part == HALF and self.of is not None


def sessions(nodes: Iterable[TraceSpan]) -> Iterator[list[TraceSpan]]:
    """A trace's spans by receipt, cut where its window had run out; spans of two sessions are never bound."""
    session: list[TraceSpan] = []
    for node in sorted(nodes, key=_by_receipt):
        late = session and (
            node.received_us - session[-1].received_us > QUIET_US
            or node.received_us - session[0].received_us > LONGEST_US
        )
        if late:
            yield session
            session = []
        session.append(node)
    if session:
        yield session


def is_closed(session: Sequence[TraceSpan], now_us: int) -> bool:
    """True if nothing received from now on belongs to this session."""
    return now_us - session[-1].received_us > QUIET_US or now_us - session[0].received_us > LONGEST_US


def _by_receipt(node: TraceSpan) -> int:
    return node.received_us


class TraceWindow:
    """The spans of one trace that may be bound to each other."""

    def __init__(self, nodes: Sequence[TraceSpan]) -> None:
        self.nodes: dict[bytes, TraceSpan] = {}
        for node in nodes:
            self.nodes[node.span_id] = _merged(self.nodes.get(node.span_id), node)
        self._children: dict[bytes, list[TraceSpan]] = {}
        for node in self.nodes.values():
            self._children.setdefault(node.parent, []).append(node)
        self.calls = [node for node in self.nodes.values() if node.is_call]

    def line(self, node: TraceSpan) -> list[TraceSpan]:
        """The ancestors that have come, the nearest first."""
        return list(islice(self._up(node), MAX_DEPTH))

    def roots(self, node: TraceSpan) -> list[TraceSpan]:
        """Where the line has a gap: the trace's root is above everything in it, however far."""
        line = self.line(node)
        top = line[-1] if line else node
        roots = (root for root in self._children.get(b"", ()) if not root.is_call)
        return sorted(roots, key=lambda root: root.span_id) if top.parent else []

    def details(self, node: TraceSpan) -> list[ModelCall]:
        """Readings of the spans below a call that belong to it."""
        below = self._children.get(node.span_id, ())
        return [call_of(n.document) for n in below if n.is_detail and n.document is not None]

    def _up(self, node: TraceSpan) -> Iterator[TraceSpan]:
        met = {node.span_id}
        parent = self.nodes.get(node.parent)
        while parent is not None and parent.span_id not in met:
            met.add(parent.span_id)
            yield parent
            parent = self.nodes.get(parent.parent)

    def spans_above(self, node: TraceSpan) -> list[bytes]:
        """Ids of all ancestors known, the one that has not come included."""
        line = self.line(node)
        top = line[-1] if line else node
        return [n.span_id for n in line] + ([top.parent] if top.parent else [])

    def above_calls(self) -> set[bytes]:
        """Ids of all spans above calls, whether they have come or not."""
        return {span for node in self.calls for span in self.spans_above(node)}

    def touched_by(self, span_id: bytes) -> list[TraceSpan]:
        """The calls that may change because this span came."""
        touched: list[TraceSpan] = []
        waiting, met = [span_id], set[bytes]()
        while waiting:
            node = self.nodes.get(waiting.pop())
            if node is None or node.span_id in met:
                continue
            met.add(node.span_id)
            if not node.parent and node.tags:
                return self.calls
            waiting += [child.span_id for child in self._children.get(node.span_id, ())]
            if node.is_call:
                touched.append(node)
            parent = self.nodes.get(node.parent)
            if node.is_detail and parent is not None and parent.is_call:
                touched.append(parent)
        return touched

    def served_by(self, node: TraceSpan) -> list[TraceSpan]:
        """Wrappers that no longer need to wait: this call is below them (or above its details)."""
        served = [n for n in self.line(node) if n.wrapper and not n.is_detail and not n.is_half]
        return served + [n for n in self._children.get(node.span_id, ()) if n.wrapper and n.is_detail]


def _merged(known: TraceSpan | None, node: TraceSpan) -> TraceSpan:
    """One span reported twice: a resend, a counted span and its own reading, a counted wrapper."""
    if known is None:
        return node
    first, second = (known, node) if known.place is not None or node.place is None else (node, known)
    said, other = (
        (second, first) if first.document is None and second.document is not None else (first, second)
    )
    of = said.of or other.of  # what a duplicate is one with is said by the sighting that has its reading
    return first._replace(
        of=of,
        further=frozenset((first.linked | second.linked) - {of}),
        wrapper=(first.wrapper or second.wrapper) and first.place is None and not (first.of or second.of),
        name=first.name or second.name,
        tags={**second.tags, **first.tags},
        attributes={**second.attributes, **first.attributes},
        document=first.document or second.document,
        is_settled=first.is_settled and second.is_settled,
    )
