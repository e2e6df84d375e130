"""A coding agent's log record and its span tell one call where neither has an id."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from processor.calls.call import Flag, ModelCall
from processor.calls.same_call import SpanReading, groups

_SECOND = 1_000_000_000
T0 = 1_790_000_000 * _SECOND


def call(number: int, at: float, is_log: bool, session: str = "s-1") -> SpanReading:
    flags = int(Flag.FROM_LOG) if is_log else 0
    made = ModelCall(
        trace_id=bytes([number]) * 16, span_id=bytes([number]) * 8, time_ns=T0 + int(at * _SECOND),
        latency_us=1_000_000, input_tokens=1, output_tokens=2, flags=flags,
        dialect="gemini_cli", conversation_id=session,
    )  # fmt: skip
    return SpanReading(made)


def sizes(*members: SpanReading) -> list[int]:
    return sorted(len(group) for group in groups(members))


def test_a_span_and_a_record_are_one_call_and_the_span_is_counted() -> None:
    for order in permutations([call(1, 0, is_log=True), call(2, 0.5, is_log=False)]):
        ((counted, other),) = groups(order)
        assert (counted.call.span_id, other.call.span_id) == (b"\2" * 8, b"\1" * 8)


def test_two_records_are_two_calls_and_so_are_two_spans() -> None:
    assert sizes(call(1, 0, is_log=True), call(2, 0.5, is_log=True)) == [1, 1]
    assert sizes(call(1, 0, is_log=False), call(2, 0.5, is_log=False)) == [1, 1]


def test_each_record_finds_the_nearest_span() -> None:
    records = [call(1, 0, is_log=True), call(2, 3, is_log=True)]
    spans = [call(3, 0.1, is_log=False), call(4, 3.1, is_log=False)]
    for order in permutations([*records, *spans]):
        found = {frozenset(one.call.span_id[0] for one in group) for group in groups(order)}
        assert found == {frozenset({1, 3}), frozenset({2, 4})}


def test_what_is_told_differently_or_much_later_is_another_call() -> None:
    assert sizes(call(1, 0, is_log=True), call(2, 0, is_log=False, session="s-2")) == [1, 1]
    assert sizes(call(1, 0, is_log=True), call(2, 60, is_log=False)) == [1, 1]
    assert sizes(call(1, 0, is_log=True, session=""), call(2, 0, is_log=False, session="")) == [1, 1]


@given(st.lists(st.floats(0, 5), max_size=5), st.lists(st.floats(0, 5), max_size=5))
def test_of_two_complete_signals_as_many_calls_are_left_as_one_has(
    records: list[float], spans: list[float]
) -> None:
    members = [call(number, at, is_log=True) for number, at in enumerate(records, 1)]
    members += [call(number, at, is_log=False) for number, at in enumerate(spans, 100)]
    assert len(groups(members)) == max(len(records), len(spans))
