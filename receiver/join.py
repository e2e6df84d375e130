"""The same call seen twice in one request: found, merged into one, the rest kept as sightings (LEDGER §1).

Order of arrival never matters: spans are first put in order of time and id, and every choice between two of
them is a rule about the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from processor.call import ERROR, UNKNOWN, Flag, ModelCall, Source
from processor.response_id import is_strong_response_id
from receiver.dialects.reading import RAW, SERVER, Seen
from receiver.dialects.table import COUNTS, INHERITED, Verdict

TOLERANCE_NS = 10_000_000_000
"""LEDGER §1: ten seconds between spans of one call, for clocks and streams."""

_LOG_TOLERANCE_NS = 5_000_000_000
"""A Logfire stream's log begins when its span ends; import time was the largest gap seen (0.7 s)."""

_CONTAINED_NS = 50_000_000
"""Failed calls have neither id nor usage: only spans that lie one within the other are one, within 50 ms."""

Lineage = Callable[[bytes, bytes], Sequence[Seen]]
Find = Callable[[bytes, bytes], Seen | None]

_USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "output_image_tokens",
)
_CONTEXT = (
    "request_model",
    "time_to_first_token_us",
    "streaming",
    "service_tier",
    "response_id",
    "reported_cost_pico_usd",
    "http_status",
    "error_type",
)
_MISSING_RANK = 80
_USAGE_FLAGS = int(Flag.USAGE_NORMALISED | Flag.USAGE_INVALID | Flag.USAGE_LOSSY | Flag.ESTIMATE_UNMARKED)


def join(spans: Sequence[Seen], find: Find, lineage: Lineage) -> None:
    """Decide which of the spans that may be calls are counted: verdicts change, twins are merged."""
    raws = [seen for seen in spans if seen.verdict is RAW]
    if raws:
        _settle_raw_requests(sorted(raws, key=_place), find)
    halves = [seen for seen in spans if seen.plan.is_logfire and seen.verdict.counts]
    if halves:
        _pair_streams(sorted(halves, key=_place))
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


def _settle_raw_requests(raws_in_order: Sequence[Seen], find: Find) -> None:
    """LiteLLM's raw requests: into the call on their parent, or calls where it lost everything."""
    by_parent: dict[tuple[bytes, bytes], list[Seen]] = {}
    for seen in raws_in_order:
        by_parent.setdefault((seen.trace_id, seen.parent_span_id), []).append(seen)
    for (trace_id, parent_id), raws in by_parent.items():
        parent = find(trace_id, parent_id)
        if parent is None:
            continue
        if not parent.verdict.counts or parent.call is None:
            for raw in raws:
                raw.verdict = COUNTS
            continue
        _merge_raws(parent, parent.call, raws)


def _merge_raws(parent: Seen, call: ModelCall, raws: list[Seen]) -> None:
    last = max(raws, key=lambda raw: (raw.end, raw.span_id))
    for raw in raws:
        raw.verdict = Verdict(False, RAW.reason)
    if len(raws) > 1:  # later calls overwrote the earlier ones' attributes on the shared parent
        call.flags |= Flag.SEVERAL_CALLS | Flag.USAGE_LOSSY
    if last.call is None:
        return
    if last.call.response_id is not None:
        call.response_id = last.call.response_id
    if parent.kind == SERVER and last.call.latency_us is not None:
        call.latency_us = last.call.latency_us
        call.flags &= ~Flag.LATENCY_UNKNOWN
    _fill_context(call, last.call)


def _pair_streams(halves: Sequence[Seen]) -> None:
    """Logfire: the `span` of a stream gets the usage and the duration of its unlinked `log`."""
    logs = [seen for seen in halves if seen.reading.values.get("logfire_type") == "log"]
    spans = [seen for seen in halves if seen.call is not None and _is_bare(seen.call) and seen not in logs]
    pairs = [(log, span) for log in logs for span in spans if _same_stream(log, span)]
    paired: set[bytes] = set()
    for log, span in sorted(pairs, key=_gap):
        if paired.isdisjoint((span.span_id, log.span_id)):
            paired |= {span.span_id, log.span_id}
            _absorb(span, log, "the log of a streamed call whose span is counted")
            _take_duration(span, log)
    for seen in halves:
        if seen.span_id not in paired:
            _settle_half(seen, seen in logs)


def _gap(pair: tuple[Seen, Seen]) -> tuple[int, bytes, bytes]:
    log, span = pair
    return abs(_begin(log) - span.end), span.span_id, log.span_id


def _is_bare(call: ModelCall) -> bool:
    return call.input_tokens is None and call.output_tokens is None and call.status != ERROR


def _same_stream(log: Seen, span: Seen) -> bool:
    if log.call is None or span.call is None:
        return False
    return (
        log.resource == span.resource
        and log.call.request_model == span.call.request_model
        and abs(_begin(log) - span.end) <= _LOG_TOLERANCE_NS
    )


def _begin(log: Seen) -> int:
    seconds = log.reading.values.get("stream_seconds")
    return log.start - (int(seconds * 1e9) if isinstance(seconds, int | float) else 0)


def _take_duration(span: Seen, log: Seen) -> None:
    if span.call is not None:
        span.call.latency_us = (log.start - _begin(log)) // 1000 or span.call.latency_us
        span.call.streaming = True


def _settle_half(seen: Seen, is_log: bool) -> None:
    """A half alone: the log with the usage counts, a span without waits for its log."""
    call = seen.call
    if call is None:
        return
    if is_log:
        call.time_ns = _begin(seen)
        call.latency_us = (seen.start - call.time_ns) // 1000 or None
        call.streaming = True
        if call.latency_us is not None:
            call.flags &= ~Flag.LATENCY_UNKNOWN
    if _is_bare(call):
        seen.verdict = Verdict(False, "half of a streamed call: its usage comes on a log span", wrapper=True)


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
        _absorb(better, worse, f"same response id as span {better.span_id.hex()}, which is counted")
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
                _absorb(inner, outer, f"wraps span {inner.span_id.hex()}, which is counted")
    _drop_joined(alive)


def _nested_twin(outer: Seen, inner: Seen) -> bool:
    one, other = outer.call, inner.call
    if one is None or other is None or _differ_by_id(one, other):
        return False
    if _is_bare(one) and one.operation == other.operation and not _is_bare(other):
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
            _absorb(
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


def _absorb(kept: Seen, twin: Seen, reason: str) -> None:
    """Count `kept` only, completed by what `twin` knows better."""
    twin.verdict = Verdict(False, reason)
    twin.twin_of = kept
    kept.twins += (twin, *twin.twins)
    if kept.call is not None and twin.call is not None:
        _merge(kept, kept.call, twin, twin.call)


def _merge(kept: Seen, call: ModelCall, twin: Seen, other: ModelCall) -> None:
    ours, theirs = _ranks(call), _ranks(other)
    taken = dict(kept.taken)
    for name in INHERITED:
        value = twin.reading.values.get(name)
        if value is not None and _rank_of(twin, name) < _rank_of(kept, name):
            key = twin.plan.key_of(twin.reading, name)
            taken[name] = str(value), Source(name, key.shown if key else name, _rank_of(twin, name))
    kept.taken = {**twin.taken, **taken}
    _merge_usage(call, other, ours, theirs)
    _fill_context(call, other)
    if call.model == UNKNOWN or (call.model == call.request_model and other.model != other.request_model):
        call.model = other.model  # the twin knows which model answered
    if call.provider == UNKNOWN:
        call.provider = other.provider
    if call.latency_us is None and other.latency_us is not None:
        call.latency_us = other.latency_us
        call.flags &= ~Flag.LATENCY_UNKNOWN


def _fill_context(call: ModelCall, other: ModelCall) -> None:
    """Take what is missing, with the line that says where it came from."""
    taken = []
    for name in _CONTEXT:
        if getattr(call, name) is None and getattr(other, name) is not None:
            setattr(call, name, getattr(other, name))
            taken.append(name)
    if taken:
        call.sources = (*call.sources, *(source for source in other.sources if source.field in taken))


def _merge_usage(call: ModelCall, other: ModelCall, ours: dict[str, int], theirs: dict[str, int]) -> None:
    """The better usage whole, or the missing parts of an equal one; never a mixture of two counts."""
    if other.input_tokens is None and other.output_tokens is None:
        return
    if _usage_rank(call, ours) > _usage_rank(other, theirs):
        wanted = set(_USAGE)
        call.usage_source = other.usage_source
        call.flags = (call.flags & ~_USAGE_FLAGS) | (other.flags & _USAGE_FLAGS)
        for name in _USAGE:
            setattr(call, name, getattr(other, name))
    elif call.input_tokens == other.input_tokens and call.output_tokens == other.output_tokens:
        wanted = {n for n in _USAGE if getattr(call, n) is None and getattr(other, n) is not None}
        for name in wanted:
            setattr(call, name, getattr(other, name))
    else:
        return
    if wanted:
        kept = tuple(source for source in call.sources if source.field not in wanted)
        call.sources = (*kept, *(source for source in other.sources if source.field in wanted))


def _usage_rank(call: ModelCall, ranks: dict[str, int]) -> int:
    if call.input_tokens is None and call.output_tokens is None:
        return _MISSING_RANK
    return max(ranks.get(name, 0) for name in ("input_tokens", "output_tokens"))


def _ranks(call: ModelCall) -> dict[str, int]:
    return {source.field: source.rank for source in call.sources}


def _rank_of(seen: Seen, name: str) -> int:
    if name in seen.taken:
        return seen.taken[name][1].rank
    key = seen.plan.key_of(seen.reading, name) if name in seen.reading.values else None
    return key.rank if key is not None else _MISSING_RANK


def _drop_joined(alive: list[Seen]) -> None:
    alive[:] = [seen for seen in alive if seen.twin_of is None]
