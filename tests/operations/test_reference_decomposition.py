"""The reference decomposition keeps its own promises before anything is held against it."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.operations.reference_decomposition import Cell, Terms, Window, decompose
from tests.sizes import examples

CELL = Cell(100, 100, 0, (10_000, 0, 0, 5_000), (20_000, 0, 0, 40_000, 0))
"""100 requests; 2 pico-USD per input token, 8 per output token."""


def random_cell(rng: random.Random) -> Cell:
    """Small and huge numbers, zeros, missing prices, tokens without cost and costs without tokens."""
    top = rng.choice((3, 50, 10**6))
    calls = rng.randint(1, top)
    unpriced = rng.choice((0, 0, 0, calls, rng.randint(0, calls)))

    def some(limit: int) -> int:
        return rng.choice((0, rng.randint(0, limit)))

    tokens = (some(top * 50), some(top), some(top), some(top * 9))
    costs = (
        (0,) * 5
        if unpriced == calls
        else (some(top * 10**6), some(top), some(top), some(top * 10**7), some(3))
    )
    return Cell(rng.choice((0, calls, rng.randint(0, calls))), calls, unpriced, tokens, costs)


def random_windows(rng: random.Random) -> tuple[Window, Window]:
    names = ["a", "b", "c", "d"][: rng.randint(1, 4)]
    before, after = ({n: random_cell(rng) for n in names if rng.random() < 0.75} for _ in range(2))
    return before, after


def spend(window: Window) -> int:
    return sum(cell.cost for cell in window.values())


def flat(terms: Terms) -> list[int]:
    return [terms.volume, terms.attempts, terms.mix, *terms.tokens, terms.price, terms.new, terms.gone]


def test_terms_sum_to_the_change_with_no_rest() -> None:
    rng = random.Random(10)
    for _ in range(examples(3_000)):
        before, after = random_windows(rng)
        for per_call in (False, True):
            assert decompose(before, after, per_call=per_call).total == spend(after) - spend(before)


def test_swapping_the_windows_turns_the_signs() -> None:
    """Floors of odd sums lean one way, so a term may differ by one pico-dollar and never by more."""
    rng = random.Random(11)
    for _ in range(examples(1_500)):
        before, after = random_windows(rng)
        there, back = decompose(before, after), decompose(after, before)
        assert (there.new, there.gone) == (-back.gone, -back.new)
        assert all(abs(x + y) <= 1 for x, y in zip(flat(there)[:9], flat(back)[:9], strict=True))


def test_equal_windows_have_no_term() -> None:
    rng = random.Random(12)
    for _ in range(500):
        before, _ = random_windows(rng)
        assert decompose(before, before) == Terms()


def test_the_order_of_models_does_not_matter() -> None:
    rng = random.Random(13)
    for _ in range(500):
        before, after = random_windows(rng)
        turned = dict(reversed(list(before.items()))), dict(reversed(list(after.items())))
        assert decompose(before, after) == decompose(*turned)


def test_more_of_the_same_is_volume() -> None:
    twice = Cell(200, 200, 0, (20_000, 0, 0, 10_000), (40_000, 0, 0, 80_000, 0))
    assert decompose({"m": CELL}, {"m": twice}) == Terms(volume=60_000)


def test_more_calls_for_the_same_requests_are_attempts() -> None:
    twice = Cell(100, 200, 0, (20_000, 0, 0, 10_000), (40_000, 0, 0, 80_000, 0))
    assert decompose({"m": CELL}, {"m": twice}) == Terms(attempts=60_000)
    assert decompose({"m": CELL}, {"m": twice}, per_call=True) == Terms(volume=60_000)


def test_longer_answers_are_tokens_of_the_output_class() -> None:
    longer = replace(CELL, tokens=(10_000, 0, 0, 7_500), costs=(20_000, 0, 0, 60_000, 0))
    assert decompose({"m": CELL}, {"m": longer}) == Terms(tokens=(0, 0, 0, 20_000, 0))


def test_a_costlier_price_is_price() -> None:
    costlier = replace(CELL, costs=(25_000, 0, 0, 50_000, 0))
    assert decompose({"m": CELL}, {"m": costlier}) == Terms(price=15_000)


def test_calls_that_move_to_a_costlier_model_are_mix() -> None:
    dear = replace(CELL, costs=(200_000, 0, 0, 400_000, 0))
    before = {"cheap": CELL, "dear": dear}
    after = {
        "cheap": Cell(50, 50, 0, (5_000, 0, 0, 2_500), (10_000, 0, 0, 20_000, 0)),
        "dear": Cell(150, 150, 0, (15_000, 0, 0, 7_500), (300_000, 0, 0, 600_000, 0)),
    }
    assert decompose(before, after) == Terms(mix=270_000)


def test_a_segment_of_one_window_is_one_term() -> None:
    assert decompose({}, {"m": CELL}) == Terms(new=60_000)
    assert decompose({"m": CELL}, {}) == Terms(gone=-60_000)
    assert decompose({}, {}) == Terms()


def test_calls_without_any_price_are_in_no_term() -> None:
    unpriced = Cell(900, 900, 900, (9_000, 0, 0, 9_000), (0,) * 5)
    assert decompose({"m": CELL}, {"m": CELL, "unknown-model": unpriced}) == Terms()


def test_a_price_that_became_known_is_price() -> None:
    unpriced = replace(CELL, unpriced=100, costs=(0,) * 5)
    assert decompose({"m": unpriced}, {"m": CELL}) == Terms(price=60_000)
