"""Month: what will this month cost, and who pays for it?"""

from __future__ import annotations

from dashboards.first_screen import Details, Headline, hidden, money, notes, signed
from dashboards.links import focus_link, row_window_link
from dashboards.page import Page
from dashboards.panels import BLUE, COUNT, NEUTRAL, OFF_THE_CHART, SHARE, USD, Bars, Chart, Column, Table
from dashboards.styles import SOME_STEPS, UNCERTAIN_STEPS, named, share

UID = "spanledger-month"

MONTH = Headline(
    id=2,
    title="What will this month cost?",
    sql="month/state",
    width=24,
    description=(
        "The month (UTC) in which the range ends, against the same days of the month before. Projection: "
        "spend so far plus, for each remaining day, the mean of the last seven full days. Next: open a day "
        "that is too high in Overview."
    ),
    columns={
        "spent": Column("So far"),
        "change": signed("Against the same days before"),
        "projected": Column("Projected"),
        "last_month": Column("Month before, whole"),
        **hidden(
            *("month", "spent_usd", "projected_usd", "last_month_to_date_usd", "last_month_usd"),
            "projected_ratio",
        ),
    },
)

INVOICE = Details(
    id=3,
    title="What will the providers bill?",
    sql="month/invoice",
    width=24,
    description=(
        "Invoice scope: real and test data of all environments, which is what providers bill, and how much "
        "of it the selection above leaves out. Next: compare it with the invoice, which also has the calls "
        "without a price."
    ),
    columns={
        "invoice": Column("Invoice scope"),
        "outside": Column("Not in this selection"),
        "unpriced_calls": Column("Calls without a price", COUNT, 0, steps=SOME_STEPS),
        "uncertain_share": Column("Uncertain usage", SHARE, 1, steps=UNCERTAIN_STEPS),
        "unread_spans": Column("Unread spans", COUNT, 0, steps=SOME_STEPS),
        **hidden("invoice_usd", "outside_usd"),
    },
)

COURSE = Chart(
    id=10,
    title="This month and the one before",
    sql="month/course",
    width=12,
    height=8,
    unit=USD,
    colours={"this month": BLUE, "month before": NEUTRAL},
    leads_to="spanledger-overview",
    leads_how="this day in Overview",
    description=(
        "Spend since the month began, beside that of the month before on the same days. Where the lines "
        "part, the month left its way. Next: click that day to open it in Overview."
    ),
)

DAYS = Chart(
    id=4,
    title="Spend by day",
    sql="month/days",
    width=12,
    height=8,
    unit=USD,
    decimals=2,
    stacked=True,
    leads_to="spanledger-overview",
    leads_how="this day in Overview",
    description=(
        "Days (UTC) of the month by endpoint, the seven most expensive by name. Next: click a high day to "
        "open it in Overview."
    ),
)

HISTORY = Bars(
    id=5,
    title="The last twelve months",
    sql="month/history",
    width=24,
    height=7,
    x="month",
    unit=USD,
    decimals=2,
    bars={"cost_usd": "Spend"},
    columns=dict.fromkeys(["from_ms", "until_ms"], OFF_THE_CHART),
    link=row_window_link("Compare ${__data.fields.month} with what was before", "spanledger-compare", False),
    description="Spend of each month with data; the last one is not over. Next: click a month for Compare.",
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
            "spend": money("So far", width=99),
            "cost_share": share("Share"),
            "change": signed("Change", width=99),
            **hidden("before", "cost_usd", "last_month_to_date_usd", "delta_usd", "calls"),
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
        [COURSE, DAYS],
        [TENANTS, ENDPOINTS],
        [MODELS, SERVICES],
        [INVOICE],
        [HISTORY],
    ],
    has_focus=False,
    start="now/M",
    refresh="15m",
)
