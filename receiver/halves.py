"""Emitters that tell one call in two spans by design: LiteLLM's raw requests, Logfire's streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from processor.call import ERROR, Flag, ModelCall
from receiver.dialects.reading import RAW, SERVER, Seen
from receiver.dialects.table import COUNTS, Verdict
from receiver.merge import absorb, fill_context

_LOG_TOLERANCE_NS = 5_000_000_000
"""A Logfire stream's log begins when its span ends; import time was the largest gap seen (0.7 s)."""

Find = Callable[[bytes, bytes], Seen | None]


def settle_raw_requests(raws_in_order: Sequence[Seen], find: Find) -> None:
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
    fill_context(call, last.call)


def pair_streams(halves: Sequence[Seen]) -> None:
    """Logfire: the `span` of a stream gets the usage and the duration of its unlinked `log`."""
    logs = [seen for seen in halves if seen.reading.values.get("logfire_type") == "log"]
    spans = [seen for seen in halves if seen.call is not None and is_bare(seen.call) and seen not in logs]
    pairs = [(log, span) for log in logs for span in spans if _same_stream(log, span)]
    paired: set[bytes] = set()
    for log, span in sorted(pairs, key=_gap):
        if paired.isdisjoint((span.span_id, log.span_id)):
            paired |= {span.span_id, log.span_id}
            absorb(span, log, "the log of a streamed call whose span is counted")
            _take_duration(span, log)
    for seen in halves:
        if seen.span_id not in paired:
            _settle_half(seen, seen in logs)


def _gap(pair: tuple[Seen, Seen]) -> tuple[int, bytes, bytes]:
    log, span = pair
    return abs(_begin(log) - span.end), span.span_id, log.span_id


def is_bare(call: ModelCall) -> bool:
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
    if is_bare(call):
        seen.verdict = Verdict(False, "half of a streamed call: its usage comes on a log span", wrapper=True)
