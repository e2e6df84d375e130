"""How the same figures look everywhere: units, decimals, thresholds, words."""

from __future__ import annotations

from dashboards.links import Link, focus_link
from dashboards.panels import (
    BLUE,
    COUNT,
    GREEN,
    MS,
    NEUTRAL,
    ORANGE,
    RED,
    SHARE,
    USD,
    YELLOW,
    Column,
    Steps,
)

DRIFT, DRIFT_WARNING = 1.5, 1.2
CONCENTRATION = 0.4
FRESHNESS_SECONDS, FRESHNESS_TARGET_SECONDS = 300.0, 1.0
UNCERTAIN_SHARE = 0.05
SUCCESS_LOW, SUCCESS_WARNING = 0.90, 0.97

DRIFT_STEPS: Steps = [(None, GREEN), (DRIFT_WARNING, YELLOW), (DRIFT, RED)]
CONCENTRATION_STEPS: Steps = [(None, BLUE), (CONCENTRATION, ORANGE)]
BAR_STEPS: Steps = [(None, BLUE)]
FRESHNESS_STEPS: Steps = [(None, GREEN), (FRESHNESS_TARGET_SECONDS, YELLOW), (FRESHNESS_SECONDS, RED)]
UNCERTAIN_STEPS: Steps = [(None, GREEN), (0.000001, YELLOW), (UNCERTAIN_SHARE, RED)]
SUCCESS_STEPS: Steps = [(None, RED), (SUCCESS_LOW, YELLOW), (SUCCESS_WARNING, GREEN)]
ATTEMPTS_STEPS: Steps = [(None, GREEN), (1.2, YELLOW), (2.0, RED)]
SOME_STEPS: Steps = [(None, GREEN), (1, YELLOW)]
CHANGE_STEPS: Steps = [(None, GREEN), (0.000001, ORANGE)]
"""More spend than before is orange, less is green; the sign says it, too."""

CLASSES = {
    "unclear": ("unclear", NEUTRAL),
    "steady": ("steady", GREEN),
    "moved_alike": ("moved alike", YELLOW),
    "too_little_data": ("too little data", NEUTRAL),
    "no_baseline": ("no baseline", NEUTRAL),
    "unknown_model": ("unknown model", ORANGE),
    "retry_storm": ("retry storm", RED),
    "abuse": ("abuse", RED),
    "identity_concentration": ("identity concentration", ORANGE),
    "deploy": ("deploy", ORANGE),
    "token": ("tokens", ORANGE),
    "price": ("price", YELLOW),
    "model_mix": ("model mix", ORANGE),
    "volume": ("volume", YELLOW),
}

FOCUS_DASHBOARDS = {
    "endpoint": ("Endpoint", "spanledger-endpoints"),
    "prompt_version": ("Version", "spanledger-prompts"),
    "user": ("User", "spanledger-users"),
    "tenant": ("Tenant", "spanledger-users"),
    "model": ("Model", "spanledger-models"),
}
"""Focus → its column title, and the dashboard for one value of it."""


def spend(title: str = "Spend") -> Column:
    """USD with cents."""
    return Column(title, USD, 2)


def unit_cost(title: str = "Cost per request") -> Column:
    """USD with six places."""
    return Column(title, USD, 6)


def change(title: str = "Change") -> Column:
    """USD with cents, coloured by the sign."""
    return Column(title, USD, 2, steps=CHANGE_STEPS)


def count(title: str) -> Column:
    """A whole number."""
    return Column(title, COUNT, 0)


def calls_of(*focus: str, title: str = "Calls", has_focus: bool = True, **columns: str) -> Column:
    """A number of calls; a click lists them, with the row's values in focus.

    Args:
        focus: variables that are set from the column of their own name.
        columns: variable → column, where the names differ.
    """
    values = {**{name: name for name in focus}, **columns}
    link = focus_link("List these calls", "spanledger-requests", has_focus, **values)
    return Column(title, COUNT, 0, link=link)


def share(title: str) -> Column:
    """A ratio as percent."""
    return Column(title, SHARE, 1)


def share_bar(steps: Steps = BAR_STEPS) -> Column:
    """A ratio of the whole, drawn as a bar in its cell."""
    return Column("Share", SHARE, 1, bar=True, steps=steps)


def milliseconds(title: str) -> Column:
    """A latency."""
    return Column(title, MS, 1)


SAMPLES = {
    "endpoint": "checkout.ai_summary",
    "prompt_version": "answer_v12",
    "user": "0a1b2c3d",
    "tenant": "northwind-traders",
    "model": "claude-sonnet-4-5-20250929",
}
"""The longest usual name of a focus, read whole wherever it stands."""


def named(focus: str, has_focus: bool = True, width: int | None = None) -> Column:
    """The name of an endpoint, version, user, tenant or model: a click sets that focus on its dashboard."""
    title, uid = FOCUS_DASHBOARDS[focus]
    columns = {"endpoint": "endpoint", focus: focus} if focus == "prompt_version" else {focus: focus}
    link = focus_link(f"Focus on ${{__data.fields.{focus}}}", uid, has_focus, **columns)
    return Column(title, width=width, link=link, sample=SAMPLES[focus])


def driver_link(has_focus: bool) -> Link:
    """To the dashboard that the row names, with its service and all five focus variables from the row."""
    return focus_link(
        "Look closer: ${__data.fields.name}",
        "${__data.fields.focus_uid}",
        has_focus,
        service="service",
        **{focus: focus for focus in FOCUS_DASHBOARDS},
    )


VERDICTS = {
    "only version": ("only version", NEUTRAL),
    "advisory: too few calls": ("too few calls", NEUTRAL),
    "much costlier": ("much costlier", RED),
    "costlier": ("costlier", YELLOW),
    "cheaper": ("cheaper", GREEN),
    "alike": ("alike", GREEN),
    "no price": ("no price", ORANGE),
}
CONFIDENCE = {
    "high": ("high confidence", GREEN),
    "medium": ("medium confidence", YELLOW),
    "low": ("low confidence", NEUTRAL),
}
IDENTITY_STATES = {
    "concentrated": ("concentrated", RED),
    "new": ("new", YELLOW),
    "gone": ("gone", NEUTRAL),
    "usual": ("usual", GREEN),
    "unattributed": ("unattributed", NEUTRAL),
}
MODEL_STATES = {
    "no price": ("no price", RED),
    "partly without a price": ("partly priced", ORANGE),
    "refused": ("refused", NEUTRAL),
    "new": ("new", YELLOW),
    "gone": ("gone", NEUTRAL),
    "priced": ("priced", GREEN),
}
TOKEN_CLASSES = {
    "fresh input": "#3274D9",
    "cached input": "#8AB8FF",
    "cache writes": "#B877D9",
    "output": "#FF9830",
    "reasoning": "#FFCB7D",
    "other": "#8e8e8e",
}
STATUSES = {"success": ("success", GREEN), "error": ("error", RED), "cancelled": ("cancelled", YELLOW)}
