"""The same call seen twice in one request: found by the one rule of `processor.calls`, counted once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from processor.calls.call import DUPLICATE, ELSEWHERE
from processor.calls.same_call import SpanReading, find_apart, groups
from receiver.dialects.litellm import settle_raw_requests
from receiver.dialects.logfire import pair_streams
from receiver.dialects.table import Verdict
from receiver.otlp.read_call import RAW, ReadSpan

RESENT = Verdict(False, "the same span again in one request")

Find = Callable[[bytes, bytes], ReadSpan | None]
Lineage = Callable[[bytes, bytes], Sequence[ReadSpan]]


def join(spans: Sequence[ReadSpan], find: Find, lineage: Lineage, service: Callable[[bytes], str]) -> None:
    """Decide which of the spans that may be calls are counted: verdicts change, duplicates find a group.

    Args:
        service: the name of the service that a resource names, or nothing.
    """
    raws = [seen for seen in spans if seen.verdict is RAW]
    if raws:
        settle_raw_requests(_once(raws), find)
    halves = [seen for seen in spans if seen.plan.is_logfire and seen.verdict.counts]
    pairs = pair_streams(_once(halves)) if halves else []
    alive = [seen for seen in spans if seen.verdict.counts]
    if len(alive) < 2 or (not pairs and _are_apart(alive)):
        return
    alive = _once(alive)
    read = {
        id(seen): SpanReading(seen.call, service(seen.resource)) for seen in alive if seen.call is not None
    }
    seen_of = {id(one): seen for seen in alive if (one := read[id(seen)]) is not None}
    for seen in alive:
        above = lineage(seen.trace_id, seen.parent_span_id) if seen.parent_span_id else ()
        read[id(seen)].above = [read[id(span)] for span in above if id(span) in read]
    linked = []
    for half, log in pairs:  # the log counts as the outer one: the call is where its stream began
        read[id(half)].above = [*read[id(half)].above, read[id(log)]]
        linked.append((read[id(half)], read[id(log)]))
    logs = {id(log) for _, log in pairs}
    for group in groups(read.values(), linked):
        if len(group) > 1:
            _settle([seen_of[id(one)] for one in group], logs, lineage)


def _once(alive: list[ReadSpan]) -> list[ReadSpan]:
    """Each span once: beside an original that joins another, a copy would be a call of its own."""
    kept: dict[tuple[bytes, bytes], ReadSpan] = {}
    for seen in alive:
        if kept.setdefault((seen.trace_id, seen.span_id), seen) is not seen:
            seen.verdict, seen.call = RESENT, None
    return list(kept.values())


def _are_apart(alive: list[ReadSpan]) -> bool:
    """The usual batch: one instrumentation, every call in a trace of its own, no id twice."""
    origin = alive[0].plan.origin
    return all(seen.plan.origin is origin for seen in alive) and find_apart(
        [seen.call for seen in alive if seen.call is not None]
    )


def _settle(group: list[ReadSpan], logs: Collection[int], lineage: Lineage) -> None:
    counted, *rest = group
    around = lineage(counted.trace_id, counted.parent_span_id)
    counted.group = group
    for seen in rest:
        seen.part = ELSEWHERE if id(seen) in logs else DUPLICATE
        seen.verdict = Verdict(False, _reason(seen, counted, around))
        seen.group = group


def _share_id(one: ReadSpan, other: ReadSpan) -> bool:
    return (
        one.call is not None
        and other.call is not None
        and one.call.response_id is not None
        and one.call.response_id == other.call.response_id
    )


def _reason(seen: ReadSpan, counted: ReadSpan, around: Sequence[ReadSpan]) -> str:
    name = counted.span_id.hex()
    if _share_id(seen, counted):
        return f"same response id as span {name}, which is counted"
    if any(above is seen for above in around):
        return f"wraps span {name}, which is counted"
    other = "" if seen.trace_id == counted.trace_id else " of another trace"
    return f"same call as span {name}{other}, which is counted"
