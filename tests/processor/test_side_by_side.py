"""Two instrumentations that tell one call side by side, without a common id: each the other's nearest."""

from __future__ import annotations

from itertools import pairwise, permutations

from hypothesis import given
from hypothesis import strategies as st

from processor.calls.call import PROVIDER, ModelCall
from processor.calls.same_call import TOLERANCE_US, SpanReading, groups

_SECOND = 1_000_000_000
T0 = 1_790_000_000 * _SECOND
TOLERANCE = TOLERANCE_US / 1_000_000


def a_call(number: int, vocabulary: str, start: float, seconds: float = 1.0) -> SpanReading:
    made = ModelCall(
        trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"),
        time_ns=T0 + int(start * _SECOND),
        latency_us=int(seconds * 1_000_000), input_tokens=1, output_tokens=2, usage_source=PROVIDER,
        dialect=vocabulary, model="m-1",
    )  # fmt: skip
    return SpanReading(made, "shop")


def joined(members: list[SpanReading]) -> set[frozenset[int]]:
    found = (frozenset(int.from_bytes(one.call.span_id, "big") for one in group) for group in groups(members))
    return {group for group in found if len(group) > 1}


SPANS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 60), st.integers(1, 30)), min_size=2, max_size=9
).map(lambda drawn: [a_call(number, *one) for number, one in enumerate(drawn, 1)])


def test_each_call_is_joined_with_the_nearest_of_the_other_vocabulary() -> None:
    members = [a_call(1, "a", 0), a_call(2, "a", 0.4), a_call(3, "b", 0.1, 0.8), a_call(4, "b", 0.5, 0.8)]
    for order in permutations(members):
        assert joined(list(order)) == {frozenset({1, 3}), frozenset({2, 4})}


def test_a_call_whose_nearest_is_nearer_to_another_stays_alone() -> None:
    assert joined([a_call(1, "a", 0, 5), a_call(2, "b", 3, 5), a_call(3, "a", 4, 5)]) == {frozenset({2, 3})}


def test_two_calls_of_one_vocabulary_are_never_joined() -> None:
    assert joined([a_call(1, "a", 0), a_call(2, "a", 0)]) == set()


@given(SPANS)
def test_a_call_is_joined_with_one_other_of_another_vocabulary_that_overlaps_with_it(
    members: list[SpanReading],
) -> None:
    found = joined(members)
    assert sum(map(len, found)) == len(set().union(*found))
    for group in found:
        one, other = (members[number - 1].call for number in group)
        assert one.dialect != other.dialect
        first, second = sorted((one, other), key=lambda call: call.time_ns)
        assert second.time_ns <= first.time_ns + (first.latency_us or 0) * 1000


@given(SPANS, st.data())
def test_whether_two_are_one_call_depends_on_nothing_beyond_their_candidates(
    members: list[SpanReading], data: st.DataObject
) -> None:
    """Late binding need not know a whole chain of calls that look alike."""
    one, other = data.draw(st.sampled_from(list(pairwise(members))))
    reach = 2 * TOLERANCE * _SECOND
    near = [m for m in members if min(abs(m.call.time_ns - at.call.time_ns) for at in (one, other)) <= reach]
    pair = frozenset(int.from_bytes(span.call.span_id, "big") for span in (one, other))
    assert (pair in joined(members)) is (pair in joined(near))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 5)), max_size=8))
def test_two_instrumentations_of_calls_one_after_the_other_leave_as_many_as_there_were(
    drawn: list[tuple[int, int]],
) -> None:
    members, start = [], 0.0
    for number, (pause, seconds) in enumerate(drawn):
        members.append(a_call(2 * number, "a", start, seconds))
        members.append(a_call(2 * number + 1, "b", start + 0.01, seconds - 0.02))
        start += seconds + pause / 10
    assert len(groups(members)) == len(drawn)
