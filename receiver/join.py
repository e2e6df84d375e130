"""The same call seen twice in one request: found, merged into one, the rest kept as sightings (LEDGER §1).

Order of arrival never matters: spans are first put in order of time and id, and every choice between two of
them is a rule about the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from processor.call import ERROR, UNKNOWN, ModelCall
from processor.response_id import is_strong_response_id
from receiver.dialects.reading import RAW, Seen
from receiver.halves import Find, is_bare, pair_streams, settle_raw_requests
from receiver.merge import absorb

TOLERANCE_NS = 10_000_000_000
"""LEDGER §1: ten seconds between spans of one call, for clocks and streams."""

_CONTAINED_NS = 50_000_000
"""Failed calls have neither id nor usage: only spans that lie one within the other are one, within 50 ms."""

Lineage = Callable[[bytes, bytes], Sequence[Seen]]


def join(spans: Sequence[Seen], find: Find, lineage: Lineage) -> None:
    """Decide which of the spans that may be calls are counted: verdicts change, twins are merged."""
    raws = [seen for seen in spans if seen.verdict is RAW]
    if raws:
        settle_raw_requests(sorted(raws, key=_place), find)
    halves = [seen for seen in spans if seen.plan.is_logfire and seen.verdict.counts]
    if halves:
        pair_streams(sorted(halves, key=_place))
    alive = [seen for seen in spans if seen.verdict.counts]
    if len(alive) < 2 or _all_apart(alive):
        return
    alive.sort(key=_place)
    _join_by_id(alive)
    _join_nested(alive, lineage)
    _join_across_traces(alive)


def _all_apart(alive: list[Seen]) -> bool:
    """The usual batch: one instrumentation, every call in a trace of its own, no id twice."""
    plan = alive[0].plan
    if any(seen.plan.origin is not plan.origin for seen in alive):
        return False
    ids = [seen.call.response_id for seen in alive if seen.call is not None and seen.call.response_id]
    return len({seen.trace_id for seen in alive}) == len(alive) and len(set(ids)) == len(ids)


def _place(seen: Seen) -> tuple[int, bytes, bytes]:
    return seen.start, seen.trace_id, seen.span_id


def _join_by_id(alive: list[Seen]) -> None:
    """Strong ids join across traces, weak ones within a trace; in both cases only with overlap in time."""
    groups: dict[str, list[Seen]] = {}
    for seen in alive:
        response_id = seen.call.response_id if seen.call is not None else None
        if response_id is not None:
            groups.setdefault(response_id, []).append(seen)
    for response_id, group in groups.items():
        if len(group) > 1:
            strong = is_strong_response_id(response_id)
            _join_group(group, strong)
    _drop_joined(alive)


def _join_group(group: list[Seen], strong: bool) -> None:
    kept: list[Seen] = []
    for seen in group:
        twin = next((other for other in kept if _one_by_id(seen, other, strong)), None)
        if twin is None:
            kept.append(seen)
            continue
        better, worse = _choose(seen, twin)
        absorb(better, worse, f"same response id as span {better.span_id.hex()}, which is counted")
        kept[kept.index(twin)] = better


def _one_by_id(a: Seen, b: Seen, strong: bool) -> bool:
    return (strong or a.trace_id == b.trace_id) and _overlap(a, b, TOLERANCE_NS)


def _join_nested(alive: list[Seen], lineage: Lineage) -> None:
    """Without an id: a call inside a call of the same trace with the same tokens is the same call."""
    if len({seen.trace_id for seen in alive}) == len(alive):
        return
    candidates = {id(seen) for seen in alive}
    for inner in sorted(alive, key=_place, reverse=True):
        if inner.twin_of is not None or not inner.parent_span_id:
            continue
        for outer in lineage(inner.trace_id, inner.parent_span_id):
            if id(outer) in candidates and outer.twin_of is None and _nested_twin(outer, inner):
                absorb(inner, outer, f"wraps span {inner.span_id.hex()}, which is counted")
    _drop_joined(alive)


def _nested_twin(outer: Seen, inner: Seen) -> bool:
    one, other = outer.call, inner.call
    if one is None or other is None or _differ_by_id(one, other):
        return False
    if is_bare(one) and one.operation == other.operation and not is_bare(other):
        return True
    return _same_usage(one, other)


def _same_usage(one: ModelCall, other: ModelCall) -> bool:
    if one.input_tokens is None and one.output_tokens is None:
        return (
            other.input_tokens is None and other.output_tokens is None and one.status == other.status == ERROR
        )
    return one.input_tokens == other.input_tokens and one.output_tokens == other.output_tokens


def _differ_by_id(one: ModelCall, other: ModelCall) -> bool:
    return (
        one.response_id is not None and other.response_id is not None and one.response_id != other.response_id
    )


def _join_across_traces(alive: list[Seen]) -> None:
    """Two instrumentations on one call, each in a trace of its own and without a common id."""
    if len({seen.plan.origin for seen in alive}) < 2:
        return
    buckets: dict[object, list[Seen]] = {}
    for seen in alive:
        if seen.call is not None:
            tokens = seen.call.input_tokens, seen.call.output_tokens, seen.call.status == ERROR
            buckets.setdefault((seen.resource, tokens), []).append(seen)
    for bucket in buckets.values():
        if len(bucket) > 1:
            _join_bucket(bucket)
    _drop_joined(alive)


def _join_bucket(bucket: list[Seen]) -> None:
    pairs = [(a, b) for i, a in enumerate(bucket) for b in bucket[i + 1 :] if _twin_elsewhere(a, b)]
    joined: set[bytes] = set()
    for one, other in sorted(pairs, key=_distance):
        if joined.isdisjoint((one.span_id, other.span_id)):
            better, worse = _choose(one, other)
            joined |= {one.span_id, other.span_id}
            absorb(
                better, worse, f"same call as span {better.span_id.hex()} of another trace, which is counted"
            )


def _distance(pair: tuple[Seen, Seen]) -> tuple[int, list[bytes]]:
    one, other = pair
    return abs(one.start - other.start) + abs(one.end - other.end), sorted((one.span_id, other.span_id))


def _twin_elsewhere(a: Seen, b: Seen) -> bool:
    if a.trace_id == b.trace_id or a.plan.origin.scope == b.plan.origin.scope:
        return False
    if a.call is None or b.call is None or not _same_usage(a.call, b.call):
        return False
    if _differ_by_id(a.call, b.call) or not _same_family(a.call, b.call):
        return False
    return _overlap(a, b, 0) if a.call.status != ERROR else _contained(a, b)


def _same_family(one: ModelCall, other: ModelCall) -> bool:
    models = [one.request_model or one.model, other.request_model or other.model]
    models.sort(key=len)
    return models[0] != UNKNOWN and (models[0] in models[1] or one.model == other.model)


def _span_of_time(seen: Seen) -> tuple[int, int]:
    """A span of no length reaches back by its latency."""
    if seen.end > seen.start or seen.call is None or seen.call.latency_us is None:
        return seen.start, max(seen.start, seen.end)
    return seen.start - seen.call.latency_us * 1000, seen.start


def _overlap(a: Seen, b: Seen, tolerance: int) -> bool:
    (a_start, a_end), (b_start, b_end) = _span_of_time(a), _span_of_time(b)
    return a_start <= b_end + tolerance and b_start <= a_end + tolerance


def _contained(a: Seen, b: Seen) -> bool:
    short, long = sorted((_span_of_time(a), _span_of_time(b)), key=lambda times: times[1] - times[0])
    return long[0] <= short[0] + _CONTAINED_NS and short[1] <= long[1] + _CONTAINED_NS


def _choose(a: Seen, b: Seen) -> tuple[Seen, Seen]:
    """The one to count and the other: the inner one, else the one inside a larger trace, else the shorter."""
    if a.trace_id == b.trace_id and a.parent_span_id == b.span_id:
        return a, b
    if a.trace_id == b.trace_id and b.parent_span_id == a.span_id:
        return b, a
    better, worse = sorted((a, b), key=_preference)
    return better, worse


def _preference(seen: Seen) -> tuple[bool, int, bytes]:
    start, end = _span_of_time(seen)
    return seen.is_root, end - start, seen.span_id


def _drop_joined(alive: list[Seen]) -> None:
    alive[:] = [seen for seen in alive if seen.twin_of is None]
