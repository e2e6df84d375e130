"""`spanledger serve` as its users meet it: a real process, stock exporters, a real database."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import psutil
import psycopg
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.trace.export import SpanExportResult

from service import keys
from service.postgres.server import EmbeddedPostgres
from service.worker import LAST_SECONDS
from tests.end_to_end.traffic import make_spans
from tests.patience import until
from tests.running import ROOT, RunningService

REPORT = {
    "externalRequestId": "req_01HZXB6MQZ2WQ9D2KCF9M4V2QY",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "endpointTag": "checkout.ai_summary",
    "promptVersion": "summary_v3",
    "userId": "tenant_acme_hash",
    "inputTokens": 540,
    "outputTokens": 180,
    "latencyMs": 892,
    "status": "success",
    "dataMode": "real",
    "environment": "prod",
}
REPORT_COST_PICO_USD = 540 * 150_000 + 180 * 600_000
"""gpt-4o-mini: 0.15 and 0.60 USD per million tokens."""


@pytest.fixture
def service(migrated_database: str) -> Iterator[RunningService]:
    with RunningService(migrated_database) as running:
        yield running


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return connection.execute(query.encode()).fetchall()


def calls(dsn: str) -> int:
    return int(rows(dsn, "SELECT count(*) FROM genai.model_call")[0][0])


def get(address: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    request = urllib.request.Request(f"http://{address}{path}", headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def post(address: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str]]:
    request = urllib.request.Request(
        f"http://{address}/v1/telemetry",
        json.dumps(body).encode(),
        {"content-type": "application/json"} | (headers or {}),
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}


def start(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`spanledger serve` that is expected not to start."""
    return subprocess.run(
        [sys.executable, "-m", "spanledger", "serve", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.both_servers
def test_stock_exporters_over_both_transports_reach_the_view(
    service: RunningService, migrated_database: str
) -> None:
    over_grpc, over_http = make_spans(50, seed=1), make_spans(50, seed=2)
    exporters = [
        (GrpcExporter(f"http://{service.grpc}", insecure=True), over_grpc),
        (HttpExporter(f"http://{service.http}/v1/traces"), over_http),
    ]
    for exporter, spans in exporters:
        assert exporter.export(spans) is SpanExportResult.SUCCESS
        exporter.shutdown()

    assert calls(migrated_database) == 100
    summed = "SELECT sum(calls) FROM genai.usage_minute"
    until(lambda: rows(migrated_database, summed)[0][0] == 100, "the sums of all calls")
    assert rows(migrated_database, "SELECT count(*) FROM genai.model_call WHERE user_id LIKE 'u-%'") == [
        (0,)
    ], "users are stored as keyed hashes"


def test_the_documented_report_is_accepted_priced_and_counted_once(
    service: RunningService, migrated_database: str
) -> None:
    assert [post(service.http, REPORT)[0] for _ in range(3)] == [200, 200, 200]

    found = rows(
        migrated_database,
        "SELECT endpoint_tag, prompt_version, input_tokens, cost_pico_usd, price_status"
        " FROM genai.model_call",
    )
    assert found == [("checkout.ai_summary", "summary_v3", 540, REPORT_COST_PICO_USD, "priced")]


def test_a_restart_keeps_the_ledger_and_recognises_what_it_had(
    service: RunningService, migrated_database: str
) -> None:
    request = encode_spans(make_spans(40, seed=3))
    with grpc.insecure_channel(service.grpc) as channel:
        TraceServiceStub(channel).Export(request, timeout=10)
    assert service.stop() == 0
    service.start()
    with grpc.insecure_channel(service.grpc) as channel:
        TraceServiceStub(channel).Export(request, timeout=10)

    assert calls(migrated_database) == 40


@pytest.mark.slow
def test_sigterm_answers_what_is_in_flight_and_takes_nothing_new(
    service: RunningService, migrated_database: str
) -> None:
    answers: list[int] = []
    with psycopg.connect(migrated_database) as holder:
        holder.execute("LOCK TABLE _genai.call_key IN ACCESS EXCLUSIVE MODE")  # commits have to wait
        sender = threading.Thread(target=lambda: answers.append(post(service.http, REPORT)[0]))
        sender.start()
        until(lambda: json.loads(get(service.ops, "/diagnostics")[1])["waitingRequests"] == 1)
        psutil.Process(service.pid).terminate()
        until(lambda: not _accepts(service.http))
        holder.rollback()
    assert service.stop() == 0
    sender.join()

    assert answers == [200]
    assert calls(migrated_database) == 1


@pytest.mark.slow
def test_a_stop_during_a_database_that_hangs_ends_within_thirty_seconds(
    service: RunningService, migrated_database: str
) -> None:
    with psycopg.connect(migrated_database) as holder:
        holder.execute("LOCK TABLE _genai.call_key IN ACCESS EXCLUSIVE MODE")
        answers: list[int] = []
        sender = threading.Thread(target=lambda: answers.append(_post_or_cut(service.http)))
        sender.start()
        until(lambda: json.loads(get(service.ops, "/diagnostics")[1])["waitingRequests"] == 1)
        service.stop(patience_seconds=1.5 * LAST_SECONDS)  # a timer ends it, which a busy machine may delay
    sender.join()

    assert answers != [200], "nothing was committed, so nothing may be acknowledged"
    assert calls(migrated_database) == 0


@pytest.mark.slow
def test_two_workers_share_the_ports_and_are_counted_together(migrated_database: str) -> None:
    with RunningService(migrated_database, workers=2) as service:
        for seed in range(16):  # each on a connection of its own, so that the kernel spreads them
            exporter = GrpcExporter(f"http://{service.grpc}", insecure=True)
            assert exporter.export(make_spans(10, seed=100 + seed)) is SpanExportResult.SUCCESS
            exporter.shutdown()
            assert post(service.http, REPORT | {"externalRequestId": f"r-{seed}"})[0] == 200

        seen = json.loads(get(service.ops, "/diagnostics")[1])
        assert len({worker["pid"] for worker in seen["workers"]}) == 2
        assert seen["counters"]["calls"]["accepted"] == calls(migrated_database) == 16 * 11
        assert 'spanledger_calls_total{outcome="accepted"} 176.0' in get(service.ops, "/metrics")[1]
        assert "spanledger_workers 2.0" in get(service.ops, "/metrics")[1]


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_its_counts_stay(migrated_database: str) -> None:
    with RunningService(migrated_database, workers=2) as service:
        assert post(service.http, REPORT)[0] == 200
        victims = [worker["pid"] for worker in json.loads(get(service.ops, "/diagnostics")[1])["workers"]]
        for pid in victims:
            psutil.Process(pid).kill()

        def replaced() -> bool:
            now = json.loads(get(service.ops, "/diagnostics")[1])["workers"]
            return len(now) == 2 and not {worker["pid"] for worker in now} & set(victims)

        until(replaced)
        assert post(service.http, REPORT | {"externalRequestId": "after"})[0] == 200
        counters = json.loads(get(service.ops, "/diagnostics")[1])["counters"]
        assert counters["calls"]["accepted"] == 2
        assert "spanledger_worker_restarts_total 2.0" in get(service.ops, "/metrics")[1]
        assert service.stop() == 0


def test_workers_never_outlive_their_parent(migrated_database: str) -> None:
    with RunningService(migrated_database, workers=2) as service:
        family = service.processes()
        psutil.Process(service.pid).kill()
        _, alive = psutil.wait_procs(family[1:], timeout=10)
        assert len(family) >= 3
        assert alive == []


@pytest.mark.slow
@pytest.mark.postgres
def test_while_the_database_is_away_senders_are_told_to_come_again(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    database = EmbeddedPostgres(tmp_path)
    try:
        dsn = database.start()
        with RunningService(dsn) as service:
            assert post(service.http, REPORT)[0] == 200
            database.stop()

            with ThreadPoolExecutor(2) as pool:  # each waits for the database as long as it may
                posted = pool.submit(post, service.http, REPORT | {"externalRequestId": "away"})
                exported = pool.submit(export, service.grpc)
                assert get(service.ops, "/healthz")[0] == 200
                assert get(service.ops, "/readyz") == (503, "the database does not answer\n")
                assert get(service.ops, "/")[0] == 200
            status, headers = posted.result()
            assert (status, headers["retry-after"] in ("1", "2")) == (503, True)
            assert exported.result() is grpc.StatusCode.UNAVAILABLE

            database.start()
            until(lambda: post(service.http, REPORT | {"externalRequestId": "back"})[0] == 200)
            until(lambda: get(service.ops, "/readyz")[0] == 200)
            # What was told to retry may be committed all the same; sent again, each counts once.
            assert post(service.http, REPORT | {"externalRequestId": "away"})[0] == 200
            with grpc.insecure_channel(service.grpc) as channel:
                TraceServiceStub(channel).Export(EXPORTED, timeout=30)
            assert calls(dsn) == 3 + 5
    finally:
        database.destroy()


EXPORTED = encode_spans(make_spans(5, seed=9))


def export(address: str) -> object:
    """The status that an export over gRPC is refused with."""
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as refused:
        TraceServiceStub(channel).Export(EXPORTED, timeout=30)
    return refused.value.code()


def test_a_port_in_use_is_told_with_its_flag(migrated_database: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        for flag in ("--grpc", "--http", "--ops"):
            free = [each for name in ("--grpc", "--http", "--ops") for each in (name, "127.0.0.1:0")]
            done = start(*free, flag, taken, "--data-dir", str(tmp_path), "--database-url", migrated_database)

            assert done.returncode == 2
            assert f"{taken} (" in done.stderr
            assert f"in use by another program: stop it, or choose another port with {flag}" in done.stderr
            assert "Traceback" not in done.stderr


def test_bad_settings_refuse_to_start_with_file_line_and_reason(tmp_path: Path) -> None:
    file = tmp_path / "spanledger.yaml"
    file.write_text("workers: 1\nreceiver:\n  grcp: 127.0.0.1:1\n")

    done = start("--config", str(file), "--data-dir", str(tmp_path / "data"))

    assert done.returncode == 2
    assert (
        done.stderr == f"spanledger: {file}:3: receiver.grcp: no such setting (did you mean receiver.grpc?)\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_bad_price_map_refuses_to_start_with_file_and_line(migrated_database: str, tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("version: 1\nmodles: {}\n")
    settings = tmp_path / "spanledger.yaml"
    settings.write_text(f"prices:\n  file: {prices}\n")

    free = [each for name in ("--grpc", "--http", "--ops") for each in (name, "127.0.0.1:0")]
    own = ["--config", str(settings), "--data-dir", str(tmp_path), "--database-url", migrated_database]

    done = start(*free, *own)

    assert done.returncode == 2
    assert "prices.yaml:2" in done.stderr
    assert "modles" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_cannot_be_is_refused_at_once(migrated_database: str, tmp_path: Path) -> None:
    free = [each for name in ("--grpc", "--http", "--ops") for each in (name, "127.0.0.1:0")]
    for url, expected in (
        ("postgres//u:hunter2@h/x", "the connection string cannot be read"),
        (f"{migrated_database}-not", "does not exist"),
    ):
        began = time.monotonic()
        done = start(*free, "--data-dir", str(tmp_path), "--database-url", url)

        assert done.returncode in (1, 2)
        assert expected in done.stderr
        assert url not in done.stderr
        assert "Traceback" not in done.stderr
        assert time.monotonic() - began < 55  # a database that may still come is waited for a minute


def test_without_keys_only_this_machine_is_served(migrated_database: str, tmp_path: Path) -> None:
    outside = ["--grpc", "0.0.0.0:0", "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0"]

    done = start(*outside, "--data-dir", str(tmp_path), "--database-url", migrated_database)

    assert done.returncode == 2
    assert "no API key exists" in done.stderr
    assert "spanledger keys create" in done.stderr


@pytest.mark.slow
def test_with_a_key_nobody_else_gets_in(migrated_database: str) -> None:
    with psycopg.connect(migrated_database) as connection:
        _, ingest = keys.create(connection, "app", ["ingest"])
        _, read = keys.create(connection, "prometheus", ["read"])
    with RunningService(migrated_database) as service:
        bearer = {"authorization": f"Bearer {ingest}"}
        assert post(service.http, REPORT)[0] == 401
        assert post(service.http, REPORT, {"authorization": f"Bearer {read}"})[0] == 403
        assert post(service.http, REPORT, bearer)[0] == 200
        assert [get(service.ops, path)[0] for path in ("/", "/metrics", "/diagnostics")] == [
            401,
            401,
            401,
        ]
        assert [get(service.ops, path)[0] for path in ("/healthz", "/readyz")] == [200, 200]
        assert get(service.ops, "/metrics", bearer)[0] == 403
        assert get(service.ops, "/metrics", {"x-api-key": read})[0] == 200
        with grpc.insecure_channel(service.grpc) as channel:
            stub, request = TraceServiceStub(channel), encode_spans(make_spans(1, seed=4))
            with pytest.raises(grpc.RpcError) as refused:
                stub.Export(request, timeout=10)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
            stub.Export(request, timeout=10, metadata=(("authorization", f"Bearer {ingest}"),))


@pytest.mark.slow
def test_nothing_secret_comes_out(migrated_database: str) -> None:
    """No key, no password of the database, no prompt text: not in the log, on no page, in no answer."""
    canary = "CANARY-a-prompt-that-must-not-be-kept"
    with psycopg.connect(migrated_database) as connection:
        _, secret = keys.create(connection, "app", ["admin"])
    bearer = {"authorization": f"Bearer {secret}"}
    spans = make_spans(3, seed=5)
    for span in spans:
        span._attributes = dict(span.attributes or {}) | {
            "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"content": canary}]}]),
            "gen_ai.prompt.0.content": canary,
            "input.value": canary,
        }
    with RunningService(migrated_database) as service:
        exporter = HttpExporter(f"http://{service.http}/v1/traces", headers=bearer)
        assert exporter.export(spans) is SpanExportResult.SUCCESS
        exporter.shutdown()
        post(service.http, REPORT | {"inputTokens": canary, "prompt": canary}, bearer)
        post(service.http, REPORT, {"authorization": "Bearer sl_wrong-key"})
        pages = [get(service.ops, path, bearer)[1] for path in ("/", "/diagnostics", "/metrics", "/readyz")]
        service.stop()
        shown = service.log + "".join(pages)
    kept = [query for query in _tables(migrated_database) if canary in str(rows(migrated_database, query))]

    password = psycopg.conninfo.conninfo_to_dict(migrated_database).get("password")
    for hidden in (canary, secret, "sl_wrong-key", migrated_database, *([password] if password else [])):
        assert str(hidden) not in shown
    assert kept == []
    assert calls(migrated_database) >= 3


def _tables(dsn: str) -> list[str]:
    found = rows(dsn, "SELECT table_name FROM information_schema.tables WHERE table_schema = '_genai'")
    # The names come from the catalogue.
    return [f"SELECT t::text FROM _genai.{name} AS t" for (name,) in found]  # noqa: S608


def _post_or_cut(address: str) -> int:
    try:
        return post(address, REPORT)[0]
    except OSError:
        return 0


def _accepts(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True
