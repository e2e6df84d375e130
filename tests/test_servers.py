"""The fixtures themselves: servers of the run, databases of the test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests import machine, timescale_root
from tests.patience import until

pytestmark = pytest.mark.both_servers
ROOT = Path(__file__).parent.parent


def test_a_database_is_empty_and_of_the_right_kind(database: str, server_kind: str) -> None:
    with psycopg.connect(database) as connection:
        tables = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'public'"
        extension = "SELECT count(*) FROM pg_catalog.pg_extension WHERE extname = 'timescaledb'"
        assert connection.execute(tables).fetchone() == (0,)
        assert connection.execute(extension).fetchone() == (1 if server_kind == "timescale" else 0,)


def test_what_one_test_writes_the_next_does_not_see(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE leftover (x int)")


def test_what_the_last_test_wrote_is_not_here(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE leftover (x int)")


RUN = """
import time
from tests import servers
print(servers.server("postgres"), servers._run_directory(), flush=True)
time.sleep(600)
"""


@pytest.mark.postgres
def test_servers_end_with_a_run_that_is_killed() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    environment.pop("SPANLEDGER_TEST_POSTGRES_URL", None)
    command = [sys.executable, "-c", RUN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as run:
        assert run.stdout is not None
        uri, _, directory = run.stdout.readline().strip().partition(" ")
        psycopg.connect(uri).close()
        run.kill()

    until(lambda: not Path(directory).exists(), "the end of the server")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(uri)


def test_where_nothing_installs_debootstrap_the_reason_says_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timescale_root, "ROOT", tmp_path / "root")
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = timescale_root.build()
    assert reason is not None
    assert ("debootstrap" if os.geteuid() == 0 else "root") in reason


def test_what_the_machine_lacks_is_said_before_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timescale_root, "ROOT", tmp_path)
    monkeypatch.setattr(machine, "COLLECTOR", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("SPANLEDGER_TEST_TIMESCALE_URL", "GRAFANA", "GRAFANA_URL", "CHROMIUM"):
        monkeypatch.delenv(name, raising=False)
    assert len(machine.missing()) == len(machine.NEEDS)
    assert machine.missing()[0].startswith("TimescaleDB: run `make timescale` as root once")
