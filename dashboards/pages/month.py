"""Month: what will this month cost, and who pays for it?"""

from __future__ import annotations

from dashboards.first_screen import hidden, money, notes, signed
from dashboards.links import focus_link
from dashboards.page import Page
from dashboards.panels import COUNT, SHARE, USD, Bars, Chart, Column, Stats, Table
from dashboards.styles import SOME_STEPS, UNCERTAIN_STEPS, named, share_bar, spend

UID = "spanledger-month"

MONTH = Stats(
    id=2,
    title="What will this month cost?",
    sql="month/state",
    width=24,
    height=4,
    description=(
        "The month (UTC) in which the range ends. Projection: spend so far plus, for each remaining day, the "
        "mean of the last seven full days; none before the first full day. Next: open Compare if the "
        "projection is above last month."
    ),
    columns={
        "month": Column("Month", "time:YYYY-MM"),
        "spent_usd": spend("So far"),
        "projected_usd": spend("Projected"),
        "last_month_to_date_usd": spend("Last month, up to here"),
        "last_month_usd": spend("Last month"),
        "projected_ratio": Column("Projected / last month", SHARE, 0),
    },
)

INVOICE = Stats(
    id=3,
    title="What will the providers bill?",
    sql="month/invoice",
    width=24,
    height=5,
    description=(
        "Invoice scope: real and test data of all environments, which is what providers bill, beside the "
        "selection above. Next: compare it with the invoice, which also has the calls without a price."
    ),
    columns={
        "invoice_usd": spend("Invoice scope"),
        "spent_usd": spend("Selection"),
        "outside_usd": spend("Outside the selection"),
        "unpriced_calls": Column("Calls without a price", COUNT, 0, steps=SOME_STEPS),
        "uncertain_share": Column("Uncertain usage", SHARE, 1, steps=UNCERTAIN_STEPS),
        "unread_spans": Column("Unread spans", COUNT, 0, steps=SOME_STEPS),
    },
)

DAYS = Chart(
    id=4,
    title="Spend by day",
    sql="month/days",
    width=14,
    unit=USD,
    decimals=2,
    stacked=True,
    description=(
        "Days (UTC) of the month by endpoint, the seven most expensive by name. Next: open a high day in "
        "Overview."
    ),
)

HISTORY = Bars(
    id=5,
    title="The last twelve months",
    sql="month/history",
    width=10,
    height=9,
    x="month",
    unit=USD,
    decimals=2,
    bars={"cost_usd": "Spend"},
    description=(
        "Spend of each month with data; the last one is not over. Next: open a month as a range in Compare."
    ),
)


def _by(panel_id: int, dimension: str, title: str, link: Column, next_step: str) -> Table:
    return Table(
        id=panel_id,
        title=title,
        sql=f"month/{dimension}s",
        width=12,
        height=9,
        description=(
            f"The month so far by {dimension}, beside the previous month up to the same point. Next: "
            f"{next_step}"
        ),
        columns={
            dimension: link,
            "spend": money("So far", width=95),
            "cost_share": share_bar(),
            "before": money("Month before", width=105),
            "change": signed("Change", width=95),
            **hidden("cost_usd", "last_month_to_date_usd", "delta_usd", "calls"),
        },
    )


TENANTS = _by(
    6,
    "tenant",
    "By tenant",
    named("tenant", has_focus=False),
    "a name opens Top Users and Tenants.",
)
SERVICES = _by(
    7,
    "service",
    "By service",
    Column(
        "Service",
        link=focus_link("Compare ${__data.fields.service}", "spanledger-compare", False, service="service"),
    ),
    "a name opens Compare for the service.",
)
ENDPOINTS = _by(
    8,
    "endpoint",
    "By endpoint",
    named("endpoint", has_focus=False),
    "a name opens Top Endpoints.",
)
MODELS = _by(
    9,
    "model",
    "By model",
    named("model", has_focus=False),
    "a name opens Models and Pricing.",
)

PAGE = Page(
    UID,
    "What will this month cost, and who pays for it?",
    [
        [MONTH],
        [notes(1, "common/notes_all")],
        [INVOICE],
        [DAYS, HISTORY],
        [TENANTS, SERVICES],
        [ENDPOINTS, MODELS],
    ],
    has_focus=False,
    start="now/M",
    refresh="15m",
)
