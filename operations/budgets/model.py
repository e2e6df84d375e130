"""Where budgets stand and what they went through, from the views of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from storage.statements import statements_beside

_query = statements_beside(__file__)

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

STATES = ("ok", "warning", "exceeded")
"""Of a limit, the gravest last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """The running period of a budget's limit: a row of `genai.budget_state`.

    Attributes:
        used_ratio: spend ÷ limit.
        at_least: the true spend may be more.
        projected_usd: at the month's end; None by the day, or before three full days.
    """

    budget: str
    place: int
    owner: str | None
    environment: str
    data_mode: str
    scope: str
    endpoint_tag: str | None
    tenant_id: str | None
    user_id: str | None
    model: str | None
    service_name: str | None
    period: str
    period_start: datetime
    period_end: datetime
    limit_usd: Decimal
    warning_usd: Decimal
    cost_usd: Decimal
    left_usd: Decimal
    used_ratio: float
    state: str
    at_least: bool
    calls: int
    requests: int
    unpriced_calls: int
    uncertain_calls: int
    unread_spans: int
    is_folded: bool
    projected_usd: Decimal | None
    judged_at: datetime


class Posture(NamedTuple):
    """All budgets at once.

    Attributes:
        alerts: spend-alerts of the file, and `calling` the states reached in periods that still run.
        judged_at: None where they were never judged.
    """

    states: list[BudgetState]
    alerts: list[Row]
    calling: list[Row]
    judged_at: datetime | None

    @property
    def worst(self) -> str:
        """`exceeded`, `spend_alert`, `warning` or `ok`."""
        found = {state.state for state in self.states} | {row["state"] for row in self.calling}
        return next((state for state in ("exceeded", "spend_alert", "warning") if state in found), "ok")


def posture(connection: Connection, now: datetime) -> Posture:
    """Where every budget stood when it was judged last."""
    states = [BudgetState(**row) for row in read(connection, "states")]
    run = read(connection, "run")
    alerts, calling = read(connection, "alerts"), read(connection, "alerting", now=now)
    return Posture(states, alerts, calling, run[0]["judged_at"] if run else None)


def events(
    connection: Connection, start: datetime, end: datetime, budget: str | None = None, limit: int = 1000
) -> list[Row]:
    """Transitions that were noticed in [start, end), the latest first: rows of `genai.budget_event`."""
    return read(connection, "events", **{"from": start, "to": end, "budget": budget, "limit": limit})


def read(connection: Connection, name: str, **values: object) -> list[Row]:
    """The rows of a statement in `queries.sql`."""
    parameters: Mapping[str, object] | None = values or None
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_query(name), parameters).fetchall()
