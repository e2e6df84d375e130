"""Days and open ends of time: nanoseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

ALWAYS: Final = -(2**63)
"""Start of an interval that has none, in nanoseconds since 1970."""
NEVER: Final = 2**63 - 1
"""End of an interval that has none."""


def midnight_ns(day: date) -> int:
    """UTC midnight at which a day begins, in nanoseconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**9
