"""The fixtures themselves: servers of the run, databases of the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from storage.ingest.writer import Writer
from tests import machine, servers, timescale_root
from tests.conftest import apply_migrations
from tests.patience import until
from tests.storage.ledger import NOON_NS, SECOND_NS, call, write

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


def contents(uri: str) -> dict[str, object]:
    """Every row of every table of ours, and every sequence."""
    with psycopg.connect(uri) as connection:
        tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = '_genai'"
        rows = sql.SQL("SELECT array_agg(t::text ORDER BY t::text) FROM {} t")
        found: dict[str, object] = {
            name: connection.execute(rows.format(sql.Identifier("_genai", name))).fetchone()
            for (name,) in connection.execute(tables).fetchall()
        }
        statistics = "SELECT tablename, attname FROM pg_catalog.pg_stats WHERE schemaname = '_genai'"
        sizes = (
            "SELECT relname, relpages, reltuples FROM pg_catalog.pg_class"
            " WHERE relkind = 'r' AND relnamespace = '_genai'::regnamespace ORDER BY 1"
        )
        found["statistics"] = connection.execute(statistics).fetchall()
        found["sizes"] = connection.execute(sizes).fetchall()
        sequences = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = '_genai' ORDER BY 1"
        return found | {"sequences": connection.execute(sequences).fetchall()}


def number_of(uri: str) -> object:
    """What a database keeps when it is renamed."""
    with psycopg.connect(uri) as connection:
        query = "SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()"
        return connection.execute(query).fetchone()


@contextmanager
def used_again(kind: str) -> Iterator[str]:
    with servers.fresh_database(kind, servers.RECYCLED, apply_migrations) as uri:
        yield uri


def test_a_database_that_was_filled_is_as_new_for_the_next_test(server_kind: str) -> None:
    with used_again(server_kind) as uri:
        number, new = number_of(uri), contents(uri)
        writer = Writer(uri)
        write(writer, [call(str(n), time_ns=NOON_NS - n * 40_000 * SECOND_NS) for n in range(20)])
        with psycopg.connect(uri) as connection:
            connection.execute("UPDATE _genai.floor SET time = '2026-09-21'")
            connection.execute("DELETE FROM _genai.dashboard_pause")
            connection.execute(
                "INSERT INTO _genai.audit (actor, subject, action) VALUES ('a test', 'alert', 'open')"
            )
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        assert contents(uri) != new
    with used_again(server_kind) as again:
        assert (number_of(again), contents(again)) == (number, new)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(uri)
    writer.close()


@pytest.mark.postgres
@pytest.mark.parametrize(
    "change",
    [
        "CREATE OR REPLACE VIEW genai.sums_to AS SELECT * FROM genai.sums_to",
        "ALTER TABLE _genai.usage_hour DISABLE TRIGGER ALL",
        "CREATE FUNCTION public.own() RETURNS int LANGUAGE sql RETURN 1",
        "DROP VIEW genai.model_call CASCADE",
        "GRANT SELECT ON _genai.floor TO PUBLIC",
        "ALTER TABLE _genai.floor SET (fillfactor = 50)",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = on', current_database()); END $$",
    ],
)
def test_a_database_whose_definitions_were_changed_is_not_used_again(change: str) -> None:
    with used_again("postgres") as uri, psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(change.encode())
        number = number_of(uri)
    with used_again("postgres") as again:
        assert number_of(again) != number


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
