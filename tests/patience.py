"""How long tests wait, in one place: a busy machine is slow, which is no fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

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
