"""Query parameters of the pages, named as in the dashboards: read strictly and written back into links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from operations import times
from operations.compare.model import DIMENSIONS, Focus, Question
from operations.format import iso

F = TypeVar("F", bound=NamedTuple)

_LONGEST_VALUE = 1024
_GRAFANAS_OWN = {"timezone", "orgId", "refresh", "kiosk", "theme", "viewPanel", "editPanel", "tab"}
"""Parameters that Grafana adds to an address: those of a dashboard may be pasted after ours."""


class BadParameter(ValueError):
    """A query parameter that cannot be read; the text says what was expected and never quotes the value.

    Attributes:
        sentence: what is wrong and what would be right, for a person.
    """

    def __init__(self, name: str, expected: str, sentence: str | None = None) -> None:
        super().__init__(f"{name}: {expected}")
        self.name = name
        self.expected = expected
        self.sentence = sentence or f"{name}: expected {expected}."


def question_of(parameters: Iterable[tuple[str, str]], now: datetime) -> Question:
    """The question that the parameters ask: `from`, `to`, `baseline`, `env`, `data_mode`, `by` and the focus.

    Args:
        parameters: as in the address; a name may carry Grafana's `var-`.
        now: the end of a window without one, and what `now-6h` counts from.

    Raises:
        BadParameter: the first that is unknown, given twice or not understood.
    """
    given = _gathered(parameters)
    end = _instant("to", given.pop("to", "now"), now)
    first = _instant("from", given.pop("from"), now) if "from" in given else None
    try:
        start, end = times.window(None, first, end, now)
    except ValueError:
        raise BadParameter("from", "a time before `to`, and at most ten years before it") from None
    baseline = _baseline(given.pop("baseline", "previous"), now)
    dimension = given.pop("by", "endpoint")
    if dimension not in DIMENSIONS:
        raise BadParameter("by", f"one of {', '.join(DIMENSIONS)}")
    environment, data_mode = given.pop("env", "prod") or "*", given.pop("data_mode", "real") or "*"
    focus = Focus(**{name: value for name, value in given.items() if value not in ("", "*")})
    return Question(start, end, baseline, environment, data_mode, dimension, focus)


def filters_of(parameters: Iterable[tuple[str, str]], usual: F, choices: Mapping[str, Sequence[str]]) -> F:
    """The filters of a list's address; an empty value is `*`, everything.

    Args:
        usual: the filters of an address without any.
        choices: filter → the only values that it can have.

    Raises:
        BadParameter: a name that is unknown, or a value that cannot be.
    """
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in usual._fields:
            raise _unknown(name[:80], set(usual._fields))
        given[name] = _checked(name, value) or "*"
    for name, known in choices.items():
        if name in given and given[name] not in known:
            raise BadParameter(name, f"one of {', '.join(known)}")
    return usual._replace(**given)


def _checked(name: str, value: str) -> str:
    if "\x00" in value or len(value) > _LONGEST_VALUE:
        raise BadParameter(name, f"a text of at most {_LONGEST_VALUE} characters without NUL")
    return value


def calls_shown(parameters: Iterable[tuple[str, str]]) -> tuple[list[tuple[str, str]], bool]:
    """The parameters of the question, and whether the page lists failed calls only (`calls=failed`).

    Raises:
        BadParameter: another list is asked for.
    """
    rest = list(parameters)
    asked = [value for name, value in rest if name == "calls"]
    if set(asked) - {"all", "failed"}:
        raise BadParameter("calls", "all or failed")
    return [pair for pair in rest if pair[0] != "calls"], asked[-1:] == ["failed"]


def _gathered(parameters: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parameters by name; several environments become one list, as Grafana sends them."""
    known = {"from", "to", "baseline", "env", "data_mode", "by", *Focus._fields}
    given: dict[str, str] = {}
    for name, value in parameters:
        name = name.removeprefix("var-")
        if name in _GRAFANAS_OWN:
            continue
        if name not in known:
            raise _unknown(name[:80], known)
        _checked(name, value)
        if name in given and name != "env":
            raise BadParameter(name, "given once")
        given[name] = f"{given[name]},{value}" if name in given else value
    return given


def _unknown(name: str, known: set[str]) -> BadParameter:
    near = get_close_matches(name, sorted(known), 1)
    guess = f" Did you mean {near[0]}?" if near else ""
    names = ", ".join(sorted(known))
    return BadParameter(name, names, f"Unknown parameter {name}.{guess} This page reads {names}.")


def _instant(name: str, text: str, now: datetime) -> datetime:
    """As people write it, or in Grafana's milliseconds."""
    try:
        if re.fullmatch(r"\d{1,15}", text):
            return times.of_our_time(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text)))
        return times.instant(text, now)
    except (ValueError, OverflowError):
        raise BadParameter(name, f"milliseconds since 1970, {times.FORMS}") from None


def _baseline(text: str, now: datetime) -> str:
    """The baseline as SQL reads it."""
    try:
        return times.baseline(text or "previous", now)
    except ValueError:
        raise BadParameter(
            "baseline", "previous, a distance back such as 24h or 168h (at most ten years), or FROM..TO"
        ) from None


WINDOWS = (
    ("1 hour", "now-1h", timedelta(hours=1)),
    ("6 hours", "now-6h", timedelta(hours=6)),
    ("24 hours", "now-24h", timedelta(hours=24)),
    ("7 days", "now-7d", timedelta(days=7)),
    ("30 days", "now-30d", timedelta(days=30)),
)
"""Windows to choose from: name, `from`, length; each ends now."""


def kept(question: Question) -> dict[str, str]:
    """The parameters that another window or selection leaves as they are."""
    chosen = ("from", "to", "env", "data_mode")
    return {name: value for name, value in parameters_of(question).items() if name not in chosen}


def parameters_of(question: Question) -> dict[str, str]:
    """The question as parameters: absolute times, selection, baseline, focus; nothing left to a default."""
    focus = {name: value for name, value in question.focus._asdict().items() if value is not None}
    return {
        "from": _address(question.start),
        "to": _address(question.end),
        "baseline": question.baseline,
        "env": question.environment,
        "data_mode": question.data_mode,
        "by": question.dimension,
    } | focus


def _address(moment: datetime) -> str:
    """Milliseconds, as Grafana writes them, unless that would move the window."""
    milliseconds, rest = divmod(moment - datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1))
    return iso(moment) if rest else str(milliseconds)


class Links:
    """Addresses of the other pages. Without a root there are none, and names stand as plain text."""

    def __init__(self, root: str | None) -> None:
        self._root = root

    def compare(self, question: Question, **changes: object) -> str | None:
        """The comparison of the same window with something changed; the names of a focus narrow it."""
        return self._to("compare", question, changes)

    def home(self, question: Question, **changes: object) -> str | None:
        """The first page with the same selection."""
        return self._to("", question, changes)

    def call(self, call: Mapping[str, Any]) -> str | None:
        """One call, explained; with its time, which finds it without reading other days."""
        if self._root is None:
            return None
        at = urlencode({"at": iso(call["time"])})
        return f"{self._root}call/{quote(str(call['call_key']), safe='')}?{at}"

    def to(self, path: str, question: Question, **changes: object) -> str | None:
        """The page at that path with the same selection."""
        return self._to(path, question, changes)

    def page(self, path: str) -> str | None:
        """A page without parameters."""
        return None if self._root is None else f"{self._root}{path}"

    def _to(self, path: str, question: Question, changes: Mapping[str, object]) -> str | None:
        if self._root is None:
            return None
        changed = {name: None if value is None else str(value) for name, value in changes.items()}
        values = {
            name: value for name, value in (parameters_of(question) | changed).items() if value is not None
        }
        return f"{self._root}{path}?{urlencode(values, quote_via=quote)}"
