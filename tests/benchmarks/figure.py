"""What a benchmark reports: a measured figure, and the budget it is held against."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

AT_MOST, AT_LEAST = "at most", "at least"


class Figure(NamedTuple):
    """One measured figure.

    Attributes:
        name: what was measured, as a reader of the table understands it (`decode and map a GenAI span`).
        value: the measured value in `unit`.
        unit: `µs`, `calls/s`, `ms`, `MB`, ...
        budget: the budget of DESIGN §13 in the same unit; None for a figure that only informs.
        sense: whether the budget is an upper (`AT_MOST`) or a lower (`AT_LEAST`) bound.
        note: how it was measured, when the name does not say.
    """

    name: str
    value: float
    unit: str
    budget: float | None = None
    sense: str = AT_MOST
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the budget holds; None without one."""
        if self.budget is None:
            return None
        return self.value <= self.budget if self.sense == AT_MOST else self.value >= self.budget


class Benchmark(Protocol):
    """A module `tests/benchmarks/bench_<what>.py`: `make bench` runs its `measure`."""

    def measure(self) -> Iterable[Figure]:
        """Measure, and say what was measured. Takes seconds, needs nothing but this machine."""


def cpu_us_per_item(action: Callable[[], object], items: int, rounds: int = 7) -> float:
    """CPU µs of this process per item: the median of `rounds` rounds of at least 0.1 s, after a warm-up.

    CPU time, not wall time: on a machine with neighbours it is the steadier of the two.
    """
    action()
    repeats = 1
    while (spent := _cpu_seconds(action, repeats)) < 0.1:
        repeats = max(repeats * 2, int(repeats * 0.12 / max(spent, 1e-6)))
    each = [_cpu_seconds(action, repeats) / repeats for _ in range(rounds)]
    return statistics.median(each) / items * 1e6


def _cpu_seconds(action: Callable[[], object], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        action()
    return time.process_time() - start
