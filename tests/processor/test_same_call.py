"""Which spans are one call: the groups are the closure of the rule about two (LEDGER §1)."""

from __future__ import annotations

from itertools import combinations
from random import Random

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
