"""The reader's own Grafana beside the demo: how it is found, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from demo.grafana import Program, find, running
from demo.stage import Ports, StageError, choose_ports
from tests.dashboards.files import DEFAULTS, queries
from tests.dashboards.macros import Value, fill
from tests.demo.test_demo_played import read_until, surroundings, terminal
from tests.machine import require

__all__ = ["surroundings"]  # a fixture


def made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("asked", ["", "bin/grafana"])
def test_an_unpacked_archive_is_found_by_folder_or_program(tmp_path: Path, asked: str) -> None:
    program = made(tmp_path / "bin" / "grafana")
    made(tmp_path / "conf" / "defaults.ini")
    assert find(tmp_path / asked) == Program(program, tmp_path)


def test_a_path_without_a_grafana_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="expected the program `grafana`"):
        find(tmp_path / "nowhere")
    with pytest.raises(StageError, match="expected the program `grafana`"):
        find(tmp_path)


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Program:
    require(request.config, "grafana program")
    return find(Path(os.environ["GRAFANA"]))


def ask(port: int, sql: str, result: str = "table") -> Any:
    """The frame that Grafana makes of a query over the last six hours, asked by nobody in particular."""
    query = {"refId": "A", "datasource": {"uid": "spanledger"}, "format": result, "rawSql": sql}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/ds/query",
        json.dumps({"from": "now-6h", "to": "now", "queries": [query]}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["results"]["A"]["frames"][0]


@pytest.mark.grafana
@pytest.mark.slow
def test_it_reads_the_ledger_as_the_reader_and_ends_with_the_block(
    program: Program, migrated_database: str, tmp_path: Path
) -> None:
    port = choose_ports(Ports(0, 0, 0)).ops
    with running(program, migrated_database, tmp_path, port, "http://127.0.0.1:9") as address:
        parts = urlsplit(address)
        assert (parts.hostname, parts.port, parts.path) == ("127.0.0.1", port, "/d/spanledger-overview")
        frame = ask(port, "SELECT current_user AS who, count(*) AS calls FROM genai.model_call")
        assert frame["data"]["values"] == [["grafana_reader"], [0]]
    left = [child for child in psutil.Process().children(recursive=True) if str(program.path) in child.exe()]
    assert left == []


@pytest.mark.grafana
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_beside_the_demo_every_dashboard_answers_and_nothing_stays(
    program: Program, surroundings: dict[str, str]
) -> None:
    may_be_empty = {
        "Data outside this selection", "Prompt versions first seen", "When was the contract broken?",
        "Which usage is unread?",
        # Of the first minute: what is sampled or sent every minute.
        "How long did the probe take?", "What came of its requests?", "How late do senders deliver?",
        "Which sender is late, or has a wrong clock?",
        # The demo raises alerts and leaves it to its reader to open an incident.
        "Which incidents are not closed?", "What comes back?", "What was opened in this range?",
    }  # fmt: skip
    values: dict[str, Value] = {**DEFAULTS, "data_mode": "demo"}
    with terminal(surroundings, "--days", "4", "--grafana", str(program.path)) as (demo, screen):
        shown = read_until(screen, "leaves nothing behind")
        [port] = re.findall(r"http://127\.0\.0\.1:(\d+)/d/spanledger-overview", shown)
        children = psutil.Process(demo.pid).children(recursive=True)
        assert any(child.exe() == str(program.path) for child in children)
        for query in queries():
            frame = ask(int(port), fill(query.sql, values), query.result)
            assert any(frame["data"]["values"]) or query.where in may_be_empty, query
        demo.send_signal(signal.SIGINT)
        read_until(screen, "Stopping.")
        assert demo.wait(60) == 0
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
