"""Overview: is spend as expected, and is all of it counted?"""

from __future__ import annotations

from dashboards import common_panels as shared
from dashboards.first_screen import Details, Headline, hidden, money, notes, signed, story
from dashboards.links import dashboard_url, data_link, focus_link
from dashboards.page import Page
from dashboards.pages.budgets import POSTURE
from dashboards.panels import (
    BLUE,
    COUNT,
    GREEN,
    MINUTE,
    NEUTRAL,
    SECONDS,
    SHARE,
    USD,
    YELLOW,
    Chart,
    Column,
    Table,
)
from dashboards.styles import (
    ATTEMPTS_STEPS,
    CONCENTRATION_STEPS,
    DRIFT_STEPS,
    FRESHNESS_STEPS,
    IDENTITY_STATES,
    SOME_STEPS,
    SUCCESS_STEPS,
    UNCERTAIN_STEPS,
    count,
    milliseconds,
    named,
    share_bar,
    spend,
)

UID = "spanledger-overview"
COMPARE = data_link("Compare: what changed, and why", dashboard_url("spanledger-compare", False))
SELECT_OUTSIDE = "Show this data"

OUTSIDE = Table(
    id=1,
    title="Data outside this selection",
    sql="overview/outside",
    width=24,
    height=5,
    description=(
        "Environments and data modes that the choice above leaves out, with their calls in this range. "
        "Next: click a row to select it. Test data in prod, or a new environment that no one watches, "
        "shows here first."
    ),
    columns={
        "environment": Column(
            "Environment",
            link=focus_link(SELECT_OUTSIDE, UID, False, env="environment", data_mode="data_mode"),
        ),
        "data_mode": Column(
            "Data", link=focus_link(SELECT_OUTSIDE, UID, False, env="environment", data_mode="data_mode")
        ),
        "calls": count("Calls in range"),
        "last_seen": Column("Last seen (hour)", MINUTE),
    },
    empty="Nothing: the selection covers all data.",
)

SPEND = Headline(
    id=3,
    title="What was spent?",
    sql="overview/spend",
    width=24,
    description=(
        "Spend in the range, exact to the pico-dollar; ≥ says that it is a lower bound. `Change` is against "
        "the baseline chosen above. `Drift` is the cost of a request now divided by before: yellow from 1.2, "
        "red from 1.5. Next: click a figure to open Compare, which splits the change into its causes."
    ),
    columns={
        "spend": Column("Spend", link=COMPARE),
        "change": signed("Change", link=COMPARE),
        "unit_cost": Column("Per request", link=COMPARE),
        "drift": Column("Drift", "none", 2, link=COMPARE, steps=DRIFT_STEPS),
        **hidden(
            *("cost_usd", "baseline_cost_usd", "delta_usd", "delta_ratio", "cost_per_request_usd"),
            *("usd_per_hour", "requests", "calls", "success_ratio", "attempts_per_success", "p95_ms"),
        ),
    },
)

WORK = Details(
    id=13,
    title="How well did it work?",
    sql="overview/spend",
    width=24,
    description=(
        "Requests, the calls that they took, how many succeeded, and how long calls took. Many calls for a "
        "success are retries. Next: Requests lists the calls that failed."
    ),
    columns={
        "usd_per_hour": Column("Spend per hour", USD, 2),
        "requests": count("Requests"),
        "calls": count("Calls"),
        "success_ratio": Column("Success", SHARE, 1, steps=SUCCESS_STEPS),
        "attempts_per_success": Column("Calls per success", "none", 2, steps=ATTEMPTS_STEPS),
        "p95_ms": milliseconds("p95"),
        **hidden(
            *("spend", "change", "unit_cost", "drift", "cost_usd", "baseline_cost_usd", "delta_usd"),
            *("delta_ratio", "cost_per_request_usd"),
        ),
    },
)

UNCOUNTED = Details(
    id=4,
    title="What is not included in the spend?",
    sql="overview/uncounted",
    width=14,
    height=4,
    description=(
        "Unknown is not free. Calls without a price, calls with missing or estimated usage, and spans whose "
        "usage no rule reads make every sum a lower bound, `at least`. Refused calls (errors without "
        "usage) are not billed by providers and are listed apart. Next: Models and Pricing lists models "
        "without a price and unread usage; complete the pricing map, then run `spanledger reprice`."
    ),
    columns={
        "exactness": Column(
            "The spend is",
            words={
                "exact": ("exact", GREEN),
                "at least": ("at least that", YELLOW),
                "no calls": ("no calls", NEUTRAL),
            },
        ),
        "unpriced_calls": Column(
            "Calls without a price",
            COUNT,
            0,
            steps=SOME_STEPS,
            link=data_link("Models without a price", dashboard_url("spanledger-models", False)),
        ),
        "uncertain_share": Column("Uncertain usage", SHARE, 1, steps=UNCERTAIN_STEPS),
        "unread_spans": Column("Unread spans", COUNT, 0, steps=SOME_STEPS),
        "error_without_usage_calls": count("Refused calls"),
        "wasted_usd": spend("Wasted"),
    },
)

FRESHNESS = Details(
    id=5,
    title="How fresh is it?",
    sql="overview/freshness",
    width=10,
    height=4,
    description=(
        "Time from receipt to the commit that made a call visible here, for all calls received in this "
        "range. Target: 1 s; limit: 5 min at p95. Next, if it is red: check /diagnostics of the service, "
        "its queue and its database."
    ),
    columns={
        "p50_seconds": Column("p50", SECONDS, 1, steps=FRESHNESS_STEPS),
        "p95_seconds": Column("p95", SECONDS, 1, steps=FRESHNESS_STEPS),
        "watermark_age_seconds": Column(
            "Age of the watermark", SECONDS, 0, steps=[(None, GREEN), (30, YELLOW), (300, "red")]
        ),
    },
    empty="Nothing was received in this range.",
)

STORY = story(
    6,
    "What changed most?",
    "overview/story",
    "Nothing to explain: no calls in this range or its baseline.",
)

BY_ENDPOINT = shared.over_time(
    7,
    shared.SPEND,
    "Spend by endpoint",
    "overview/spend_by_endpoint",
    "Spend per bucket, the seven most expensive endpoints by name. Buckets are whole: the first and last "
    "may extend beyond the range. Blue marks are the first calls of a prompt version. Next: drag over a "
    "rise to zoom in.",
    series="endpoint",
    height=7,
)

NOW_AND_BEFORE = Chart(
    id=8,
    title="Spend against the baseline",
    sql="overview/now_and_before",
    width=12,
    unit=USD,
    height=7,
    colours={"now": BLUE, "before": NEUTRAL},
    moved="before",
    leads_to=shared.CALLS_OF_A_BUCKET,
    description=(
        "Spend per bucket, with the baseline shifted to the same time by whole buckets. The change began "
        "where the lines part. Next: zoom into the gap, then open Compare; a point of `before` opens its own "
        "time."
    ),
)

ENDPOINTS = Table(
    id=9,
    title="Which endpoints changed?",
    sql="overview/endpoints",
    width=13,
    height=9,
    description=(
        "Endpoints by the size of their change against the baseline, with its largest term. Next: "
        "the name opens Top Endpoints with the endpoint in focus."
    ),
    columns={
        "endpoint": named("endpoint", has_focus=False),
        "spend": money("Spend", width=99),
        "change": signed("Change", width=108),
        "top_term": Column("Mostly", width=85),
        "unit_cost": money("Per request", width=116),
        **hidden("cost_usd", "baseline_cost_usd", "delta_usd", "cost_per_request_usd", "requests"),
    },
)

TENANTS = Table(
    id=10,
    title="Who spends?",
    sql="overview/tenants",
    width=11,
    height=9,
    description=(
        "Tenants by spend. `unknown` is spend of calls without a tenant: tag them. Shares of 40% and more "
        "are marked. Next: the name opens Top Users and Tenants."
    ),
    columns={
        "tenant": named("tenant", has_focus=False),
        "spend": money("Spend", width=99),
        "cost_share": share_bar(CONCENTRATION_STEPS),
        "state": Column("State", words=IDENTITY_STATES, width=110),
        **hidden("cost_usd", "delta_usd", "calls"),
    },
)

CALLS = shared.counts(
    11,
    "overview/calls",
    "Counts per bucket. Many more calls than requests are retries or agents; if errors rise with them it "
    "is a retry storm. Next: Compare shows what the attempts cost.",
)

UNIT_COST = shared.over_time(
    12,
    shared.UNIT_COST,
    "Cost per request",
    "overview/cost_per_request",
    "Cost per request of the five most expensive endpoints. A step at a blue mark is a deploy; a slope is "
    "a growing context. Next: Top Endpoints, then Prompt Versions of that endpoint.",
    series="endpoint",
)

PAGE = Page(
    UID,
    "Is spend as it should be, and is all of it counted?",
    [
        [SPEND],
        [notes(2, "common/notes_all")],
        [STORY],
        [BY_ENDPOINT, NOW_AND_BEFORE],
        [ENDPOINTS, TENANTS],
        [POSTURE],
        [CALLS, UNIT_COST],
        [WORK],
        [UNCOUNTED, FRESHNESS],
        [OUTSIDE],
    ],
    has_focus=False,
)
