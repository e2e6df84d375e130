"""Garbage collection out of the way of calls: off under load, a full collection when the service is idle.

Calls hold no reference cycles, so their memory is freed without a collector. Left on, it walks a hundred
thousand young objects every 60 requests: 8 to 11 µs of CPU a call. The few cycles that errors, pages and
reloads leave behind can wait until no request does.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from service.beside import beside
from service.worker_status import WorkerState

LOOK_SECONDS = 1.0
PAUSE_SECONDS = 60.0
"""At most one collection a minute."""
WORTHWHILE = 10_000
"""Objects more than after the last collection; fewer are not worth one."""
TOO_MANY = 1_000_000
"""So many more are collected under load too, some 0.3 s: either caches have grown, or something leaks."""


class Collections:
    """Decides when to collect; nothing else does while a service runs."""

    def __init__(self, is_idle: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._is_idle, self._clock = is_idle, clock
        self._last = clock()

    def look(self) -> bool:
        """Collect if it is time to; answers whether it did."""
        grown, _, _ = gc.get_count()
        is_due = grown >= WORTHWHILE and self._clock() >= self._last + PAUSE_SECONDS
        if grown < TOO_MANY and not (is_due and self._is_idle()):
            return False
        gc.collect()
        self._last = self._clock()
        return True


@asynccontextmanager
async def collecting(is_idle: Callable[[], bool]) -> AsyncIterator[None]:
    """Keep what is loaded by now out of every collection, and collect when idle; for a process of our own."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        async with beside(_collect(Collections(is_idle))):
            yield
    finally:
        gc.unfreeze()  # a reload replaces much of it
        gc.enable()


async def _collect(collections: Collections) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        collections.look()


def is_idle(state: WorkerState) -> bool:
    """Whether a worker has nothing to do: no request waits, and none was committed within the last look."""
    last = state.last_commit or 0.0
    return not state.waiting_requests and state.heartbeat - last > LOOK_SECONDS
