"""Brings stored calls to what all known spans say together, by the rule of `processor.calls` (LEDGER §6).

A row is worked out anew from what each span itself says, never from what an earlier merge left: so it does
not depend on the order in which spans came. What a span gave that is no longer known stays in the row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property

from processor.calls.call import ELSEWHERE, HALF, UNKNOWN, Flag, ModelCall
from processor.calls.inherit import (
    MAX_DEPTH,
    Tagged,
    is_inherited,
    offers,
    tags_of,
    take,
)
from processor.calls.merge import (
    TAGS,
    USAGE,
    USAGE_FIELD,
    USAGE_FLAGS,
    merged,
    set_request_label,
    take_details,
    take_usage,
)
from processor.calls.same_call import SpanReading, groups
from processor.calls.tenants import Tenants
from processor.pricing.charge import UNCERTAIN
from storage.ingest.call_keys import claimed_ms, own_key
from storage.ingest.call_row import postgres_us
from storage.ingest.uncounted import call_of
from storage.journal.amender import Change
from storage.journal.estimates import is_estimated
from storage.journal.stored_row import (
    BEGUN_BY_AMENDMENT,
    IDENTITY,
    OTHERS,
    SERIES,
    SHAPE,
    Price,
    Row,
    RowKey,
    begun_row,
)
from storage.late.groups import Seat
from storage.late.own import (
    EXTERNAL_ID,
    given_at_ingest,
    note_own,
    own_facts,
    own_reading,
    without_inherited,
)
from storage.late.repeated import REPEATED, Told, mark_repeated
from storage.late.trace import TraceSpan, TraceWindow

_PROMOTED = int(Flag.PROMOTED)
_KEPT_FLAGS = int(Flag.RAW_IDENTITY | Flag.TEXT_CUT | Flag.TEXT_CLEANED) | REPEATED | _PROMOTED
_KEPT_FLAGS |= BEGUN_BY_AMENDMENT
"""Flags of the row and not of one of its readings."""
_PRICED_BY = (
    "provider", "model", "request_model", "service_tier", "operation", "status", "usage_source", *USAGE,
)  # fmt: skip
_STORED = (*SERIES, *IDENTITY, *USAGE, *OTHERS, "flags", *(name for name in SHAPE if name != "sources"))


@dataclass(slots=True, eq=False)
class _Member:
    """A span of the component that is a call: what it says, and its row if it has one."""

    reading: SpanReading
    place: RowKey
    row: Row | None
    line: list[Tagged] = field(default_factory=list)
    roots: list[Tagged] = field(default_factory=list)
    session: TraceWindow | None = None
    of: RowKey | None = None
    part: str = ""
    above: list[SpanReading] = field(default_factory=list)
    is_of_settled: bool = False

    def take(self, resent: _Member) -> None:
        """What is known of the span from another window: it came again after its trace was forgotten."""
        self.of, self.part = self.of or resent.of, self.part or resent.part
        self.reading.is_settled |= resent.reading.is_settled
        self.reading.is_counted |= resent.reading.is_counted
        if self.row is None and resent.row is not None:
            self.row, self.place = resent.row, resent.place


def settle(
    seats: Sequence[Seat],
    price: Price,
    price_map_id: int | None,
    tenants: Tenants,
) -> Change:
    """The change that brings these spans' rows, where they are there, to what the spans say together."""

    def change(*rows: Row | None) -> Iterable[Row]:
        members = _members(seats, {row.place: row for row in rows if row is not None})
        links = _links(members)
        of_reading = {id(member.reading): member for member in members}
        settled = [
            [of_reading[id(one)] for one in group]
            for group in groups([member.reading for member in members], links)
        ]
        known = _Known(members)
        changed: dict[RowKey, Row] = {}
        for group in settled:
            call = _Group(group, known, price, price_map_id, tenants)
            changed |= {row.place: row for row in call.settle()}
        return (changed | {row.place: row for row in mark_repeated(_told(settled))}).values()

    return change


def places_of(seats: Iterable[Seat]) -> list[RowKey]:
    """Where rows of these spans stand, or may stand."""
    found: set[RowKey] = set()
    for seat in seats:
        found |= {*seat.node.places, *seat.promoted}
        if seat.node.place is None and seat.node.document is not None:
            found.add(place_of(call_of(seat.node.document)))
    return sorted(found)


def place_of(call: ModelCall) -> RowKey:
    """Where the row of a span stands if it is the counted one."""
    return RowKey(postgres_us(call.time_ns), own_key(call, claimed_ms(call)))


def _members(seats: Sequence[Seat], rows: Mapping[RowKey, Row]) -> list[_Member]:
    keys = {place.call_key for place in rows}
    members: dict[int, _Member] = {}
    of_span: dict[tuple[bytes, bytes], _Member] = {}
    for seat in sorted(seats, key=lambda seat: seat.node.document is None):
        member = _member(seat, rows)
        if member is not None and _is_known(member, rows, keys):
            met = of_span.setdefault((seat.trace, seat.node.span_id), member)
            met.take(member)
            members[id(seat.node)] = met
    seated = {member.place for member in members.values()}
    for place in {place for seat in seats for place in seat.node.linked} - seated:
        alone = rows.get(place)  # of a report or record without a trace
        if alone is not None and _stands(alone, keys):
            members[id(alone)] = _Member(_reading(own_reading(alone)), place, alone)
    settled = {member.place for member in members.values() if member.reading.is_settled}
    for seat in seats:
        member = members.get(id(seat.node))
        if member is None:
            continue
        member.is_of_settled = member.of in settled
        stands = member.row is not None and member.row.merged_into is None  # of a call that is like another
        member.reading.is_settled |= member.is_of_settled and not stands
        line = seat.session.line(seat.node)
        member.above += [members[id(node)].reading for node in line if id(node) in members]
        for place in seat.promoted:
            if (row := rows.get(place)) is not None:
                outer = members.setdefault(id(row), _Member(_reading(own_reading(row)), place, row))
                member.above.append(outer.reading)
        member.reading.above = member.above
        member.line += [_tagged(node, members.get(id(node))) for node in line]
        member.roots += [_tagged(node, members.get(id(node))) for node in seat.session.roots(seat.node)]
    return list({id(member): member for member in members.values()}.values())


def _is_known(member: _Member, rows: Mapping[RowKey, Row], keys: set[bytes]) -> bool:
    """Whether what became of a span is all here: its row, or the row of the call that it was found to be."""
    row = member.row if member.row is not None or member.of is None else rows.get(member.of)
    return row is not None and _stands(row, keys)


def _stands(row: Row, keys: set[bytes]) -> bool:
    """Whether a row counts, or is merged into one that is here."""
    return row.merged_into is None or row.merged_into in keys


def _member(seat: Seat, rows: Mapping[RowKey, Row]) -> _Member | None:
    node = seat.node
    said = None if node.document is None else call_of(node.document)
    place = node.place or (place_of(said) if said is not None else None)
    row = None if place is None else rows.get(place)
    if place is None or (row is None and said is None):
        return None
    if said is None:
        assert row is not None
        own = own_reading(row)
    else:
        own = without_inherited(said)
        own.flags |= 0 if row is None else row.call.flags & _PROMOTED
    own = take_details(own, seat.session.details(node))
    reading = _reading(own, is_settled=node.is_settled)
    stands = row is not None and row.merged_into is None and not row.call.flags & _PROMOTED
    reading.is_counted = node.is_settled and stands
    return _Member(reading, place, row, session=seat.session, of=node.of, part=node.part)


def _reading(own: ModelCall, *, is_settled: bool = False) -> SpanReading:
    service = own.service_name
    return SpanReading(own, "" if service in (None, UNKNOWN) else service, is_settled=is_settled)


def _tagged(node: TraceSpan, member: _Member | None) -> Tagged:
    """Offers of a span."""
    if member is not None:
        return _without_request_id(tags_of(member.reading.call))
    return _without_request_id(Tagged(node.span_id, node.tags, node.attributes))


def _without_request_id(span: Tagged) -> Tagged:
    """A request is counted at ingest, so its id is not given to calls that come later."""
    if EXTERNAL_ID not in span.tags:
        return span
    return span._replace(tags={name: value for name, value in span.tags.items() if name != EXTERNAL_ID})


def _links(members: Sequence[_Member]) -> list[tuple[SpanReading, SpanReading]]:
    """Pairs that were found to be one call; the second is like one around it (a log around its stream).

    What was settled when more was known stays so.
    """
    by_place = {member.place: member for member in members}
    by_key = {place.call_key: member for place, member in by_place.items()}
    found = []
    for member in members:
        row, reading = member.row, member.reading
        is_past = reading.is_settled or member.is_of_settled
        if is_past and row is not None and row.merged_into in by_key:
            found.append((reading, by_key[row.merged_into].reading))
        other = by_place.get(member.of) if member.of is not None else None
        is_kept = member.is_of_settled and row is None
        if other is None or not (is_kept or member.part in (ELSEWHERE, HALF)):
            continue
        one, outer = (member, other) if member.part == HALF else (other, member)
        one.above.append(outer.reading)
        found.append((one.reading, outer.reading))
    return found


def _told(settled: Iterable[Sequence[_Member]]) -> Iterable[Told]:
    """What is told of each call."""
    for group in settled:
        rows = [m.row for m in group]
        counted = (row for row in rows if row is not None and row.merged_into is None)
        calls = [m.reading.call for m in group]
        yield Told(next(counted, None), calls, rows, any(m.reading.is_settled for m in group))


class _Known:
    """The spans that are here: what one of them gave a call and gives it no longer is taken back."""

    def __init__(self, members: Collection[_Member]) -> None:
        sessions = {id(m.session): m.session for m in members if m.session is not None}
        self._nodes = [node for session in sessions.values() for node in session.nodes.values()]
        self._members = members
        self.ids = {m.reading.call.span_id.hex() for m in members} | {n.span_id.hex() for n in self._nodes}

    @cached_property
    def offered(self) -> set[tuple[str, str]]:
        """Fields and values that any of them has to offer: ingest does not note who gave what."""
        spans = [_tagged(node, None) for node in self._nodes]
        spans += [_without_request_id(tags_of(member.reading.call)) for member in self._members]
        found = (offer for span in spans for offer in offers((span,)).values())
        return {(offer.source.field, str(offer.value)) for offer in found}


class _Group:
    """The spans of one call, the one that is counted first."""

    def __init__(
        self,
        members: Sequence[_Member],
        known: _Known,
        price: Price,
        price_map_id: int | None,
        tenants: Tenants,
    ) -> None:
        self._members, self._known = members, known
        self._rows = [member.row for member in members if member.row is not None]
        self._price, self._price_map_id, self._tenants = price, price_map_id, tenants

    def settle(self) -> Iterable[Row]:
        """The rows that change."""
        counted = self._members[0]
        shown = min(self._rows, key=lambda row: row.merged_into is not None, default=None)
        row = counted.row
        if row is None:
            row = counted.row = self._begin(counted, shown)
        shown = shown or row
        requests = self._requests(row, shown)
        call, completed = self._call(row)
        is_changed = self._write(row, call, completed) or row.requests != requests or row.is_begun
        row.requests = requests
        if row.merged_into is not None:
            row.merged_into, is_changed = None, True
        if is_changed:
            yield row
        for member in self._members:
            other = member.row
            if other is not None and other is not row and other.merged_into != row.place.call_key:
                note_own(other, member.reading.call)
                other.merged_into = row.place.call_key
                yield other

    def _begin(self, counted: _Member, shown: Row | None) -> Row:
        """A row for a span that ingest did not count; `shown` is the row that stood for its call."""
        call = copy(counted.reading.call)
        if shown is None:
            return begun_row(counted.place, call, self._price(call), 1, self._price_map_id)
        call.flags |= shown.call.flags & REPEATED
        return begun_row(counted.place, call, shown.charge, shown.requests, shown.price_map_id)

    def _call(self, row: Row) -> tuple[ModelCall, dict[str, tuple[int, str]]]:
        """The merged reading of the spans, and the fields that are not the counted span's own."""
        counted, *others = self._members
        others = [m for m in others if not m.reading.call.flags & _PROMOTED]
        told = [m.reading.call for m in others]
        line = list(_by_span((counted, *others)))
        roots = [root for member in (counted, *others) for root in _roots(member, counted)]
        remembered = [
            _memory(m.row, m.reading.call, None if m.reading.is_settled else self._known)
            for m in (counted, *others)
            if m.row is not None and not m.row.is_begun and m.row.merged_into is None
        ]  # a row that was taken back says no more than the one that took its place
        call, taken = merged([counted.reading.call, *remembered, *told])
        offered = {**offers(roots, start=MAX_DEPTH)}
        for name, offer in offers(line).items():
            if name not in offered or offer.source.rank <= offered[name].source.rank:
                offered[name] = offer
        inherited = take(call, offered)
        set_request_label(call)
        self._tenants.assign(call)
        completed = {name: (rank, giver.span_id.hex()) for name, (rank, giver) in taken.items()}
        for name in [name for name, (_, giver) in taken.items() if not giver.span_id]:
            ranks = (one.completed[name] for one in self._rows if name in one.completed)
            completed[name] = next(ranks, (0, ""))
        completed |= {name: (offer.source.rank, offer.giver.hex()) for name, offer in inherited.items()}
        return call, completed

    def _write(self, row: Row, call: ModelCall, completed: Mapping[str, tuple[int, str]]) -> bool:
        """Put the call into its row; True if that changes what is stored."""
        before = row.call
        call.flags = call.flags & ~_KEPT_FLAGS | (before.flags | call.flags) & _KEPT_FLAGS
        if set(call.sources) == set(before.sources):
            call.sources = before.sources
        given = {s.field for s in call.sources if s not in before.sources and not is_inherited(s)}
        noted = {
            name: rank
            for name, rank in completed.items()
            if row.is_begun or name in row.completed or not _is_equal(name, before, call) or name in given
        }
        own = own_facts(self._members[0].reading.call, noted)
        changes = [name for name in _STORED if getattr(before, name) != getattr(call, name)]
        is_noted = noted == row.completed and (own == row.own or not noted)
        if not changes and call.sources is before.sources and is_noted and not row.is_begun:
            return False
        row.completed, row.own, row.call = noted, own, call
        is_repriced = (before.flags ^ call.flags) & UNCERTAIN
        if row.is_begun or is_repriced or any(getattr(before, n) != getattr(call, n) for n in _PRICED_BY):
            row.charge = self._price(call)
            row.price_map_id = row.price_map_id if self._price_map_id is None else self._price_map_id
        return True

    def _requests(self, row: Row, shown: Row) -> int:
        """1 where the group counts a logical request: the one of the application's id, if a span has it."""
        given = [one.requests for one in self._rows if one.call.request_id_given]
        return max(given) if given else max(row.requests, shown.requests)


def _roots(member: _Member, counted: _Member) -> Sequence[Tagged]:
    """Roots above gaps in a line. Once the window has run out, a gap may hold what is only forgotten."""
    return () if member.reading.is_settled or counted.reading.is_settled else member.roots


def _by_span(members: Sequence[_Member]) -> Iterable[Tagged]:
    met: set[bytes] = set()
    for member in members:
        for span in member.line:
            key = member.reading.call.trace_id + span.span_id
            if key not in met:
                met.add(key)
                yield span


def _is_equal(name: str, one: ModelCall, other: ModelCall) -> bool:
    if name != USAGE_FIELD:
        return bool(getattr(one, name) == getattr(other, name))
    is_as_sure = one.usage_source == other.usage_source and not (one.flags ^ other.flags) & USAGE_FLAGS
    return is_as_sure and all(getattr(one, n) == getattr(other, n) for n in USAGE)


def _memory(row: Row, own: ModelCall, known: _Known | None) -> ModelCall:
    """Values a row took from spans no longer known, as a reading of a span without an id.

    Args:
        own: what the row's span says itself.
        known: None where the window of the row has run out: then it keeps all that it took.
    """
    call, memory = row.call, ModelCall(status=row.call.status, time_ns=row.call.time_ns)
    inherited = {source.field for source in call.sources if is_inherited(source)} - set(row.completed)
    if known is None:
        kept = inherited | set(row.completed) | given_at_ingest(call, own)
    else:
        kept = inherited | {n for n, (_, giver) in row.completed.items() if giver not in known.ids}
        kept = {n for n in kept if n not in TAGS or (n, str(getattr(call, n))) not in known.offered}
    if USAGE_FIELD in kept or is_estimated(call):
        take_usage(memory, call)
    for name in kept - {USAGE_FIELD}:
        setattr(memory, name, getattr(call, name))
    memory.request_id_given = EXTERNAL_ID in kept
    sources = (source for source in call.sources if source.field in kept and source.field not in USAGE)
    memory.sources = (*memory.sources, *sources)
    return memory
