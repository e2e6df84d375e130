"""Which spans are one call (LEDGER §1): a relation on what each span says, and the groups that follow.

Only own readings are compared, never a merged state with a reading: so the groups depend on the set of spans
and not on how they arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from processor.calls.call import ERROR, UNKNOWN, Flag, ModelCall
from processor.calls.precedence import usage_rank
from processor.calls.response_id import is_strong_response_id
from processor.calls.telling import telling

TOLERANCE_US = 10_000_000
"""LEDGER §1: ten seconds between spans of one call, for clocks and streams."""

_CONTAINED_US = 50_000
"""Failed calls have neither id nor usage: only spans that lie one within the other are one, within 50 ms."""

_Key = TypeVar("_Key")

_LATENCY_UNKNOWN = int(Flag.LATENCY_UNKNOWN)
_PROMOTED, _FROM_LOG = int(Flag.PROMOTED), int(Flag.FROM_LOG)


@dataclass(slots=True, eq=False)
class SpanReading:
    """A span that is a call, as it was read.

    Attributes:
        call: what the span itself says, its resource included; nothing of other spans.
        service: the service's name; empty where the resource names none.
        above: spans around it that are calls as well, the nearest first.
        is_settled: it was compared with all that came near it, some of which is forgotten.
        is_counted: it is the one that stands for its call, and settled.
    """

    call: ModelCall
    service: str = ""
    above: Sequence[SpanReading] = ()
    is_settled: bool = False
    is_counted: bool = False

    @property
    def place(self) -> tuple[int, bytes, bytes]:
        """An order of spans that does not depend on their arrival."""
        return self.call.time_ns, self.call.trace_id, self.call.span_id


_Pair = tuple[SpanReading, SpanReading]
Group = Sequence[SpanReading]
"""The spans of one call, the counted one first."""
Times = tuple[int, int]
"""First and last moment of a call as its sender claims them, microseconds since any epoch."""


def times(call: ModelCall) -> Times:
    """When a call was; a span of no length reaches back by its latency (LEDGER §1)."""
    return reach((call.claimed_time_ns or call.time_ns) // 1000, call.latency_us, call.flags)


def reach(start_us: int, latency_us: int | None, flags: int) -> Times:
    """The times of a call with these fields."""
    length = latency_us or 0
    return (start_us - length, start_us) if flags & _LATENCY_UNKNOWN else (start_us, start_us + length)


def overlap(a: Times, b: Times, tolerance: int = TOLERANCE_US) -> bool:
    """Whether two calls can be one in time."""
    return a[0] <= b[1] + tolerance and b[0] <= a[1] + tolerance


def same_by_id(a: Times, b: Times, is_strong: bool, tokens: Sequence[tuple[int | None, int | None]]) -> bool:
    """Whether two spans with the same response id are one call.

    Args:
        is_strong: else the spans are of one trace, and counts of both must not contradict each other.
        tokens: input and output of each.
    """
    if not overlap(a, b):
        return False
    one, other = tokens
    return is_strong or one == other or (None, None) in (one, other)


def same_by_telling(one: ModelCall, other: ModelCall) -> bool:
    """Whether a span and a log record of one emitter, without an id, report one call.

    Two spans never do, nor two records: an agent may well ask the same twice.
    """
    is_both = (one.flags ^ other.flags) & _FROM_LOG
    return bool(is_both) and overlap(times(one), times(other)) and telling(one) == telling(other) != ""


def is_bare(call: ModelCall) -> bool:
    """A successful call without usage."""
    return call.input_tokens is None and call.output_tokens is None and call.status != ERROR


def wraps(outer: ModelCall, inner: ModelCall) -> bool:
    """Whether a call around another call is the same call."""
    if outer.flags & _PROMOTED:
        return True  # it was counted only because nothing had come that it wraps
    if _differ_by_id(outer, inner):
        return False
    if is_bare(outer) and outer.operation == inner.operation and not is_bare(inner):
        return True
    return _same_usage(outer, inner)


def groups(spans: Iterable[SpanReading], linked: Iterable[_Pair] = ()) -> list[list[SpanReading]]:
    """The spans as calls: each group is one call, and the first of it is the span that is counted.

    Args:
        linked: pairs that were found to be one call by what is not known here any more.
    """
    members = sorted(spans, key=lambda one: one.place)
    sets = _Sets(members)
    known = set[int]()
    for one, other in linked:
        sets.join(one, other)
        known |= {id(one), id(other)}
    _join_by_id(members, sets)
    _join_nested(members, sets, known)
    _join_told_twice(members, sets)
    found = sets.groups()
    return sets.groups() if _join_instrumentations(found, sets) else found


def find_apart(calls: Sequence[ModelCall]) -> bool:
    """The usual request: every call in a trace of its own, no id twice. Nothing is to be joined by them."""
    ids = [call.response_id for call in calls if call.response_id]
    return len({call.trace_id for call in calls}) == len(calls) and len(set(ids)) == len(ids)


class _Sets:
    """Disjoint sets of spans."""

    def __init__(self, members: Sequence[SpanReading]) -> None:
        self._members = members
        self._set = {id(one): [one] for one in members}

    def of(self, one: SpanReading) -> list[SpanReading]:
        return self._set[id(one)]

    def join(self, one: SpanReading, other: SpanReading) -> None:
        mine, theirs = self._set[id(one)], self._set[id(other)]
        if mine is not theirs:
            mine += theirs
            self._set |= dict.fromkeys(map(id, theirs), mine)

    def groups(self) -> list[list[SpanReading]]:
        found = {id(group): group for group in map(self.of, self._members)}
        return [_counted_first(group) for group in found.values()]


def _counted_first(group: list[SpanReading]) -> list[SpanReading]:
    """What is counted stays so; spans before log records, inner before outer ones, the shorter.

    A root comes last among its like: it is the outer one of a larger trace.
    """
    if len(group) == 1:
        return group
    outer = {id(above) for one in group for above in one.above}

    def preference(one: SpanReading) -> tuple[object, ...]:
        call = one.call
        unknown = call.latency_us is None
        is_outer, promoted = id(one) in outer, bool(call.flags & _PROMOTED)
        root, length = not call.parent_span_id, call.latency_us or 0
        kind = promoted, call.flags & _FROM_LOG, is_outer, root
        return not one.is_counted, *kind, unknown, length, call.span_id, call.trace_id

    return sorted(group, key=preference)


def _join_by_id(members: Sequence[SpanReading], sets: _Sets) -> None:
    """Strong ids join across traces, weak ones within a trace; in both cases only with overlap in time."""
    for response_id, same in _alike(members, lambda one: one.call.response_id).items():
        if not response_id or len(same) == 1:
            continue
        if is_strong_response_id(response_id):
            _join_overlapping(same, sets)
            continue
        for of_trace in _alike(same, lambda one: one.call.trace_id).values():
            _join_weak(of_trace, sets)


def _alike(spans: Iterable[SpanReading], key: Callable[[SpanReading], _Key]) -> dict[_Key, list[SpanReading]]:
    found: dict[_Key, list[SpanReading]] = {}
    for one in spans:
        found.setdefault(key(one), []).append(one)
    return found


def _join_weak(same: Sequence[SpanReading], sets: _Sets) -> None:
    """Spans with one weak id: those with the same counts, and those without counts beside all others."""
    by_tokens: dict[tuple[int | None, int | None], list[SpanReading]] = {(None, None): []}
    for one in same:
        by_tokens.setdefault(_tokens(one.call), []).append(one)
    untold = by_tokens.pop((None, None))
    for alike in by_tokens.values() or [[]]:
        _join_overlapping([*alike, *untold], sets)


def _join_overlapping(spans: Sequence[SpanReading], sets: _Sets) -> None:
    """Join what overlaps, directly or through others, in one pass by start: a request may hold thousands."""
    latest: SpanReading | None = None
    latest_end = 0
    for one in sorted(spans, key=lambda one: times(one.call)):
        start, end = times(one.call)
        if latest is not None and start <= latest_end + TOLERANCE_US:
            sets.join(latest, one)
        if latest is None or end > latest_end:
            latest, latest_end = one, end


def _join_nested(members: Sequence[SpanReading], sets: _Sets, known: Collection[int]) -> None:
    """Without an id: a call around others is the last of them that it may be; those stay apart.

    Args:
        known: ids of the spans of which others are known to be one call with them.
    """
    inner_of: dict[int, tuple[SpanReading, SpanReading]] = {}
    for inner in reversed(members):
        for outer in inner.above:
            if _is_decided(outer, inner) or (outer.is_settled and id(outer) in known):
                continue
            unit = sets.of(outer)
            if id(unit) not in inner_of and unit is not sets.of(inner) and wraps(outer.call, inner.call):
                inner_of[id(unit)] = outer, inner
    for outer, inner in inner_of.values():
        sets.join(inner, outer)


def _join_told_twice(members: Sequence[SpanReading], sets: _Sets) -> None:
    """A coding agent's log record and its span, each with the nearest of the other kind."""
    for said, same in _alike(members, lambda one: telling(one.call)).items():
        if said:
            _join_nearest(_pairs(same, _tell_the_same), sets)


def _tell_the_same(one: SpanReading, other: SpanReading) -> bool:
    return not _is_decided(one, other) and same_by_telling(one.call, other.call)


def _is_decided(one: SpanReading, other: SpanReading) -> bool:
    """Whether both were compared while more was known: one of them may be a call with a forgotten span."""
    return one.is_settled and other.is_settled


def _pairs(spans: Sequence[SpanReading], match: Callable[[SpanReading, SpanReading], bool]) -> list[_Pair]:
    return [(a, b) for i, a in enumerate(spans) for b in spans[i + 1 :] if match(a, b)]


def _join_nearest(pairs: Sequence[_Pair], sets: _Sets) -> None:
    """Each span with one other at most, the nearest in time first."""
    joined: set[int] = set()
    for one, other in sorted(pairs, key=_distance):
        if joined.isdisjoint((id(one), id(other))):
            joined |= {id(one), id(other)}
            sets.join(one, other)


def _join_instrumentations(found: Sequence[Group], sets: _Sets) -> bool:
    """Two instrumentations that report one call side by side, without a common id: each the other's nearest.

    Whether two groups are joined depends on their own candidates only, never on a chain of other pairs: so
    late binding has to know few spans to decide as one request would.

    Returns:
        Whether any of the groups that were found are one call.
    """
    if len({group[0].call.dialect for group in found}) < 2:
        return False
    alike: dict[object, list[Group]] = {}
    for group in found:
        head, usage = group[0], _usage(group)
        is_error = head.call.status == ERROR
        if head.service and not head.call.flags & _FROM_LOG and (is_error or usage != (None, None)):
            alike.setdefault((head.service, usage, is_error), []).append(group)
    pairs = [(a[0], b[0]) for same in alike.values() for a, b in _together(same) if _tell_one_call(a, b)]
    nearest: dict[int, _Pair] = {}
    for pair in sorted(pairs, key=_distance):
        for one in pair:
            nearest.setdefault(id(one), pair)
    for one, other in pairs:
        if nearest[id(one)] is nearest[id(other)]:
            sets.join(one, other)
    return bool(pairs)


def _together(same: Sequence[Group]) -> Iterator[tuple[Group, Group]]:
    """The pairs that begin at most the tolerance apart."""
    ordered = sorted(same, key=lambda group: group[0].place)
    for number, one in enumerate(ordered):
        latest = one[0].call.time_ns + TOLERANCE_US * 1000
        for other in ordered[number + 1 :]:
            if other[0].call.time_ns > latest:
                break
            yield one, other


def _usage(group: Group) -> tuple[int | None, int | None]:
    """The counts that the spans report together."""
    own = [one.call for one in group if not one.call.flags & _PROMOTED] or [group[0].call]
    return _tokens(min(own, key=usage_rank))


def _distance(pair: _Pair) -> tuple[int, list[tuple[bytes, bytes]]]:
    (a_start, a_end), (b_start, b_end) = times(pair[0].call), times(pair[1].call)
    apart = abs(a_start - b_start) + abs(a_end - b_end)
    return apart, sorted((one.call.span_id, one.call.trace_id) for one in pair)


def _tell_one_call(a: Group, b: Group) -> bool:
    one, other = a[0].call, b[0].call
    if one.dialect == other.dialect or _are_nested(a, b) or not _same_family(one, other):
        return False
    if all(_is_decided(*pair) for pair in product(a, b)):
        return False
    ids, other_ids = _ids(a), _ids(b)
    if ids and other_ids and ids.isdisjoint(other_ids):
        return False
    if one.status != ERROR:
        return overlap(times(one), times(other), 0)
    short, long = sorted((times(one), times(other)), key=lambda span: span[1] - span[0])
    return long[0] <= short[0] + _CONTAINED_US and short[1] <= long[1] + _CONTAINED_US


def _are_nested(a: Group, b: Group) -> bool:
    """Whether a span of one is around a span of the other: that rule has decided already."""
    around_a, around_b = ({id(above) for one in group for above in one.above} for group in (a, b))
    return any(id(one) in around_b for one in a) or any(id(one) in around_a for one in b)


def _ids(group: Group) -> set[str]:
    return {one.call.response_id for one in group if one.call.response_id}


def _same_usage(one: ModelCall, other: ModelCall) -> bool:
    if _tokens(one) == (None, None):
        return _tokens(other) == (None, None) and one.status == other.status == ERROR
    return _tokens(one) == _tokens(other)


def _tokens(call: ModelCall) -> tuple[int | None, int | None]:
    return call.input_tokens, call.output_tokens


def _differ_by_id(one: ModelCall, other: ModelCall) -> bool:
    return (
        one.response_id is not None and other.response_id is not None and one.response_id != other.response_id
    )


def _same_family(one: ModelCall, other: ModelCall) -> bool:
    models = [one.request_model or one.model, other.request_model or other.model]
    models.sort(key=len)
    return models[0] != UNKNOWN and (models[0] in models[1] or one.model == other.model)
