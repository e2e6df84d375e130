"""Prompt Versions: does the new version cost more, and is the comparison sound?"""

from __future__ import annotations

from dashboards import common_panels as shared
from dashboards.first_screen import hidden, money, notes, page_column, signed
from dashboards.page import Page
from dashboards.panels import (
    GREEN,
    MINUTE,
    NEUTRAL,
    YELLOW,
    Column,
    Table,
)
from dashboards.styles import (
    CONFIDENCE,
    DRIFT_STEPS,
    VERDICTS,
    count,
    named,
)

UID = "spanledger-prompts"

FIGURES = shared.selection(
    2,
    "prompts/figures",
    "Spend of the chosen version (or of all) and its drift against the baseline. A new version has no "
    "baseline of its own; below, it is judged against its endpoint. Next: the sentence below.",
)

VERDICT = Table(
    id=3,
    title="Does the new version cost more?",
    sql="prompts/verdict",
    width=24,
    height=4,
    header=False,
    description=(
        "The version in focus against the other version of its endpoint with most calls, in this range and "
        "its baseline; without a focus, the pair whose cost of a request times calls differs most. The "
        "dollars are what its requests cost more than with the other version. Confidence is high beyond "
        "three, medium beyond two standard errors; low with fewer than 50 calls on one side or with other "
        "models. Next: wait for more calls, or roll back."
    ),
    columns={
        "confidence": Column("Confidence", words=CONFIDENCE, width=150),
        "sentence": Column("In words", wrap=True),
        "change": signed("Costs more"),
        "prompt_version": named("prompt_version", width=150),
        **page_column("this version"),
        **hidden("other_version", "endpoint", "change_usd", "cost_per_request_usd", "ratio"),
    },
)

PAIR = Table(
    id=4,
    title="A against B",
    sql="prompts/pair",
    width=12,
    height=10,
    description=(
        "The same two versions figure by figure. A ratio of 2 for output tokens means answers twice as long. "
        "Next: find the change in the prompt that explains the ratio."
    ),
    columns={
        "figure": Column("Figure"),
        "a_text": Column("A", width=100, right=True),
        "b_text": Column("B", width=100, right=True),
        "ratio": Column("A / B", "none", 2),
        **hidden("a", "b"),
    },
)

VERSIONS = Table(
    id=5,
    title="Which versions?",
    sql="prompts/versions",
    width=24,
    height=10,
    description=(
        "Versions with calls in the range or its baseline, newest first; first seen to the hour. `Verdict` "
        "compares with the endpoint's other versions; `Models` shows whether the models differ too. Next: a "
        "name sets the focus."
    ),
    columns={
        "endpoint": Column("Endpoint", width=165),
        "prompt_version": named("prompt_version", width=150),
        "first_seen": Column("First seen", MINUTE),
        "spend": money("Spend", width=99),
        "calls": count("Calls"),
        "unit_cost": money("Per request", width=116),
        "ratio": Column("Against others", "none", 2, steps=DRIFT_STEPS),
        "verdict": Column("Verdict", words=VERDICTS, width=115),
        "model_mix": Column(
            "Models",
            width=75,
            words={
                "same models": ("same", GREEN),
                "other models": ("differ", YELLOW),
                "nothing to compare": ("–", NEUTRAL),
            },
        ),
        **hidden(
            *("output_tokens_per_request", "input_tokens_per_request", "success_ratio", "last_seen"),
            *("cost_usd", "cost_per_request_usd", "calls_before"),
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
    height=7,
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
    height=7,
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
    height=11,
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
    height=10,
)

PAGE = Page(
    UID,
    "Does the new prompt version cost more, and is the comparison sound?",
    [
        [FIGURES],
        [notes(1)],
        [VERDICT],
        [UNIT_COST, SPEND],
        [VERSIONS],
        [PAIR, SUCCESS],
        [CALLS, TOKENS],
        [MODELS, TERMS],
    ],
)
