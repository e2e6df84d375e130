"""What an operator does with a running service, and what the machine does to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from service.config import Config
from service.running import with_fixed
from tests.patience import PATIENCE_SECONDS, until
from tests.running import ROOT, RunningService
from tests.service.test_serve import REPORT, calls, get, post, rows

PRICES = """version: 1
models:
  - provider: acme
    model: own
    prices: [{{usd_per_mtok: {{input: "{usd}", output: "1"}}}}]
"""
OWN = {**REPORT, "provider": "acme", "model": "own", "inputTokens": 1_000_000, "outputTokens": 0}


def test_no_code_of_the_current_directory_is_imported_by_any_process(
    migrated_database: str, tmp_path: Path
) -> None:
    for name in ("receiver", "service", "storage", "yaml", "psycopg", "httptools"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').write({name!r})")
    environment = {"PYTHONPATH": ":/nowhere"}  # an empty entry means the current directory
    with RunningService(migrated_database, workers=2, current=tmp_path, environment=environment) as service:
        assert post(service.http, REPORT)[0] == 200

    assert not (tmp_path / "imported").exists()
    assert calls(migrated_database) == 1


def test_json_lines_tell_of_a_new_sender_and_of_a_refusal(migrated_database: str) -> None:
    environment = {"SPANLEDGER_LOG__FORMAT": "json"}
    with RunningService(migrated_database, workers=2, environment=environment) as service:
        assert post(service.http, {**REPORT, "serviceName": "till"})[0] == 200
        assert post(service.http, "no report")[0] == 400
        service.stop()
        lines = [json.loads(line) for line in service.log.splitlines()]

    [greeting] = [line for line in lines if "first calls" in line["message"]]
    assert (greeting["level"], greeting["services"]) == ("info", ["till"])
    [refusal] = [line for line in lines if line.get("cause") == "protobuf_as_json"]
    assert (refusal["level"], refusal["requests"]) == ("warning", 1)


class Settings:
    """A configuration file with a price list, to be changed under a running service."""

    def __init__(self, place: Path) -> None:
        self.file, self._prices = place / "spanledger.yaml", place / "prices.yaml"
        self.put(usd=1)

    def put(self, usd: int, more: str = "") -> None:
        """Write both files."""
        self._prices.write_text(PRICES.format(usd=usd))
        self.file.write_text(f"prices: {{file: {self._prices}}}\n{more}")


def costs(dsn: str) -> list[int]:
    found = rows(dsn, "SELECT cost_pico_usd / 1000000000000 FROM genai.model_call ORDER BY received_at")
    return [int(cost) for (cost,) in found]


def reload(service: RunningService, says: str = "reloaded: ") -> None:
    """Order it, and wait until the service says so."""
    before = service.log.count(says)
    os.kill(service.pid, signal.SIGHUP)
    until(lambda: service.log.count(says) > before)


@pytest.mark.parametrize("workers", [1, 2])
def test_sighup_takes_new_prices_and_settings_without_a_gap(
    migrated_database: str, tmp_path: Path, workers: int
) -> None:
    settings = Settings(tmp_path)
    with RunningService(migrated_database, workers=workers, config=settings.file) as service:
        assert post(service.http, {**OWN, "externalRequestId": "one"})[0] == 200
        settings.put(2, "trace_url: https://traces.example/{traceId}\ndatabase: {embedded_port: 7}\n")
        reload(service)

        assert post(service.http, {**OWN, "externalRequestId": "two"})[0] == 200
        assert costs(migrated_database) == [1, 2]
        diagnostics = json.loads(get(service.ops, "/diagnostics")[1])
        assert diagnostics["settings"]["trace_url"] == "https://traces.example/{traceId}"
        assert len(diagnostics["workers"]) == workers
        setting = "SELECT value FROM _genai.setting WHERE key = 'trace_url'"
        assert rows(migrated_database, setting) == [("https://traces.example/{traceId}",)]
        assert "database.embedded_port is unchanged: it needs a restart" in service.log


def test_a_wrong_file_changes_nothing(migrated_database: str, tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    with RunningService(migrated_database, config=settings.file) as service:
        settings.put(3, "no_such_setting: 1\n")
        reload(service, "the reload failed; the service continues with its old configuration")
        assert "spanledger.yaml:2: no_such_setting" in service.log
        assert post(service.http, OWN)[0] == 200
        assert costs(migrated_database) == [1]


def test_reports_during_reloads_are_answered_or_come_again_and_count_once(
    migrated_database: str, tmp_path: Path
) -> None:
    settings, stop, sent = Settings(tmp_path), threading.Event(), []

    def send() -> None:
        while not stop.is_set():
            number = f"r{len(sent)}"
            while True:
                try:
                    if post(service.http, {**OWN, "externalRequestId": number})[0] == 200:
                        break
                except OSError:
                    continue
            sent.append(number)

    with RunningService(migrated_database, config=settings.file) as service:
        sender = threading.Thread(target=send)
        sender.start()
        for usd in (2, 3):
            settings.put(usd)
            reload(service)
        stop.set()
        sender.join()
        assert calls(migrated_database) == len(sent)
        assert costs(migrated_database)[-1] == 3


def test_what_needs_a_restart_stays_and_is_named(tmp_path: Path) -> None:
    running = Config(workers=2, data_dir=tmp_path)
    asked = Config.model_validate({
        "workers": 3, "receiver": {"http": "127.0.0.1:1", "max_connections": 7},
        "database": {"url": "postgresql://elsewhere", "writers": 3}, "log": {"level": "debug"},
    })  # fmt: skip
    taken, kept = with_fixed(asked, running)
    assert sorted(kept) == ["data_dir", "database.url", "receiver.http", "workers"]
    assert (taken.workers, taken.receiver.http, taken.data_dir) == (2, running.receiver.http, tmp_path)
    assert (taken.receiver.max_connections, taken.database.writers, taken.log.level) == (7, 3, "debug")


IN_A_TERMINAL = """
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.executable, [sys.executable, "-P", "-m", "spanledger", *sys.argv[1:]])
said = b""
while b"ready: " not in said:
    said += os.read(terminal, 4096)
print(child, flush=True)
sys.stdin.read()
"""
"""Starts the service in a terminal of its own, which is closed with our standard input."""


@pytest.mark.postgres
def test_a_closed_terminal_stops_the_service_and_its_postgresql(tmp_path: Path) -> None:
    addresses = [part for name in ("grpc", "http", "ops") for part in (f"--{name}", "127.0.0.1:0")]
    command = [sys.executable, "-c", IN_A_TERMINAL, "serve", "--data-dir", str(tmp_path), *addresses]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as terminal:
        assert terminal.stdin is not None
        assert terminal.stdout is not None
        service = psutil.Process(int(terminal.stdout.readline()))
        processes = [service, *service.children(recursive=True)]
        assert any("postgres" in process.name() for process in processes)
        terminal.stdin.close()

    assert psutil.wait_procs(processes, timeout=PATIENCE_SECONDS)[1] == []
    assert not list(tmp_path.rglob("postmaster.pid")), "PostgreSQL was stopped in order"
