"""Links between dashboards: every hop carries the absolute window, the selection and the focus."""

from __future__ import annotations

SELECTION = ("env", "data_mode", "baseline", "service")
FOCUS = ("endpoint", "prompt_version", "user", "tenant", "model")

Link = dict[str, object]


def field(name: str) -> str:
    """The value of a column in the clicked row, safe in an address."""
    return f"${{__data.fields.{name}:percentencode}}"


def dashboard_url(uid: str, has_focus: bool, **values: str) -> str:
    """The address of a dashboard.

    Args:
        uid: of the dashboard, or a column's value in Grafana's notation.
        has_focus: whether the page with the link has focus variables to hand on; else the target has none.
        values: variables by name that the link sets to something else than the page's own.
    """
    parts = ["from=${__from}", "to=${__to}", "timezone=utc"]
    for name in SELECTION + FOCUS:
        if name in values:
            parts.append(f"var-{name}={values[name]}")
        elif name in SELECTION or has_focus:
            parts.append(f"${{{name}:queryparam}}")
        else:
            parts.append(f"var-{name}=*")
    return f"/d/{uid}?" + "&".join(parts)


def data_link(title: str, url: str) -> Link:
    """A link of a table's cell or a stat; one click follows it (Grafana 11.6 and newer)."""
    return {"title": title, "url": url, "targetBlank": False, "oneClick": True}


def focus_link(title: str, uid: str, has_focus: bool = True, **columns: str) -> Link:
    """A link to a dashboard with variables set from columns of the clicked row: variable → column."""
    return data_link(title, dashboard_url(uid, has_focus, **{name: field(c) for name, c in columns.items()}))
