"""Tracking quality: what do calls lack that figures need, and where?"""

from __future__ import annotations

from dashboards.first_screen import Headline, hidden, notes
from dashboards.links import dashboard_url, data_link, field
from dashboards.page import Page
from dashboards.panels import GREEN, NEUTRAL, ORANGE, RED, SHARE, YELLOW, Column, Steps, Table
from dashboards.styles import count, share

UID = "spanledger-quality"
SCORE_STEPS: Steps = [(None, RED), (80, ORANGE), (95, YELLOW), (99.9, GREEN)]
STATES = {"passes": ("✓", GREEN), "fails": ("✗", ORANGE), "none": ("–", NEUTRAL)}
TITLES = {
    "endpoint": "missing endpoint tag",
    "prompt_version": "missing prompt version",
    "identity": "missing user and tenant",
    "raw_identity": "raw identities",
    "spelling": "inconsistent spellings",
    "test_in_prod": "test or demo data in prod",
    "usage": "missing, estimated or uncertain usage",
    "model": "models without a price",
}
"""The items as `spanledger quality` calls them, which a test holds alike."""
SHORT = {
    "none": ("nothing", GREEN), "endpoint": ("endpoint tag", ORANGE), "prompt_version": ("version", ORANGE),
    "identity": ("identity", ORANGE), "raw_identity": ("raw ids", ORANGE), "spelling": ("spellings", ORANGE),
    "test_in_prod": ("test in prod", ORANGE), "usage": ("usage", ORANGE), "model": ("prices", ORANGE),
}  # fmt: skip
"""The same in a word or two, for large letters."""
REMEDIES = {
    "endpoint": "set endpoint_tag on the span",
    "prompt_version": "set prompt_version on the span",
    "identity": "set tenant.id or user.id",
    "raw_identity": "send an id or your own hash",
    "spelling": "send one spelling of each tag",
    "test_in_prod": "give test runs an environment of their own",
    "usage": "ask for usage in streams (include_usage)",
    "model": "add the model to prices.yaml",
}
ITEMS = {name: (title, NEUTRAL) for name, title in TITLES.items()}
LIST = data_link(
    "List calls like these",
    dashboard_url(
        "spanledger-requests", False, env="${__data.fields.environments:raw}", data_mode=field("data_mode"),
        service=field("service"), endpoint=field("endpoint"), prompt_version=field("prompt_version"),
        price=field("price"),
    ),
)  # fmt: skip
NONE = "No calls in this selection. Look at the environment, the data mode and the range above."

SCORE = Headline(
    id=2,
    title="How good is the tracking?",
    sql="quality/score",
    width=24,
    description=(
        "100 less what each item of the checklist takes: its weight times the share of its calls that fail "
        "(docs/quality.md). Next: begin with the item that takes most."
    ),
    columns={
        "score": Column("Score of 100", "none", 1, steps=SCORE_STEPS),
        "failing": Column("Failing items", "locale", 0, steps=[(None, GREEN), (1, ORANGE)]),
        "calls": count("Calls looked at"),
        "worst": Column("Takes most", words=SHORT),
    },
    empty=NONE,
)

CHECKLIST = Table(
    id=3,
    title="What do calls lack?",
    sql="quality/items",
    width=24,
    height=11,
    description=(
        "Each item with the calls that it looks at and those that fail it. Test data in prod is counted "
        "against all calls of prod. Next: the last column says what to change; the list below says where."
    ),
    empty=NONE,
    columns={
        "state": Column("State", width=60, words=STATES),
        "item": Column("Item", words=ITEMS),
        "calls": count("Calls"),
        "failed": count("Failed"),
        "share": share("Share"),
        "points": Column("Points", "none", 1, width=75),
        "weight": Column("Of", "locale", 0, width=60),
        "remedy": Column(
            "What to change", words={"": ("", NEUTRAL), **{k: (v, NEUTRAL) for k, v in REMEDIES.items()}}
        ),
    },
)

OFFENDERS = Table(
    id=4,
    title="Where?",
    sql="quality/offenders",
    width=24,
    height=12,
    description=(
        "Services and endpoints with failing calls, those that take most from the score first. Missing "
        "identity is known by endpoint only. Next: the item lists calls of that service and endpoint."
    ),
    empty="Nothing: no call of this selection fails an item.",
    columns={
        "item": Column("Item", words=ITEMS, link=LIST),
        "service_shown": Column("Service", wrap=True),
        "endpoint_shown": Column("Endpoint", wrap=True),
        "found": Column("Found", wrap=True),
        "failed": count("Failed"),
        "share": Column("Of its calls", SHARE, 1, width=100),
        **hidden("environments", "data_mode", "service", "endpoint", "prompt_version", "price"),
    },
)

SERVICES = Table(
    id=5,
    title="Which service takes most from the score?",
    sql="quality/services",
    width=24,
    height=8,
    description=(
        "What the failing calls of each service take from the score of the selection, without missing "
        "identity, which is not kept by service. Next: `spanledger quality --service NAME`."
    ),
    empty=NONE,
    columns={
        "service": Column("Service", wrap=True),
        "calls": count("Calls"),
        "points": Column("Points", "none", 1, width=80, steps=[(None, GREEN), (0.05, ORANGE)]),
        "items": Column("Fails", wrap=True),
    },
)

PAGE = Page(
    UID,
    "What do calls lack that figures need, and where?",
    [[SCORE], [notes(1, "common/notes_all")], [CHECKLIST], [OFFENDERS], [SERVICES]],
    has_focus=False,
)
