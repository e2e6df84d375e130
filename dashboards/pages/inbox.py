"""Alerts Inbox: what needs a person now, and what fired in the range?"""

from __future__ import annotations

from dashboards.first_screen import Headline, hidden, notes, signed
from dashboards.links import FOCUS, data_link, place_link
from dashboards.page import Page
from dashboards.panels import GREEN, MINUTE, NEUTRAL, ORANGE, RED, SECONDS, YELLOW, Column, Table
from dashboards.styles import SOME_STEPS, count

UID = "spanledger-alerts-inbox"
SEVERITIES = {"critical": ("critical", RED), "warning": ("warning", ORANGE), "info": ("info", NEUTRAL)}
COMPARE = place_link("Compare the alert's own window", "spanledger-compare")
OPEN_PAGE = data_link("Open its page", "${__data.fields.page_url:raw}")
PLACE = ("from_ms", "until_ms", "environment", "data_mode", "baseline", "service", *FOCUS)

COUNTS = Headline(
    id=2,
    title="What needs a person?",
    sql="inbox/counts",
    width=24,
    description=(
        "Open: no one has taken them on. Watchdog: since it was last heard; it always fires, so silence "
        "means that alerts do not reach the inbox. Next: take on what is open, in the list below."
    ),
    columns={
        "open": Column("Open", "locale", 0, steps=[(None, GREEN), (1, ORANGE)]),
        "taken_on": count("Taken on"),
        "began": count("Began in this range"),
        "watchdog_seconds": Column(
            "Watchdog heard", SECONDS, 0, steps=[(None, GREEN), (5 * 3600, YELLOW), (10 * 3600, RED)]
        ),
    },
    empty="No alert was ever delivered: docs/inbox.md says how.",
)


def wide_table(
    columns: dict[str, Column], panel_id: int, title: str, sql: str, description: str, empty: str
) -> Table:
    """A list over the whole width whose rows open Compare on their own window, and their page."""
    columns = columns | {"page": Column("Page", width=60, link=OPEN_PAGE)}
    columns |= hidden("class", "page_url", *PLACE)
    return Table(
        id=panel_id, title=title, sql=sql, width=24, height=9, description=description, empty=empty,
        columns=columns,
    )  # fmt: skip


_ALERT = {
    "severity": Column("Severity", width=85, words=SEVERITIES),
    "title": Column("Alert", width=150, link=COMPARE, wrap=True),
    "sentence": Column("In words", wrap=True),
    "began": Column("Began", MINUTE, width=140),
    "state": Column("State", width=115, wrap=True),
    "change": signed("Change", width=85),
    "driver": Column("Driver", width=110, wrap=True),
    "owner": Column("Owner", width=116),
}


ACTIVE = wide_table(
    _ALERT,
    3,
    "Which alerts are not resolved?",
    "inbox/active",
    "Whenever they began, the most severe first. Next: the name opens Compare on the alert's own window, "
    "`open` its page, where it is acknowledged or becomes an incident (needs `public_url`).",
    "Nothing: every alert of this selection is resolved.",
)
BEGAN = wide_table(
    _ALERT,
    4,
    "What fired in this range?",
    "inbox/began",
    "Alerts that began in the range, the newest first. Next: the name opens Compare on the alert's own "
    "window.",
    "No alert began in this range.",
)
RULES = Table(
    id=5,
    title="Which rules speak, and to whom?",
    sql="inbox/rules",
    width=24,
    height=7,
    description=(
        "Alerts of the range by rule. Untouched: resolved by themselves, in no incident; many of them say "
        "that a threshold is too low. Quiet deliveries were told before, or within the cooldown. Next: raise "
        "the threshold in `rules.yaml`."
    ),
    empty="No alert began in this range.",
    columns={
        "rule": Column("Rule"),
        "alerts": count("Alerts"),
        "incidents": count("In incidents"),
        "untouched": Column("Untouched", "locale", 0, steps=SOME_STEPS),
        "deliveries": count("Deliveries"),
        "repeated": count("Told before"),
        "cooled": count("In cooldown"),
    },
)

PAGE = Page(
    UID,
    "What needs a person now, and what fired?",
    [[COUNTS], [notes(1, "common/notes_all")], [ACTIVE], [BEGAN], [RULES]],
    has_focus=False,
)
