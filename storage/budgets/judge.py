"""Judges every budget in one pass: sums what may have changed, then states, events and when they crossed.

A scope's days are summed from the hours that windows are answered from, and kept while the sums of these days
do not change (`_genai.budget_sealed`). So a pass reads the hours of today, and of a past day only after a
late call, a correction or a new price changed it. Months follow their days (`_genai.budget_month`).
Everything happens in one snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from storage.postings.folder import fold
from storage.statements import query

MANY_DAYS = 7
"""Days summed at once from which on the table has changed so much that the planner must look at it again."""

Connection = psycopg.Connection[Any]
Row = Mapping[str, Any]


class Judged(NamedTuple):
    """What a pass did: days summed, events raised (or back again) and cleared."""

    days: int
    raised: int
    cleared: int


def judge(connection: Connection, now: datetime | None = None) -> Judged | None:
    """Judge all budgets in force, by everything that was acknowledged.

    Args:
        connection: in autocommit mode.
        now: the moment of judgement, UTC; None is the database's clock.

    Returns:
        None when another process is judging them.
    """
    with suppress(psycopg.errors.LockNotAvailable):  # behind a backlog: by what is in the sums
        fold(connection)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        locked = connection.execute(query("try_budget_lock")).fetchone()
        if not (locked and locked[0]):
            return None
        return _Pass(connection, now or _clock(connection)).run()


def acknowledge(connection: Connection, event_id: int, by: str, now: datetime) -> bool:
    """Note that somebody looks after an event; False where it is none, or acknowledged already."""
    values = {"id": event_id, "by": by, "now": now}
    return connection.execute(query("acknowledge_budget_event"), values).fetchone() is not None


def _clock(connection: Connection) -> datetime:
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment.astimezone(UTC)


class _Pass:
    """One pass, inside its transaction."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now: dict[str, object] = {"now": now}
        self._days = 0

    def run(self) -> Judged:
        news = self._rows("budget_file_news")
        for file in news:
            self._follow_file(file)
        self._follow_templates(is_new=bool(news))
        self._do("create_budget_tables")
        self._do("join_by_hash")
        self._kinds = {_place(kind): kind for kind in self._rows("budget_kinds", self._now)}
        for kind in self._kinds.values():
            self._sum(kind)
        if self._days > MANY_DAYS:
            self._do("analyze_budget_days")
        self._spend()
        raised = self._do("raise_budget_events", self._now)
        cleared = self._do("clear_budget_events", self._now)
        self._do("keep_budget_states", self._now)
        self._cross()
        self._do("take_acknowledgements")
        self._do("forget_budget_days", self._now)
        self._do("note_budget_run", self._now)
        return Judged(self._days, raised, cleared)

    def _follow_file(self, file: Row) -> None:
        """Put the file's budgets in force; one keeps its history while its scope stays."""
        for step in ("retire_budgets", "put_budget_scopes", "put_budgets", "put_budget_thresholds"):
            self._do(step, file)
        for step in ("retire_budget_scopes", "put_folded_scopes", "forget_budget_states", "analyze_budgets"):
            self._do(step)

    def _follow_templates(self, is_new: bool) -> None:
        """Make the budgets of entries that stand for one of each value, as values come."""
        templates = self._rows("budget_templates", self._now | {"is_new": is_new})
        if not templates:
            return
        before = self._hashes()
        if is_new:
            for template in templates:
                self._do("leave_template", template)
                self._do("follow_template", template)
        made = sum(self._do("put_each_budgets", template) for template in templates)
        if not (made or is_new):
            return
        for step in ("put_each_thresholds", "retire_budget_scopes", "put_folded_scopes", "analyze_budgets"):
            self._do(step)
        if not is_new:
            self._keep_seals(before, min(template["from"] for template in templates))

    def _hashes(self) -> dict[tuple[str, str, str], int]:
        return {_place(row): row["scopes"] for row in self._rows("scope_hashes")}

    def _keep_seals(self, before: Mapping[tuple[str, str, str], int], day: datetime) -> None:
        for place, after in self._hashes().items():
            if before.get(place, after) != after:
                names = dict(zip(("environment", "data_mode", "dimension"), place, strict=True))
                self._do("keep_seals", names | {"before": before[place], "after": after, "day": day})

    def _sum(self, kind: Row) -> None:
        """Sum the days of a kind that may have changed, and seal those whose sums stand."""
        self._days += self._do("note_open_days", kind)
        for days in self._rows("budget_open_ranges", kind):
            self._do("sum_budget_days", dict(kind) | days)
        self._do("seal_budget_days", kind)

    def _spend(self) -> None:
        """The spend of every period that may have changed."""
        self._do("spend_of_budget_days")
        self._do("spend_of_budget_months")
        for row in self._rows("budget_hour_days"):
            self._sum_hours(row, every=True)
        self._do("spend_of_budget_hours", self._now)
        self._do("analyze_budget_spend")
        self._do("doubt_budget_spend")

    def _sum_hours(self, row: Row, *, every: bool) -> None:
        asked = {"day": row["day"], "every": every, "firsts": row.get("firsts")}
        self._do("sum_budget_hours", dict(self._kinds[_place(row)]) | asked)

    def _cross(self) -> None:
        """Find when sums crossed: the day, its hour, the call."""
        self._do("join_as_planned")
        self._do("search_budget_days")
        self._do("forget_budget_hours")
        for row in self._rows("budget_search_days"):
            self._sum_hours(row, every=False)
        self._do("search_budget_hours")
        self._do("search_budget_rates")
        self._do("drop_known_searches")
        for row in self._rows("budget_search_calls"):
            self._do("search_budget_calls", self._kinds[_place(row)] | {"hour": row["hour"]})
        self._do("settle_budget_events")

    def _do(self, name: str, values: Row | None = None) -> int:
        return self._connection.execute(query(name), values).rowcount

    def _rows(self, name: str, values: Row | None = None) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query(name), values).fetchall()


def _place(row: Row) -> tuple[str, str, str]:
    return row["environment"], row["data_mode"], row["dimension"]
