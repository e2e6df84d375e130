"""Log lines about requests that were refused through no fault of their senders."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Final

log = logging.getLogger("spanledger.refusals")

RETRY_LATER: Final = "UNAVAILABLE"
"""The status of an answer after which the sender comes again; of HTTP as well."""
_PAUSE_SECONDS: Final = 60.0


class Refusals:
    """At most one line for each kind and minute."""

    def __init__(self) -> None:
        self._waiting: Counter[str] = Counter()
        self._said: dict[str, float] = {}

    def add(self, kind: str) -> None:
        """Count one, and write a line with all since the last one when that is a minute ago."""
        self._waiting[kind] += 1
        now = time.monotonic()
        if now - self._said.get(kind, -_PAUSE_SECONDS) >= _PAUSE_SECONDS:
            self._said[kind] = now
            number = self._waiting.pop(kind)
            log.warning("%d %s", number, kind, extra={"fields": {"requests": number}})
