"""Top Endpoints: which product feature spends, and what about it changed?"""

from __future__ import annotations

from operations.dashboards.links import focus_link
from operations.dashboards.looks import (
    CHANGE_STEPS,
    DRIFT_STEPS,
    IDENTITY_STATES,
    MODEL_STATES,
    SUCCESS_STEPS,
    VERDICTS,
    calls_columns,
    change,
    count,
    figure_columns,
    milliseconds,
    spend,
    term_columns,
    unit_cost,
)
from operations.dashboards.page import Page, state
from operations.dashboards.panels import COUNT, SHARE, TIME, USD, Chart, Column, Stats, Table

UID = "spanledger-endpoints"

FIGURES = Stats(
    id=2,
    title="The selection in one line",
    sql="endpoints/figures",
    width=24,
    description=(
        "Spend of the chosen endpoint (or of all), what a request costs, and its drift against the "
        "baseline: from 1.2 look at it, from 1.5 the alert fires. Next: the table below says which "
        "endpoint it is."
    ),
    columns=figure_columns(),
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
        "endpoint": Column(
            "Endpoint",
            width=220,
            link=focus_link("Focus on ${__data.fields.endpoint}", UID, endpoint="endpoint"),
        ),
        "cost_usd": spend("Now"),
        "baseline_cost_usd": spend("Before"),
        "delta_usd": change(),
        "top_term": Column("Mostly"),
        "cost_per_request_usd": unit_cost(),
        "drift": Column("Drift", "none", 2, steps=DRIFT_STEPS),
        "requests": count("Requests"),
        "success_ratio": Column("Success", SHARE, 1, steps=SUCCESS_STEPS),
        "attempts_per_success": Column("Calls per success", "none", 2),
        "p95_ms": milliseconds("p95"),
        "wasted_usd": spend("Wasted"),
    },
)

SPEND = Chart(
    id=4,
    title="Spend by endpoint",
    sql="endpoints/spend",
    width=12,
    unit=USD,
    decimals=2,
    stacked=True,
    description=(
        "Spend of every bucket; whole buckets, so the first and last may reach over the range. Next: drag "
        "over a rise to zoom in; the tables follow."
    ),
)

UNIT_COST = Chart(
    id=5,
    title="Cost per request",
    sql="endpoints/unit_cost",
    width=12,
    unit=USD,
    decimals=6,
    description=(
        "What a request costs. A step at a blue mark is a prompt deploy, a slope a growing context. Next: "
        "Prompt Versions of this endpoint."
    ),
)

VERSIONS = Table(
    id=6,
    title="Is it a prompt version?",
    sql="endpoints/versions",
    width=12,
    height=9,
    description=(
        "Versions of the selection, the newest first, each judged against the other versions of its endpoint."
        " Next: a name opens Prompt Versions with endpoint and version in focus."
    ),
    columns={
        "prompt_version": Column(
            "Version",
            link=focus_link(
                "Focus on ${__data.fields.prompt_version}",
                "spanledger-prompts",
                endpoint="endpoint",
                prompt_version="prompt_version",
            ),
        ),
        "endpoint": Column("Endpoint"),
        "first_seen": Column("First seen (hour)", TIME),
        "calls": count("Calls"),
        "cost_usd": spend(),
        "cost_per_request_usd": unit_cost(),
        "verdict": Column("Per request", words=VERDICTS),
    },
)

TENANTS = Table(
    id=7,
    title="Is it one tenant?",
    sql="endpoints/tenants",
    width=12,
    height=9,
    description=(
        "Whose the selection's spend is. `unknown` are calls without a tenant. Next: a name opens Top "
        "Users and Tenants with the endpoint kept."
    ),
    columns={
        "tenant": Column(
            "Tenant", link=focus_link("Focus on ${__data.fields.tenant}", "spanledger-users", tenant="tenant")
        ),
        "cost_usd": spend(),
        "cost_share": Column("Share", SHARE, 1, bar=True),
        "delta_usd": change(),
        "calls": count("Calls"),
        "state": Column("State", words=IDENTITY_STATES),
    },
)

MODELS = Table(
    id=8,
    title="Is it the model?",
    sql="endpoints/models",
    width=12,
    height=8,
    description="Models that answered the selection. Next: a name opens Models and Pricing.",
    columns={
        "model": Column(
            "Model", link=focus_link("Focus on ${__data.fields.model}", "spanledger-models", model="model")
        ),
        "provider": Column("Provider"),
        "cost_usd": spend(),
        "cost_share": Column("Share", SHARE, 1, bar=True),
        "delta_usd": change(),
        "calls": count("Calls"),
        "cost_per_call_usd": unit_cost("Cost per call"),
        "state": Column("State", words=MODEL_STATES),
    },
)

TERMS = Table(
    id=9,
    title="Why? The terms of its change",
    sql="endpoints/terms",
    width=12,
    height=8,
    description="The exact decomposition of the selection's change. Next: Compare has it for all dimensions.",
    columns=term_columns(CHANGE_STEPS),
)

CALLS = Chart(
    id=10,
    title="Requests, calls and errors",
    sql="endpoints/calls",
    width=12,
    unit=COUNT,
    decimals=0,
    by_segment=False,
    colours={"errors": "red"},
    columns=calls_columns(),
    description=(
        "Counts of every bucket. Calls above requests are retries or agents. Next: Requests lists them."
    ),
)

TOKENS = Chart(
    id=11,
    title="Tokens per request",
    sql="endpoints/tokens",
    width=12,
    unit=COUNT,
    decimals=0,
    description="Input and output tokens of a request. Next: a rise without a deploy is a growing context.",
)

PAGE = Page(
    UID,
    "Which product feature spends, and what about it changed?",
    [
        [state(1)],
        [FIGURES],
        [ENDPOINTS],
        [SPEND, UNIT_COST],
        [VERSIONS, TENANTS],
        [MODELS, TERMS],
        [CALLS, TOKENS],
    ],
)
