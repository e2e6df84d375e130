"""Requests: the single calls behind the figures."""

from __future__ import annotations

from operations.dashboards.links import data_link, focus_link
from operations.dashboards.looks import (
    STATUSES,
    SUCCESS_STEPS,
    calls_columns,
    count,
    figure_columns,
    milliseconds,
    unit_cost,
)
from operations.dashboards.page import Page, state
from operations.dashboards.panels import COUNT, RED, SHARE, TIME, Bars, Chart, Column, Stats, Table

UID = "spanledger-requests"
TRACE = Column("Trace", width=100, link=data_link("Open the trace", "${__data.fields.trace_url:raw}"))
HIDDEN = Column(hidden=True)
NO_ROWS = (
    "No single calls in this selection: they are kept for a shorter time than totals, as the notice says."
)


def _focus(name: str, title: str, uid: str, **columns: str) -> Column:
    return Column(title, link=focus_link(f"Focus on ${{__data.fields.{name}}}", uid, True, **columns))


NAMES = {
    "endpoint": _focus("endpoint", "Endpoint", "spanledger-endpoints", endpoint="endpoint"),
    "prompt_version": _focus(
        "prompt_version",
        "Version",
        "spanledger-prompts",
        endpoint="endpoint",
        prompt_version="prompt_version",
    ),
    "model": _focus("model", "Model", "spanledger-models", model="model"),
    "tenant": _focus("tenant", "Tenant", "spanledger-users", tenant="tenant"),
    "user": _focus("user", "User", "spanledger-users", user="user"),
}

FIGURES = Stats(
    id=2,
    title="The selection in one line",
    sql="requests/figures",
    width=24,
    description=(
        "All calls of the selection, not only those listed below. Next: the lists show what one looks like."
    ),
    columns=figure_columns(),
)

NEWEST = Table(
    id=3,
    title="The newest calls",
    sql="requests/newest",
    width=24,
    height=14,
    empty=NO_ROWS,
    description=(
        "At most fifty, the newest first. A cost that is missing is unknown, and `Price` says why. Next: "
        "the trace, or `spanledger explain` with the request's id."
    ),
    columns={
        "time": Column("Time", TIME),
        "status": Column("Status", words=STATUSES),
        **NAMES,
        "cost_usd": unit_cost("Cost"),
        "price_status": Column("Price"),
        "input_tokens": count("Tokens in"),
        "cache_read_tokens": count("of it cached"),
        "output_tokens": count("Tokens out"),
        "latency_ms": milliseconds("Latency"),
        "error": Column("Error"),
        "attempt": count("Attempt"),
        "request_id": Column("Request"),
        "trace_id": Column("Trace id"),
        "trace_link": TRACE,
        "trace_url": HIDDEN,
    },
)

DEAREST = Table(
    id=4,
    title="The dearest calls",
    sql="requests/dearest",
    width=14,
    height=11,
    empty=NO_ROWS,
    description=(
        "The twenty dearest of the newest 2,000 calls of the selection. Next: many input tokens are a long "
        "context."
    ),
    columns={
        "time": Column("Time", TIME),
        "cost_usd": unit_cost("Cost"),
        **NAMES,
        "input_tokens": count("Tokens in"),
        "output_tokens": count("Tokens out"),
        "latency_ms": milliseconds("Latency"),
        "trace_link": TRACE,
        "trace_url": HIDDEN,
    },
)

ENDINGS = Table(
    id=5,
    title="How did they end?",
    sql="requests/endings",
    width=10,
    height=11,
    empty=NO_ROWS,
    description=(
        "The newest 2,000 calls by status, error and how their price was found. Next: `no_usage` is a "
        "stream without usage: ask the SDK to send it."
    ),
    columns={
        "status": Column("Status", words=STATUSES),
        "error": Column("Error"),
        "price_status": Column("Price"),
        "calls": count("Calls"),
        "share": Column("Share", SHARE, 1),
        "cost_usd": unit_cost("Cost"),
    },
)

LATENCY = Bars(
    id=6,
    title="How long did they take?",
    sql="requests/latency",
    width=12,
    height=9,
    x="up_to",
    unit=COUNT,
    decimals=0,
    bars={"calls": "Calls"},
    empty=NO_ROWS,
    description=(
        "The newest 2,000 calls by latency. Two hills are two kinds of request. Next: the endpoint that is "
        "slow."
    ),
)

CALLS = Chart(
    id=7,
    title="Requests, calls and errors",
    sql="requests/calls",
    width=12,
    unit=COUNT,
    decimals=0,
    by_segment=False,
    colours={"errors": RED},
    columns=calls_columns(),
    description="Counts of every bucket of the selection. Next: drag over a burst; the lists follow.",
)

TOKENS = Chart(
    id=8,
    title="Tokens per request",
    sql="requests/tokens",
    width=12,
    unit=COUNT,
    decimals=0,
    by_segment=False,
    columns={"tokens_per_request": Column("tokens per request")},
    description="Input and output tokens of a request. Next: a rise is a longer context or longer answers.",
)

SUCCESS = Chart(
    id=9,
    title="Success",
    sql="requests/success",
    width=12,
    unit=SHARE,
    decimals=1,
    by_segment=False,
    columns={"success_ratio": Column("success", steps=SUCCESS_STEPS)},
    description=(
        "Successes of successes and errors; cancelled calls stand apart. Next: the endings name the error."
    ),
)

PAGE = Page(
    UID,
    "What do the single calls behind the figures look like?",
    [[state(1)], [FIGURES], [NEWEST], [DEAREST, ENDINGS], [CALLS, LATENCY], [TOKENS, SUCCESS]],
)
