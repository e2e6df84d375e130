"""SIGHUP: reloads, or stops if the terminal that started the service is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

_CLOSING_SECONDS = 0.2
"""A shell that ends sends the signal first; the kernel takes the terminal away right after."""


class Terminal:
    """The terminal that started us. Without one, or under `nohup`, no SIGHUP stops us."""

    def __init__(self) -> None:
        self._was_there = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and _is_there()

    @property
    def is_gone(self) -> bool:
        """Whether there was one and is none now."""
        return self._was_there and not _is_there()

    def leave_when_gone(self, number: int, frame: FrameType | None) -> None:
        """Handler for the time before and after the event loop: there is nothing to reload."""
        time.sleep(_CLOSING_SECONDS)
        if self.is_gone:
            sys.exit(128 + number)


def on_hangup(terminal: Terminal, stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Take the signal over in the running loop."""
    loop = asyncio.get_running_loop()

    def decide() -> None:
        stop() if terminal.is_gone else reload()

    loop.add_signal_handler(signal.SIGHUP, loop.call_later, _CLOSING_SECONDS, decide)


def _is_there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
