"""Budgets: is anything over its limit, or about to be?"""

from __future__ import annotations

from dashboards.first_screen import Headline, hidden, money, notes
from dashboards.links import FOCUS, dashboard_url, data_link, place_link
from dashboards.page import Page
from dashboards.panels import (
    BLUE,
    GREEN,
    MINUTE,
    NEUTRAL,
    ORANGE,
    RED,
    SHARE,
    USD,
    Chart,
    Column,
    Steps,
    Table,
)
from dashboards.styles import SOME_STEPS

UID = "spanledger-budgets"
STATES = {
    "ok": ("ok", GREEN),
    "warning": ("warning", ORANGE),
    "exceeded": ("exceeded", RED),
    "spend_alert": ("spend-alert", RED),
    "cleared": ("cleared", NEUTRAL),
}
USED_STEPS: Steps = [(None, GREEN), (0.8, ORANGE), (1.0000001, RED)]
"""At exactly the limit a budget still warns."""
COMPARE = place_link("Compare the budget's period with the one before", "spanledger-compare")
PLACE = ("from_ms", "until_ms", "environment", "data_mode", "baseline", "service", *FOCUS)
NONE = "No budget of this selection. docs/budgets.md says how to set limits."


def used() -> Column:
    """The part of a limit that is spent, as a bar."""
    return Column("Used", SHARE, 0, bar=True, steps=USED_STEPS)


COUNTS = Headline(
    id=2,
    title="How do the budgets stand?",
    sql="budgets/counts",
    width=24,
    description=(
        "Limits of running days and months (UTC) that are exceeded or warn; spend-alerts of the last 24 "
        "hours; the budget that has used most of its limit. Next: find it in the list below."
    ),
    columns={
        "exceeded": Column("Exceeded", "locale", 0, steps=[(None, GREEN), (1, RED)]),
        "warning": Column("Warning", "locale", 0, steps=[(None, GREEN), (1, ORANGE)]),
        "spend_alerts": Column("Spend-alerts, 24 h", "locale", 0, steps=SOME_STEPS),
        "most_used": Column("Most used", SHARE, 0, steps=USED_STEPS),
        **hidden("judged_seconds"),
    },
    empty=NONE,
)

BUDGETS = Table(
    id=3,
    title="Which limit is close?",
    sql="budgets/states",
    width=24,
    height=7,
    description=(
        "Every limit's running period, the most used first. Spend is booked at the start of each call; ≥ "
        "says that it is a lower bound. Projected: the mean of the last seven full days for each day that "
        "is left. Next: the name opens Compare on the period, narrowed to the budget's scope."
    ),
    columns={
        "state": Column("State", width=95, words=STATES),
        "budget": Column("Budget", width=185, link=COMPARE, wrap=True),
        "scope": Column("Scope", width=150, wrap=True),
        "period": Column("Period", width=80),
        "spend": money("Spend", width=95),
        "limit": money("Limit", width=95),
        "used": used(),
        "left": money("Left", width=95),
        "projected": money("Projected", width=95),
        "owner": Column("Owner"),
        **hidden("cost_usd", "limit_usd", *PLACE),
    },
    empty=NONE,
)

EVENTS = Table(
    id=4,
    title="What happened to them in this range?",
    sql="budgets/events",
    width=24,
    height=7,
    description=(
        "A row for each state that a budget reached, once a period, and for each that a correction took "
        "back. Crossed: the start of the call with which the sum reached the line. Late: noticed after the "
        "period had closed. Next: the name opens Compare on the period up to then."
    ),
    columns={
        "at": Column("Noticed", MINUTE, width=140),
        "transition": Column("Event", width=100, words=STATES),
        "budget": Column("Budget", width=200, link=COMPARE, wrap=True),
        "period": Column("Period", width=80),
        "limit": money("Limit"),
        "spend": money("Spend"),
        "crossed_at": Column("Crossed", MINUTE, width=140),
        "note": Column("Note", wrap=True),
        **hidden("owner", "cost_usd", "limit_usd", *PLACE),
    },
    empty="No budget of this selection reached a state in this range.",
)

ALERTS = Table(
    id=5,
    title="Which spend-alerts are set?",
    sql="budgets/alerts",
    width=24,
    height=7,
    description=(
        "Sums and unit costs that alert beside the limits, and how often each was reached in the range. "
        "Next: a spend-alert that is never reached, or daily, has the wrong amount: change budgets.yaml."
    ),
    columns={
        "budget": Column("Budget", width=230, wrap=True),
        "scope": Column("Scope", wrap=True),
        "measure": Column("Of", width=110),
        "period": Column("Period", width=80),
        "limit": money("More than"),
        "reached": Column("Reached", "locale", 0, steps=SOME_STEPS),
        "owner": Column("Owner", width=110),
        **hidden("limit_usd"),
    },
    empty="No spend-alert of this selection. docs/budgets.md says how to set one.",
)

COURSE = Chart(
    id=6,
    title="Spend of the month",
    sql="budgets/course",
    width=24,
    height=5,
    unit=USD,
    colours={"this month": BLUE, "month before": NEUTRAL},
    leads_to="spanledger-overview",
    leads_how="this day in Overview",
    description=(
        "Spend since the month began, beside that of the month before on the same days: a limit is reached "
        "where the line climbs to it. Next: click a steep day to open it in Overview."
    ),
)

POSTURE = Table(
    id=40,
    title="Is a budget close to its limit?",
    sql="overview/budgets",
    width=24,
    height=6,
    description=(
        "The six limits of running days and months that are used most. Next: a name opens Budgets, with "
        "every limit and its events."
    ),
    columns={
        "state": Column("State", width=95, words=STATES),
        "budget": Column("Budget", wrap=True, link=data_link("Open Budgets", dashboard_url(UID, False))),
        "period": Column("Period", width=80),
        "spend": money("Spend"),
        "limit": money("Limit"),
        "used": used(),
        "projected": money("Projected"),
        **hidden("cost_usd", "limit_usd"),
    },
    empty=NONE,
)
"""The panel of Overview."""

PAGE = Page(
    UID,
    "Is anything over its limit, or about to be?",
    [[COUNTS], [notes(1, "common/notes_all")], [BUDGETS], [COURSE], [EVENTS], [ALERTS]],
    has_focus=False,
    start="now/M",
)
