"""Panels that several dashboards have: the same figures of another selection, in the same words and units."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.first_screen import Details, Headline, hidden, money, signed
from dashboards.panels import BLUE, COUNT, GREEN, NO_CALLS, RED, SHARE, USD, Chart, Column, Table
from dashboards.styles import (
    ATTEMPTS_STEPS,
    DRIFT_STEPS,
    SUCCESS_STEPS,
    count,
    milliseconds,
    named,
    share,
)
from dashboards.widths import column_width


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure shown over time: parts of a sum are stacked, ratios are lines."""

    unit: str
    decimals: int | None
    stacked: bool = False


CALLS_OF_A_BUCKET = "spanledger-requests"
FIRST_SCREEN, BESIDE_A_LIST = 7, 5
"""Heights of the charts that say when, above the tables that say what."""

SPEND = Measure(USD, 2, stacked=True)
CALLS = Measure(COUNT, 0, stacked=True)
UNIT_COST = Measure(USD, None)
TOKENS = Measure(COUNT, 0)
SUCCESS = Measure(SHARE, 1)


def over_time(
    panel_id: int,
    measure: Measure,
    title: str,
    sql: str,
    description: str,
    series: str | None = None,
    height: int = 9,
) -> Chart:
    """A measure over time by segment; a click lists the calls of a bucket, with `series` in focus."""
    return Chart(
        id=panel_id, title=title, description=description, sql=sql, width=12, height=height,
        unit=measure.unit, decimals=measure.decimals, stacked=measure.stacked,
        leads_to=CALLS_OF_A_BUCKET, series=series,
    )  # fmt: skip


def of_selection(
    panel_id: int,
    measure: Measure,
    title: str,
    sql: str,
    description: str,
    column: str,
    shown: Column,
    width: int = 12,
    height: int = 9,
) -> Chart:
    """A measure over time of the whole selection: one line, named like its column."""
    return Chart(
        id=panel_id, title=title, description=description, sql=sql, width=width, height=height,
        unit=measure.unit, decimals=measure.decimals, by_segment=False, columns={column: shown},
        leads_to=CALLS_OF_A_BUCKET,
    )  # fmt: skip


def counts(panel_id: int, sql: str, description: str, height: int = 9) -> Chart:
    """Requests, calls and errors over time."""
    return Chart(
        id=panel_id, title="Requests, calls and errors", description=description, sql=sql, width=12,
        height=height, unit=COUNT, decimals=0, by_segment=False, leads_to=CALLS_OF_A_BUCKET,
        colours={"requests": GREEN, "calls": BLUE, "errors": RED},
        columns={"requests": Column("requests"), "calls": Column("calls")},
    )  # fmt: skip


def selection(panel_id: int, sql: str, description: str, empty: str = NO_CALLS) -> Headline:
    """The selection in four large figures."""
    return Headline(
        id=panel_id, title="The selection in one line", description=description, sql=sql, width=24,
        empty=empty,
        columns={
            "spend": Column("Spend"),
            "change": signed("Change"),
            "unit_cost": Column("Per request"),
            "drift": Column("Drift", "none", 2, steps=DRIFT_STEPS),
            **hidden("cost_usd", "delta_usd", "cost_per_request_usd", *_DETAILS),
        },
    )  # fmt: skip


_DETAILS = {
    "requests": count("Requests"),
    "success_ratio": Column("Success", SHARE, 1, steps=SUCCESS_STEPS),
    "attempts_per_success": Column("Calls per success", "none", 2, steps=ATTEMPTS_STEPS),
    "tokens_per_request": count("Tokens per request"),
    "p95_ms": milliseconds("p95"),
}


def details(panel_id: int, sql: str, description: str, empty: str = NO_CALLS) -> Details:
    """What else is to say of the selection, beside its four large figures: their query, the other columns."""
    figures = ("spend", "change", "unit_cost", "drift", "cost_usd", "delta_usd", "cost_per_request_usd")
    return Details(
        id=panel_id, title="How well did it work?", description=description, sql=sql, width=24, empty=empty,
        columns={**_DETAILS, **hidden(*figures)},
    )  # fmt: skip


def models(panel_id: int, title: str, sql: str, description: str, height: int = 8) -> Table:
    """The models that answered the selection."""
    return Table(
        id=panel_id, title=title, description=description, sql=sql, width=12, height=height,
        columns={
            "model": named("model"),
            "spend": money("Spend"),
            "cost_share": share("Share"),
            "change": signed("Change"),
            **hidden("provider", "cost_usd", "delta_usd", "calls", "cost_per_call_usd", "state"),
        },
    )  # fmt: skip


def terms(
    panel_id: int,
    title: str,
    sql: str,
    description: str,
    width: int = 12,
    height: int = 11,
    empty: str = NO_CALLS,
) -> Table:
    """The exact decomposition of a change, the sum last."""
    return Table(
        id=panel_id, title=title, description=description, sql=sql, width=width, height=height, empty=empty,
        columns={
            "term": Column("Term", width=column_width("Term", "tokens: cache write")),
            "amount": signed("Adds"),
            "meaning": Column("What it means", wrap=True),
            **hidden("usd", "share_of_delta"),
        },
    )  # fmt: skip
