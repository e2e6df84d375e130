"""SQL of panels, variables and annotations: one file each, put into Grafana's query model."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.models.common import DataSourceRef

from dashboards.paths import CRITICAL, DASHBOARDS, DATASOURCE_UID

PAUSED = "paused"
"""A hidden variable: ` (paused by alice)`, and nothing while the dashboard runs."""
DATASOURCE = DataSourceRef(type_val="grafana-postgresql-datasource", uid=DATASOURCE_UID)


class SqlQuery(Builder[Any]):
    """A query in the model of Grafana's PostgreSQL data source, which the SDK does not describe."""

    def __init__(self, sql: str, result: str = "table", ref_id: str = "A") -> None:
        self._query = {
            "refId": ref_id,
            "datasource": {"type": DATASOURCE.type_val, "uid": DATASOURCE.uid},
            "format": result,
            "rawQuery": True,
            "editorMode": "code",
            "rawSql": sql,
        }

    def build(self) -> UnknownDataquery:
        """The query as the SDK carries what it does not know."""
        return UnknownDataquery(self._query)


def statement(name: str, dashboard_uid: str) -> str:
    """The text of `sql/<name>.sql` without its comments: older servers expand macros in them."""
    text = (DASHBOARDS / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().replace("${dashboard_uid}", dashboard_uid)


def variable_statement(name: str, dashboard_uid: str) -> str:
    """The same for a variable whose first value is `*`: the only one while its dashboard is paused."""
    text = panel_statement(name, dashboard_uid)
    if dashboard_uid in CRITICAL:
        return text
    otherwise = f"SELECT 'all', '*' WHERE NOT (SELECT genai.dashboard_on('{dashboard_uid}'))"
    return f"{text}\nUNION ALL\n{otherwise}"


def panel_title(title: str, dashboard_uid: str) -> str:
    """The title, and who paused the dashboard: Grafana fills variables into titles, not into empty panels."""
    return title if dashboard_uid in CRITICAL or not title else f"{title}${{{PAUSED}}}"


def panel_statement(name: str, dashboard_uid: str) -> str:
    """The same for a panel or marks; on a dashboard that may be paused it first asks whether it is.

    The question is a scalar subquery, so that the plan puts it before everything else and reads nothing while
    paused. The plan is the statement's own below that filter, so the rows keep their order.
    """
    text = statement(name, dashboard_uid)
    if dashboard_uid in CRITICAL or name.startswith("common/notes"):
        return text
    indented = "\n".join("    " + line for line in text.splitlines())
    return (
        f"SELECT * FROM (\n{indented}\n) panel\n"  # noqa: S608
        f"WHERE (SELECT genai.dashboard_on('{dashboard_uid}'))"
    )
