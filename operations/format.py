"""How money, counts, times and the parts of a comparison are put into words, for terminal and pages alike.

Nothing here computes money: figures come exact from SQL and are only rounded for the eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it brings the database driver, which most commands do without
    from operations.compare.model import Change, Question

DASH = "—"
"""There is nothing to show: no baseline, nothing to divide by."""
NO_DATA = "no data"
"""In place of a sum over a time without a single call, which is not $0.00."""
UNKNOWN = "unknown"
"""There is an amount, but nobody knows it: never shown as zero."""
_BARS = "▁▂▃▄▅▆▇█"
_SIGNIFICANT = 3
"""Digits that a small amount keeps."""

MEANING = {
    "volume": "more or fewer requests",
    "attempts": "calls per request (retries, agent steps)",
    "mix": "other models",
    "tokens": "more or fewer tokens for a call",
    "price": "another price for the same tokens",
    "new": "new in this window",
    "gone": "no longer present",
}
CLASSES = {
    "token": "tokens",
    "model_mix": "model mix",
    "identity_concentration": "identity concentration",
    "retry_storm": "retry storm",
    "unknown_model": "unknown model",
    "moved_alike": "moved alike",
    "too_little_data": "too little data",
    "no_baseline": "no baseline",
}
_DEEPER = {
    "endpoint": "prompt_version", "prompt_version": "model", "service": "endpoint", "provider": "model",
    "model": "endpoint", "tenant": "user", "user": "endpoint",
}  # fmt: skip
"""What to split by next, once one value of a dimension is in focus."""


def usd(amount: Decimal | None, places: int = 2, at_least: bool = False) -> str:
    """USD for people: spend with two places, a unit cost with six; small amounts keep three digits.

    Args:
        amount: None is unknown.
        at_least: part of the amount is unknown; where nothing is known, it is `unknown`, never zero.
    """
    if amount is None or (at_least and not amount):
        return UNKNOWN
    return f"{'≥ ' if at_least else ''}{'-' if amount < 0 else ''}${_rounded(abs(amount), places)}"


def _rounded(amount: Decimal, places: int) -> str:
    """`1,234.57`; `0.000131` and `0.00000028` where two places would say zero."""
    if not amount or amount >= Decimal("0.01"):
        return f"{amount:,.{places}f}"
    needed = _SIGNIFICANT - 1 - amount.adjusted()
    whole, _, fraction = f"{amount:.{max(places, 6, needed)}f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(max(places, 6), '0')}"


def unit_usd(amount: Decimal | None, at_least: bool = False) -> str:
    """USD per request or call; a dash where there is nothing to divide by."""
    return DASH if amount is None else usd(amount, 6, at_least)


def signed(amount: Decimal | None, at_least: bool = False) -> str:
    """A change in USD, with its sign.

    Args:
        at_least: a side of the change is not fully known; then no change is `unknown`.
    """
    if amount is None or (at_least and not amount):
        return UNKNOWN
    return f"+{usd(amount)}" if amount > 0 else usd(amount)


def exactly(amount: Decimal | None) -> str:
    """USD with every digit and no trailing zeros; the cents always."""
    if amount is None:
        return UNKNOWN
    whole, _, fraction = f"{abs(amount):,.12f}".partition(".")
    return f"{'-' if amount < 0 else ''}${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def number(value: int | None) -> str:
    """A count with thousands separators."""
    return DASH if value is None else f"{value:,}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 call`, `1,250 calls`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def mean(value: float | None) -> str:
    """A mean count, such as tokens for a request, as a whole number."""
    return DASH if value is None else f"{value:,.0f}"


def share(value: float | None) -> str:
    """A ratio from 0 to 1 in percent: `12.5%`."""
    return DASH if value is None else f"{value:.1%}"


def ratio(value: float | None) -> str:
    """A ratio with two decimals."""
    return DASH if value is None else f"{value:.2f}"


def seconds(milliseconds: float | None) -> str:
    """A duration in seconds."""
    return DASH if milliseconds is None else f"{milliseconds / 1_000:.1f} s"


def sparkline(points: Mapping[datetime, int], start: datetime, end: datetime, cells: int) -> str:
    """The course of a sum over a window as `cells` bars, the highest one full, zero the lowest.

    Args:
        points: the sums of steps, each at its begin.
    """
    sums = [0] * cells
    for time, value in points.items():
        place = int((time - start) / (end - start) * cells)
        sums[min(max(place, 0), cells - 1)] += value
    highest = max(sums)
    if highest <= 0:
        return _BARS[0] * cells
    return "".join(
        _BARS[1 + (value * (len(_BARS) - 2)) // highest] if value > 0 else _BARS[0] for value in sums
    )


def arrow(before: str, now: str) -> str:
    """Both windows' figures, or one where they read the same."""
    return now if before == now else f"{before} → {now}"


def instant(value: datetime) -> str:
    """A UTC instant to the second."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def iso(moment: datetime) -> str:
    """A UTC instant in RFC 3339, with every digit it has."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def span(start: datetime, end: datetime) -> str:
    """A window with its length: `2026-05-04 12:00 – 13:00 UTC (1 h)`."""
    clock = "%H:%M:%S" if start.second or end.second else "%H:%M"
    last = f"{end:{clock}}" if start.date() == end.date() else f"{end:%Y-%m-%d {clock}}"
    return f"{start:%Y-%m-%d {clock}} – {last} UTC ({length(end - start)})"


def length(distance: timedelta) -> str:
    """A distance in time in whole days, hours or minutes."""
    minutes = round(distance.total_seconds() / 60)
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes >= size and minutes % size == 0:
            return f"{minutes // size} {unit}"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def distance(question: Question, total: Change) -> str:
    """How far back the baseline lies."""
    if question.baseline == "previous":
        return "the equal window before"
    if ".." in question.baseline:
        return "as asked"
    return f"{length(total.from_used - total.baseline_from_used)} earlier"


def scope(question: Question) -> str:
    """What the question is narrowed to."""
    focus = [f"{name.replace('_', ' ')} {value}" for name, value in question.focus._asdict().items() if value]
    return " · ".join([*focus, f"environment {question.environment}", f"data mode {question.data_mode}"])


def deeper(question: Question, segment: str) -> tuple[str, dict[str, str | None]] | None:
    """The next dimension that is not in focus yet, and the focus with `segment` in it.

    None for what calls cannot be narrowed to: a family of models, two dimensions at once.
    """
    if question.dimension not in _DEEPER:
        return None
    focus = question.focus._asdict() | {question.dimension: segment}
    dimension = question.dimension
    for _ in _DEEPER:
        dimension = _DEEPER[dimension]
        if focus[dimension] is None:
            return dimension, focus
    return None


def doubts(question: Question, total: Change) -> list[str]:
    """What the figures leave out, and where the window is not the one that was asked."""
    lines = []
    if total.unpriced_calls or total.baseline_unpriced_calls:
        lines.append(
            f"≥: {counted(total.unpriced_calls, 'call')} ({number(total.baseline_unpriced_calls)} before) "
            "without a price are in no term; `spanledger unpriced` lists their models."
        )
    if total.uncertain_calls or total.baseline_uncertain_calls:
        lines.append(
            f"≥: the usage of {counted(total.uncertain_calls, 'call')} "
            f"({number(total.baseline_uncertain_calls)} before) is missing or estimated."
        )
    if total.unread_spans or total.baseline_unread_spans:
        lines.append(
            f"≥: {counted(total.unread_spans, 'span')} ({number(total.baseline_unread_spans)} before) with "
            "usage that no rule reads; `spanledger unread` lists their emitters."
        )
    if total.error_without_usage_calls:
        failed = counted(total.error_without_usage_calls, "error")
        lines.append(f"{failed} came without usage, which providers do not bill.")
    if (question.start, question.end) != (total.from_used, total.to_used):
        lines.append(
            f"The window asked for was {span(question.start, question.end)}; older data is kept coarser."
        )
    return lines


def printable(text: str) -> str:
    """Text from outside without control characters: a tag must not steer the reader's screen."""
    return "".join(char if char.isprintable() else "�" for char in text)
