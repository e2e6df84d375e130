"""A real Grafana with our provisioning: it loads every file, and every query answers through it.

GRAFANA_URL names a server that was started with `dashboards/provisioning` on a ledger with data of the last
day; GRAFANA_USER and GRAFANA_PASSWORD (admin) or GRAFANA_TOKEN let the tests in, GRAFANA_DATA_MODE (demo)
says which data to look at. With GRAFANA_LOG, the server's log file, the log is read, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboards.paths import DATASOURCE_UID, FOLDER_UID
from tests.dashboards.files import DEFAULTS, Query, dashboards, leads_by_focus, panel_of, panels, queries
from tests.dashboards.macros import Range, Value, expand, fill
from tests.dashboards.test_queries import HOSTILE
from tests.machine import NOT_HERE, require

pytestmark = pytest.mark.grafana

UIDS = sorted(dashboards())
NEEDS_A_RUNNING_SERVICE = {"How fresh is it?", "What was charged, and is it fresh?"}
MAY_BE_EMPTY = NEEDS_A_RUNNING_SERVICE | {
    "Data outside this selection", "Prompt versions first seen", "Which usage is unread?",
    "When was the contract broken?", "Which incidents are not closed?", "What comes back?",
    "What was opened in this range?",
}  # fmt: skip
END = datetime.now(UTC).replace(microsecond=0)
DAY = Range(END - timedelta(hours=24), END)


@pytest.fixture(scope="module")
def grafana(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the server at GRAFANA_URL."""
    require(request.config, "grafana")
    url = os.environ["GRAFANA_URL"]
    token = os.environ.get("GRAFANA_TOKEN")
    user = os.environ.get("GRAFANA_USER", "admin"), os.environ.get("GRAFANA_PASSWORD", "admin")
    with httpx.Client(
        base_url=url, timeout=60, auth=None if token else user,
        headers={"Authorization": f"Bearer {token}"} if token else {},
    ) as client:  # fmt: skip
        yield client


@pytest.fixture
def values() -> dict[str, Value]:
    """The default choice, with the data mode that the server has data of."""
    return {**DEFAULTS, "data_mode": os.environ.get("GRAFANA_DATA_MODE", "demo")}


def ask(grafana: httpx.Client, query: Query, values: dict[str, Value]) -> dict[str, Any]:
    """The frame that Grafana's server makes of a query; what the browser does first, `fill` does."""
    asked = {
        "refId": "A", "datasource": {"uid": DATASOURCE_UID}, "format": query.result,
        "rawSql": fill(query.sql, values), "intervalMs": 60_000, "maxDataPoints": 1_000,
    }  # fmt: skip
    window = {"from": str(int(DAY.start.timestamp() * 1000)), "to": str(int(DAY.end.timestamp() * 1000))}
    answer = grafana.post("/api/ds/query", json={**window, "queries": [asked]})
    assert answer.status_code == 200, f"{query}: {answer.text[:800]}"
    result = answer.json()["results"]["A"]
    assert "error" not in result, query
    (frame,) = result["frames"]
    found: dict[str, Any] = frame
    return found


def rows_of(frame: dict[str, Any]) -> int:
    values = frame["data"]["values"]
    return len(values[0]) if values else 0


def test_the_server_is_of_the_supported_range(
    grafana: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    health = grafana.get("/api/health").json()
    with capsys.disabled():
        print(f"\nGrafana says it is {health['version']}")
    assert health["database"] == "ok"


def test_the_data_source_reads_the_ledger(grafana: httpx.Client) -> None:
    health = grafana.get(f"/api/datasources/uid/{DATASOURCE_UID}/health").json()
    assert health["status"] == "OK", health
    source = grafana.get(f"/api/datasources/uid/{DATASOURCE_UID}").json()
    assert (source["user"], source["readOnly"]) == ("grafana_reader", True)


@pytest.mark.parametrize("uid", UIDS)
def test_a_dashboard_is_loaded_as_it_is_committed(grafana: httpx.Client, uid: str) -> None:
    loaded = grafana.get(f"/api/dashboards/uid/{uid}").json()
    assert loaded["meta"]["provisioned"] is True
    assert loaded["meta"]["folderUid"] == FOLDER_UID
    committed = dashboards()[uid]
    assert [panel["title"] for panel in loaded["dashboard"]["panels"]] == [
        panel["title"] for panel in panels(committed)
    ]
    assert [v["name"] for v in loaded["dashboard"]["templating"]["list"]] == [
        v["name"] for v in committed["templating"]["list"]
    ]


def test_the_folder_holds_these_dashboards_and_no_other(grafana: httpx.Client) -> None:
    found = grafana.get("/api/search", params={"type": "dash-db", "folderUIDs": FOLDER_UID}).json()
    assert sorted(each["uid"] for each in found) == UIDS


@pytest.mark.parametrize("uid", UIDS)
def test_every_query_answers_with_data(grafana: httpx.Client, values: dict[str, Value], uid: str) -> None:
    for query in queries():
        if query.dashboard == uid:
            frame = ask(grafana, query, values)
            assert rows_of(frame) or query.where in MAY_BE_EMPTY, query


@pytest.mark.parametrize("uid", UIDS)
def test_the_server_expands_macros_as_the_tests_do(
    grafana: httpx.Client, values: dict[str, Value], uid: str
) -> None:
    timescale = bool(
        grafana.get(f"/api/datasources/uid/{DATASOURCE_UID}").json()["jsonData"].get("timescaledb")
    )
    window = Range(DAY.start, DAY.end, timescaledb=timescale)
    for query in queries():
        if query.dashboard == uid:
            executed = ask(grafana, query, values)["schema"]["meta"]["executedQueryString"]
            assert executed == expand(fill(query.sql, values), window), query


@pytest.mark.parametrize("uid", UIDS)
def test_series_over_time_have_a_time_and_named_labels(
    grafana: httpx.Client, values: dict[str, Value], uid: str
) -> None:
    """A series carries its `focus` where its link reads it: an endpoint does, "before" does not."""
    for query in queries():
        if query.dashboard == uid and query.result == "time_series":
            time, *series = ask(grafana, query, values)["schema"]["fields"]
            assert (time["name"].lower(), time["type"]) == ("time", "time"), query
            assert series, query
            assert {each["type"] for each in series} == {"number"}, query
            if "segment" in query.sql:
                needed = {"segment", "focus"} if leads_by_focus(panel_of(query)) else {"segment"}
                assert all(needed <= set(each["labels"]) <= {"segment", "focus"} for each in series), query


def test_hostile_values_pass_through_the_server_harmlessly(
    grafana: httpx.Client, values: dict[str, Value]
) -> None:
    hostile: dict[str, Value] = {n: HOSTILE[i % len(HOSTILE)] for i, n in enumerate(DEFAULTS)}
    hostile["env"] = ["prod", *HOSTILE]
    for query in queries():
        ask(grafana, query, hostile)


def test_the_log_holds_no_error_of_ours() -> None:
    path = os.environ.get("GRAFANA_LOG")
    if not path:
        pytest.skip(f"{NOT_HERE}: GRAFANA_LOG is not set")
    wrong = [
        line
        for line in Path(path).read_text().splitlines()
        if "level=error" in line and ("provisioning" in line or "dashboard" in line or "datasource" in line)
    ]
    assert wrong == []
