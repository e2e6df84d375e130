"""The page of budgets: how much of each limit is used, and what happened lately."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from operations.budgets.model import BudgetState, Connection, events, posture
from operations.compare.model import Focus, Question
from operations.web.parameters import Links
from operations.web.render import Service, render

SHOWN, EVENTS = 200, 50
RECENT = timedelta(days=31)


def budgets_page(connection: Connection, links: Links, service: Service | None, now: datetime) -> str:
    """The page as HTML: every limit, the most used first, and the transitions of the last month."""
    found = posture(connection, now)
    return render(
        "budgets/page.html", service=service, links=links, states=found.states[:SHOWN],
        not_shown=max(0, len(found.states) - SHOWN), posture=found,
        events=events(connection, now - RECENT, now + timedelta(minutes=1), limit=EVENTS),
        question_of=_question, now=now, refresh=60,
    )  # fmt: skip


def _question(state: BudgetState) -> Question:
    """The comparison of the running period, narrowed to the budget's scope."""
    focus: dict[str, Any] = {
        "endpoint": state.endpoint_tag, "tenant": state.tenant_id, "user": state.user_id,
        "model": state.model, "service": state.service_name,
    }  # fmt: skip
    baseline = "24h" if state.period == "day" else "previous"
    end = max(state.judged_at, state.period_start + timedelta(minutes=1))
    return Question(
        state.period_start, end, baseline, state.environment, state.data_mode, focus=Focus(**focus)
    )
