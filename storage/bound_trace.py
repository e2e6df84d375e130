"""One trace as far as it has come: its spans across requests, and what each knows for the calls around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from processor.call import ModelCall
from processor.calls.inherit import SOME_UNKNOWN_MODE
from processor.calls.precedence import (
    ROOT_LABEL,
    ROOT_NAME,
    ancestor_rank,
    label_rank,
    route_rank,
    workflow_rank,
)
from processor.vocabulary import data_mode_name
from storage.completion import Offer, duplicate_offers
from storage.sightings import call_of
from storage.stored_row import Place

QUIET_US, LONGEST_US = 15 * 60 * 1_000_000, 2 * 3600 * 1_000_000
"""Spans of a trace are bound while each comes at most 15 min after the one before, for at most 2 h."""
MAX_DEPTH = 64
"""Ancestors looked at, as inside a request."""
RAW_REQUEST = "raw_gen_ai_request"
"""LiteLLM's second span of a call, below the one that is counted (receiver/halves.py)."""
HALVES = "logfire"
"""The dialect that tells a streamed call in two unlinked spans of one trace (receiver/halves.py)."""

_OWN_TAGS = ("user_id", "tenant_id", "conversation_id", "prompt_version", "endpoint_tag")
_LAST = b"\xff" * 8
"""Before a span id: loses every tie, for a span around the call; nothing at all wins every tie."""


class Node(NamedTuple):
    """A span of the trace, from a sighting or an open call.

    Attributes:
        parent: empty for a root.
        place: where it is counted, if it is.
        of: the counted call that it is a duplicate of.
        document: the call that it would be (storage/sightings.py), for a wrapper or a duplicate.
    """

    span_id: bytes
    parent: bytes
    received_us: int
    place: Place | None = None
    of: Place | None = None
    wrapper: bool = False
    name: str = ""
    tags: Mapping[str, str] = {}
    attributes: Mapping[str, str] = {}
    document: Mapping[str, Any] | None = None

    @property
    def is_raw(self) -> bool:
        """LiteLLM's raw request, which belongs to the call on its parent."""
        return self.name == RAW_REQUEST and self.document is not None

    @property
    def is_half(self) -> bool:
        """The half of a streamed call that waits for the other, which is in a trace of its own."""
        return self.wrapper and self.document is not None and self.document["dialect"].startswith(HALVES)


def sessions(nodes: Iterable[Node]) -> Iterator[list[Node]]:
    """A trace's spans by receipt, cut where its window had run out; spans of two sessions are never bound."""
    session: list[Node] = []
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


def is_closed(session: Sequence[Node], now_us: int) -> bool:
    """True if nothing received from now on belongs to this session."""
    return now_us - session[-1].received_us > QUIET_US or now_us - session[0].received_us > LONGEST_US


def _by_receipt(node: Node) -> int:
    return node.received_us


@dataclass(slots=True)
class Knowledge:
    """What a session knows about one counted call beside its row.

    Attributes:
        outers: counted calls around it, the nearest first.
        offers: tags of its ancestors.
        twins: readings of its duplicates, each with the key that decides ties.
        twin_offers: tags of its duplicates' ancestors.
        raws: LiteLLM's raw requests below it.
    """

    place: Place
    span_id: bytes
    depth: int = 0
    outers: list[Place] = field(default_factory=list)
    promoted: list[Place] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    twins: list[tuple[ModelCall, bytes]] = field(default_factory=list)
    twin_offers: list[Offer] = field(default_factory=list)
    raws: list[ModelCall] = field(default_factory=list)

    def says_something(self) -> bool:
        """False if the row cannot change by it."""
        return bool(
            self.outers or self.promoted or self.offers or self.twins or self.twin_offers or self.raws
        )


class Session:
    """The spans of one trace that may be bound to each other."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes: dict[bytes, Node] = {}
        for node in nodes:
            self.nodes[node.span_id] = _merged(self.nodes.get(node.span_id), node)
        self._children: dict[bytes, list[Node]] = {}
        self._twins: dict[Place, list[Node]] = {}
        self.by_place: dict[Place, Node] = {}
        for node in self.nodes.values():
            self._children.setdefault(node.parent, []).append(node)
            if node.place is not None:
                self.by_place[node.place] = node
            if node.of is not None:
                self._twins.setdefault(node.of, []).append(node)

    def line(self, node: Node) -> list[Node]:
        """The ancestors that have come, the nearest first."""
        return list(islice(self._up(node), MAX_DEPTH))

    def _root_offers(self, node: Node, line: Sequence[Node]) -> list[Offer]:
        """Where the line has a gap: the trace's root is above everything in it, however far."""
        top = line[-1] if line else node
        if not top.parent:
            return []
        roots = (root for root in self._children.get(b"", ()) if root.tags)
        return [offer for root in roots for offer in tag_offers([root], start=MAX_DEPTH)]

    def _up(self, node: Node) -> Iterator[Node]:
        met = {node.span_id}
        parent = self.nodes.get(node.parent)
        while parent is not None and parent.span_id not in met:
            met.add(parent.span_id)
            yield parent
            parent = self.nodes.get(parent.parent)

    def spans_above(self, node: Node) -> list[bytes]:
        """Ids of all ancestors known, the one that has not come included."""
        line = self.line(node)
        top = line[-1] if line else node
        return [n.span_id for n in line] + ([top.parent] if top.parent else [])

    def above_calls(self) -> set[bytes]:
        """Ids of all spans above counted calls, whether they have come or not."""
        return {span for node in self.by_place.values() for span in self.spans_above(node)}

    def touched_by(self, span_id: bytes) -> set[Place]:
        """The counted calls that may change because this span came."""
        touched: set[Place] = set()
        waiting, met = [span_id], set[bytes]()
        while waiting:
            node = self.nodes.get(waiting.pop())
            if node is None or node.span_id in met:
                continue
            met.add(node.span_id)
            waiting += [child.span_id for child in self._children.get(node.span_id, ())]
            if not node.parent and node.tags:
                touched |= self.by_place.keys()
            if node.of is not None:
                touched.add(node.of)
                waiting += [self.by_place[node.of].span_id] if node.of in self.by_place else []
            if node.place is not None:
                touched.add(node.place)
            parent = self.nodes.get(node.parent)
            if node.is_raw and parent is not None and parent.place is not None:
                touched.add(parent.place)
        return touched

    def knowledge(self, place: Place) -> Knowledge:
        """What the session knows about the call at a place."""
        node = self.by_place.get(place)
        if node is None:
            known, line = Knowledge(place, b""), []
        else:
            line = self.line(node)
            known = Knowledge(place, node.span_id, len(line))
            known.outers = [n.place for n in line if n.place is not None]
            known.offers = tag_offers([node, *line]) + self._root_offers(node, line)
            below = self._children.get(node.span_id, ())
            known.raws = [call_of(n.document) for n in below if n.is_raw and n.document is not None]
        above = {n.span_id for n in line}
        for twin in sorted(self._twins.get(place, ()), key=lambda n: n.span_id):
            self._add_twin(known, twin, above)
        return known

    def _add_twin(self, known: Knowledge, twin: Node, above: set[bytes]) -> None:
        """A duplicate's own reading, then its ancestors that are not the call's own, farther than these."""
        line = self.line(twin)
        inside = known.span_id and any(n.span_id == known.span_id for n in line)
        tie = b"" if inside else _LAST + twin.span_id if twin.span_id in above else twin.span_id
        if twin.document is not None:
            known.twins.append((call_of(twin.document), tie))
        if inside or twin.span_id in above:
            return
        known.twin_offers += tag_offers([twin, *line], start=len(above) + 1)

    def served_by(self, place: Place) -> list[Node]:
        """Wrappers that need not wait any more: this call is counted below them (or above a raw one)."""
        node = self.by_place.get(place)
        if node is None:
            return []
        served = [n for n in self.line(node) if n.wrapper and not n.is_raw]
        return served + [n for n in self._children.get(node.span_id, ()) if n.wrapper and n.is_raw]


def tag_offers(line: Sequence[Node], start: int = 0) -> list[Offer]:
    """What spans offer to the first of them, or to a call `start` places before it; itself offers nothing."""
    offers: list[Offer] = []
    names: set[str] = set()
    for distance, node in enumerate(line, start):
        if distance == 0 or not node.tags:
            continue
        for name, value in node.tags.items():
            if name in names:
                continue
            offer = _tag_offer(name, value, distance, node)
            if offer is not None:
                offers.append(offer)
                if name in _OWN_TAGS:
                    names.add(name)
    return offers


_ENDPOINT_RANK: Mapping[str, Callable[[int], int]] = {
    "workflow": workflow_rank,
    "endpoint_label": label_rank,
    "root_label": lambda distance: ROOT_LABEL,
    "http_route": route_rank,
    "root_name": lambda distance: ROOT_NAME,
}


def _tag_offer(name: str, value: str, distance: int, node: Node) -> Offer | None:
    shown = node.attributes.get(name, name)
    if name in _OWN_TAGS:
        return Offer(name, value, ancestor_rank(distance), node.span_id, shown)
    if name in _ENDPOINT_RANK:
        return Offer("endpoint_tag", value, _ENDPOINT_RANK[name](distance), node.span_id, shown)
    if name == "data_mode":
        mode = data_mode_name(value) or SOME_UNKNOWN_MODE
        return Offer(name, mode, ancestor_rank(distance), node.span_id, shown)
    if name == "attempt" and value.isdigit() and len(value) < 5:
        return Offer(name, int(value), ancestor_rank(distance), node.span_id, shown)
    return None  # a logical request is counted where its first call stands, at ingest (LEDGER §5)


def reading_offers(twin: ModelCall, tie: bytes) -> list[Offer]:
    """What a duplicate's own attributes say; what it had from ancestors comes from these themselves.

    Args:
        tie: stands for its span id where ranks are equal.
    """
    offers = [o for o in duplicate_offers(twin) if not 20 <= o.rank < 50]
    status = next((s.rank for s in twin.sources if s.field == "status"), 60)
    offers.append(Offer("status", twin.status, status, twin.span_id, "<span status>"))
    return [offer._replace(span_id=tie) for offer in offers]


def outer_tie(span_id: bytes) -> bytes:
    """The key of a span around the call: the inner one wins where ranks are equal."""
    return _LAST + span_id


def _merged(known: Node | None, node: Node) -> Node:
    """One span told twice: a resend, or a wrapper that was counted after all."""
    if known is None:
        return node
    first, second = (known, node) if known.place is not None or node.place is None else (node, known)
    return first._replace(
        of=first.of or second.of,
        wrapper=(first.wrapper or second.wrapper) and first.place is None,
        name=first.name or second.name,
        tags={**second.tags, **first.tags},
        attributes={**second.attributes, **first.attributes},
        document=first.document or second.document,
    )
