"""How long after its receipt a call was visible, by step of time; an objective to hold it against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import psycopg

from storage.statements import statements_beside

_query = statements_beside(__file__)

Step = Literal["minute", "hour", "day"]


class Freshness(NamedTuple):
    """Calls that became visible in a step, and the bounds in seconds that shares of them stayed below.

    Attributes:
        time: start of the step, UTC; None stands for the whole range.
        p50_seconds: `inf` where the last bucket of the histogram (12 minutes and more) was needed.
    """

    time: datetime | None
    calls: int
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float


class Answer(NamedTuple):
    """The steps with calls, and the whole range; `whole` is None without any call."""

    steps: Sequence[Freshness]
    whole: Freshness | None


def freshness(connection: psycopg.Connection[Any], start: datetime, end: datetime, step: Step) -> Answer:
    """Ask for [start, end), which a step may reach over."""
    rows = connection.execute(_query("freshness"), {"start": start, "end": end, "step": step}).fetchall()
    found = [Freshness(*row) for row in rows]
    whole = next((row for row in found if row.time is None), None)
    return Answer([row for row in found if row.time is not None], whole)


def missed(answer: Answer, objective_seconds: float) -> str | None:
    """Why the range misses the objective for its 95th percentile; None when it holds. No calls miss it."""
    if answer.whole is None:
        return "no calls became visible in this window"
    if answer.whole.p95_seconds <= objective_seconds:
        return None
    seconds = answer.whole.p95_seconds
    # A miss by little is not to be rounded to the objective.
    found = bound(seconds) if seconds == float("inf") else f"{seconds:.4g} s"
    return f"95 of 100 calls were visible within {found}, not within {objective_seconds:g} s"


def bound(seconds: float) -> str:
    """A bound for people: `4 ms`, `1.4 s`, `over 12 min`."""
    if seconds == float("inf"):
        return "over 12 min"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
