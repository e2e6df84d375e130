"""Requests: the single calls behind the figures."""

from __future__ import annotations

from dashboards import common_panels as shared
from dashboards.links import data_link
from dashboards.page import Page, state
from dashboards.panels import COUNT, SHARE, TIME, Bars, Column, Table
from dashboards.styles import (
    STATUSES,
    SUCCESS_STEPS,
    count,
    milliseconds,
    named,
    unit_cost,
)

UID = "spanledger-requests"
PAGE_OF_CALL = Column("Bill", width=80, link=data_link("Explain this call", "${__data.fields.call_url:raw}"))
TRACE = Column("Trace", width=100, link=data_link("Open the trace", "${__data.fields.trace_url:raw}"))
HIDDEN = Column(hidden=True)
NO_ROWS = (
    "No single calls in this selection: they are kept for a shorter time than totals, as the notice says."
)


WIDTHS = {"endpoint": 170, "prompt_version": 120, "model": 190, "tenant": 110, "user": 130}
NAMES = {focus: named(focus, width=width) for focus, width in WIDTHS.items()}

FIGURES = shared.selection(
    2,
    "requests/figures",
    "All calls of the selection, not only those listed below. Next: the lists show what one looks like.",
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
        "its bill, where `public_url` is configured, or its trace, where `trace_url` is."
    ),
    columns={
        "time": Column("Time", TIME),
        "status": Column("Status", words=STATUSES, width=90),
        **NAMES,
        "cost_usd": unit_cost("Cost"),
        "price_status": Column("Price", width=150),
        "input_tokens": count("Tokens in"),
        "cache_read_tokens": count("of it cached"),
        "output_tokens": count("Tokens out"),
        "latency_ms": milliseconds("Latency"),
        "error": Column("Error", width=150),
        "attempt": count("Attempt"),
        "request_id": Column("Request", width=160),
        "trace_id": Column("Trace id", width=280),
        "call_link": PAGE_OF_CALL,
        "trace_link": TRACE,
        "call_url": HIDDEN,
        "trace_url": HIDDEN,
    },
)

DEAREST = Table(
    id=4,
    title="The dearest calls",
    sql="requests/dearest",
    width=24,
    height=9,
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
        "call_link": PAGE_OF_CALL,
        "trace_link": TRACE,
        "call_url": HIDDEN,
        "trace_url": HIDDEN,
    },
)

ENDINGS = Table(
    id=5,
    title="How did they end?",
    sql="requests/endings",
    width=10,
    height=9,
    empty=NO_ROWS,
    description=(
        "The newest 2,000 calls by status, error and how their price was found. Next: `no_usage` is a "
        "stream without usage: ask the SDK to send it."
    ),
    columns={
        "status": Column("Status", words=STATUSES, width=90),
        "error": Column("Error"),
        "price_status": Column("Price", width=150),
        "calls": count("Calls"),
        "share": Column("Share", SHARE, 1),
        "cost_usd": unit_cost("Cost"),
    },
)

LATENCY = Bars(
    id=6,
    title="How long did they take?",
    sql="requests/latency",
    width=14,
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

CALLS = shared.counts(
    7,
    "requests/calls",
    "Counts of every bucket of the selection. Next: drag over a burst; the lists follow.",
)

TOKENS = shared.of_selection(
    8,
    shared.TOKENS,
    "Tokens per request",
    "requests/tokens",
    "Input and output tokens of a request. Next: a rise is a longer context or longer answers.",
    "tokens_per_request",
    Column("tokens per request"),
    width=24,
)

SUCCESS = shared.of_selection(
    9,
    shared.SUCCESS,
    "Success",
    "requests/success",
    "Successes of successes and errors; cancelled calls stand apart. Next: the endings name the error.",
    "success_ratio",
    Column("success", steps=SUCCESS_STEPS),
)

PAGE = Page(
    UID,
    "What do the single calls behind the figures look like?",
    [[state(1)], [FIGURES], [NEWEST], [DEAREST], [CALLS, SUCCESS], [ENDINGS, LATENCY], [TOKENS]],
)
