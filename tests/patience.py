"""How long tests wait, in one place: a busy machine is slow, which is no fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

PATIENCE_SECONDS = 90.0
"""For what takes a second on a quiet machine; only a test that fails anyway waits this long."""
LOOK_SECONDS = 0.02


def until(is_so: Callable[[], object], what: str = "it") -> None:
    """Wait until it is so. Fails the test with `what` did not come true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not come true in {PATIENCE_SECONDS:.0f} s"
        time.sleep(LOOK_SECONDS)


async def until_async(is_so: Callable[[], object], what: str = "it") -> None:
    """As `until`, without blocking the loop."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not come true in {PATIENCE_SECONDS:.0f} s"
        await asyncio.sleep(LOOK_SECONDS)


@contextmanager
def little_work(seconds: float, process: psutil.Process | None = None) -> Iterator[None]:
    """Fail when the block takes more CPU time than that, ours or of a process: waiting counts nothing.

    Args:
        seconds: several times what it takes, and well below what it takes when it is done the wrong way.
    """
    begun = _cpu_seconds(process)
    yield
    taken = _cpu_seconds(process) - begun
    assert taken < seconds, f"{taken:.2f} s of CPU, expected less than {seconds} s"


def work(step: Callable[[], object], rounds: int = 3) -> float:
    """The CPU seconds of a step, the least of some rounds: to be compared with those of another step."""
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        step()
        taken.append(time.process_time() - begun)
    return min(taken)


def _cpu_seconds(process: psutil.Process | None) -> float:
    return time.process_time() if process is None else sum(process.cpu_times()[:2])
