"""The committed dashboards, read as Grafana reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from dashboards.links import LIST, SERIES
from dashboards.paths import dashboard_files

Dashboard = dict[str, Any]

DEFAULTS: dict[str, str | list[str]] = {
    "env": ["prod"], "data_mode": "real", "baseline": "previous", "service": "*", "endpoint": "*",
    "prompt_version": "*", "user": "*", "tenant": "*", "model": "*", **LIST,
}  # fmt: skip


class Query(NamedTuple):
    """One SQL text of a dashboard: `kind` is panel, variable or annotation; `where` names it in messages."""

    dashboard: str
    kind: str
    where: str
    sql: str
    result: str

    def __str__(self) -> str:
        return f"{self.dashboard}/{self.where}"


@cache
def dashboards() -> dict[str, Dashboard]:
    """Every committed dashboard by uid."""
    loaded = [json.loads(path.read_text(encoding="utf-8")) for path in dashboard_files()]
    return {each["uid"]: each for each in loaded}


def panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    """All panels, those of rows included."""
    return [inner for panel in dashboard["panels"] for inner in (panel, *panel.get("panels", []))]


def name_of(panel: dict[str, Any]) -> str:
    """Its title, as it is while nothing is paused; the strip of notes shows none."""
    return panel["title"].removesuffix("${paused}") or "Notes"


def panel_of(query: Query) -> dict[str, Any]:
    """The panel that a panel's query belongs to."""
    (found,) = [each for each in panels(dashboards()[query.dashboard]) if name_of(each) == query.where]
    return found


def leads_by_focus(panel: dict[str, Any]) -> bool:
    """Whether a click on a series of a chart sets a variable to the series' label `focus`."""
    return SERIES in json.dumps(panel["fieldConfig"]["overrides"])


def queries() -> Iterator[Query]:
    """Every SQL text of every dashboard."""
    for uid, dashboard in dashboards().items():
        for panel in panels(dashboard):
            for target in panel.get("targets", []):
                yield Query(uid, "panel", name_of(panel), target["rawSql"], target["format"])
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield Query(uid, "variable", "$" + variable["name"], variable["query"], "table")
        for annotation in dashboard["annotations"]["list"]:
            target = annotation["target"]
            yield Query(uid, "annotation", annotation["name"], target["rawSql"], target["format"])
