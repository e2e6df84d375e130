"""Which stored calls are resolved together, and which wrappers of a trace stand for a call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from storage.journal.stored_row import RowKey
from storage.late.trace import TraceSpan, TraceWindow

Trace = bytes
Span = tuple[bytes, bytes]
"""(trace id, span id)"""


@dataclass(slots=True, eq=False)
class Seat:
    """A call, or a span that is the same call as one, in its trace."""

    trace: Trace
    session: TraceWindow
    node: TraceSpan
    promoted: list[RowKey] = field(default_factory=list)
    """Wrappers around it that were counted when their window had run out."""


class Part(NamedTuple):
    """A session of a trace and what of it has just come."""

    trace: Trace
    session: TraceWindow
    arrived: Sequence[bytes]


@dataclass(slots=True)
class MergeGroup:
    """Calls that are settled together, since one of them may be the same as another."""

    seats: list[Seat]

    @property
    def kind(self) -> str:
        """The kind of such a change in the amendment journal."""
        if sum(seat.node.place is not None for seat in self.seats) + len(self.promoted) > 1:
            return "retract"
        first = self.seats[0]
        is_alone = len(self.seats) == 1 and not first.session.details(first.node)
        return "tag" if is_alone else "merge"

    @property
    def promoted(self) -> set[RowKey]:
        return {place for seat in self.seats for place in seat.promoted}


def components(
    parts: Iterable[Part], promoted: Mapping[Span, RowKey], alike: Mapping[RowKey, Collection[RowKey]]
) -> list[MergeGroup]:
    """The calls that what came may change, each with all that may be the same call.

    Args:
        promoted: wrappers that were counted already, by trace and span.
        alike: calls → calls that look like them.
    """
    parts = list(parts)
    neighbours = _Neighbours(parts, alike)
    made: list[MergeGroup] = []
    met: set[int] = set()
    for part in parts:
        for span_id in part.arrived:
            for node in part.session.touched_by(span_id):
                seats = neighbours.around(node, met)
                if seats:
                    _find_promoted(seats, promoted)
                    made.append(MergeGroup(seats))
    return made


class _Neighbours:
    """Which calls may be the same: those around and inside of it, and those that ingest put together."""

    def __init__(self, parts: Sequence[Part], alike: Mapping[RowKey, Collection[RowKey]]) -> None:
        self._alike = alike
        self._seats: dict[int, Seat] = {}
        self._by_place: dict[RowKey, list[Seat]] = {}
        self._inside: dict[int, list[TraceSpan]] = {}
        for trace, session, _ in parts:
            for node in session.calls:
                self._add(Seat(trace, session, node))

    def _add(self, seat: Seat) -> None:
        node = seat.node
        self._seats[id(node)] = seat
        for place in node.places:
            self._by_place.setdefault(place, []).append(seat)
        for above in seat.session.line(node):
            if above.is_call:
                self._inside.setdefault(id(above), []).append(node)

    def around(self, node: TraceSpan, met: set[int]) -> list[Seat]:
        """This call and all that lead from one to the next; none of those met before."""
        found: list[Seat] = []
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if id(node) in met:
                continue
            met.add(id(node))
            seat = self._seats[id(node)]
            found.append(seat)
            waiting += [above for above in seat.session.line(node) if above.is_call]
            waiting += self._inside.get(id(node), ())
            waiting += (seat.node for place in self._places(node) for seat in self._by_place.get(place, ()))
        return found

    def _places(self, node: TraceSpan) -> Iterable[RowKey]:
        for place in node.places:
            yield from (place, *self._alike.get(place, ()))


def _find_promoted(seats: Sequence[Seat], promoted: Mapping[Span, RowKey]) -> None:
    if not promoted:
        return
    here = {seat.node.place for seat in seats}
    for seat in seats:
        above = (promoted.get((seat.trace, span)) for span in seat.session.spans_above(seat.node))
        seat.promoted = [place for place in above if place is not None and place not in here]


def unserved(session: TraceWindow, wrappers: Sequence[TraceSpan]) -> list[TraceSpan]:
    """Wrappers that nothing serves: no call below them (above, for a detail), nor another wrapper."""
    served = {node.span_id for call in session.calls for node in session.served_by(call)}
    served |= session.above_calls() if any(node.is_half for node in wrappers) else set()
    inside = {above.span_id for node in wrappers for above in session.line(node)}
    return [
        n
        for n in wrappers
        if n.span_id not in served and n.span_id not in inside and n.document is not None and n.place is None
    ]
