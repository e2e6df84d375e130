"""The arithmetic of usage: what totals leave out comes back, or is left open; never silently wrong."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from receiver.dialects.balance import INSIDE, OPEN, OUTSIDE, WRITES_OUTSIDE, Balance, Sent, balance
from tests.sizes import examples

TOKENS = st.integers(1, 40) | st.integers(1, 10**6)
"""Small ones too, so that sums coincide."""


@st.composite
def usages(draw: st.DrawFn) -> tuple[Sent, str, str, Balance]:
    """What is true of a call, told by a sender that leaves parts out: counts, its ways, and what it left."""
    fresh, read, write, text, reasoning = (draw(st.just(0) | TOKENS) for _ in range(5))
    cache = draw(st.sampled_from([INSIDE, OUTSIDE, WRITES_OUTSIDE]))
    thought = draw(st.sampled_from([INSIDE, OUTSIDE]))
    missing_in = {INSIDE: 0, OUTSIDE: read + write, WRITES_OUTSIDE: write}[cache]
    missing_out = reasoning if thought == OUTSIDE else 0
    sent_in, sent_out = fresh + read + write - missing_in, text + reasoning - missing_out
    truth = fresh + read + write + text + reasoning
    total = draw(st.sampled_from([None, truth, sent_in + sent_out]))
    inputs = draw(st.sampled_from([(), (sent_in,), (fresh + read + write,), (fresh,)]))
    uncached, whole = draw(st.sampled_from([(None, None), (fresh, None), (None, fresh + read + write)]))
    counts = Sent(sent_in, sent_out, read, write, reasoning, total, uncached, whole, inputs)
    return counts, cache, thought, Balance(missing_in, missing_out)


@settings(max_examples=examples(300))
@given(usages())
@example((Sent(500, 10, 400, 300), WRITES_OUTSIDE, INSIDE, Balance(300, 0)))
@example((Sent(1, 5, 3, 0, 3, 9), OUTSIDE, INSIDE, Balance(3, 0)))
@example((Sent(10, 2, 0, 5, 5, 17), INSIDE, OUTSIDE, Balance(0, 5)))
def test_of_an_unknown_sender_the_truth_comes_back_or_is_left_open(
    usage: tuple[Sent, str, str, Balance],
) -> None:
    counts, _, _, truth = usage
    found = balance(counts, OPEN, OPEN)
    if not found.is_open:
        assert found == truth


@settings(max_examples=examples(300))
@given(usages())
def test_of_a_known_sender_the_truth_comes_back(usage: tuple[Sent, str, str, Balance]) -> None:
    """Unless another answer has been proved, which takes two parts that happen to be alike."""
    counts, cache, thought, truth = usage
    found = balance(counts, cache, thought)
    assert found == truth or found.is_open


@given(usages(), st.sampled_from([INSIDE, OUTSIDE, OPEN]), st.sampled_from([INSIDE, OUTSIDE, OPEN]))
def test_no_part_is_greater_than_its_whole(
    usage: tuple[Sent, str, str, Balance], cache: str, thought: str
) -> None:
    counts = usage[0]
    found = balance(counts, cache, thought)
    assert counts.read + counts.write <= counts.input + found.cache
    assert counts.reasoning <= counts.output + found.reasoning
    assert found.cache >= 0 <= found.reasoning


@pytest.mark.parametrize(
    ("counts", "cache", "reasoning"),
    [
        (Sent(1037, 211, 2041, 343), 2384, 0),  # more cached than sent
        (Sent(3000, 200, 2000, 500, total=5700), 2500, 0),  # the total has it
        (Sent(5500, 200, 2000, 500, total=3200), 0, 0),  # the total was reckoned without
        (Sent(3000, 200, 2000, 500, fresh=3000), 2500, 0),
        (Sent(5500, 200, 2000, 500, fresh=3000), 0, 0),
        (Sent(3000, 200, 2000, 500, whole=3000), 0, 0),
        (Sent(3000, 200, 2000, 500, inputs=(5500,)), 2500, 0),  # another count of the input
        (Sent(5500, 200, 2000, 500, inputs=(5500, 3000)), 0, 0),
        (Sent(5000, 200, 2000, 500, total=5700), 500, 0),  # writes alone are outside
        (Sent(12, 2, reasoning=317, total=14), 0, 317),  # more reasoning than output
        (Sent(7477, 2060, reasoning=1939, total=11476), 0, 1939),
        (Sent(100, 300, 40, 0, 200, 640), 40, 200),
    ],
)
def test_arithmetic_decides_for_any_sender(counts: Sent, cache: int, reasoning: int) -> None:
    assert balance(counts, OPEN, OPEN) == Balance(cache, reasoning)


@pytest.mark.parametrize(
    "counts",
    [
        Sent(3000, 200, 2000, 500),
        Sent(3000, 200, 2000, 500, total=3200),  # a mere sum proves nothing
        Sent(3000, 200, 2000, 500, inputs=(3000,)),  # nor does the same count once more
        Sent(100, 300, reasoning=200),
        Sent(2600, 200, 2000, 500),  # writes alone may be outside
    ],
)
def test_what_no_number_decides_is_open_and_read_as_the_conventions_have_it(counts: Sent) -> None:
    found = balance(counts, OPEN, OPEN)
    assert (found.cache, found.reasoning, found.is_open) == (0, 0, True)


def test_what_the_total_holds_beyond_all_parts_is_told() -> None:
    assert balance(Sent(100, 20, 30, 0, 5, 160), INSIDE, INSIDE) == Balance(unexplained=40)
