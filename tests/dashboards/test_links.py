"""A crawler over every link: where it leads exists, and nothing that the reader chose is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from dashboards.links import CALLS, FOCUS, LIST, MONTHLY, SELECTION
from tests.dashboards.browser import encode, follow
from tests.dashboards.files import DEFAULTS, dashboards, panels
from tests.dashboards.macros import Value

END = datetime(2026, 5, 4, 12, 0, 0, 500_000, UTC)
WINDOW = (END - timedelta(hours=3), END)
AWKWARD = """a b&c#d+e/f?g=h"i'j%k\\l ü {m,n} $o"""

CHOSEN: dict[str, Value] = {
    "env": ["prod", "staging & co"], "data_mode": "demo", "baseline": "168h", "service": AWKWARD,
    **{name: f"{AWKWARD} {name}" for name in (*FOCUS, *LIST)},
}  # fmt: skip
ROW = {
    "environment": "st+aging", "data_mode": "te#st", "focus_uid": "spanledger-prompts", "name": AWKWARD,
    "service": "other & service", "baseline": "24 h",
    "time": "1777888800000", "until_ms.numeric": "1777892400000",
    "from_ms.numeric": "1777888800000",
    "before_from_ms.numeric": "1777802400000", "before_until_ms.numeric": "1777806000000",
    "latency": "0.4-0.8",
    "focus": "se&ries",
    "conversation": "ses&sion", "status": "err&or", "error": "a=b", "price_status": "no usage",
    "price": "un&priced",
    "next_page": "3", "previous_page": "1",
    "environments": "var-env=prod&var-env=staging%20%26%20co",
    **{name: f"row {AWKWARD} {name}" for name in FOCUS},
}  # fmt: skip


class Link(NamedTuple):
    """A link, and what it is on."""

    dashboard: str
    where: str
    title: str
    url: str
    blank: bool

    def __str__(self) -> str:
        return f"{self.dashboard}/{self.where}/{self.title}"


def links() -> Iterator[Link]:
    for uid, dashboard in dashboards().items():
        for link in dashboard["links"]:
            yield Link(uid, "dashboard", link["title"], link["url"], link["targetBlank"])
        for panel in panels(dashboard):
            yield from (
                Link(uid, panel["title"], e["title"], e["url"], False) for e in panel.get("links", [])
            )
            for override in panel.get("fieldConfig", {}).get("overrides", []):
                for setting in override["properties"]:
                    if setting["id"] == "links":
                        for each in setting["value"]:
                            assert each["oneClick"] is True
                            where = f"{panel['title']}.{override['matcher']['options']}"
                            yield Link(uid, where, each["title"], each["url"], each["targetBlank"])


def internal() -> list[Link]:
    return [link for link in links() if link.url.startswith("/")]


def is_bucket(link: Link) -> bool:
    """Whether it opens the window of a bucket; what narrows the chart travels along, the version too."""
    return "until_ms.numeric}&" in link.url


def window_of(link: Link) -> tuple[str, str]:
    """Where it leads: a series of the baseline is drawn elsewhere and leads to where it was."""
    if "&to=${__data.fields.before_until_ms.numeric}&" in link.url:
        return ("1777802400000", "1777806000000")
    return ("1777888800000", "1777892400000") if is_bucket(link) else ("1777885200500", "1777896000500")


def variables_of(uid: str) -> set[str]:
    return {variable["name"] for variable in dashboards()[uid]["templating"]["list"]}


def test_there_are_links_and_only_those_to_traces_and_own_pages_leave() -> None:
    assert len(internal()) > 80
    assert {link.url for link in links()} - {link.url for link in internal()} == {
        "${__data.fields.trace_url:raw}",
        "${__data.fields.call_url:raw}",
        "${__data.fields.page_url:raw}",
        "${__data.fields.incident_url:raw}",
    }


@pytest.mark.parametrize("link", internal(), ids=str)
def test_a_link_keeps_window_selection_and_focus(link: Link) -> None:
    has = variables_of(link.dashboard)
    visit = follow(link.url, WINDOW, {name: value for name, value in CHOSEN.items() if name in has}, ROW)
    _, _, target = visit.path.partition("/d/")
    assert target in dashboards(), link
    window = window_of(link)
    if target in MONTHLY and not is_bucket(link):
        window = ("20260501", window[1])
    assert (*visit.parameters["from"], *visit.parameters["to"]) == window
    assert visit.parameters["timezone"] == ["utc"]
    given = {
        name.removeprefix("var-"): values for name, values in visit.parameters.items() if name[:4] == "var-"
    }
    assert set(given) == {*SELECTION, *FOCUS, *(LIST if target == CALLS else ())}
    for name, values in given.items():
        _check(link, name, values, has)
    assert not link.blank


def _check(link: Link, name: str, values: list[str], has: set[str]) -> None:
    """A variable is the row's where the link sets it, else the page's own, else nothing."""
    if name in LIST and f"var-{name}=${{{name}:" not in link.url and f"var-{name}=${{" not in link.url:
        assert f"var-{name}={values[0]}" in link.url, link
    elif f"var-{name}=${{{name}:percentencode}}" in link.url:
        assert values == [CHOSEN[name]], link
    elif f"var-{name}=" in link.url and f"var-{name}=*" not in link.url:
        column = link.url.partition(f"var-{name}=")[2].partition("&")[0]
        field = column.rpartition(".")[2].removesuffix(":percentencode}")
        assert values == [ROW[field]], link
    elif name == "prompt_version" and "var-endpoint=${" in link.url and not is_bucket(link):
        assert values == ["*"], f"{link}: a version of another endpoint"
    elif name in has:
        chosen = CHOSEN[name]
        assert values == ([chosen] if isinstance(chosen, str) else list(chosen)), link
    else:
        assert values == ["*"], link


@pytest.mark.parametrize("uid", sorted(dashboards()))
def test_the_target_of_a_focus_has_the_variables_that_are_set(uid: str) -> None:
    for link in internal():
        if f"/d/{uid}?" in link.url:
            set_by_row = {
                part[4:].partition("=")[0]
                for part in link.url.split("&")
                if part.startswith("var-") and "__data.fields" in part
            }
            assert set_by_row <= variables_of(uid), link


@pytest.mark.parametrize("uid", sorted(dashboards()))
def test_every_dashboard_leads_to_every_other(uid: str) -> None:
    reached = {link.url.partition("/d/")[2].partition("?")[0] for link in internal() if link.dashboard == uid}
    assert set(dashboards()) - {uid} <= reached


@pytest.mark.parametrize("uid", sorted(dashboards()))
def test_the_variables_have_the_names_and_defaults_that_links_count_on(uid: str) -> None:
    found: dict[str, Mapping[str, Any]] = {v["name"]: v for v in dashboards()[uid]["templating"]["list"]}
    if paused := found.pop("paused", None):
        assert (paused["skipUrlSync"], paused["hide"]) == (True, 2), "no link sets it, no one chooses it"
    assert set(found) in ({*SELECTION}, {*SELECTION, *FOCUS}, {*SELECTION, *FOCUS, *LIST})
    assert {name: found[name]["current"]["value"] for name in found} == {n: DEFAULTS[n] for n in found}
    assert all(not v.get("skipUrlSync") and not v.get("hide") for v in found.values())


def test_a_prompt_version_never_travels_without_its_endpoint() -> None:
    for link in internal():
        if "var-prompt_version=${" in link.url and not is_bucket(link):
            assert "var-endpoint=${__data.fields.endpoint:percentencode}" in link.url


def test_every_bar_and_point_leads_somewhere() -> None:
    linked = {link.where.removesuffix(".number") for link in internal()}
    charts = {
        panel["title"]
        for dashboard in dashboards().values()
        for panel in panels(dashboard)
        if panel["type"] in ("timeseries", "barchart")
    }
    assert charts <= linked


def test_awkward_values_survive_the_address() -> None:
    assert encode("a b&c#d+e/f'(!)*") == "a%20b%26c%23d%2Be%2Ff%27%28%21%29%2A"
