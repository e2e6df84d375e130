"""After "contained" the burn is measured again: did it fall, by how much, and is that enough?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from operations.inbox.document import DIMENSIONS
from operations.incidents.model import Connection, Row, query, rows

SETTLING: Final = timedelta(minutes=2)
"""Requests in flight when the limit came are not its failure."""
LAG: Final = timedelta(minutes=3)
"""The newest minutes are biased towards calls that end fast (DESIGN §8)."""
SHORTEST, WHOLE = timedelta(minutes=10), timedelta(minutes=60)
_WORKED, _FAILED = Decimal("0.25"), Decimal("0.75")
"""Shares of the excess that may be left: a quarter is noise, three quarters are no containment."""
_PER_REQUEST: Final = {"deploy", "token", "price", "model_mix", "retry_storm"}
"""Classes that are about what a request costs, not about how many there are."""


class Levels(NamedTuple):
    """One measure before the incident, during it and after its containment; None: nothing to divide by."""

    before: Decimal | None
    during: Decimal | None
    after: Decimal | None


def measure_of(driver_class: str) -> str:
    """The measure that tells whether this class is contained: a column of the statement `level`."""
    if driver_class == "unknown_model":
        return "unpriced_per_hour"
    return "usd_per_request" if driver_class in _PER_REQUEST else "usd_per_hour"


def verdict(levels: Levels) -> str:
    """`worked`, `partly` or `not`; `no data` or `no excess` where nothing can be said."""
    before, during, after = levels
    if during is None or after is None:
        return "no data"
    excess = during - (before or 0)
    if excess <= 0:
        return "no excess"
    left = (after - (before or 0)) / excess
    return "worked" if left <= _WORKED else "not" if left >= _FAILED else "partly"


def measure_due(connection: Connection, now: datetime) -> str | None:
    """Measure every contained incident whose first hour is not over."""
    measured = [
        each["id"] for each in rows(connection, "to_measure", now=now) if measure(connection, each, now)
    ]
    return f"measured the burn of {len(measured)} contained incidents" if measured else None


def measure_if_due(connection: Connection, number: int, now: datetime) -> str | None:
    """Measure one incident as soon as something can be said: it may have been contained hours ago."""
    due = [each for each in rows(connection, "to_measure", now=now) if each["id"] == number]
    return measure(connection, due[0], now) if due else None


def measure(connection: Connection, incident: Mapping[str, Any], now: datetime) -> str | None:
    """Measure one incident and store it; None while its window is too short to say anything."""
    start = incident["contained_at"] + SETTLING
    end = min(now - LAG, start + WHOLE)
    if end - start < SHORTEST:
        return None
    name = measure_of(incident["driver_class"])
    levels = _levels(connection, incident, name, start, end)
    found = verdict(levels)
    values = {
        "incident_id": incident["id"], "contained_at": incident["contained_at"], "measured_at": now,
        "window_from": start, "window_to": end, "is_final": end == start + WHOLE, "measure": name,
        "verdict": found, **levels._asdict(),
    }  # fmt: skip
    connection.execute(query("store_burn"), values)
    return found


def _levels(
    connection: Connection, incident: Mapping[str, Any], name: str, start: datetime, end: datetime
) -> Levels:
    window = incident["window_from"], incident["window_to"]
    windows = (baseline_of(connection, incident), window, (start, end))
    focus = scope_of(incident, name)
    return Levels(*(level(connection, incident, focus, each)[name] for each in windows))


def baseline_of(connection: Connection, incident: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """The baseline of an incident's window, [from, to)."""
    (found,) = rows(
        connection, "baseline_of", start=incident["window_from"], end=incident["window_to"],
        baseline=incident["baseline"],
    )  # fmt: skip
    return found["start"], found["until"]


def scope_of(incident: Mapping[str, Any], name: str) -> dict[str, str | None]:
    """Whose level it is. What a request costs is that of the endpoint: a rollback changes the version."""
    left_out = {"prompt_version", "model", "provider"} if name == "usd_per_request" else set()
    return {each: None if each in left_out else incident["focus"].get(each) for each in DIMENSIONS}


def level(
    connection: Connection, incident: Mapping[str, Any], focus: Mapping[str, str | None],
    window: tuple[datetime, datetime],
) -> Row:  # fmt: skip
    """What a scope cost in a window: the columns of the statement `level`."""
    (found,) = rows(
        connection, "level", start=window[0], end=window[1], environment=incident["environment"],
        data_mode=incident["data_mode"], **focus,
    )  # fmt: skip
    return found
