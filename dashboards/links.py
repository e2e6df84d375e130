"""Links between dashboards: every hop carries the absolute window, the selection and the focus."""

from __future__ import annotations

from collections.abc import Mapping

SELECTION = ("env", "data_mode", "baseline", "service")
FOCUS = ("endpoint", "prompt_version", "user", "tenant", "model")
CALLS = "spanledger-requests"
LIST = {
    "status": "*", "error": "*", "price": "*", "conversation": "*", "latency": "*", "order": "newest",
    "page": "1",
}  # fmt: skip
"""What only the list of calls has (which of them, their order, the page), and how a fresh visit begins."""

Link = dict[str, object]

WINDOW = ("${__from}", "${__to}")
BUCKET = ("${__value.time}", "${__data.fields.until_ms.numeric}")
"""The window of a point of a chart: its query names the end of every bucket (`genai.usage_chart`)."""
BUCKET_BEFORE = ("${__data.fields.before_from_ms.numeric}", "${__data.fields.before_until_ms.numeric}")
"""The window of a point of the baseline, which a chart draws elsewhere (`genai.now_and_before`)."""
ROW_WINDOW = ("${__data.fields.from_ms.numeric}", "${__data.fields.until_ms.numeric}")
"""The window that a row names."""
MONTH = ("${__to:date:YYYYMM}01", "${__to}")
"""The month (UTC) in which the range ends, up to there."""
MONTHLY = ("spanledger-month", "spanledger-budgets")
"""Dashboards that begin with the month."""
SERIES = "${__field.labels.focus:percentencode}"
"""The value behind the name of a series."""


def field(name: str) -> str:
    """The value of a column in the clicked row, safe in an address."""
    return f"${{__data.fields.{name}:percentencode}}"


def dashboard_url(uid: str, has_focus: bool, **values: str) -> str:
    """The address of a dashboard.

    Versions belong to an endpoint: a link that sets another endpoint leaves the version behind.

    Args:
        uid: of the dashboard, or a column's value in Grafana's notation.
        has_focus: whether the page with the link has focus variables to hand on; else the target has none.
        values: variables by name that the link sets to something else than the page's own; a column in the
            form `:raw` is the whole part of the address (several environments are several parts).
    """
    # The list of calls begins afresh, whatever a reader left behind there.
    if "endpoint" in values:
        values = {"prompt_version": "*", **values}
    return _address(uid, has_focus, MONTH if uid in MONTHLY else WINDOW, values)


def _address(uid: str, has_focus: bool, window: tuple[str, str], values: Mapping[str, str]) -> str:
    parts = [f"from={window[0]}", f"to={window[1]}", "timezone=utc"]
    for name in SELECTION + FOCUS:
        if name in values:
            parts.append(values[name] if values[name].endswith(":raw}") else f"var-{name}={values[name]}")
        elif name in SELECTION or has_focus:
            parts.append(f"${{{name}:queryparam}}")
        else:
            parts.append(f"var-{name}=*")
    if uid == CALLS:
        parts += [f"var-{name}={values.get(name, fresh)}" for name, fresh in LIST.items()]
    return f"/d/{uid}?" + "&".join(parts)


def data_link(title: str, url: str) -> Link:
    """A link of a table's cell or a stat; one click follows it (Grafana 11.6 and newer)."""
    return {"title": title, "url": url, "targetBlank": False, "oneClick": True}


def focus_link(title: str, uid: str, has_focus: bool = True, **columns: str) -> Link:
    """A link to a dashboard with variables set from columns of the clicked row: variable → column."""
    return data_link(title, dashboard_url(uid, has_focus, **{name: field(c) for name, c in columns.items()}))


def row_window_link(title: str, uid: str, has_focus: bool, **columns: str) -> Link:
    """A link to the window of the clicked row: its columns `from_ms` and `until_ms`.

    Args:
        columns: variable → column of the row, for what the link sets to something else than the page's own.
    """
    values = {name: field(column) for name, column in columns.items()}
    return data_link(title, _address(uid, has_focus, ROW_WINDOW, values))


def place_link(title: str, uid: str) -> Link:
    """A link to the row's own window, selection, baseline and focus: an alert's or an incident's."""
    own = {name: name for name in ("data_mode", "baseline", "service", *FOCUS)}
    return row_window_link(title, uid, False, env="environment", **own)


def bucket_link(
    title: str, uid: str, has_focus: bool, series: str | None = None, window: tuple[str, str] = BUCKET
) -> Link:
    """A link of a chart: the window of the clicked bucket; the clicked series becomes the focus `series`.

    The rest of the focus is what narrowed the chart, so all of it travels along.
    """
    values = {series: SERIES} if series else {}
    return data_link(title, _address(uid, has_focus, window, values))


def list_link(title: str, **values: str) -> Link:
    """A link within the list of calls: all of its page is kept but the values that are set.

    Another list of calls begins with its first page.
    """
    kept = {name: f"${{{name}:percentencode}}" for name in LIST}
    return data_link(title, dashboard_url(CALLS, True, **{**kept, "page": "1", **values}))
