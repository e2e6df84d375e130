"""Times, windows and baselines as people write them; everything is UTC unless it names its zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from operations.format import iso

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=3660)
"""Ten years: a window twice as far back is still a date for Python and PostgreSQL."""
FORMS = "today, yesterday, now-6h, or ISO 8601 such as 2026-05-04 or 2026-05-04T12:00"


def duration(text: str) -> timedelta:
    """`24h` → one day.

    Raises:
        ValueError: with the form that is expected.
    """
    match = re.fullmatch(r"(\d{1,9})([smhd])", text.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError(f"expected a time such as 30m, 24h or 7d, not {text!r}")
    distance = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if distance > _LONGEST:
        raise ValueError(f"expected at most ten years, not {text!r}")
    return distance


def instant(text: str, now: datetime) -> datetime:
    """A moment in UTC.

    Args:
        now: what `now-6h`, `today` (its first moment) and `yesterday` count from.

    Raises:
        ValueError: with the forms that are expected.
    """
    word = text.strip()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    if word.lower() in named:
        return named[word.lower()]
    try:
        if word.lower().startswith("now-"):
            return now - duration(word[4:])
        moment = datetime.fromisoformat(word)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"expected {FORMS}, not {text!r}") from None
    return of_our_time(moment)


def of_our_time(moment: datetime) -> datetime:
    """The moment itself.

    Raises:
        ValueError: it lies before 1970, or too far ahead for what is computed with it.
    """
    if not 1970 <= moment.year < 9000:
        raise ValueError(f"expected a time after 1970, not {moment:%Y-%m-%d}")
    return moment


def window(
    last: str | None, start: datetime | None, end: datetime | None, now: datetime, usual: str = "24h"
) -> tuple[datetime, datetime]:
    """The window [start, end) that these name.

    Args:
        last: its length, up to `end` or now.
        usual: its length where neither `last` nor `start` is given.

    Raises:
        ValueError: `last` and `start` contradict each other, or the window is empty or longer than ten years.
    """
    if last is not None and start is not None:
        raise ValueError("--last and --from both set the start of the window; give one of them")
    upper = end or now
    lower = start or upper - duration(last if last is not None else usual)
    if lower >= upper:
        raise ValueError(
            f"the window ends ({upper:%Y-%m-%d %H:%M}) before it starts ({lower:%Y-%m-%d %H:%M})"
        )
    if upper - lower > _LONGEST:
        raise ValueError("the window is longer than ten years")
    return lower, upper


def baseline(text: str, now: datetime) -> str:
    """The baseline as SQL reads it: `previous`, a distance back, or `FROM..TO`.

    Raises:
        ValueError: with the forms that are expected.
    """
    if text == "previous":
        return text
    if re.fullmatch(r"[1-9]\d*[smhd]", text):
        duration(text)
        return text
    first, found, last = text.partition("..")
    if not found:
        raise ValueError(f"expected previous, 24h, 168h or FROM..TO, not {text!r}")
    bounds = window(None, instant(first, now), instant(last, now), now)
    return "..".join(map(iso, bounds))
