"""How often a key may be tried on the sign-in page: keys cannot be guessed, and neither shall anyone try."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

WINDOW_SECONDS: Final = 300.0
AT_MOST: Final = 20
"""Refused keys of one address within the window; a proxy may stand for several people."""
_ADDRESSES: Final = 1000
"""Remembered at most, the latest: a flood of addresses must not grow without end."""


class SignInLimit:
    """Refused keys by address, lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, address: str) -> int:
        """How long the address has to wait until it may try again; 0 when it may now."""
        refused = self._lately(address)
        if len(refused) < AT_MOST:
            return 0
        return int(refused[-AT_MOST] + WINDOW_SECONDS - self._clock()) + 1

    def note(self, address: str) -> None:
        """A key of this address was refused."""
        refused = self._lately(address)
        refused.append(self._clock())
        self._refused[address] = refused
        self._refused.move_to_end(address)
        while len(self._refused) > _ADDRESSES:
            self._refused.popitem(last=False)

    def _lately(self, address: str) -> deque[float]:
        refused = self._refused.get(address, deque(maxlen=AT_MOST))
        while refused and refused[0] <= self._clock() - WINDOW_SECONDS:
            refused.popleft()
        return refused
