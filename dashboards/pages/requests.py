"""Requests: the single calls behind the figures."""

from __future__ import annotations

from dashboards import common_panels as shared
from dashboards.first_screen import hidden, notes
from dashboards.links import data_link, field, list_link
from dashboards.page import Page
from dashboards.panels import COUNT, GREEN, RED, YELLOW, Bars, Column, Table
from dashboards.styles import (
    SAMPLES,
    STATUSES,
    SUCCESS_STEPS,
    count,
    milliseconds,
    named,
)
from dashboards.widths import column_width

UID = "spanledger-requests"
NO_ROWS = "No single calls in this selection. They are kept for a shorter time than totals; see the notice."
BILL, TRACE = "${__data.fields.call_url:raw}", "${__data.fields.trace_url:raw}"
INCIDENT = "${__data.fields.incident_url:raw}"
LONGEST_LINE = "Calls 9,951 to 10,000 of over 10,000, the most expensive since 11-29 14:54 first"
ORDERS = {
    "newest": "Newest",
    "most_expensive": "Most expensive",
    "slowest": "Slowest",
    "failed_first": "Failed first",
}
ENDED = (("^success$", GREEN), ("^cancelled$", YELLOW), (".+", RED))

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

PAGES = Table(
    id=4,
    title="Which of them?",
    sql="requests/pages",
    width=24,
    height=3,
    header=False,
    empty=NO_ROWS,
    description=(
        "Which calls the list below holds. Every order but the newest first sorts the newest 500,000 calls "
        "of the range; where there are more, the line says since when. Next: turn the page, choose another "
        "order, or a shorter range."
    ),
    columns={
        "shown": Column("Shown", sample=LONGEST_LINE),
        "previous": Column("Previous", width=80, link=list_link("Previous", page=field("previous_page"))),
        "next": Column("Next", width=60, link=list_link("Next page", page=field("next_page"))),
        **{
            order: Column(title, width=column_width("", title), link=list_link(title, order=order))
            for order, title in ORDERS.items()
        },
        **hidden("previous_page", "next_page"),
    },
)  # fmt: skip

LISTED = Table(
    id=3,
    title="Which calls?",
    sql="requests/calls_listed",
    width=24,
    height=14,
    empty=NO_ROWS,
    description=(
        "Fifty calls a page, in the order chosen above. A cost of `unknown` has no price: its bill says why. "
        "Next: open the call's bill (needs `public_url`), which has every field, its trace (needs "
        "`trace_url`), or the open incident that it belongs to."
    ),
    columns={
        "time": Column("Time", "time:MM-DD HH:mm:ss", width=column_width("Time", "11-29 14:54:59")),
        "cost": Column("Cost", width=column_width("Cost", "$0.00000038"), right=True),
        "ended": Column("Ended", width=column_width("Ended", "RateLimitError"), patterns=ENDED),
        "endpoint": named("endpoint", width=column_width("Endpoint", SAMPLES["endpoint"])),
        "model": named("model"),
        "tokens": Column("Tokens", width=column_width("Tokens", "99,999 → 1,234"), right=True),
        "latency_ms": milliseconds("Latency"),
        "call_link": Column("Bill", width=44, link=data_link("Explain this call", BILL)),
        "trace_link": Column("Trace", width=63, link=data_link("Open the trace", TRACE)),
        "incident_link": Column("Open", width=67, link=data_link("Open the call's incident", INCIDENT)),
        **hidden(
            "status", "error", "price_status", "prompt_version", "tenant", "user", "cost_usd", "attempt",
            "input_tokens", "cache_read_tokens", "output_tokens", "request_id", "trace_id", "call_url",
            "trace_url", "incident_url",
        ),
    },
)  # fmt: skip

ENDINGS = Table(
    id=5,
    title="How did they end? (newest 2,000 calls)",
    sql="requests/endings",
    width=12,
    height=9,
    empty=NO_ROWS,
    description=(
        "The newest 2,000 calls by status, error and price status; a number lists these calls. `no_usage` is "
        "a stream that reported no usage. Next: ask its SDK to include it."
    ),
    columns={
        "status": Column("Ended", words=STATUSES),
        "error": Column("Error", sample="openai.RateLimitError"),
        "price_status": Column("Price", width=column_width("Price", "error_without_usage")),
        "calls": Column(
            "Calls",
            COUNT,
            0,
            width=70,
            link=list_link(
                "List these calls", status=field("status"), error=field("error"), price=field("price_status")
            ),
        ),
        **hidden("share", "cost_usd"),
    },
)

LATENCY = Bars(
    id=6,
    title="How long did they take? (newest 2,000 calls)",
    sql="requests/latency",
    width=12,
    height=9,
    link=list_link("List the calls of this bar", latency=field("latency")),
    x="up_to",
    unit=COUNT,
    decimals=0,
    bars={"calls": "Calls"},
    empty=NO_ROWS,
    description=(
        "The newest 2,000 calls by latency: a bar holds the calls up to its time and above the one before. "
        "Two peaks are two kinds of request. Next: a click lists the calls of a bar."
    ),
)

CALLS = shared.counts(
    7,
    "requests/calls",
    "Counts per bucket of the selection. Next: drag over a burst; the lists follow.",
    height=shared.BESIDE_A_LIST,
)

TOKENS = shared.of_selection(
    8,
    shared.TOKENS,
    "Tokens per request",
    "requests/tokens",
    "Input and output tokens per request. Next: a rise means a longer context or longer answers.",
    "tokens_per_request",
    Column("tokens per request"),
)

FIRST_TOKEN = Table(
    id=10,
    title="How soon does an answer begin? (newest 20,000 calls)",
    sql="requests/first_token",
    width=12,
    height=9,
    empty="No call of this selection says when its first token came; only streamed ones can.",
    description=(
        "Time to the first token of streamed calls, among the newest 20,000 of the selection: half of them, "
        "and 95 of 100, waited at most as long. Next: a slow model opens Models and Pricing."
    ),
    columns={
        "model": named("model"),
        "calls": count("Calls"),
        "p50_ms": milliseconds("p50"),
        "p95_ms": milliseconds("p95"),
    },
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
    height=shared.BESIDE_A_LIST,
)

PAGE = Page(
    UID,
    "What do the single calls behind the figures look like?",
    [
        [FIGURES],
        [notes(1)],
        [CALLS, SUCCESS],
        [PAGES],
        [LISTED],
        [WELL],
        [ENDINGS, LATENCY],
        [TOKENS, FIRST_TOKEN],
    ],
)
