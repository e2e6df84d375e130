"""The variables of the dashboards, under the names that links and alerts use."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from dashboards.links import CALLS, FOCUS
from dashboards.paths import CRITICAL
from dashboards.queries import DATASOURCE, PAUSED, statement, variable_statement

ALL = model.VariableOption(selected=True, text="all", value="*")
PRICE_STATUSES = (
    "priced", "free", "estimated", "unpriced_model", "no_usage", "bad_usage", "error_without_usage",
)  # fmt: skip
LABELS = {
    "endpoint": "Endpoint",
    "prompt_version": "Prompt version",
    "user": "User",
    "tenant": "Tenant",
    "model": "Model",
}


def variables(dashboard_uid: str, has_focus: bool) -> list[Any]:
    """env, data_mode, baseline and service; with a focus also endpoint, version, user, tenant and model."""
    common = [
        _environment(dashboard_uid),
        _choice("data_mode", "Data", {"real": "real", "test": "test", "demo": "demo", "all": "*"}),
        _choice(
            "baseline",
            "Against",
            {"the window before": "previous", "a day before": "24h", "a week before": "168h"},
            "What the range is compared with. Or type a distance (36h, 7d) or two times in UTC: "
            "2026-05-04T12:00:00Z..2026-05-04T13:00:00Z",
        ),
        _one("service", "Service", dashboard_uid),
    ]
    if dashboard_uid not in CRITICAL:
        common.append(_paused(dashboard_uid))
    focus = [_one(name, LABELS[name], dashboard_uid) for name in FOCUS] if has_focus else []
    return common + focus + (_list(dashboard_uid) if dashboard_uid == CALLS else [])


def _list(dashboard_uid: str) -> list[Any]:
    """Which calls are listed, in which order, and the page (typed or linked to: any number)."""
    return [
        _choice("status", "Ended", _any_of("success", "error", "cancelled")),
        _one("error", "Error", dashboard_uid),
        _choice("price", "Price", _any_of(*PRICE_STATUSES)),
        _choice("conversation", "Conversation", {"all": "*"}, "The id of a conversation; a link sets it."),
        _choice("latency", "Latency", {"all": "*"}, "Seconds: 0.4-0.8, or 10- for all above; a bar sets it."),
        _choice("order", "Order", {
            "newest": "newest", "most expensive": "most_expensive", "slowest": "slowest",
            "failed first": "failed_first",
        }),
        _choice("page", "Page", {"1": "1"}, "Fifty calls each; links below the figures turn it."),
    ]  # fmt: skip


def _any_of(*values: str) -> dict[str, str]:
    return {"all": "*", **{value: value for value in values}}


def _asked(name: str, sql: str) -> Any:
    """A variable whose values the database tells, anew for every range."""
    return (
        build.QueryVariable(name)
        .query(sql)
        .definition(sql)
        .datasource(DATASOURCE)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _environment(dashboard_uid: str) -> Any:
    """Several at once, few options: `ARRAY[$env]`."""
    return (
        _asked("env", statement("variables/env", dashboard_uid))
        .label("Environment")
        .description("Environments that are counted; several at once add up.")
        .refresh(model.VariableRefresh.ON_DASHBOARD_LOAD)
        .multi(True)
        .include_all(True)
        .current(model.VariableOption(selected=True, text=["prod"], value=["prod"]))
    )


def _paused(dashboard_uid: str) -> Any:
    """What titles say while the dashboard is paused; hidden."""
    return (
        _asked(PAUSED, statement(f"variables/{PAUSED}", dashboard_uid))
        .hide(model.VariableHide.HIDE_VARIABLE)
        .multi(False)
        .include_all(False)
        .current(model.VariableOption(selected=True, text="", value=""))
    )


def _choice(name: str, label: str, values: dict[str, str], description: str = "") -> Any:
    options = [
        model.VariableOption(selected=not place, text=text, value=value)
        for place, (text, value) in enumerate(values.items())
    ]
    return (
        build.CustomVariable(name)
        .label(label)
        .description(description)
        .values(", ".join(f"{text} : {value}" for text, value in values.items()))
        .options(options)
        .current(options[0])
        .multi(False)
        .include_all(False)
    )


def _one(name: str, label: str, dashboard_uid: str) -> Any:
    """One value for a function's argument; `*`, shown as "all", is no filter."""
    return (
        _asked(name, variable_statement(f"variables/{name}", dashboard_uid))
        .label(label)
        .multi(False)
        .include_all(False)
        .current(ALL)
    )
