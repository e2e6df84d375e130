"""Which spans are one call: the groups are the closure of the rule about two (LEDGER §1)."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.calls.call import PROVIDER, ModelCall
from processor.calls.same_call import SpanReading, groups, same_by_id, times

SECOND_NS = 1_000_000_000
STRONG, WEAK = "chatcmpl-AbCdEf123456789", "chatcmpl-999"


def a_span(number: int, response_id: str, start: int, seconds: int, tokens: int | None) -> SpanReading:
    call = ModelCall(
        trace_id=bytes(16), span_id=number.to_bytes(8, "big"), time_ns=start * SECOND_NS,
        latency_us=seconds * 1_000_000, response_id=response_id,
        input_tokens=tokens, output_tokens=tokens, usage_source=PROVIDER,
    )  # fmt: skip
    return SpanReading(call, "emitter")


SPANS = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 20), st.sampled_from([None, 1, 2])), min_size=2, max_size=12
)


def closure(spans: list[SpanReading], is_strong: bool) -> set[frozenset[bytes]]:
    """The groups by comparing every two, until nothing changes."""
    sets = {one.call.span_id: {one.call.span_id} for one in spans}
    for a, b in combinations(spans, 2):
        tokens = [(one.call.input_tokens, one.call.output_tokens) for one in (a, b)]
        if same_by_id(times(a.call), times(b.call), is_strong, tokens):
            both = sets[a.call.span_id] | sets[b.call.span_id]
            sets |= dict.fromkeys(both, both)
    return {frozenset(one) for one in sets.values()}


@given(SPANS, st.sampled_from([STRONG, WEAK]))
def test_groups_by_id_are_all_pairs_that_the_rule_joins(
    drawn: list[tuple[int, int, int | None]], response_id: str
) -> None:
    spans = [a_span(number, response_id, *one) for number, one in enumerate(drawn)]
    found = {frozenset(one.call.span_id for one in group) for group in groups(spans)}
    assert found == closure(spans, response_id is STRONG)


@given(SPANS, st.randoms())
def test_groups_and_what_is_counted_do_not_depend_on_the_order(
    drawn: list[tuple[int, int, int | None]], random: Random
) -> None:
    spans = [a_span(number, WEAK, *one) for number, one in enumerate(drawn)]
    shuffled = spans.copy()
    random.shuffle(shuffled)
    assert [[id(one) for one in group] for group in groups(spans)] == [
        [id(one) for one in group] for group in groups(shuffled)
    ]


def test_thousands_of_spans_with_one_id_are_grouped_in_one_pass() -> None:
    spans = [a_span(number, STRONG, 0, 1, 1) for number in range(20_000)]
    assert [len(group) for group in groups(spans)] == [20_000]


def _nested(number: int, *above: SpanReading, is_settled: bool = True) -> SpanReading:
    reading = a_span(number, "", 0, 1, 100)
    reading.above, reading.is_settled = above, is_settled
    return reading


@pytest.mark.parametrize("is_settled", [True, False], ids=["settled", "new"])
def test_a_call_that_is_known_to_be_one_with_an_inner_one_takes_no_other(is_settled: bool) -> None:
    """It took the last one inside when all were known."""
    around = _nested(1)
    one, other = _nested(2, around), _nested(3, around, is_settled=is_settled)
    found = {frozenset(map(id, group)) for group in groups([around, one, other], [(one, around)])}
    assert found == {frozenset({id(around), id(one)}), frozenset({id(other)})}


def test_calls_that_were_compared_before_are_not_compared_again() -> None:
    around = _nested(1)
    settled, new = _nested(2, around), _nested(2, around, is_settled=False)
    assert len(groups([around, settled])) == 2
    assert len(groups([around, new])) == 1
