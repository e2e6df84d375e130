"""Top Users and Tenants: does one of them make the spend?"""

from __future__ import annotations

from dashboards import common_panels as shared
from dashboards.first_screen import hidden, money, notes, page_column, per_unit, signed
from dashboards.links import dashboard_url, data_link, field
from dashboards.page import Page
from dashboards.panels import SHARE, Column, Table
from dashboards.styles import (
    CONCENTRATION_STEPS,
    IDENTITY_STATES,
    SAMPLES,
    SUCCESS_STEPS,
    calls_of,
    count,
    milliseconds,
    named,
    share_bar,
)
from dashboards.widths import column_width

UID = "spanledger-users"
CALLS_OF_A_CONVERSATION = data_link(
    "List its calls", dashboard_url("spanledger-requests", True, conversation=field("conversation"))
)
NO_IDENTITY = "No calls in this selection. An identity with a prompt version needs single calls."

FIGURES = shared.selection(
    2,
    "users/figures",
    "Spend of the chosen tenant or user (or of all), and its drift against the baseline. Next: the tables "
    "below show who it is.",
    NO_IDENTITY,
)

WELL = shared.details(
    20,
    "users/figures",
    "Requests, how many succeeded, how many calls that took, their tokens and latency. Next: Requests lists "
    "the calls.",
)

CONCENTRATION = Table(
    id=3,
    title="Does one of them make the spend?",
    sql="users/concentration",
    width=24,
    height=4,
    description=(
        "Shares of the most expensive tenant and user, and of unattributed calls. Shares of 40% and more "
        "are marked. Next: throttle the tenant, or tag the unattributed calls."
    ),
    columns={
        "top_tenant": Column("Top tenant"),
        "top_tenant_share": Column("Tenant's share", SHARE, 1, steps=CONCENTRATION_STEPS),
        "top_user": Column("Top user"),
        "top_user_share": Column("User's share", SHARE, 1, steps=CONCENTRATION_STEPS),
        "no_tenant_share": Column("Without a tenant", SHARE, 1),
        "no_user_share": Column("Without a user", SHARE, 1),
        "tenants": count("Tenants"),
        "users": count("Users"),
    },
)


def _columns(*names: str) -> dict[str, Column]:
    return {
        **{f"{focus}_name": named(focus) for focus in names},
        "spend": money("Spend"),
        "cost_share": share_bar(CONCENTRATION_STEPS),
        "baseline_cost_share": Column("Before", SHARE, 1),
        "change": signed("Change"),
        "calls": calls_of(*names),
        "unit_cost": per_unit("Per request"),
        "success_ratio": Column("Success", SHARE, 1, steps=SUCCESS_STEPS),
        "state": Column("State", words=IDENTITY_STATES),
        **hidden(*names, "cost_usd", "delta_usd", "cost_per_request_usd"),
    }


TENANTS = Table(
    id=4,
    title="Which tenant?",
    sql="users/tenants",
    width=24,
    height=9,
    description=(
        "Tenants by spend; the tenant in focus does not narrow the list. `unknown` (unattributed) never "
        "counts as concentrated. Next: a name sets the focus."
    ),
    columns=_columns("tenant") | dict(page_column("this tenant")),
)

USERS = Table(
    id=5,
    title="Which user?",
    sql="users/users",
    width=24,
    height=9,
    description=(
        "Users of the tenant in focus by spend; shown as hashes unless labels are configured. Next: a name "
        "sets the focus; `spanledger identity hash` prints the hash of a user you suspect."
    ),
    columns=_columns("user", "tenant") | dict(page_column("this user")) | dict(hidden("baseline_cost_share")),
)

BY_TENANT = shared.over_time(
    6,
    shared.SPEND,
    "Spend by tenant",
    "users/spend_by_tenant",
    "Spend per hour by tenant, the seven most expensive by name. Next: zoom to where one of them grows.",
    series="tenant",
    height=shared.FIRST_SCREEN,
)

BY_USER = shared.over_time(
    7,
    shared.SPEND,
    "Spend by user",
    "users/spend_by_user",
    "Spend per hour by user, the seven most expensive by name. Next: zoom to where one of them grows.",
    series="user",
    height=shared.FIRST_SCREEN,
)

ENDPOINTS = Table(
    id=8,
    title="What do they use?",
    sql="users/endpoints",
    width=12,
    height=9,
    description=(
        "Endpoints of the selection by their change. Next: a name opens Top Endpoints and keeps the identity."
    ),
    columns={
        "endpoint": named("endpoint"),
        "spend": money("Spend"),
        "change": signed("Change"),
        "calls": calls_of("endpoint"),
        **hidden("cost_usd", "delta_usd", "top_term"),
    },
)

MODELS = shared.models(
    9,
    "Which models answer them?",
    "users/models",
    "Models of the selection. Next: a name opens Models and Pricing and keeps the identity.",
    height=9,
)

REPOSITORY = column_width("Repository", SAMPLES["endpoint"])
NO_CONVERSATION = "No call of this selection names a conversation (gen_ai.conversation.id or a session)."

CONVERSATIONS = Table(
    id=10,
    title="Which conversations? (newest 20,000 calls)",
    sql="users/conversations",
    width=12,
    height=9,
    empty=NO_CONVERSATION,
    description=(
        "Conversations of the newest 20,000 calls of the selection, the most expensive first; a click on the "
        "title of a column sorts by calls or length. Next: an id lists its calls."
    ),
    columns={
        "name": Column("Conversation", link=CALLS_OF_A_CONVERSATION, sample="0a1b2c3d4e5f"),
        "user_name": named("user"),
        "calls": count("Calls"),
        "duration_ms": milliseconds("Lasted"),
        "spend": money("Spend"),
        **hidden("conversation", "user", "cost_usd"),
    },
)

AGENTS = Table(
    id=11,
    title="Which coding agents? (newest 20,000 calls)",
    sql="users/agents",
    width=12,
    height=9,
    empty="No coding agent among the calls of this selection: docs/coding-agents.md says how they report.",
    description=(
        "Claude Code, Codex, Gemini CLI and Copilot among the newest 20,000 calls of the selection, by "
        "developer and repository. Next: a repository opens Top Endpoints."
    ),
    columns={
        "user_name": Column("Developer", link=named("user").link, sample=SAMPLES["user"]),
        "endpoint": Column("Repository", link=named("endpoint").link, width=REPOSITORY),
        "agent": Column("Agent", width=column_width("Agent", "claude_code")),
        "spend": money("Spend"),
        **hidden("user", "calls", "cost_usd"),
    },
)

PAGE = Page(
    UID,
    "Does one user or tenant make the spend?",
    [
        [FIGURES],
        [notes(1)],
        [CONCENTRATION],
        [BY_TENANT, BY_USER],
        [TENANTS],
        [USERS],
        [WELL],
        [ENDPOINTS, MODELS],
        [CONVERSATIONS, AGENTS],
    ],
)
