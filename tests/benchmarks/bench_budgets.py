"""Judging 10,000 budgets of tenants in one pass, late in a month of 10 M calls."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from operations.operator_files.model import OperatorFile, put_in_force
from processor.alerting.budgets_file import read_budgets
from processor.calls.strict_yaml import read_yaml
from service.postgres.server import EmbeddedPostgres
from storage.budgets.judge import judge
from storage.schema.migrate import migrate
from storage.upkeep.day_sums import sum_days
from tests.benchmarks.figure import Figure

NOW = datetime(2026, 3, 28, 20, 30, tzinfo=UTC)
TENANTS = 10_000
BUDGET_MS = 1000.0
ROUNDS = 5
SEED = """
SET session_replication_role = replica;   -- no trigger for each of 2.5 M rows: no day is summed yet

INSERT INTO _genai.series
SELECT n, 0, 0, 'prod', 'real', '', 'endpoint-' || n % 4, '', 'openai', 'model-' || n / 4
FROM generate_series(1, 16) n;

INSERT INTO _genai.identity SELECT n, 'tenant-' || n, 'unknown' FROM generate_series(1, 10000) n;

-- Each tenant in nine hours of each day, at four calls an hour: 10 M calls in 28 days.
INSERT INTO _genai.usage_identity_hour (
    bucket, identity_id, series_id, calls, requests, successes, input_tokens, output_tokens,
    input_cost_pico_usd, output_cost_pico_usd, latency_calls, latency_us_sum, latency_b03)
SELECT t.bucket, i, 1 + (i + h) % 16, 4, 4, 4, 4000, 1000, 1800000000 + i, 8000000000, 4, 8000000, 4
FROM generate_series(0, 27) d, generate_series(1, 10000) i, generate_series(1, 9) h,
    LATERAL (SELECT timestamptz '2026-03-01' + make_interval(days => d, hours => (i + h) % 24) AS bucket) t
WHERE t.bucket <= '2026-03-28 20:00';

INSERT INTO _genai.usage_hour (bucket, series_id, calls, requests, input_cost_pico_usd)
SELECT bucket, series_id, sum(calls), sum(requests), sum(input_cost_pico_usd + output_cost_pico_usd)
FROM _genai.usage_identity_hour GROUP BY 1, 2;

RESET session_replication_role;
"""


def measure() -> Iterator[Figure]:
    """On an embedded server of its own."""
    directory = Path(tempfile.mkdtemp(prefix="spanledger-bench-"))
    directory.chmod(0o755)
    server = EmbeddedPostgres(directory)
    try:
        dsn = server.start()
        migrate(dsn)
        with psycopg.connect(dsn, autocommit=True, options="-c jit=off") as connection:
            connection.execute(SEED)
            while sum_days(connection, before=NOW - timedelta(hours=6)):  # as housekeeping does it
                pass
            connection.execute("VACUUM ANALYZE")
            yield from _measure_on(connection)
    finally:
        server.destroy()
        shutil.rmtree(directory, ignore_errors=True)


def _measure_on(connection: psycopg.Connection[Any]) -> Iterator[Figure]:
    text = _file()
    begun = time.process_time()
    root = read_yaml(text.encode(), "budgets.yaml")
    assert root is not None
    content = read_budgets(root)
    yield Figure("read budgets.yaml with 10,000 budgets", time.process_time() - begun, "s")
    put_in_force(connection, OperatorFile("budgets", "1", text, content))
    connection.execute("UPDATE _genai.operator_file SET loaded_at = %s", (NOW - timedelta(days=1),))
    yield Figure("judge 10,000 budgets for the first time", _pass(connection, NOW)[0], "ms")
    passes = [_pass(connection, NOW + timedelta(minutes=n)) for n in range(1, ROUNDS + 1)]
    wall, cpu = (statistics.median(each) for each in zip(*passes, strict=True))
    yield Figure("judge 10,000 tenant budgets, database CPU", cpu, "ms", BUDGET_MS, note="one pass")
    yield Figure("the same, elapsed", wall, "ms")


def _pass(connection: psycopg.Connection[Any], now: datetime) -> tuple[float, float]:
    """Elapsed, and on the backend's CPU, in ms."""
    backend = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    begun, on_cpu = time.perf_counter(), int(backend.read_text().split()[0])
    assert judge(connection, now) is not None
    spent = (int(backend.read_text().split()[0]) - on_cpu) / 1e6
    return (time.perf_counter() - begun) * 1e3, spent


def _file() -> str:
    """A tenth of the tenants run over a limit in the course of the day."""
    limits = [0.05 if n % 10 == 0 else 5 for n in range(TENANTS)]
    entries = (
        f'  - {{name: t{n}, scope: {{tenant: tenant-{n}}}, daily: "{limit}", monthly: "100"}}'
        for n, limit in enumerate(limits, 1)
    )
    return "\n".join(["version: 1", "budgets:", *entries]) + "\n"
