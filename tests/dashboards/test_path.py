"""From the window to the wrong prompt version by links alone, with the figures of `spanledger compare`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from dashboards.links import FOCUS, LIST, MONTHLY
from dashboards.page import BUTTONS
from operations.terminal import camel
from tests.dashboards.browser import follow
from tests.dashboards.files import DEFAULTS, dashboards, panels
from tests.dashboards.macros import Value
from tests.dashboards.shop import ANCHOR
from tests.dashboards.test_values import SINCE, Reader, link_of, rows

Window = tuple[datetime, datetime]
Row = dict[str, Any]


class Place(NamedTuple):
    """What the browser shows: a dashboard with its variables and window, all of it read from the address."""

    reader: Reader
    dashboard: str
    values: dict[str, Value]
    window: Window

    def rows(self, title: str) -> list[Row]:
        """What a panel shows."""
        return rows(self.reader, self.dashboard, title, self.values, self.window)

    def row(self, title: str, wanted: Callable[[Row], bool] = lambda _: True) -> Row:
        """The only row of a panel that is wanted."""
        (found,) = (r for r in self.rows(title) if wanted(r))
        return found

    def click(self, title: str, column: str, row: Row) -> Place:
        """On a cell or a figure."""
        return self._follow(link_of(self.dashboard, title, column), row)

    def click_above(self, title: str) -> Place:
        """On one of the links above the panels."""
        links = dashboards()[f"spanledger-{self.dashboard}"]["links"]
        (url,) = (link["url"] for link in links if link["title"] == title)
        return self._follow(url, {})

    def told(self, dimension: str) -> Any:
        """What `spanledger compare --json` says to the window, the selection and the focus of this place."""
        start, end = (f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}" for moment in self.window)
        arguments = ["compare", "--json", "--by", dimension, "--from", start, "--to", end]
        arguments += ["--env", ",".join(self.values["env"]), "--data-mode", str(self.values["data_mode"])]
        arguments += ["--baseline", str(self.values["baseline"]), "--database-url", self._database()]
        for name in FOCUS:
            if self.values[name] != "*":
                arguments.append(f"--{name.replace('_', '-')}={self.values[name]}")
        done = CliRunner().invoke(build(), arguments)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def _database(self) -> str:
        info = self.reader.info
        return f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"

    def _follow(self, url: str, row: Row) -> Place:
        has = {v["name"] for v in dashboards()[f"spanledger-{self.dashboard}"]["templating"]["list"]}
        own = {name: value for name, value in self.values.items() if name in has}
        visit = follow(url, self.window, own, row)
        given = visit.parameters
        values: dict[str, Value] = {
            name[4:]: value if name == "var-env" else value[0]
            for name, value in given.items()
            if name.startswith("var-")
        }
        start, end = (_moment(given[name][0]) for name in ("from", "to"))
        return Place(self.reader, visit.path.removeprefix("/d/spanledger-"), values, (start, end))


def _moment(text: str) -> datetime:
    """A time in an address: a day, or milliseconds of the epoch."""
    if len(text) == len("20260501"):
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=ANCHOR.tzinfo)
    return datetime.fromtimestamp(int(text) / 1000, ANCHOR.tzinfo)


@pytest.fixture
def overview(reader: psycopg.Connection[Any]) -> Place:
    return Place(reader, "overview", dict(DEFAULTS), SINCE)


def usd(answer: Any, name: str) -> Decimal:
    return Decimal(answer[camel(name)])


def test_three_clicks_lead_to_the_calls_of_the_wrong_version(overview: Place) -> None:
    spent, answer = overview.row("What was spent?"), overview.told("endpoint")
    for name in ("cost_usd", "baseline_cost_usd", "delta_usd"):
        assert spent[name] == usd(answer["total"], name)

    compare = overview.click("What was spent?", "change", spent)
    assert (compare.dashboard, compare.window) == ("compare", SINCE)
    totals = compare.row("How much?")
    for name in ("cost_usd", "baseline_cost_usd", "delta_usd"):
        assert totals[name] == usd(answer["total"], name)
    *terms, whole = rows(compare.reader, "compare", "Why? The terms of the change", compare.values, SINCE)
    assert whole["usd"] == sum(term["usd"] for term in terms) == usd(answer["total"], "delta_usd")
    for term in terms:
        kind, _, token_class = term["term"].partition(": ")
        name = f"{token_class.replace(' ', '_')}_{kind}" if token_class else kind
        assert term["usd"] == usd(answer["total"], f"{name}_usd"), name
    for line in compare.rows("What kind of change, and who or what drove it?"):
        assert line["class"] == answer["class"]["name"]
        assert not line["place"] or line["sentence"] in answer["class"]["sentence"]
    driver, *_ = rows(compare.reader, "compare", "Where is it?", compare.values, SINCE)

    prompts = compare.click("Where is it?", "name", driver)
    assert (prompts.dashboard, prompts.window) == ("prompts", SINCE)
    assert (prompts.values["endpoint"], prompts.values["prompt_version"]) == ("support.answer", "answer_v8")
    focused = prompts.told("endpoint")["total"]
    figures = prompts.row("The selection in one line")
    version = prompts.row("Which versions?", lambda row: row["prompt_version"] == "answer_v8")
    assert figures["cost_usd"] == version["cost_usd"] == usd(focused, "cost_usd")
    assert driver["delta_usd"] == figures["delta_usd"] == usd(focused, "delta_usd")

    requests = prompts.click_above("Requests")
    assert (requests.dashboard, requests.window) == ("requests", SINCE)
    assert {n: requests.values[n] for n in FOCUS} == {n: prompts.values[n] for n in FOCUS}
    assert requests.row("The selection in one line")["cost_usd"] == usd(focused, "cost_usd")
    calls = rows(requests.reader, "requests", "Which calls?", requests.values, requests.window)
    assert 0 < len(calls) <= 50
    assert {(c["endpoint"], c["prompt_version"]) for c in calls} == {("support.answer", "answer_v8")}


def test_four_clicks_lead_there_from_the_endpoint_that_changed_most(overview: Place) -> None:
    most = max(
        rows(overview.reader, "overview", "Which endpoints changed?"), key=lambda row: row["delta_usd"]
    )
    endpoints = overview.click("Which endpoints changed?", "endpoint", most)
    assert (endpoints.dashboard, endpoints.values["endpoint"]) == ("endpoints", "support.answer")
    compare = endpoints.click_above("Compare")
    answer = compare.told("endpoint")
    assert compare.row("How much?")["delta_usd"] == usd(answer["total"], "delta_usd") == most["delta_usd"]
    title = "What kind of change, and who or what drove it?"
    driver = compare.row(title, lambda line: line["kind"] == "deploy")
    assert driver["class"] == "deploy"
    assert driver["sentence"] in answer["class"]["sentence"]
    prompts = compare.click(title, "name", driver)
    assert (prompts.values["endpoint"], prompts.values["prompt_version"]) == ("support.answer", "answer_v8")
    requests = prompts.click_above("Requests")
    figures = requests.row("The selection in one line")
    assert figures["cost_usd"] == usd(prompts.told("endpoint")["total"], "cost_usd")


def test_from_any_dashboard_every_link_above_keeps_the_place(overview: Place) -> None:
    line, *_ = overview.rows("What changed most?")
    place = overview.click("What changed most?", "name", line)
    for uid in dashboards():
        name = uid.removeprefix("spanledger-")
        if name != place.dashboard:
            title = dashboards()[uid]["title"].removeprefix("Spanledger: ")
            there = place.click_above(BUTTONS.get(uid, title))
            month = ANCHOR.replace(day=1, hour=0, minute=0)
            window = (month, place.window[1]) if uid in MONTHLY else place.window
            assert (there.dashboard, there.window) == (name, window)
            assert {**LIST, **there.values} == {**LIST, **place.values}
            assert panels(dashboards()[uid])
