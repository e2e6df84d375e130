"""The probe against the real service: it comes through, and fails when any station is stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from demo.grafana import find, running
from demo.stage import Ports, choose_ports
from service.postgres.server import EmbeddedPostgres
from tests.certificates import make_certificates
from tests.machine import require
from tests.patience import until
from tests.running import RunningService
from tests.service.test_diagnostics import changed
from tests.service.test_serve import REPORT, get, post, rows

pytestmark = pytest.mark.postgres

QUICK = {"SPANLEDGER_PROBE__TIMEOUT": "2s"}
OFTEN = {"SPANLEDGER_PROBE__ENABLED": "true", "SPANLEDGER_PROBE__EVERY": "1s", **QUICK}
Outcome = dict[str, Any]


@pytest.fixture(scope="module")
def service(server: EmbeddedPostgres) -> Iterator[RunningService]:
    with RunningService(server.dsn) as running:
        yield running


def probe(dsn: str, grpc: str, *more: str, environment: Mapping[str, str] = QUICK) -> tuple[int, Outcome]:
    endpoint = grpc if "://" in grpc else f"http://{grpc}"
    given = ["probe", "--json", "--database-url", dsn, "--endpoint", endpoint, *more]
    done = CliRunner().invoke(build(), given, env=dict(environment))
    return done.exit_code, json.loads(done.output)


def failed(dsn: str, grpc: str, **more: Any) -> str:
    code, outcome = probe(dsn, grpc, **more)
    assert code == 1
    return str(outcome["failure"])


def test_a_sound_service_lets_it_through_once_at_the_right_price(
    service: RunningService, server: EmbeddedPostgres
) -> None:
    code, outcome = probe(server.dsn, service.grpc)
    assert (code, outcome["failure"]) == (0, None)
    assert outcome["calls"] == 1
    assert outcome["costUsd"] == outcome["expectedUsd"] == "0.000056"
    assert 0 < outcome["acceptedSeconds"] <= outcome["visibleSeconds"] < 2


def test_its_table_says_how_long_each_stage_took(service: RunningService, server: EmbeddedPostgres) -> None:
    given = ["probe", "--database-url", server.dsn, "--endpoint", f"http://{service.grpc}"]
    done = CliRunner().invoke(build(), given)
    assert done.exit_code == 0
    assert "The probe came through: visible after " in done.output
    assert "$0.000056" in done.output


def test_without_a_receiver_it_fails_there(server: EmbeddedPostgres, service: RunningService) -> None:
    assert failed(server.dsn, "127.0.0.1:9") == "receiver"


def test_with_sums_that_are_not_written_it_fails(service: RunningService, server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn) as blocker:
        blocker.execute("LOCK TABLE _genai.usage_minute IN SHARE MODE")
        assert failed(server.dsn, service.grpc) in ("receiver", "summaries")
    assert probe(server.dsn, service.grpc)[0] == 0


def test_with_sums_that_cannot_be_read_it_fails(service: RunningService, server: EmbeddedPostgres) -> None:
    away, back = "usage_hour RENAME TO hidden", "hidden RENAME TO usage_hour"
    with (
        changed(server.dsn, f"ALTER TABLE _genai.{away}", f"ALTER TABLE _genai.{back}"),
        psycopg.connect(server.dsn, autocommit=True) as connection,
    ):
        view = "ALTER FUNCTION genai.compare RENAME TO compare_hidden"
        connection.execute(view)
        try:
            assert failed(server.dsn, service.grpc) == "database"
        finally:
            connection.execute("ALTER FUNCTION genai.compare_hidden RENAME TO compare")


def test_with_another_price_in_the_service_it_fails(
    server: EmbeddedPostgres, tmp_path: Path, migrated_database: str
) -> None:
    prices, settings = tmp_path / "prices.yaml", tmp_path / "spanledger.yaml"
    prices.write_text(
        "version: 1\nmodels:\n  - provider: openai\n    model: gpt-4.1-mini\n"
        '    prices: [{usd_per_mtok: {input: "7", output: "1"}}]\n'
    )
    settings.write_text(f"prices: {{file: {prices}}}\n")
    with RunningService(migrated_database, config=settings) as other:
        code, outcome = probe(migrated_database, other.grpc)
    assert (code, outcome["failure"]) == (1, "price")
    assert outcome["costUsd"] == "0.00071"


def test_a_grafana_that_is_away_fails_it(service: RunningService, server: EmbeddedPostgres) -> None:
    environment = {**QUICK, "SPANLEDGER_PROBE__GRAFANA_URL": "http://127.0.0.1:9"}
    assert failed(server.dsn, service.grpc, environment=environment) == "grafana"


@pytest.mark.grafana
@pytest.mark.slow
def test_a_grafana_shows_the_same_and_fails_it_once_it_is_stopped(
    request: pytest.FixtureRequest, migrated_database: str, tmp_path: Path
) -> None:
    require(request.config, "grafana program")
    port = choose_ports(Ports(0, 0, 0)).ops
    environment = {**QUICK, "SPANLEDGER_PROBE__GRAFANA_URL": f"http://127.0.0.1:{port}"}
    with RunningService(migrated_database) as service:
        program = find(Path(os.environ["GRAFANA"]))
        with running(program, migrated_database, tmp_path, port, "http://127.0.0.1:9"):
            code, outcome = probe(migrated_database, service.grpc, environment=environment)
            assert (code, outcome["failure"]) == (0, None), outcome
            assert outcome["grafanaSeconds"] > outcome["visibleSeconds"]
        assert failed(migrated_database, service.grpc, environment=environment) == "grafana"


@contextmanager
def stopped(server: EmbeddedPostgres) -> Iterator[None]:
    """The database is down for a while."""
    server.stop()
    try:
        yield
    finally:
        server.start()


def test_without_its_database_it_fails_and_says_so(service: RunningService, server: EmbeddedPostgres) -> None:
    dsn = server.dsn
    with stopped(server):
        assert failed(dsn, service.grpc) == "database"
    until(lambda: get(service.ops, "/readyz")[0] == 200)


def test_the_service_probes_itself_even_behind_keys_and_records_it(migrated_database: str) -> None:
    created = CliRunner().invoke(
        build(), ["keys", "create", "app", "--scope", "ingest", "--database-url", migrated_database]
    )
    assert created.exit_code == 0
    query = "SELECT count(*) FROM genai.probe WHERE failure IS NULL AND is_counted_once AND is_priced_right"
    with RunningService(migrated_database, environment=OFTEN, workers=2) as service:
        assert post(service.http, REPORT)[0] == 401
        until(lambda: rows(migrated_database, query)[0][0] >= 2)
        assert "first calls since the start" not in service.log
    assert rows(migrated_database, "SELECT DISTINCT failure FROM genai.probe") == [(None,)]


def test_over_mutual_tls_it_shows_its_certificate_and_fails_without(
    migrated_database: str, tmp_path: Path
) -> None:
    files = make_certificates(tmp_path)
    endpoint = f"https://127.0.0.1:{choose_ports(Ports(0, 0, 0)).grpc}"
    receiver = {"CERTIFICATE": "server.pem", "KEY": "server.key", "CLIENT_CA": "ca.pem"}
    probed = {"AUTHORITY": "ca.pem", "CERTIFICATE": "client.pem", "KEY": "client.key"}
    serving = {f"SPANLEDGER_RECEIVER__TLS__{name}": str(files / file) for name, file in receiver.items()}
    asking = {f"SPANLEDGER_PROBE__TLS__{name}": str(files / file) for name, file in probed.items()}
    own = {**OFTEN, **serving, **asking, "SPANLEDGER_PROBE__ENDPOINT": endpoint}
    service = RunningService(migrated_database, environment=own)
    service.grpc = endpoint.removeprefix("https://")
    with service:
        until(lambda: rows(migrated_database, "SELECT count(*) FROM genai.probe")[0][0] >= 2)
        assert probe(migrated_database, endpoint, environment=QUICK | asking)[0] == 0
        stranger = {name: path for name, path in asking.items() if name.endswith("AUTHORITY")}
        assert failed(migrated_database, endpoint, environment=QUICK | stranger) == "receiver"
    assert rows(migrated_database, "SELECT DISTINCT failure, endpoint FROM genai.probe") == [(None, endpoint)]


def test_it_is_in_no_bill_no_budget_and_no_default_list(migrated_database: str) -> None:
    with RunningService(migrated_database, environment=OFTEN) as service:
        until(lambda: rows(migrated_database, "SELECT count(*) FROM genai.probe")[0][0] >= 1)
        page = json.loads(get(service.ops, "/service", {"accept": "application/json"})[1])
    assert (page["last24h"], page["lastCalls"]) == ([], [])
    outside = "SELECT count(*) FROM genai.data_outside(now() - interval '1 day', now(), 'prod', 'real')"
    assert rows(migrated_database, outside) == [(0,)]
    judged = (
        "SELECT genai.is_at_place('elsewhere', 'spanledger-probe', 'test'), p.env FROM genai.ledger_part() p"
    )
    assert rows(migrated_database, judged) == [(False, "prod")]
    billed = "SELECT invoice_usd, spent_usd FROM genai.month_state(now(), 'prod', 'real')"
    assert rows(migrated_database, billed) == [(0, 0)]
    listed = CliRunner().invoke(build(), ["top", "endpoint", "--json", "--database-url", migrated_database])
    assert json.loads(listed.output)["rows"] == []
