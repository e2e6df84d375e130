"""Incidents: who has what in hand, did it work, and what comes back?"""

from __future__ import annotations

from dashboards.first_screen import Headline, hidden, notes
from dashboards.links import place_link
from dashboards.page import Page
from dashboards.pages.inbox import wide_table
from dashboards.panels import GREEN, MINUTE, NEUTRAL, ORANGE, RED, YELLOW, Column, Table
from dashboards.styles import CLASSES, SOME_STEPS, count

UID = "spanledger-incidents"
STATES = {
    "open": ("open", RED),
    "acknowledged": ("acknowledged", ORANGE),
    "contained": ("contained", YELLOW),
    "closed": ("closed", GREEN),
}
VERDICTS = {
    "worked": ("worked", GREEN),
    "partly": ("in part", YELLOW),
    "not": ("no", RED),
    "no excess": ("no excess", NEUTRAL),
    "no data": ("no data", NEUTRAL),
    "not measured": ("not measured", NEUTRAL),
}
COMPARE = place_link("Compare the incident's window, on its driver", "spanledger-compare")

COUNTS = Headline(
    id=2,
    title="What is in hand?",
    sql="incidents/counts",
    width=24,
    description=(
        "Incidents of the selection. Guardrails open: closed with a waiver, without a guardrail. Next: "
        "contain what is open, and add the guardrails that are missing."
    ),
    columns={
        "open": Column("Not contained", "locale", 0, steps=[(None, GREEN), (1, ORANGE)]),
        "contained": count("Contained"),
        "opened": count("Opened in this range"),
        "guardrails_open": Column("Guardrails open", "locale", 0, steps=SOME_STEPS),
    },
    empty="No incident was ever opened: an alert's page opens one.",
)


_INCIDENT = {
    "number": Column("No.", "none", 0, width=50),
    "title": Column("Incident", link=COMPARE, wrap=True),
    "opened": Column("Opened", MINUTE, width=138),
    "state": Column("State", width=110, words=STATES),
    "owner": Column("Owner", width=116),
    "driver": Column("Driver", width=130, wrap=True),
    "verdict": Column("Worked?", width=108, words=VERDICTS),
    "came_back": Column("Before", "locale", 0, width=70, steps=SOME_STEPS),
    "guardrail": Column("Guardrail", width=90),
    **hidden("channel"),
}


ACTIVE = wide_table(
    _INCIDENT,
    3,
    "Which incidents are not closed?",
    "incidents/active",
    "Whenever they were opened. Worked: whether the burn fell after the containment. Before: earlier "
    "incidents of the same cause. Next: the title opens Compare on the incident's window with its driver in "
    "focus, `open` its page (needs `public_url`).",
    "Nothing: every incident of this selection is closed.",
)
OPENED = wide_table(
    _INCIDENT,
    4,
    "What was opened in this range?",
    "incidents/opened",
    "Incidents that were opened in the range, the newest first. Next: the title opens Compare on its window.",
    "No incident was opened in this range.",
)
CAUSES = Table(
    id=5,
    title="What comes back?",
    sql="incidents/causes",
    width=24,
    height=7,
    description=(
        "Incidents of one class and driver, apart from the prompt version, over all that are kept. Next: "
        "give what came back a guardrail: a reviewed change of `budgets.yaml` or `rules.yaml`."
    ),
    empty="No incident was ever opened in this selection.",
    columns={
        "driver": Column("Driver", wrap=True),
        "times": count("Incidents"),
        "last_opened": Column("Last opened", MINUTE, width=150),
        "without_guardrail": Column("Without guardrail", "locale", 0, width=150, steps=SOME_STEPS),
        "owner": Column("Owner", width=130),
        "class": Column("Class", width=170, words=CLASSES),
    },
)

PAGE = Page(
    UID,
    "Who has what in hand, did it work, and what comes back?",
    [[COUNTS], [notes(1, "common/notes_all")], [ACTIVE], [OPENED], [CAUSES]],
    has_focus=False,
)
