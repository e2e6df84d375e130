"""Positions of bars and lines in percent of the drawing, never figures for a reader."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from operations.compare.model import TERMS, TOKEN_CLASSES, Change

_NEARLY_LEVEL = Decimal("0.2")
"""A change below this share of the spend would be a sliver on an axis from zero: the axis is cut."""


class Bar(NamedTuple):
    """One step of a waterfall: from `x`, `width` wide, in per cent; kind: level, rise, fall, part, none."""

    name: str
    amount: Decimal
    kind: str
    x: float
    width: float


class Waterfall(NamedTuple):
    """The steps from the baseline's spend to the window's; `axis_from` is where the axis begins."""

    bars: list[Bar]
    axis_from: Decimal


def waterfall(total: Change) -> Waterfall:
    """The terms of a change as steps that stand on each other; the classes of tokens under their term."""
    levels = [total.baseline_cost_usd]
    for name in TERMS:
        levels.append(levels[-1] + total.term(name))
    low, high = min(levels), max(levels)
    cut = high > 0 and low > 0 and high - low < _NEARLY_LEVEL * high
    axis_from = low - (high - low) / 4 if cut and high > low else min(Decimal(0), low)
    scale = _Scale(axis_from, high)
    bars = [scale.bar("before", total.baseline_cost_usd, axis_from, total.baseline_cost_usd, "level")]
    for name, start, end in zip(TERMS, levels, levels[1:], strict=False):
        amount = total.term(name)
        bars.append(scale.bar(name, amount, start, end, _kind(amount)))
        if name == "tokens" and amount:
            bars += _token_bars(total, scale, start)
    bars.append(scale.bar("now", total.cost_usd, axis_from, total.cost_usd, "level"))
    return Waterfall(bars, axis_from)


def _token_bars(total: Change, scale: _Scale, start: Decimal) -> list[Bar]:
    bars = []
    for name in TOKEN_CLASSES:
        if amount := total.token_class(name):
            bars.append(scale.bar(name.replace("_", " "), amount, start, start + amount, "part"))
            start += amount
    return bars


def _kind(amount: Decimal) -> str:
    return "rise" if amount > 0 else "fall" if amount < 0 else "none"


class _Scale(NamedTuple):
    low: Decimal
    high: Decimal

    def bar(self, name: str, amount: Decimal, start: Decimal, end: Decimal, kind: str) -> Bar:
        left, right = sorted((self._place(start), self._place(end)))
        return Bar(name, amount, kind, round(left, 3), round(max(right - left, 0.4 if amount else 0.0), 3))

    def _place(self, value: Decimal) -> float:
        return float((value - self.low) / (self.high - self.low) * 100) if self.high > self.low else 0.0


class Line(NamedTuple):
    """A line as the text of an SVG `points`, and the same closed down to zero as an area."""

    points: str
    area: str


class Mark(NamedTuple):
    """A label of an axis at its place in per cent."""

    place: float
    text: str


class Chart(NamedTuple):
    """Spend over time; the highest value is the top of the drawing."""

    now: Line
    before: Line
    top: Decimal
    times: list[Mark]


class Point(NamedTuple):
    """Spend of the bucket that begins at `time`."""

    time: datetime
    cost_usd: Decimal


def chart(now: Sequence[Point], before: Sequence[Point]) -> Chart | None:
    """Both lines on one scale; None when nothing was spent in either."""
    top = max((point.cost_usd for point in [*now, *before]), default=Decimal(0))
    if not top or len(now) < 2:
        return None
    first, last = now[0].time, now[-1].time
    return Chart(_line(now, first, last, top), _line(before, first, last, top), top, _times(now))


def _line(points: Sequence[Point], first: datetime, last: datetime, top: Decimal) -> Line:
    places = [
        (100 * ((point.time - first) / (last - first)), 100 - 96 * float(point.cost_usd / top))
        for point in points
    ]
    text = " ".join(f"{x:.2f},{y:.2f}" for x, y in places)
    area = f"{places[0][0]:.2f},100 {text} {places[-1][0]:.2f},100" if places else ""
    return Line(text, area)


def _times(points: Sequence[Point]) -> list[Mark]:
    """Four moments along the axis; the day is said where it changes."""
    first, last = points[0].time, points[-1].time
    days = (last - first).total_seconds() > 3 * 86400
    marks = []
    for quarter in range(4):
        point = points[(len(points) - 1) * quarter // 3]
        clock = f"{point.time:%d %b}" if days else f"{point.time:%H:%M}"
        if quarter == 0 and not days:
            clock = f"{point.time:%d %b %H:%M}"
        marks.append(Mark(round(100 * ((point.time - first) / (last - first)), 2), clock))
    return marks
