"""The committed dashboards are what the generator writes, and keep the rules that readers count on."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.generate import generated
from dashboards.links import MONTHLY
from dashboards.page import TITLES
from dashboards.paths import CRITICAL, DASHBOARDS, DATASOURCE_UID, FOLDER_TITLE, FOLDER_UID, dashboard_files
from dashboards.queries import statement
from tests.dashboards.files import dashboards, panels, queries

UIDS = sorted(dashboards())
PLAIN_TEXT_UNITS = {"barchart", "timeseries"}


def test_the_committed_files_are_what_the_generator_writes() -> None:
    assert {path.name: path.read_text() for path in dashboard_files()} == generated()


def test_every_sql_file_is_used_and_begins_with_a_sentence() -> None:
    used = " ".join(query.sql for query in queries())
    for path in sorted((DASHBOARDS / "sql").rglob("*.sql")):
        name = str(path.relative_to(DASHBOARDS / "sql").with_suffix(""))
        assert path.read_text().startswith("-- "), name
        flat = " ".join(statement(name, "x").split())
        assert flat[:60].partition("'x'")[0][:40] in " ".join(used.split()), name


@pytest.mark.parametrize("uid", UIDS)
def test_the_schema_knows_every_key(uid: str) -> None:
    register_default_plugins()
    given = dashboards()[uid]
    back = json.loads(json.dumps(Dashboard.from_json(given), cls=JSONEncoder))
    assert _lost(given, back) == []


def _lost(given: Any, back: Any, path: str = "") -> list[str]:
    if isinstance(given, dict):
        if not isinstance(back, dict):
            return [path]
        return [
            lost
            for key, value in given.items()
            for lost in (_lost(value, back[key], f"{path}.{key}") if key in back else [f"{path}.{key}"])
        ]
    if isinstance(given, list):
        if not isinstance(back, list) or len(back) != len(given):
            return [path]
        return [
            lost
            for n, pair in enumerate(zip(given, back, strict=True))
            for lost in _lost(*pair, f"{path}[{n}]")
        ]
    return [] if given == back else [path]


def test_uids_and_titles_are_sound_and_unique() -> None:
    assert set(UIDS) == set(TITLES)
    assert all(re.fullmatch(r"spanledger-[a-z-]{1,29}", uid) for uid in UIDS)
    titles = [dashboard["title"] for dashboard in dashboards().values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("uid", UIDS)
def test_a_dashboard_looks_as_all_do(uid: str) -> None:
    dashboard = dashboards()[uid]
    assert dashboard.get("id") is None
    assert dashboard["timezone"] == "utc"
    assert dashboard["editable"] is False
    assert dashboard["liveNow"] is False
    assert dashboard["graphTooltip"] == 1
    assert dashboard["description"].endswith("?")
    assert 39 <= dashboard["schemaVersion"] <= 42
    assert dashboard["time"] == ({"from": "now/M", "to": "now"} if uid in MONTHLY else
                                 {"from": "now-24h", "to": "now"})  # fmt: skip


@pytest.mark.parametrize("uid", UIDS)
def test_every_panel_explains_itself(uid: str) -> None:
    found = panels(dashboards()[uid])
    assert len({panel["id"] for panel in found}) == len(found)
    assert len({panel["title"] for panel in found}) == len(found)
    for panel in found:
        assert panel["title"] or panel["transparent"], panel["id"]
        assert len(panel["description"]) > 40, panel["title"]
        assert "Next" in panel["description"], panel["title"]
        assert len(panel["fieldConfig"]["defaults"]["noValue"]) > 20, panel["title"]
        if panel["type"] in PLAIN_TEXT_UNITS:
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert "repeat" not in panel
        assert panel["datasource"]["uid"] == DATASOURCE_UID
        assert [target["datasource"]["uid"] for target in panel["targets"]] == [DATASOURCE_UID]


@pytest.mark.parametrize("uid", UIDS)
def test_links_and_marks_stand_above_the_panels_and_not_in_a_menu(uid: str) -> None:
    dashboard = dashboards()[uid]
    assert dashboard["links"]
    for each in (*dashboard["links"], *dashboard["annotations"]["list"]):
        assert "placement" not in each


@pytest.mark.parametrize("uid", UIDS)
def test_a_null_is_a_dash_and_not_the_words_of_an_empty_panel(uid: str) -> None:
    for panel in panels(dashboards()[uid]):
        if panel["type"] in ("table", "stat"):
            for override in panel["fieldConfig"]["overrides"]:
                values = {setting["id"]: setting["value"] for setting in override["properties"]}
                shown = values and not values.get("custom.hidden")
                assert not shown or values["noValue"] == "–", (panel["title"], override)


def test_a_series_without_calls_in_a_bucket_is_a_dash_there() -> None:
    for dashboard in dashboards().values():
        for panel in panels(dashboard):
            if panel["type"] == "timeseries":
                of_numbers = [
                    setting["value"]
                    for override in panel["fieldConfig"]["overrides"]
                    if override["matcher"] == {"id": "byType", "options": "number"}
                    for setting in override["properties"]
                    if setting["id"] == "noValue"
                ]
                assert of_numbers == ["–"], panel["title"]


def test_columns_have_titles_of_their_own() -> None:
    """Grafana's table knows columns by title: of two alike it shows the last one's values twice."""
    for dashboard in dashboards().values():
        for panel in panels(dashboard):
            titles = [
                setting["value"]
                for override in panel["fieldConfig"]["overrides"]
                for setting in override["properties"]
                if setting["id"] == "displayName"
            ]
            assert len(set(titles)) == len(titles), panel["title"]


def test_bars_are_named() -> None:
    for dashboard in dashboards().values():
        for panel in panels(dashboard):
            if panel["type"] == "barchart":
                assert panel["options"]["xTickLabelMaxLength"] > 0


@pytest.mark.parametrize("uid", UIDS)
def test_money_and_counts_have_units_and_decimals(uid: str) -> None:
    for panel in panels(dashboards()[uid]):
        for override in panel["fieldConfig"]["overrides"]:
            name = override["matcher"]["options"]
            values = {setting["id"]: setting["value"] for setting in override["properties"]}
            if values.get("custom.hidden") or not values:  # a stat shows only the fields that it names
                continue
            if name.endswith("_usd") and panel["type"] in ("table", "stat"):
                assert values["unit"] == "currencyUSD", (panel["title"], name)
                assert values["decimals"] in (2, 3, 6), (panel["title"], name)
            if name.endswith(("_share", "_ratio")) and "unit" in values:
                assert values["unit"] == "percentunit", (panel["title"], name)


@pytest.mark.parametrize("uid", UIDS)
def test_panels_do_not_overlap_and_rows_are_full(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(dashboards()[uid]):
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_only_forms_that_read_the_same_on_every_version_are_used() -> None:
    for query in queries():
        assert "sqlstring" not in query.sql
        assert "${" not in query.sql, query
        assert "--" not in query.sql, query
        for name in re.findall(r"\$(?!__)(\w+)", query.sql):
            form = r"ARRAY\[\$env\]::text\[\]" if name == "env" else rf"'\${name}'"
            assert re.search(form, query.sql), (query, name)
        assert not re.search(r"\$__\w+\([^)]*[(,]", query.sql), query


def test_variables_have_one_of_the_two_safe_shapes() -> None:
    for uid in UIDS:
        for variable in dashboards()[uid]["templating"]["list"]:
            several = variable["name"] == "env"
            assert variable["multi"] is variable["includeAll"] is several, (uid, variable["name"])
            assert "allValue" not in variable


def test_every_panel_of_a_dashboard_that_can_pause_asks_first() -> None:
    for query in queries():
        asks = f"genai.dashboard_on('{query.dashboard}')" in query.sql
        free = query.dashboard in CRITICAL or query.where in ("Notes", "$env", "$paused")
        assert asks is not free, query


def test_every_title_of_a_dashboard_that_can_pause_says_who_paused_it() -> None:
    for uid in UIDS:
        for panel in panels(dashboards()[uid]):
            tells = panel["title"].endswith("${paused}")
            assert tells is not (uid in CRITICAL or not panel["title"]), (uid, panel["title"])
            says_empty = panel["fieldConfig"]["defaults"]["noValue"].startswith(
                "Unless the title says paused: "
            )
            assert says_empty is not (uid in CRITICAL), (uid, panel["title"])


def test_no_query_computes_money() -> None:
    """Sums of money are the functions' business; a panel may set two of their answers in relation."""
    for query in queries():
        assert "1e-12" not in query.sql
        assert "pico" not in query.sql
        assert not re.search(r"_usd\s*[-+*]|[-+*]\s*\w+\.\w*_usd", query.sql), query
        assert not re.search(r"\b(sum|avg)\(", query.sql, re.IGNORECASE), query


def test_only_the_contract_is_read() -> None:
    for query in queries():
        read = set(re.findall(r"(?<!epoch )\b(?:FROM|JOIN)\s+([a-z_.]+)", query.sql))
        assert all(name.startswith("genai.") for name in read), (query, read)


DATASOURCE_KEYS = {"name", "uid", "type", "access", "url", "user", "editable", "jsonData", "secureJsonData"}
JSON_KEYS = {
    "database", "sslmode", "postgresVersion", "timescaledb", "maxOpenConns", "maxIdleConns",
    "connMaxLifetime", "timeInterval",
}  # fmt: skip
PROVIDER_KEYS = {
    "name", "type", "folder", "folderUid", "disableDeletion", "allowUiUpdates", "updateIntervalSeconds",
    "options",
}  # fmt: skip


def test_the_data_source_is_the_reader_and_its_secret_comes_from_the_environment() -> None:
    text = (DASHBOARDS / "provisioning/datasources/spanledger.yaml").read_text()
    (source,) = yaml.safe_load(text)["datasources"]
    assert set(source) == DATASOURCE_KEYS
    assert set(source["jsonData"]) == JSON_KEYS
    assert (source["uid"], source["user"], source["editable"]) == (DATASOURCE_UID, "grafana_reader", False)
    assert source["secureJsonData"] == {"password": "$LEDGER_DB_PASSWORD"}
    assert "${" not in text  # expanded twice by Grafana


def test_the_provider_leaves_the_alert_rules_their_folder() -> None:
    text = (DASHBOARDS / "provisioning/dashboards/spanledger.yaml").read_text()
    (provider,) = yaml.safe_load(text)["providers"]
    assert set(provider) == PROVIDER_KEYS
    assert (provider["folder"], provider["folderUid"]) == (FOLDER_TITLE, FOLDER_UID)
    assert provider["updateIntervalSeconds"] > 10  # file-system events do not cross bind mounts
    assert provider["disableDeletion"] is True


FIRST_SCREEN = 900
CHROME, CHROME_WITH_FOCUS, CHROME_WITH_LIST = 225, 265, 305
"""Pixels above the first panel at 1,440 with the menu docked, measured: bars, variables, buttons."""


OF_MONEY = ("overview", "compare", "endpoints", "prompts", "users", "models", "month", "budgets", "requests")
"""Dashboards that answer when: the others list what needs a person."""


def _pixels(units: int) -> int:
    """Height of so many rows of the grid, the gap below included."""
    return units * 38


@pytest.mark.parametrize("uid", UIDS)
def test_the_first_screen_has_figures_what_is_missing_and_the_first_answer(uid: str) -> None:
    """At most four figures in large letters, the strip of notes, and whole panels up to 900 pixels."""
    names = {variable["name"] for variable in dashboards()[uid]["templating"]["list"]}
    above = CHROME_WITH_FOCUS if "endpoint" in names else CHROME
    above = CHROME_WITH_LIST if "status" in names else above
    shown = [p for p in panels(dashboards()[uid]) if above + _pixels(p["gridPos"]["y"]) < FIRST_SCREEN]
    assert any(p["title"] == "" for p in shown), "no strip of notes"
    if uid.removeprefix("spanledger-") not in OF_MONEY:
        return
    whole = [p for p in shown if above + _pixels(p["gridPos"]["y"] + p["gridPos"]["h"]) - 8 <= FIRST_SCREEN]
    assert shown[0]["type"] == "stat"
    assert any(p["type"] in ("timeseries", "barchart") for p in whole), "no chart that shows when"


@pytest.mark.parametrize("uid", UIDS)
def test_large_figures_are_few_and_fit_at_the_width_of_a_laptop(uid: str) -> None:
    """A letter is about 0.6 of its height wide; a million with its mark must fit beside three others."""
    for panel in panels(dashboards()[uid]):
        sizes = panel["options"].get("text") if panel["type"] == "stat" else None
        if not sizes or sizes["valueSize"] < 24:
            continue
        figures = [o for o in panel["fieldConfig"]["overrides"] if o["properties"]]
        assert len(figures) <= 4, panel["title"]
        width = panel["gridPos"]["w"] / 24 * 1110 / len(figures) - 16
        assert len("≥ $1,234,567") * 0.6 * sizes["valueSize"] <= width, panel["title"]
