"""A dashboard: one question, its panels in rows, and what all dashboards share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from dashboards.links import dashboard_url
from dashboards.panels import Panel
from dashboards.queries import DATASOURCE, PAUSED, SqlQuery, panel_statement
from dashboards.variables import variables

COLUMNS = 24

TITLES = {
    "spanledger-overview": "Overview",
    "spanledger-compare": "Compare",
    "spanledger-endpoints": "Top Endpoints",
    "spanledger-prompts": "Prompt Versions",
    "spanledger-users": "Top Users and Tenants",
    "spanledger-models": "Models and Pricing",
    "spanledger-month": "Month",
    "spanledger-budgets": "Budgets",
    "spanledger-requests": "Requests",
    "spanledger-alerts-inbox": "Alerts Inbox",
    "spanledger-incidents": "Incidents",
    "spanledger-freshness": "Freshness",
    "spanledger-quality": "Tracking quality",
}
"""Every dashboard by uid, in the order of the path."""
BUTTONS = {
    "spanledger-endpoints": "Endpoints",
    "spanledger-prompts": "Prompts",
    "spanledger-users": "Users",
    "spanledger-models": "Models",
    "spanledger-alerts-inbox": "Inbox",
    "spanledger-quality": "Quality",
}
"""Short words for the buttons, where the title is long: all of them are to stand in one line at 1,440."""


@dataclass(frozen=True, slots=True)
class Page:
    """One dashboard.

    Attributes:
        question: what it answers, in a sentence.
        rows: panels from left to right; the widths of a row sum to 24.
    """

    uid: str
    question: str
    rows: Sequence[Sequence[Panel]]
    has_focus: bool = True
    start: str = "now-24h"
    end: str = "now"
    refresh: str = "1m"

    def build(self) -> Any:
        """The SDK's model of the dashboard."""
        page = (
            build.Dashboard(f"Spanledger: {TITLES[self.uid]}")
            .uid(self.uid)
            .description(self.question)
            .tags(["spanledger"])
            .timezone("utc")
            .readonly()
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .time(self.start, self.end)
            .refresh(self.refresh)
            .live_now(False)
            .variables(variables(self.uid, self.has_focus))
            .annotation(_annotations(self.uid, self.has_focus))
            .annotation(_alert_annotations(self.uid, self.has_focus))
            .links(self._links())
        )
        top = 0
        for row in self.rows:
            left = 0
            for panel in row:
                place = model.GridPos(h=panel.height, w=panel.width, x=left, y=top)
                page = page.with_panel(panel.builder(self.uid, self.has_focus).grid_pos(place))
                left += panel.width
            top += max(panel.height for panel in row)
        return _out_of_addresses(_in_sight(page.build()))

    def _links(self) -> list[Any]:
        return [
            build.DashboardLink(BUTTONS.get(uid, title))
            .type(model.DashboardLinkType.LINK)
            .tooltip(f"{title}, with this range, selection and focus")
            .url(dashboard_url(uid, self.has_focus))
            .as_dropdown(False)
            .target_blank(False)
            .include_vars(False)
            .keep_time(False)
            for uid, title in TITLES.items()
            if uid != self.uid
        ]


def _in_sight(dashboard: Any) -> Any:
    """Keep links and annotations beside the variables: the SDK puts them into a menu that no one opens."""
    for each in (*dashboard.links, *dashboard.annotations.list_val):
        each.placement = None
    return dashboard


def _out_of_addresses(dashboard: Any) -> Any:
    """Who paused a dashboard is asked anew wherever a link is opened; the SDK's builder cannot say so."""
    for variable in dashboard.templating.list_val:
        variable.skip_url_sync = True if variable.name == PAUSED else variable.skip_url_sync
    return dashboard


def _annotations(uid: str, has_focus: bool) -> Any:
    name = "common/annotations" if has_focus else "common/annotations_all"
    return (
        build.AnnotationQuery()
        .name("Prompt versions first seen")
        .datasource(DATASOURCE)
        .enable(True)
        .hide(False)
        .icon_color("blue")
        .target(SqlQuery(panel_statement(name, uid), ref_id="Anno"))
    )


def _alert_annotations(uid: str, has_focus: bool) -> Any:
    name = "common/alert_annotations" if has_focus else "common/alert_annotations_all"
    return (
        build.AnnotationQuery()
        .name("Alerts and incidents")
        .datasource(DATASOURCE)
        .enable(True)
        .hide(False)
        .icon_color("red")
        .target(SqlQuery(panel_statement(name, uid), ref_id="Alerts"))
    )
