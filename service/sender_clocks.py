"""How long before it arrives each service's calls end: a clock that is ahead, or an exporter that is late."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from processor.calls.admission import YEAR_2015_NS
from processor.calls.call import ModelCall

_MAX_SERVICES: Final = 200
_WINDOW_SECONDS: Final = 300.0
"""The least delay of five to ten minutes: one late batch is no late sender."""


class SenderClocks:
    """The least delay of each service lately. A delay below zero is a clock that is ahead of ours."""

    def __init__(self) -> None:
        self._least: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._begun = time.monotonic()

    def note(self, calls: Iterable[ModelCall]) -> None:
        """Take note of calls as they were sent; before admission, which puts impossible times right."""
        if time.monotonic() - self._begun > _WINDOW_SECONDS:
            self._before, self._least, self._begun = self._least, {}, time.monotonic()
        least = self._least
        for call in calls:
            if call.time_ns < YEAR_2015_NS:
                continue  # no time was given
            delay = call.received_ns - call.time_ns - 1000 * (call.latency_us or 0)
            service = call.service_name or ""
            known = least.get(service)
            if known is None:
                if len(least) >= _MAX_SERVICES:
                    continue
                least[service] = delay
            elif delay < known:
                least[service] = delay

    def delays(self) -> dict[str, float]:
        """Service → the least seconds between the end of a call and its receipt."""
        names = self._least.keys() | self._before.keys()
        return {
            name: min(side[name] for side in (self._least, self._before) if name in side) / 1e9
            for name in names
        }
