"""Which counted calls of a session are settled together, and which of its wrappers stand for a call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from storage.bound_trace import Knowledge, Node, Session
from storage.stored_row import Place

Trace = bytes
Span = tuple[bytes, bytes]
"""(trace id, span id)"""


class Component(NamedTuple):
    """Calls of a session that are settled together, and what is known of each, inner first."""

    kind: str
    known: Sequence[Knowledge]


def components(
    trace: Trace, session: Session, touched: Collection[Place], promoted: Mapping[Span, Place]
) -> list[Component]:
    """Touched calls, each with the counted calls around it; calls that share one are settled together."""
    known = {place: session.knowledge(place) for place in touched}
    for one in list(known.values()):
        for outer in one.outers:
            if outer not in known:
                known[outer] = session.knowledge(outer)
        node = session.by_place.get(one.place)
        above = session.spans_above(node) if node is not None else []
        one.promoted = [
            promoted[trace, span]
            for span in above
            if (trace, span) in promoted and promoted[trace, span] not in one.outers
        ]
    made = []
    for group in _linked(known):
        if not any(one.says_something() for one in group):
            continue
        group.sort(key=lambda one: (-one.depth, one.place))
        around = {place for one in group for place in one.promoted} - {one.place for one in group}
        members = [*group, *(Knowledge(place, b"") for place in sorted(around))]
        made.append(Component(_kind(group), members))
    return made


def _linked(known: Mapping[Place, Knowledge]) -> list[list[Knowledge]]:
    """Groups of calls that lie in one another."""
    group_of: dict[Place, list[Knowledge]] = {}
    for one in known.values():
        group = group_of.setdefault(one.place, [one])
        for outer in one.outers:
            other = group_of.setdefault(outer, [known[outer]])
            if other is not group:
                group += other
                group_of |= dict.fromkeys((member.place for member in other), group)
    return list({id(group): group for group in group_of.values()}.values())


def _kind(group: Iterable[Knowledge]) -> str:
    """What the ledger's book calls such a change."""
    group = list(group)
    if any(one.outers or one.promoted for one in group):
        return "retract"
    return "merge" if any(one.twins or one.raws for one in group) else "tag"


def unserved(session: Session, wrappers: Sequence[Node]) -> list[Node]:
    """Wrappers that nothing serves: no call below them (above, for a raw request), nor another wrapper."""
    served = {node.span_id for place in session.by_place for node in session.served_by(place)}
    inside = {above.span_id for node in wrappers for above in session.line(node)}
    return [
        n
        for n in wrappers
        if n.span_id not in served and n.span_id not in inside and n.document is not None and n.place is None
    ]
