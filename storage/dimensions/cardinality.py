"""Which tag values a day's rollups distinguish; the others are booked as `__other__` (LEDGER §12)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import psycopg

from processor.calls.call import UNKNOWN
from processor.calls.identity import ERASED
from processor.calls.vocabulary import ENVIRONMENTS

OTHER = "__other__"

ENVIRONMENT, DATA_MODE, SERVICE, ENDPOINT, PROMPT, PROVIDER, MODEL, TENANT, USER = range(9)
"""Dimensions as `_genai.dimension_day` numbers them; bit n of `folded`: dimension n became `__other__`."""

DEFAULT_CAPS = {
    ENVIRONMENT: 2_000,
    SERVICE: 2_000,
    ENDPOINT: 2_000,
    PROMPT: 2_000,
    PROVIDER: 200,
    MODEL: 2_000,
    TENANT: 10_000,
    USER: 100_000,
}
"""Distinct values per day. A data mode is one of three and never folded.

An environment is a tag like the others: one per pull request is normal, and 50 a day was too few.
"""

_EPOCH_DAY = date(2000, 1, 1)
_NEVER_FOLDED = frozenset({UNKNOWN, OTHER, ERASED})
_OF_ANY_DAY = frozenset(ENVIRONMENTS.values())
"""`prod`, `staging`, `dev`: a flood of environments must not take the place of these."""

Connection = psycopg.Connection[Any]
Value = tuple[int, int, str]
"""(days since 2000, dimension, value)"""


class CardinalityLimit:
    """This writer's view of `_genai.dimension_day`; an answer holds for the whole day."""

    def __init__(self, caps: dict[int, int] | None = None) -> None:
        self.caps = DEFAULT_CAPS | (caps or {})
        self.forget()

    def forget(self) -> None:
        """Drop every answer; the table is asked again."""
        self._answers: dict[Value, bool] = {}
        self._fresh: list[Value] = []
        self._used: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def is_admitted(self, value: Value) -> bool:
        """True if the value stands for itself on its day; `learn` must have seen it."""
        return _needs_no_place(value) or self._answers[value]

    def learn(self, conn: Connection, values: Iterable[Value]) -> None:
        """Admit unknown values while their day has room, inside the caller's transaction.

        Two writers that fill the last places at the same moment exceed the cap by a batch each. A row
        remembers how it was booked (`folded`), so rows and rollups agree in any case.
        """
        offered = {v for v in values if not _needs_no_place(v) and v not in self._answers}
        if not offered:
            return
        fresh = sorted(offered - self._present(conn, offered))
        self._fresh += offered
        for value in offered:
            self._answers[value] = True
        admitted = []
        for value in fresh:
            if self._take_place(conn, value):
                admitted.append(value)
            else:
                self._answers[value] = False
        self._insert(conn, admitted)

    def _present(self, conn: Connection, offered: set[Value]) -> set[Value]:
        rows = conn.execute(
            "SELECT d.day - '2000-01-01'::date, d.dimension, d.value FROM _genai.dimension_day d"
            " JOIN unnest(%s::date[], %s::smallint[], %s::text[]) AS o (day, dimension, value)"
            " USING (day, dimension, value)",
            _columns(offered),
        )
        return {(day, dimension, value) for day, dimension, value in rows}

    def _take_place(self, conn: Connection, value: Value) -> bool:
        """Take one place of the day's cap, if there is one.

        Far below the cap our own count will do; from half of it on other writers' values are counted too,
        anew for each batch (`settle`).
        """
        day, dimension, _ = value
        cap = self.caps[dimension]
        used = self._used.get((day, dimension))
        if used is None:
            row = conn.execute(
                "SELECT count(*) FROM _genai.dimension_day"
                " WHERE day = '2000-01-01'::date + %s AND dimension = %s",
                (day, dimension),
            ).fetchone()
            used = row[0] if row else 0
        if used >= cap:
            self._used[day, dimension] = used
            return False
        self._used[day, dimension] = used + 1
        return True

    def take_back(self) -> None:
        """The transaction failed: what it was answered does not hold."""
        for value in self._fresh:
            self._answers.pop(value, None)
        self._fresh.clear()
        self._used.clear()

    def settle(self) -> None:
        """After a transaction: forget counts that other writers may have brought near the cap."""
        self._fresh.clear()
        for place, used in list(self._used.items()):
            if used * 2 >= self.caps[place[1]]:
                del self._used[place]

    def _insert(self, conn: Connection, values: list[Value]) -> None:
        if values:
            conn.execute(
                "INSERT INTO _genai.dimension_day (day, dimension, value)"
                " SELECT * FROM unnest(%s::date[], %s::smallint[], %s::text[]) ORDER BY 1, 2, 3"
                " ON CONFLICT DO NOTHING",
                _columns(values),
            )


def _needs_no_place(value: Value) -> bool:
    _, dimension, text = value
    return (
        dimension == DATA_MODE or text in _NEVER_FOLDED or (dimension == ENVIRONMENT and text in _OF_ANY_DAY)
    )


def _columns(values: Iterable[Value]) -> tuple[list[date], list[int], list[str]]:
    listed = list(values)
    days = [_EPOCH_DAY + timedelta(days=day) for day, _, _ in listed]
    return days, [dimension for _, dimension, _ in listed], [value for _, _, value in listed]
