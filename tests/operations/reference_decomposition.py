"""LEDGER §10 once more, in exact fractions and without SQL: what `genai.compare` is held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor

CLASSES = ("input", "cache_read", "cache_write", "output", "other")
"""Token classes of a cost, in the order in which the tokens step walks through them."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one (provider, model) did in one window; costs in pico-USD by class (`other` counts in calls)."""

    requests: int
    calls: int
    unpriced: int
    tokens: tuple[int, int, int, int]
    costs: tuple[int, int, int, int, int]

    @property
    def cost(self) -> int:
        return sum(self.costs)

    @property
    def quantities(self) -> tuple[int, ...]:
        return (*self.tokens, self.calls)


Window = Mapping[str, Cell]
"""The cells of one segment in one window, by (provider, model)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A change of cost, term by term, in whole pico-USD. The sum is the change."""

    volume: int = 0
    attempts: int = 0
    mix: int = 0
    tokens: tuple[int, ...] = (0,) * len(CLASSES)
    price: int = 0
    new: int = 0
    gone: int = 0

    @property
    def total(self) -> int:
        return self.volume + self.attempts + self.mix + sum(self.tokens) + self.price + self.new + self.gone


def decompose(before: Window, after: Window, *, per_call: bool = False) -> Terms:
    """Split the change of one segment's cost.

    Args:
        per_call: judge by calls instead of requests (models and providers, LEDGER §5).
    """
    before, after = _with_a_price(before, after)
    old_cost, new_cost = _cost(before), _cost(after)
    if not _calls(before):
        return Terms(new=new_cost)
    if not _calls(after):
        return Terms(gone=-old_cost)
    forward = _points(before, after, per_call)
    backward = _points(after, before, per_call)
    doubled = [
        (b - a) + (c - d) for (a, b), (c, d) in zip(pairwise(forward), pairwise(backward), strict=True)
    ]
    volume, attempts, mix, *tokens, price = _halves(doubled)
    return Terms(volume, attempts, mix, tuple(tokens), price)


def _with_a_price(before: Window, after: Window) -> tuple[Window, Window]:
    """Leave out the cells none of whose calls had a price in either window: they are in no term."""

    def priced(name: str) -> bool:
        return any(w[name].calls > w[name].unpriced for w in (before, after) if name in w)

    return {n: c for n, c in before.items() if priced(n)}, {n: c for n, c in after.items() if priced(n)}


def _points(start: Window, end: Window, per_call: bool) -> list[int]:
    """The costs on the way from one window to the other, each rounded half up to a whole pico-dollar."""
    return [floor(point + Fraction(1, 2)) for point in _exact_points(start, end, per_call)]


def _exact_points(start: Window, end: Window, per_call: bool) -> Iterator[Fraction]:
    cost = Fraction(_cost(start))
    by_calls = cost * _calls(end) / _calls(start)
    requests = (_requests(start), _requests(end))
    yield cost
    yield by_calls if per_call or 0 in requests else cost * requests[1] / requests[0]
    yield by_calls
    mix = [sum((_at_mix(start, end, name, k) for name in end), Fraction()) for k in range(len(CLASSES))]
    usage = [sum((_at_usage(start, end, name, k) for name in end), Fraction()) for k in range(len(CLASSES))]
    for done in range(len(CLASSES) + 1):
        yield sum(usage[:done], Fraction()) + sum(mix[done:], Fraction())
    yield Fraction(_cost(end))


def _at_mix(start: Window, end: Window, name: str, k: int) -> Fraction:
    """Class k of a cell: the end's calls at the start's cost per call."""
    if name not in start or not start[name].calls:
        return Fraction(end[name].costs[k])
    return Fraction(end[name].calls * start[name].costs[k], start[name].calls)


def _at_usage(start: Window, end: Window, name: str, k: int) -> Fraction:
    """Class k of a cell: the end's tokens at the start's cost per token."""
    if name not in start or not start[name].calls or not start[name].quantities[k]:
        return Fraction(end[name].costs[k])
    return Fraction(end[name].quantities[k] * start[name].costs[k], start[name].quantities[k])


def _halves(doubled: list[int]) -> list[int]:
    """Halve each number so that the halves sum to half the sum: floors of the running sum."""
    halves, running = [], 0
    for number in doubled:
        halves.append((running + number) // 2 - running // 2)
        running += number
    return halves


def _cost(window: Window) -> int:
    return sum(cell.cost for cell in window.values())


def _calls(window: Window) -> int:
    return sum(cell.calls for cell in window.values())


def _requests(window: Window) -> int:
    return sum(cell.requests for cell in window.values())
