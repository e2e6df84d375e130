"""A comparison as a document that can be stored, and read back to the same figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar, get_type_hints

from operations.compare.drivers import Driver
from operations.compare.model import Change, Comparison, Spike, as_json
from operations.web.queries import Row
from operations.web.svg import Point

Json = dict[str, Any]
Shape = TypeVar("Shape", Change, Driver)

VERSION = 1


class Story(NamedTuple):
    """What explains an alert.

    Attributes:
        as_of: everything received until then is in the figures.
        ahead_usd, ahead_calls: calls received after `as_of` that are in the figures already; the same of the
            baseline.
        points: side (`now`, `before`) → spend by step, the step in words in `step`.
        calls: single calls as evidence.
    """

    as_of: datetime
    answer: Comparison
    points: dict[str, list[Point]]
    step: str
    calls: list[Row]
    ahead_calls: int
    ahead_usd: Decimal
    baseline_ahead_calls: int
    baseline_ahead_usd: Decimal


def to_document(story: Story) -> Json:
    """The story as JSON: money as text with every digit, times in ISO 8601."""
    answer = story.answer
    return {
        "version": VERSION,
        "asOf": story.as_of.isoformat(),
        "total": _plain(as_json(answer.total)) if answer.total else None,
        "segments": [_plain(as_json(each)) for each in answer.segments],
        "drivers": [_plain(as_json(each)) for each in answer.drivers],
        "spike": None
        if answer.spike is None
        else {
            "name": answer.spike.name, "subject": answer.spike.subject, "sentence": answer.spike.sentence,
            "evidence": answer.spike.evidence,
        },
        "unreadSpans": answer.unread_spans,
        "notice": answer.notice,
        "points": {
            side: [[point.time.isoformat(), f"{point.cost_usd:f}"] for point in points]
            for side, points in story.points.items()
        },
        "step": story.step,
        "calls": [_plain(call) for call in story.calls],
        "ahead": [
            story.ahead_calls, f"{story.ahead_usd:f}", story.baseline_ahead_calls,
            f"{story.baseline_ahead_usd:f}",
        ],
    }  # fmt: skip


def from_document(document: Json) -> Story:
    """The story that `to_document` wrote; a field that is newer than the document has no value."""
    spike, ahead = document["spike"], document["ahead"]
    answer = Comparison(
        _restored(Change, document["total"]) if document["total"] else None,
        [_restored(Change, each) for each in document["segments"]],
        Spike(**spike) if spike else None,
        document["unreadSpans"],
        [_restored(Driver, each) for each in document["drivers"]],
        document["notice"],
    )
    points = {side: _points(found) for side, found in document["points"].items()}
    return Story(
        datetime.fromisoformat(document["asOf"]), answer, points, document["step"],
        [_call(each) for each in document["calls"]],
        ahead[0], Decimal(ahead[1]), ahead[2], Decimal(ahead[3]),
    )  # fmt: skip


def _points(found: Sequence[Sequence[str]]) -> list[Point]:
    return [Point(datetime.fromisoformat(moment), Decimal(cost)) for moment, cost in found]


def _plain(values: Mapping[str, object]) -> Json:
    return {name: _value(value) for name, value in values.items()}


def _value(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, datetime) else value


def _call(values: Json) -> Row:
    cost = values.get("cost_usd")
    return values | {
        "time": datetime.fromisoformat(values["time"]),
        "cost_usd": None if cost is None else Decimal(cost),
    }


def _restored(shape: type[Shape], values: Json) -> Shape:
    hints = get_type_hints(shape)
    found = {
        field.name: _typed(hints[field.name], values.get(field.name))
        for field in fields(shape)
        if field.name in values or field.default is MISSING
    }
    return shape(**found)


def _typed(kind: object, value: object) -> Any:
    if isinstance(value, str) and (kind is Decimal or kind == Decimal | None):
        return Decimal(value)
    if isinstance(value, str) and kind is datetime:
        return datetime.fromisoformat(value)
    return value
