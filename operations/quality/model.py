"""The checklist of a selection of calls and its score: the counts are those of `genai.quality`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import groupby
from math import floor
from typing import Any, NamedTuple

import psycopg

from operations.dimensions import FILTERS
from storage.statements import statements_beside

_query = statements_beside(__file__)


class Selection(NamedTuple):
    """Which calls are looked at.

    Attributes:
        start, end: the window [start, end) in UTC.
        environment: one, several with commas, or `*`; `data_mode` one or `*`.
        filters: what the calls are narrowed to, by the names SQL has: `endpoint`, `prompt_version`, ….
    """

    start: datetime
    end: datetime
    environment: str = "prod"
    data_mode: str = "real"
    filters: Mapping[str, str] = {}  # never changed


class Offender(NamedTuple):
    """Where calls fail an item.

    Attributes:
        service: empty where the figures are not kept by service (missing identity).
        value: what is wrong, where more than the place says it: a spelling, a model, a data mode.
        calls: that fail.
    """

    service: str
    endpoint: str
    value: str
    calls: int


class Item(NamedTuple):
    """One line of the checklist.

    Attributes:
        calls: that the item looks at; `failed` is the part of them that fails.
        weight: points that it takes from the score where every call fails.
        offenders: the most calls first; their calls add up to `failed`.
    """

    name: str
    weight: int
    calls: int
    failed: int
    offenders: Sequence[Offender]

    @property
    def share(self) -> Fraction | None:
        """The failing part of the calls, exact; None where there is no call to look at."""
        return Fraction(self.failed, self.calls) if self.calls else None

    @property
    def lost(self) -> Fraction:
        """Points that the item takes from the score."""
        return self.weight * (self.share or Fraction(0))


class Quality(NamedTuple):
    """The checklist in its order, and the Grafana of the links; `grafana` is empty where none is known."""

    items: Sequence[Item]
    grafana: str = ""

    @property
    def score(self) -> Fraction | None:
        """100 less what each item takes, exact; None where no call was looked at."""
        if not any(item.calls for item in self.items):
            return None
        return 100 - sum((item.lost for item in self.items), Fraction(0))


def quality(connection: psycopg.Connection[Any], selection: Selection) -> Quality:
    """Ask the ledger."""
    rows = connection.execute(_query("quality"), _values(selection)).fetchall()
    (grafana,) = connection.execute(_query("grafana")).fetchone() or ("",)
    return Quality(checklist(rows), grafana)


def checklist(rows: Sequence[tuple[Any, ...]]) -> list[Item]:
    """Rows of `genai.quality`, those of an item beside each other, as items."""
    return [_item(list(group)) for _, group in groupby(rows, key=lambda row: row[0])]


def _item(rows: Sequence[tuple[Any, ...]]) -> Item:
    name, weight = rows[0][:2]
    calls, failed = (sum(row[place] for row in rows) for place in (5, 6))
    offenders = [Offender(row[2], row[3], row[4], row[6]) for row in rows if row[6]]
    return Item(name, weight, calls, failed, offenders)


def in_tenths(points: Fraction) -> str:
    """Points with one decimal, rounded down: only a faultless ledger reads 100.0."""
    tenths = floor(points * 10)
    return f"{tenths // 10}.{tenths % 10}"


def _values(selection: Selection) -> dict[str, object]:
    names = [name.replace("-", "_") for name in FILTERS]
    return {
        "from": selection.start,
        "to": selection.end,
        "environment": selection.environment,
        "data_mode": selection.data_mode,
    } | {name: selection.filters.get(name, "*") for name in names}
