"""Compare: what changed between two windows, why, and who or what caused it?"""

from __future__ import annotations

from dashboards import common_panels as shared
from dashboards.first_screen import Headline, hidden, money, notes, signed, story
from dashboards.links import dashboard_url, data_link
from dashboards.page import Page
from dashboards.panels import (
    BLUE,
    COUNT,
    MINUTE,
    NEUTRAL,
    USD,
    Chart,
    Column,
    Table,
    Waterfall,
)
from dashboards.styles import (
    TOKEN_CLASSES,
    driver_link,
    named,
)
from dashboards.widths import column_width

UID = "spanledger-compare"
NO_CHANGE = "Nothing to compare: no calls in this range or its baseline."
TERM_NAMES = ("volume", "attempts", "mix", "tokens", "price")
TERM_WIDTH = column_width("Attempts", "+$0.000000508")
NEW_OR_GONE = ("new", "gone")
"""Of an endpoint one of them is zero."""

TOTALS = Headline(
    id=2,
    title="How much?",
    sql="compare/totals",
    width=24,
    empty=NO_CHANGE,
    description=(
        "Spend in the baseline and in the range, and the difference, equal to `spanledger compare` to the "
        "last digit; ≥ says that a figure is a lower bound. Next: the terms below."
    ),
    columns={
        "before": Column("Before"),
        "now": Column("Now"),
        "change": signed("Change"),
        **hidden("baseline_cost_usd", "cost_usd", "delta_usd", "delta_ratio"),
    },
)

WINDOWS = Table(
    id=3,
    title="Which windows?",
    sql="compare/windows",
    width=9,
    height=9,
    empty=NO_CHANGE,
    description=(
        "The windows compared, UTC. Where single calls at an edge are no longer kept, the window is "
        "extended to the full hour. Next: choose another baseline with `Against` above."
    ),
    columns={
        "what": Column("Window", width=80),
        "from_used": Column("From", MINUTE),
        "to_used": Column("To", MINUTE),
    },
)

STORY = story(4, "What kind of change, and who or what drove it?", "compare/story", NO_CHANGE)

STEPS = Waterfall(
    id=5,
    title="From before to now",
    sql="compare/waterfall",
    link=data_link("Which endpoints?", dashboard_url("spanledger-endpoints", True)),
    width=12,
    height=12,
    empty=NO_CHANGE,
    description=(
        "The terms of the change as steps: red adds, green saves. They lead from the baseline's spend to "
        "the window's with no remainder. Next: the tallest step names the cause; the table beside it has "
        "the exact figures."
    ),
)

TERMS = shared.terms(
    6,
    "Why? The terms of the change",
    "compare/terms",
    "The exact decomposition: the rows add up to the last row, to the pico-dollar. Next: `volume` is "
    "traffic, `attempts` are retries, `mix` and `price` are models, `tokens` are prompts and answers.",
    height=12,
    empty=NO_CHANGE,
)

DRIVERS = Table(
    id=7,
    title="Where is it?",
    sql="compare/drivers",
    width=15,
    height=11,
    empty=NO_CHANGE,
    description=(
        "First the drivers: combinations that moved apart from everything else (genai.drivers); none where "
        "nothing stands out. Then endpoints, prompt versions, models, tenants and users by the size of their "
        "change, five of each. Dimensions overlap: a dollar counts for an endpoint and for its tenant. "
        "Next: a name opens its dashboard with the whole combination as focus."
    ),
    columns={
        "kind": Column("Kind", width=118),
        "name": Column("Name", link=driver_link(True), wrap=True),
        "before": money("Before", width=99),
        "spend": money("Now", width=99),
        "change": signed("Change", width=108),
        **hidden(
            *(
                "baseline_cost_usd",
                "cost_usd",
                "delta_usd",
                "share_of_delta",
                "calls",
                "baseline_calls",
                "focus_uid",
            ),
            *("endpoint", "prompt_version", "user", "tenant", "model", "service"),
        ),
    },
)

ENDPOINTS = Table(
    id=8,
    title="Terms by endpoint",
    sql="compare/endpoints",
    width=24,
    height=10,
    empty=NO_CHANGE,
    description=(
        "The decomposition by endpoint: the terms of a row add up to its change, the rows to the total. "
        "Next: the name opens Top Endpoints."
    ),
    columns={
        "endpoint": named("endpoint"),
        "change": signed("Change", width=108),
        **{name: signed(name.capitalize(), width=TERM_WIDTH) for name in TERM_NAMES},
        "new_or_gone": signed("New or gone", width=TERM_WIDTH),
        **hidden("spend", "baseline_cost_usd", "cost_usd", "delta_usd", "top_term"),
        **hidden(*(f"{name}_usd" for name in (*TERM_NAMES, *NEW_OR_GONE))),
    },
)

VITALS = Table(
    id=9,
    title="What else changed?",
    sql="compare/vitals",
    width=9,
    height=11,
    empty=NO_CHANGE,
    description=(
        "Figures per request and per success, before and now. Calls per success reveals a retry storm; "
        "latency comes from a histogram. Next: a ratio far from 1 shows where to look."
    ),
    columns={
        "figure": Column("Figure", wrap=True, width=145),
        "before_text": Column("Before", width=80, right=True),
        "now_text": Column("Now", width=80, right=True),
        "ratio": Column("Ratio", "none", 2, width=70),
        **hidden("before", "now"),
    },
)

SPEND = Chart(
    id=10,
    title="Spend, now and before",
    sql="compare/now_and_before",
    height=6,
    width=12,
    unit=USD,
    decimals=2,
    colours={"now": BLUE, "before": NEUTRAL},
    moved="before",
    leads_to=shared.CALLS_OF_A_BUCKET,
    empty=NO_CHANGE,
    description=(
        "Spend per bucket, with the baseline shifted to the same time. Next: zoom to where they part."
    ),
)

REQUESTS = Chart(
    id=11,
    title="Requests, now and before",
    sql="compare/requests",
    height=6,
    width=12,
    unit=COUNT,
    decimals=0,
    colours={"now": BLUE, "before": NEUTRAL},
    moved="before",
    leads_to=shared.CALLS_OF_A_BUCKET,
    empty=NO_CHANGE,
    description=(
        "Requests per bucket beside the baseline's. Next: if spend rises without requests, the cause is not "
        "volume."
    ),
)

CLASSES = Chart(
    id=12,
    title="What was paid for?",
    sql="compare/classes",
    width=15,
    unit=USD,
    stacked=True,
    colours=TOKEN_CLASSES,
    leads_to=shared.CALLS_OF_A_BUCKET,
    empty=NO_CHANGE,
    description=(
        "Spend by class of tokens: fresh and cached input, what was written to the cache, output and, of it, "
        "reasoning. Next: `tokens` above says which of them made the change."
    ),
)

PAGE = Page(
    UID,
    "What changed between two windows, why, and who or what caused it?",
    [
        [TOTALS],
        [notes(1, "common/notes_story")],
        [STORY],
        [SPEND, REQUESTS],
        [STEPS, TERMS],
        [DRIVERS, VITALS],
        [ENDPOINTS],
        [CLASSES, WINDOWS],
    ],
)
