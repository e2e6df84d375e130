"""Freshness: is what the dashboards show up to date, and was it?"""

from __future__ import annotations

from dashboards.first_screen import Headline, hidden, notes
from dashboards.page import Page
from dashboards.panels import (
    BLUE,
    GREEN,
    MINUTE,
    NEUTRAL,
    ORANGE,
    RED,
    SECONDS,
    SHARE,
    YELLOW,
    Chart,
    Column,
    Steps,
    Table,
)
from dashboards.styles import FRESHNESS_STEPS, SOME_STEPS, count

UID = "spanledger-freshness"
USED_STEPS: Steps = [(None, GREEN), (0.5, YELLOW), (1.0, RED)]
LAG_STEPS: Steps = [(None, GREEN), (60, YELLOW), (180, RED)]
AHEAD_STEPS: Steps = [(None, NEUTRAL), (2, ORANGE)]
PROBE = ((r"^(ok|came through)$", GREEN), (r"^(off|not yet)$", NEUTRAL), (r".*", RED))
BREACH = {"open": ("open", RED), "closed": ("closed", NEUTRAL)}


def _seconds(title: str, steps: Steps | None = None, width: int | None = 90) -> Column:
    return Column(title, SECONDS, width=width, steps=steps)


STATE = Headline(
    id=2,
    title="Is it up to date?",
    sql="freshness/state",
    width=24,
    description=(
        "Now, whatever the range. 95% within: from receipt to visible, of the calls of the last minutes. "
        "Behind: how long ago everything received was counted. Budget used: of the late calls that thirty "
        "days may have (5%). Probe: its last request. Next: a red figure is a breach; its cause is listed "
        "below, and /diagnostics says what to do."
    ),
    columns={
        "p95_seconds": _seconds("95% within", FRESHNESS_STEPS),
        "behind_seconds": _seconds("Behind", FRESHNESS_STEPS),
        "budget_used": Column("Budget used", SHARE, 1, steps=USED_STEPS),
        "probe": Column("Probe", patterns=PROBE),
        **hidden("burn_1h", "complete_to"),
    },
    empty="Nothing was received yet, so nothing is known of how soon it is visible.",
)

COURSE = Chart(
    id=3,
    title="How soon were calls visible?",
    sql="freshness/course",
    width=24,
    unit=SECONDS,
    by_segment=False,
    is_logarithmic=True,
    zero=False,
    leads_to=UID,
    leads_how="this dashboard, of this time",
    colours={
        "p50": GREEN, "p95": BLUE, "p99": NEUTRAL, "target": YELLOW, "objective": ORANGE, "breach": RED,
    },
    description=(
        "From the stamp of the receiver to the commit that put a call into the sums: half, 95 and 99 of 100 "
        "calls stayed below. Beside them the target, the objective, and in red the worst of a breach while "
        "it lasted. Next: find the breach in the list below."
    ),
    empty="No call became visible in this range.",
)  # fmt: skip

BREACHES = Table(
    id=4,
    title="When was the contract broken?",
    sql="freshness/breaches",
    width=24,
    height=7,
    description=(
        "95 of 100 calls took longer than the objective, sums were behind, or the probe failed. The cause is "
        "what /diagnostics found. Next: `spanledger freshness breach note ID TEXT` keeps what you found out."
    ),
    empty="The contract held all through this range.",
    columns={
        "opened": Column("Opened", MINUTE, width=140),
        "state": Column("State", width=80, words=BREACH),
        "lasted": _seconds("Lasted"),
        "worst": _seconds("Worst"),
        "cause": Column("Cause", width=170, wrap=True),
        "detail": Column("Detail", wrap=True),
        "note": Column("Note", wrap=True),
        "id": Column("Id", "locale", 0, width=60),
    },
)

REQUESTS = Chart(
    id=5,
    title="How long did the probe take?",
    sql="freshness/probe",
    width=10,
    unit=SECONDS,
    by_segment=False,
    leads_to=UID,
    leads_how="this dashboard, of this time",
    colours={"accepted": GREEN, "visible": BLUE, "grafana": ORANGE},
    description=(
        "From the first attempt to send a test request to its OK, to the first answer of Overview's query "
        "that has it, and to Grafana's; the slowest of each step. Next: the list beside it has those that "
        "failed."
    ),
    empty="The probe sent nothing in this range: probe.enabled, or no service ran.",
)

STAGES = Table(
    id=6,
    title="What came of its requests?",
    sql="freshness/stages",
    width=14,
    height=9,
    description=(
        "Requests of the probe in the range by the stage that failed, with the last words of each. Next: "
        "`spanledger probe` sends one now."
    ),
    empty="The probe sent nothing in this range: probe.enabled, or no service ran.",
    columns={
        "stage": Column("Stage", width=115, patterns=PROBE),
        "requests": Column("Requests", "locale", 0, width=90),
        "last_at": Column("Last", MINUTE, width=135),
        "detail": Column("Last words", wrap=True),
    },
)

LAG = Chart(
    id=7,
    title="How late do senders deliver?",
    sql="freshness/lag",
    width=12,
    unit=SECONDS,
    leads_to="spanledger-requests",
    series="service",
    description=(
        "From the end of a call to its receipt, the P95 by service, with a wrong clock taken off: exporters "
        "that wait, retry or stand behind a queue. Next: the list beside it has the clocks."
    ),
    empty="No calls of this selection were sampled in this range.",
)

LAGS = Table(
    id=8,
    title="Which sender is late, or has a wrong clock?",
    sql="freshness/lags",
    width=12,
    height=9,
    description=(
        "Services by the worst P95 of the range. Ahead: the clock, by a call that came before its end. Next: "
        "export more often, or synchronise the clock of that machine (NTP)."
    ),
    empty="No calls of this selection were sampled in this range.",
    columns={
        "service": Column("Service", wrap=True),
        "worst": _seconds("Worst", LAG_STEPS, 75),
        "latest": _seconds("Last", LAG_STEPS, 75),
        "ahead": _seconds("Ahead", AHEAD_STEPS, 75),
        **hidden("environment", "data_mode", "seen"),
    },
)

DAYS = Table(
    id=9,
    title="How was each day?",
    sql="freshness/days",
    width=24,
    height=9,
    description=(
        "The thirty days (UTC) up to the end of the range. Late: calls that took longer than the objective. "
        "Of the budget: 100% is a day on which five of 100 calls were late. Next: choose a bad day above."
    ),
    empty="No call became visible in the last thirty days.",
    columns={
        "day": Column("Day", width=110),
        "calls": count("Calls"),
        "p50": _seconds("50% within", FRESHNESS_STEPS, None),
        "p95": _seconds("95% within", FRESHNESS_STEPS, None),
        "p99": _seconds("99% within", FRESHNESS_STEPS, None),
        "late": Column("Late", "locale", 0, steps=SOME_STEPS),
        "used": Column("Of the budget", SHARE, 1, steps=USED_STEPS),
    },
)

PAGE = Page(
    UID,
    "Is what the dashboards show up to date, and was it?",
    [[STATE], [notes(1, "common/notes_all")], [COURSE], [BREACHES], [REQUESTS, STAGES], [LAG, LAGS], [DAYS]],
    has_focus=False,
)
