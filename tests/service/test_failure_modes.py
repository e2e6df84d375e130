"""Faults, injected into a running service, one for each failure mode of docs/runbooks.md.

Each is in `/diagnostics` with its cause, a breach opens and closes, and nothing is lost.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from service.postgres.server import EmbeddedPostgres, running_dsn
from service.watch import disk_of
from storage.schema.migrate import migrate
from tests.end_to_end.traffic import make_spans
from tests.patience import until
from tests.running import RunningService
from tests.service.test_diagnostics import seen, troubles
from tests.service.test_serve import REPORT, get, post, rows

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

STRICT = {
    "SPANLEDGER_FRESHNESS__OBJECTIVE": "3s",
    "SPANLEDGER_FRESHNESS__WINDOW": "1m",
    "SPANLEDGER_PROBE__ENABLED": "true",
    "SPANLEDGER_PROBE__EVERY": "2s",
    "SPANLEDGER_PROBE__TIMEOUT": "5s",
    "SPANLEDGER_LIMITS__BYTES_IN_FLIGHT": str(1 << 20),
}
SUMMED = "SELECT coalesce(sum(calls), 0)::bigint FROM genai.usage_minute WHERE data_mode = 'real'"
CUT_FOLDER = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'spanledger folder'"
)
COUNTED = "SELECT count(*) FROM genai.model_call WHERE data_mode = 'real'"


@pytest.fixture(scope="module")
def service(server: EmbeddedPostgres) -> Iterator[RunningService]:
    with RunningService(server.dsn, environment=STRICT) as running:
        yield running


def insist(attempt: Callable[[], int]) -> None:
    """Send as a client does: again, until it is accepted."""

    def is_accepted() -> bool:
        try:
            return attempt() == 200
        except OSError:  # no answer in time
            return False

    until(is_accepted, "a delivery")


def report(service: RunningService, name: str) -> None:
    insist(lambda: post(service.http, {**REPORT, "externalRequestId": name})[0])


def export(service: RunningService, body: bytes) -> int:
    """Send an OTLP request once; returns the answer's status."""
    try:
        with answered(service, body) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def answered(service: RunningService, body: bytes) -> HTTPResponse:
    headers = {"content-type": "application/x-protobuf"}
    asked = urllib.request.Request(f"http://{service.http}/v1/traces", body, headers)
    answer: HTTPResponse = urllib.request.urlopen(asked, timeout=15)
    return answer


@contextmanager
def beside(*works: Callable[[], None]) -> Iterator[None]:
    """Senders that are done when the block has ended."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


@contextmanager
def locked(dsn: str, table: str) -> Iterator[None]:
    """Nothing can write to a table."""
    with psycopg.connect(dsn) as blocker:
        blocker.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        yield
        blocker.rollback()


def number(dsn: str, query: str) -> int:
    return int(rows(dsn, query)[0][0])


def breaches(dsn: str) -> list[tuple[str, bool]]:
    """Cause, and whether it is open."""
    query = "SELECT cause, closed_at IS NULL FROM genai.freshness_breach ORDER BY id"
    return [(cause, is_open) for cause, is_open in rows(dsn, query)]


def opened(dsn: str, cause: str) -> None:
    until(lambda: (cause, True) in breaches(dsn), f"a breach by {cause}")


def closed(dsn: str) -> None:
    """No breach is open, once what came late or was rejected is no longer of the last minutes."""

    def is_over() -> bool:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("DELETE FROM _genai.freshness_minute")
            connection.execute("UPDATE _genai.quarantine SET received_at = '2026-01-01'")
        return not any(is_open for _, is_open in breaches(dsn))

    until(is_over, "the end of the breach")


def test_a_folder_that_hangs_and_is_restarted(service: RunningService, server: EmbeddedPostgres) -> None:
    """Aggregation is delayed, then starts anew."""
    dsn = server.dsn
    with locked(dsn, "_genai.usage_minute"):
        report(service, "behind a fold")
        assert "is counted up to" in seen(service, "counted_late")["detail"]
        opened(dsn, "counted_late")
        assert rows(dsn, CUT_FOLDER)
        assert (number(dsn, COUNTED), number(dsn, SUMMED)) == (1, 0)
    closed(dsn)
    until(lambda: number(dsn, SUMMED) == 1)


def test_a_burst_that_fills_the_queue(service: RunningService, server: EmbeddedPostgres) -> None:
    """Back-pressure: senders are told to retry, and each call counts once."""
    dsn, before = server.dsn, number(server.dsn, COUNTED)
    bodies = [encode_spans(make_spans(400, seed)).SerializeToString() for seed in range(8)]
    senders = [partial(insist, partial(export, service, body)) for body in bodies]
    with ExitStack() as stack:
        stack.enter_context(beside(*senders))
        with locked(dsn, "_genai.call_key"):
            assert "the oldest request waits" in seen(service, "queue_waits")["detail"]
            opened(dsn, "queue_waits")
            until(lambda: counters(service)["retryLater"], "back-pressure")
    closed(dsn)
    until(lambda: number(dsn, SUMMED) == before + 3_200)
    assert number(dsn, COUNTED) == before + 3_200, "however often it was sent"


def counters(service: RunningService) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(service.ops, "/diagnostics")[1])["counters"]
    return found


def test_an_instrumentation_whose_spans_are_rejected_in_part(
    service: RunningService, server: EmbeddedPostgres
) -> None:
    """Schema mismatch: what can be read counts, what cannot is told by number and reason."""
    dsn, before = server.dsn, number(server.dsn, COUNTED)
    request = encode_spans(make_spans(24, seed=90))
    for span in _spans(request)[:12]:
        span.trace_id = b""
    with answered(service, request.SerializeToString()) as answer:
        told = ExportTraceServiceResponse.FromString(answer.read()).partial_success
    assert told.rejected_spans == 12
    assert seen(service, "spans_rejected")["detail"].startswith("12 in the last minutes: ")
    opened(dsn, "spans_rejected")
    closed(dsn)
    assert number(dsn, COUNTED) == before + 12
    assert number(dsn, "SELECT count(*) FROM genai.quarantine") == 12


def _spans(request: ExportTraceServiceRequest) -> Sequence[Any]:
    return [span for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]


def test_a_database_that_is_away(service: RunningService, server: EmbeddedPostgres) -> None:
    dsn, before, counted = server.dsn, len(breaches(server.dsn)), number(server.dsn, COUNTED)
    # Who has never had the lease of the probe does not probe while nobody can give it.
    until(lambda: number(dsn, "SELECT count(*) FROM genai.probe"), "the first probe")
    server.stop()
    try:
        seen(service, "database_away")
        assert get(service.ops, "/readyz")[0] == 503
        threading.Event().wait(4)  # more than the objective
    finally:
        server.start()
    until(lambda: get(service.ops, "/readyz")[0] == 200)
    report(service, "after")
    until(lambda: "database_away" in [cause for cause, _ in breaches(dsn)[before:]])
    closed(dsn)
    assert number(dsn, COUNTED) == counted + 1
    failed = number(dsn, "SELECT count(*) FROM genai.probe WHERE failure = 'database'")
    assert failed >= 1, "what the probe saw meanwhile is recorded too"


SLOW_CLOCK = """
import time
real, real_ns = time.time, time.time_ns
time.time, time.time_ns = lambda: real() - 30, lambda: real_ns() - 30_000_000_000
"""
"""Python imports it at its start: a machine whose clock is half a minute behind that of the database."""
LATELY = f"{COUNTED} AND time > now() - interval '10 minutes'"


def test_clocks_and_time_zones_that_differ(migrated_database: str, tmp_path: Path) -> None:
    """The service's clock is behind, and a sender tells local time, two hours ahead, as UTC."""
    dsn = migrated_database
    (tmp_path / "sitecustomize.py").write_text(SLOW_CLOCK)
    with psycopg.connect(dsn, autocommit=True) as connection:
        (name,) = connection.execute("SELECT quote_ident(current_database())").fetchone() or ("",)
        connection.execute(f"ALTER DATABASE {name} SET timezone = 'America/New_York'".encode())
    request = encode_spans(make_spans(12, seed=91, spread_seconds=60))
    for span in _spans(request):
        span.start_time_unix_nano += 7_200_000_000_000
        span.end_time_unix_nano += 7_200_000_000_000
    with RunningService(dsn, environment=STRICT | {"PYTHONPATH": str(tmp_path)}) as service:
        insist(lambda: export(service, request.SerializeToString()))
        assert seen(service, "database_clock")["detail"].startswith(("29", "30"))
        assert seen(service, "sender_clock")["detail"].split(": ")[1].startswith(("71", "72"))
        opened(dsn, "database_clock")
    with RunningService(dsn, environment=STRICT) as service:
        closed(dsn)
        assert not {"database_clock", "sender_clock"} & troubles(service).keys()
        assert number(dsn, COUNTED) == number(dsn, SUMMED) == 12
        assert number(dsn, LATELY) == 12, "a time in the future is that of the receipt"
    days = "SELECT DISTINCT extract(hour FROM day AT TIME ZONE 'UTC')::integer FROM genai.freshness_day"
    assert rows(dsn, days) in ([], [(0,)]), "days are UTC whatever the database's time zone"


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """For a database that is the service's own: only its disk can be looked at."""
    directory = Path(tempfile.mkdtemp(prefix="spanledger-disk-"))
    directory.chmod(0o755)
    yield directory
    EmbeddedPostgres(directory).destroy()
    shutil.rmtree(directory)


FULL = """
CREATE FUNCTION _genai.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE 'could not extend file "base/5/16400": No space left on device' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON _genai.lease EXECUTE FUNCTION _genai.full();
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON _genai.call_key EXECUTE FUNCTION _genai.full();
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON _genai.freshness_breach EXECUTE FUNCTION _genai.full();
"""
"""What PostgreSQL answers on a full disk, at the statement that would need a page.

A disk that is really full takes a file system of its own, which only root can mount.
"""


def test_a_disk_that_fills_up_and_is_full(data_dir: Path) -> None:
    """The forecast is the real disk's free bytes over a growth that would fill it in five days."""
    with EmbeddedPostgres(data_dir, settings={"fsync": "off"}) as database:
        migrate(database.dsn)
        disk = disk_of(data_dir)
        assert disk is not None
        grow = "INSERT INTO _genai.size_sample VALUES (now() - interval '3 hours', 0), (now(), %s)"
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            connection.execute(grow, (disk.free_bytes // 40,))
    with RunningService(None, data_dir=data_dir, environment=STRICT) as service:
        found = seen(service, "disk_filling")
        assert (found["severity"], found["runbook"]) == ("critical", "/runbooks#disk-filling")
        dsn = running_dsn(data_dir)
        assert dsn is not None
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(FULL)
            with beside(lambda: report(service, "on a full disk")):
                assert "No space left" in seen(service, "database_cannot_commit")["detail"]
                assert get(service.ops, "/readyz") == (503, "the database cannot commit\n")
                threading.Event().wait(4)  # more than the objective
                connection.execute("DROP FUNCTION _genai.full CASCADE")
        until(lambda: get(service.ops, "/readyz")[0] == 200)
        until(lambda: "database_cannot_commit" in [cause for cause, _ in breaches(dsn)])
        closed(dsn)
        assert number(dsn, COUNTED) == 1
