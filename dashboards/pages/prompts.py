"""Prompt Versions: does the new version cost more, and is the comparison sound?"""

from __future__ import annotations

from dashboards import common_panels as shared
from dashboards.first_screen import notes
from dashboards.page import Page
from dashboards.panels import (
    GREEN,
    MINUTE,
    NEUTRAL,
    SHARE,
    USD,
    YELLOW,
    Column,
    Table,
)
from dashboards.styles import (
    DRIFT_STEPS,
    REMARKS,
    SUCCESS_STEPS,
    VERDICTS,
    count,
    named,
    spend,
    unit_cost,
)

UID = "spanledger-prompts"

FIGURES = shared.selection(
    2,
    "prompts/figures",
    "Spend of the chosen version (or of all) and its drift against the baseline. A new version has no "
    "baseline of its own; below, it is judged against its endpoint. Next: A against B.",
)

REMARK = Table(
    id=3,
    title="Is the comparison of A and B sound?",
    sql="prompts/remark",
    width=24,
    height=4,
    description=(
        "The version in focus (else the newest) against the most expensive other version of the same "
        "endpoint. With fewer than 50 calls on one side, or different models, it is only a hint. Next: "
        "wait for more calls, or roll back."
    ),
    columns={
        "versions": Column("A against B"),
        "remark": Column("Sound?", words=REMARKS),
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
        "Figure by figure in this range. A ratio of 2 for output tokens means answers twice as long. Next: "
        "find the change in the prompt that explains the ratio."
    ),
    columns={
        "figure": Column("Figure"),
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
        "Versions with calls in the range, newest first; first and last seen to the hour. `Verdict` compares "
        "with the endpoint's other versions; `Models` shows whether the models differ too. Next: a name sets "
        "the focus."
    ),
    columns={
        "endpoint": Column("Endpoint", width=160),
        "prompt_version": named("prompt_version", width=130),
        "first_seen": Column("First seen", MINUTE),
        "last_seen": Column("Last seen", MINUTE),
        "calls": count("Calls"),
        "cost_usd": spend(),
        "cost_share": Column("Share", SHARE, 1),
        "cost_per_request_usd": unit_cost("Per request"),
        "ratio": Column("vs others", "none", 2, steps=DRIFT_STEPS),
        "input_tokens_per_request": count("Tokens in"),
        "output_tokens_per_request": count("Tokens out"),
        "success_ratio": Column("Success", SHARE, 1, steps=SUCCESS_STEPS),
        "p95_ms": Column(hidden=True),
        "verdict": Column("Verdict", words=VERDICTS, width=120),
        "model_mix": Column(
            "Models",
            words={
                "same models": ("same", GREEN),
                "other models": ("differ", YELLOW),
                "nothing to compare": ("–", NEUTRAL),
            },
        ),
    },
)

SPEND = shared.over_time(
    6,
    shared.SPEND,
    "Spend by version",
    "prompts/spend",
    "Spend per bucket by version; a blue mark is its first call. Next: zoom to the deploy.",
    series="prompt_version",
)

CALLS = shared.over_time(
    7,
    shared.CALLS,
    "Calls by version",
    "prompts/calls",
    "How versions replaced each other. An old one that persists is an unfinished rollout. Next: finish it.",
    series="prompt_version",
)

UNIT_COST = shared.over_time(
    8,
    shared.UNIT_COST,
    "Cost per request by version",
    "prompts/unit_cost",
    "Cost per request, version by version. Next: look at the higher line.",
    series="prompt_version",
)

TOKENS = shared.over_time(
    9,
    shared.TOKENS,
    "Tokens per request by version",
    "prompts/tokens",
    "Input and output tokens per request. Next: A against B shows which of the two grew.",
    series="prompt_version",
)

MODELS = shared.models(
    10,
    "Which models answered?",
    "prompts/models",
    "Models of the selection; versions that ran on different models are not comparable. Next: a name opens "
    "Models and Pricing.",
)

TERMS = shared.terms(
    11,
    "Why? The terms of its change",
    "prompts/terms",
    "The exact decomposition of the selection's change. Next: Compare shows it for all dimensions.",
)

SUCCESS = shared.over_time(
    12,
    shared.SUCCESS,
    "Success by version",
    "prompts/success",
    "Successes divided by successes and errors. A version that saves tokens but fails more often saves "
    "nothing. Next: Requests.",
    series="prompt_version",
)

PAGE = Page(
    UID,
    "Does the new prompt version cost more, and is the comparison sound?",
    [
        [FIGURES],
        [notes(1)],
        [VERSIONS],
        [REMARK],
        [PAIR, SUCCESS],
        [SPEND, CALLS],
        [UNIT_COST, TOKENS],
        [MODELS, TERMS],
    ],
)
