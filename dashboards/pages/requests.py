"""Requests: the single calls behind the figures."""

from __future__ import annotations

from dashboards import common_panels as shared
from dashboards.first_screen import notes
from dashboards.links import data_link
from dashboards.page import Page
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
NO_ROWS = "No single calls in this selection. They are kept for a shorter time than totals; see the notice."


WIDTHS = {"endpoint": 170, "prompt_version": 120, "model": 190, "tenant": 110, "user": 130}
NAMES = {focus: named(focus, width=width) for focus, width in WIDTHS.items()}

FIGURES = shared.selection(
    2,
    "requests/figures",
    "All calls of the selection, not only those listed below. Next: look at single calls in the lists.",
)

WELL = shared.details(
    20,
    "requests/figures",
    "Requests, how many succeeded, how many calls that took, their tokens and latency. Next: Requests lists "
    "the calls.",
)

NEWEST = Table(
    id=3,
    title="The newest calls",
    sql="requests/newest",
    width=24,
    height=14,
    empty=NO_ROWS,
    description=(
        "At most fifty, newest first. A missing cost is unknown, and `Price` says why. Next: open the call's "
        "bill (needs `public_url`) or its trace (needs `trace_url`)."
    ),
    columns={
        "time": Column("Time", TIME),
        "status": Column("Status", words=STATUSES, width=90),
        **NAMES,
        "cost_usd": unit_cost("Cost"),
        "price_status": Column("Price", width=150),
        "input_tokens": count("Tokens in"),
        "cache_read_tokens": count("Cached"),
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

MOST_EXPENSIVE = Table(
    id=4,
    title="The most expensive calls",
    sql="requests/most_expensive",
    width=24,
    height=9,
    empty=NO_ROWS,
    description=(
        "The twenty most expensive of the newest 2,000 calls of the selection. Next: many input tokens mean "
        "a long context."
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
        "The newest 2,000 calls by status, error and price status. Next: `no_usage` is a stream that "
        "reported no usage: ask the SDK to include it."
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
        "The newest 2,000 calls by latency. Two peaks are two kinds of request. Next: focus on the slow "
        "endpoint."
    ),
)

CALLS = shared.counts(
    7,
    "requests/calls",
    "Counts per bucket of the selection. Next: drag over a burst; the lists follow.",
)

TOKENS = shared.of_selection(
    8,
    shared.TOKENS,
    "Tokens per request",
    "requests/tokens",
    "Input and output tokens per request. Next: a rise means a longer context or longer answers.",
    "tokens_per_request",
    Column("tokens per request"),
    width=24,
)

SUCCESS = shared.of_selection(
    9,
    shared.SUCCESS,
    "Success",
    "requests/success",
    "Successes divided by successes and errors; cancelled calls are left out. Next: the endings name the "
    "error.",
    "success_ratio",
    Column("success", steps=SUCCESS_STEPS),
)

PAGE = Page(
    UID,
    "What do the single calls behind the figures look like?",
    [
        [FIGURES],
        [notes(1)],
        [WELL],
        [NEWEST],
        [MOST_EXPENSIVE],
        [CALLS, SUCCESS],
        [ENDINGS, LATENCY],
        [TOKENS],
    ],
)
