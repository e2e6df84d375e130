"""Prompt Versions: is the new version dearer, and may the figures be believed?"""

from __future__ import annotations

from operations.dashboards.links import focus_link
from operations.dashboards.looks import (
    CHANGE_STEPS,
    DRIFT_STEPS,
    MODEL_STATES,
    REMARKS,
    SUCCESS_STEPS,
    VERDICTS,
    change,
    count,
    figure_columns,
    milliseconds,
    spend,
    term_columns,
    unit_cost,
)
from operations.dashboards.page import Page, state
from operations.dashboards.panels import (
    COUNT,
    GREEN,
    NEUTRAL,
    SHARE,
    TIME,
    USD,
    YELLOW,
    Chart,
    Column,
    Stats,
    Table,
)

UID = "spanledger-prompts"

FIGURES = Stats(
    id=2,
    title="The selection in one line",
    sql="prompts/figures",
    width=24,
    description=(
        "Spend of the chosen version (or of all) and its drift against the baseline; a new version has no"
        " baseline of its own and is judged against its endpoint below. Next: A against B."
    ),
    columns=figure_columns(),
)

REMARK = Stats(
    id=3,
    title="May A against B be believed?",
    sql="prompts/remark",
    width=12,
    height=5,
    description=(
        "The version in focus (else the newest) against the dearest other version of the same endpoint. "
        "Under 50 calls on a side, or with other models, the comparison is advisory. Next: wait for "
        "calls, or roll back."
    ),
    columns={
        "versions": Column("A against B"),
        "remark": Column("Believe it?", words=REMARKS),
        "cost_per_request_usd": Column("A per request", USD, 6),
        "ratio": Column("A / B per request", "none", 2, steps=DRIFT_STEPS),
    },
)

PAIR = Table(
    id=4,
    title="A against B",
    sql="prompts/pair",
    width=12,
    height=9,
    description=(
        "Figure by figure in this range. A ratio of 2 at output tokens is an answer twice as long. Next: the"
        " prompt's change of wording that explains the ratio."
    ),
    columns={
        "figure": Column("Figure", width=220),
        "a": Column("A", "none"),
        "b": Column("B", "none"),
        "ratio": Column("A / B", "none", 2),
    },
)

VERSIONS = Table(
    id=5,
    title="Which versions?",
    sql="prompts/versions",
    width=24,
    height=10,
    description=(
        "Versions with calls in the range, the newest first. `Per request` compares with the other "
        "versions of the endpoint; `Models` says whether these differ, too. Next: a name sets the focus."
    ),
    columns={
        "endpoint": Column("Endpoint", width=180),
        "prompt_version": Column(
            "Version",
            width=140,
            link=focus_link(
                "Focus on ${__data.fields.prompt_version}",
                UID,
                endpoint="endpoint",
                prompt_version="prompt_version",
            ),
        ),
        "first_seen": Column("First seen (hour)", TIME),
        "last_seen": Column("Last seen (hour)", TIME),
        "calls": count("Calls"),
        "cost_usd": spend(),
        "cost_share": Column("Share", SHARE, 1),
        "cost_per_request_usd": unit_cost(),
        "ratio": Column("Against the others", "none", 2, steps=DRIFT_STEPS),
        "input_tokens_per_request": count("Tokens in"),
        "output_tokens_per_request": count("Tokens out"),
        "success_ratio": Column("Success", SHARE, 1, steps=SUCCESS_STEPS),
        "p95_ms": milliseconds("p95"),
        "verdict": Column("Per request", words=VERDICTS),
        "model_mix": Column(
            "Models",
            words={
                "same models": ("same", GREEN),
                "other models": ("differ", YELLOW),
                "nothing to compare": ("nothing to compare", NEUTRAL),
            },
        ),
    },
)

SPEND = Chart(
    id=6,
    title="Spend by version",
    sql="prompts/spend",
    width=12,
    unit=USD,
    decimals=2,
    stacked=True,
    description="Spend of every bucket by version; a blue mark is its first call. Next: zoom to the deploy.",
)

CALLS = Chart(
    id=7,
    title="Calls by version",
    sql="prompts/calls",
    width=12,
    unit=COUNT,
    decimals=0,
    stacked=True,
    description=(
        "How the versions replaced each other. An old one that stays is a roll-out that stopped. Next: "
        "finish it."
    ),
)

UNIT_COST = Chart(
    id=8,
    title="Cost per request by version",
    sql="prompts/unit_cost",
    width=12,
    unit=USD,
    decimals=6,
    description="What a request costs, version by version. Next: the dearer line is the one to look at.",
)

TOKENS = Chart(
    id=9,
    title="Tokens per request by version",
    sql="prompts/tokens",
    width=12,
    unit=COUNT,
    decimals=0,
    description="Input and output tokens of a request. Next: A against B says which of the two grew.",
)

MODELS = Table(
    id=10,
    title="Which models answered?",
    sql="prompts/models",
    width=12,
    height=8,
    description=(
        "Models of the selection; two versions on two models are not comparable. Next: a name opens Models."
    ),
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
    id=11,
    title="Why? The terms of its change",
    sql="prompts/terms",
    width=12,
    height=8,
    description="The exact decomposition of the selection's change. Next: Compare has it for all dimensions.",
    columns=term_columns(CHANGE_STEPS),
)

SUCCESS = Chart(
    id=12,
    title="Success by version",
    sql="prompts/success",
    width=12,
    unit=SHARE,
    decimals=1,
    height=9,
    description=(
        "Successes of successes and errors. A version that saves tokens and fails more saves nothing. Next: "
        "Requests."
    ),
)

PAGE = Page(
    UID,
    "Is the new prompt version dearer, and may the figures be believed?",
    [
        [state(1)],
        [FIGURES],
        [VERSIONS],
        [REMARK, PAIR],
        [SPEND, CALLS],
        [UNIT_COST, TOKENS],
        [MODELS, TERMS],
        [SUCCESS],
    ],
)
