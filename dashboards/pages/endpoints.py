"""Top Endpoints: which product feature spends, and what about it changed?"""

from __future__ import annotations

from dashboards import common_panels as shared
from dashboards.first_screen import hidden, money, notes, page_column, per_unit, signed
from dashboards.page import Page
from dashboards.panels import MINUTE, SHARE, Column, Table
from dashboards.styles import (
    DRIFT_STEPS,
    SUCCESS_STEPS,
    VERDICTS,
    calls_of,
    milliseconds,
    named,
    share_bar,
)
from dashboards.widths import column_width

UID = "spanledger-endpoints"

FIGURES = shared.selection(
    2,
    "endpoints/figures",
    "Spend of the chosen endpoint (or of all), its cost per request, and its drift against the baseline: "
    "yellow from 1.2, red from 1.5. Next: the table below shows which endpoint it is.",
)

WELL = shared.details(
    20,
    "endpoints/figures",
    "Requests, how many succeeded, how many calls that took, their tokens and latency. Next: Requests lists "
    "the calls.",
)

ENDPOINTS = Table(
    id=3,
    title="Which endpoint?",
    sql="endpoints/endpoints",
    width=24,
    height=10,
    description=(
        "Endpoints by the size of their change; the endpoint in focus does not narrow this list. "
        "`unknown` are calls without an endpoint tag: tag them. Next: a name sets the focus, and "
        "everything below follows."
    ),
    columns={
        "endpoint": named("endpoint"),
        "spend": money("Now"),
        "before": money("Before"),
        "change": signed("Change"),
        "top_term": Column("Mostly", width=column_width("Mostly", "attempts")),
        "unit_cost": per_unit("Per request"),
        "drift": Column("Drift", "none", 2, steps=DRIFT_STEPS),
        "requests": calls_of("endpoint", title="Requests"),
        "success_ratio": Column("Success", SHARE, 1, steps=SUCCESS_STEPS),
        "p95_ms": milliseconds("p95"),
        **page_column("this endpoint"),
        **hidden("cost_usd", "baseline_cost_usd", "delta_usd", "cost_per_request_usd"),
    },
)

SPEND = shared.over_time(
    4,
    shared.SPEND,
    "Spend by endpoint",
    "endpoints/spend",
    "Spend per bucket. Buckets are whole: the first and last may extend beyond the range. Next: drag over "
    "a rise to zoom in; the tables follow.",
    series="endpoint",
    height=shared.FIRST_SCREEN,
)

UNIT_COST = shared.over_time(
    5,
    shared.UNIT_COST,
    "Cost per request",
    "endpoints/unit_cost",
    "Cost per request. A step at a blue mark is a prompt deploy, a slope a growing context. Next: "
    "Prompt Versions of this endpoint.",
    series="endpoint",
    height=shared.FIRST_SCREEN,
)

VERSIONS = Table(
    id=6,
    title="Is it a prompt version?",
    sql="endpoints/versions",
    width=24,
    height=8,
    description=(
        "Versions of the selection, newest first, each judged against the other versions of its endpoint. "
        "Next: a name opens Prompt Versions with endpoint and version in focus."
    ),
    columns={
        "prompt_version": named("prompt_version"),
        "endpoint": Column("Endpoint"),
        "first_seen": Column("First seen (hour)", MINUTE),
        "calls": calls_of("endpoint", "prompt_version"),
        "spend": money("Spend"),
        "unit_cost": per_unit("Per request"),
        "verdict": Column("Against others", words=VERDICTS),
        **hidden("cost_usd", "cost_per_request_usd"),
    },
)

TENANTS = Table(
    id=7,
    title="Is it one tenant?",
    sql="endpoints/tenants",
    width=12,
    height=9,
    description=(
        "The selection's spend by tenant. `unknown` are calls without a tenant. Next: a name opens Top Users "
        "and Tenants and keeps the endpoint."
    ),
    columns={
        "tenant_name": named("tenant"),
        "spend": money("Spend"),
        "cost_share": share_bar(),
        "change": signed("Change"),
        **hidden("tenant", "cost_usd", "delta_usd", "calls", "state"),
    },
)

MODELS = shared.models(
    8,
    "Is it the model?",
    "endpoints/models",
    "Models that answered the selection. Next: a name opens Models and Pricing.",
    height=9,
)

TERMS = shared.terms(
    9,
    "Why? The terms of its change",
    "endpoints/terms",
    "The exact decomposition of the selection's change. Next: Compare shows it for all dimensions.",
    width=24,
    height=10,
)

CALLS = shared.counts(
    10,
    "endpoints/calls",
    "Counts per bucket. More calls than requests are retries or agents. Next: Requests lists them.",
)

TOKENS = shared.over_time(
    11,
    shared.TOKENS,
    "Tokens per request",
    "endpoints/tokens",
    "Input and output tokens per request. Next: a rise without a deploy is a growing context.",
    series="endpoint",
)

PAGE = Page(
    UID,
    "Which product feature spends, and what about it changed?",
    [
        [FIGURES],
        [notes(1)],
        [SPEND, UNIT_COST],
        [ENDPOINTS],
        [WELL],
        [VERSIONS],
        [TENANTS, MODELS],
        [CALLS, TOKENS],
        [TERMS],
    ],
)
