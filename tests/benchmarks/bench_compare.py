"""Comparing thirty days with the thirty before: 10 M calls each, 200 000 rows of the hour rollup a window."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from operations.compare.model import Focus, Question, compare
from storage.schema.migrate import migrate
from storage.upkeep.day_sums import sum_days
from storage.upkeep.week_sums import sum_weeks
from tests.benchmarks.figure import Figure
from tests.benchmarks.own_server import own_server

END = datetime(2026, 3, 1, 0, 10, tzinfo=UTC)
WINDOW = timedelta(days=30)
BUDGET_MS = 300.0
ROUNDS = 7
SEED = """
INSERT INTO _genai.series
SELECT n, 0, 0, 'prod', 'real', 'service-' || n % 8, 'endpoint-' || n % 40, 'v' || n % 3 + n / 40 % 2,
    (ARRAY['openai', 'anthropic', 'google'])[1 + n % 3], 'model-' || n % 12
FROM generate_series(1, 560) n;

INSERT INTO _genai.usage_hour (
    bucket, series_id, calls, requests, successes, errors, input_tokens, output_tokens, cache_read_tokens,
    reasoning_tokens, input_cost_pico_usd, cache_read_cost_pico_usd, output_cost_pico_usd,
    wasted_cost_pico_usd, latency_calls, latency_us_sum, latency_b03, latency_b04, latency_b05, latency_b06,
    latency_b07, latency_b08, latency_b09)
SELECT
    timestamptz '2026-03-01 00:00:00+00' - h * interval '1 hour', 1 + (s * 2 + h) % 560, 50, 48, 47, 2,
    40000 + s, 10000 + h, 8000, 1000, 1800000000, 40000000, 8000000000 + s, 2000000, 50, 100000000,
    2, 4, 12, 14, 10, 6, 2
FROM generate_series(1, 1441) h, generate_series(1, 280) s;
"""


def measure() -> Iterator[Figure]:
    """On an embedded server of its own."""
    with own_server() as dsn:
        yield from measure_on(dsn)


def measure_on(dsn: str) -> Iterator[Figure]:
    """On this server, in an empty database."""
    migrate(dsn)
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        connection.execute(SEED)
        while sum_days(connection, before=END - timedelta(hours=6)):  # as housekeeping does it
            pass
        while sum_weeks(connection):
            pass
        connection.execute("VACUUM ANALYZE")
        asked = Question(END - WINDOW, END)
        focused = asked._replace(dimension="prompt_version", focus=Focus(endpoint="endpoint-7"))
        whole, one = (_ms(connection, "compare", question) for question in (asked, focused))
        yield Figure("compare 30 d with 30 d, by endpoint", whole, "ms", BUDGET_MS, note=NOTE)
        yield Figure("compare 30 d with 30 d, one endpoint", one, "ms", BUDGET_MS)
        yield Figure("classify the same", _ms(connection, "classify", asked), "ms")
        connection.execute("SET max_parallel_workers_per_gather = 0")
        backend = Path(f"/proc/{connection.info.backend_pid}/schedstat")
        begun = _on_cpu_ms(backend)
        for _ in range(ROUNDS):
            _ms(connection, "compare", asked, rounds=1)
        spent = (_on_cpu_ms(backend) - begun) / ROUNDS
        yield Figure(
            "compare 30 d with 30 d, CPU in one process", spent, "ms", note="without parallel workers"
        )
        answer = compare(connection, asked)
        assert answer.total is not None
        assert answer.total.calls == answer.total.baseline_calls == 719 * 280 * 50  # the ragged hour is empty


NOTE = f"planning, execution and transfer; the quickest of {ROUNDS}, as neighbours on the machine only add"


def _on_cpu_ms(process: Path) -> float:
    return int(process.read_text().split()[0]) / 1e6


def _ms(
    connection: psycopg.Connection[tuple[object, ...]],
    function: str,
    question: Question,
    rounds: int = ROUNDS,
) -> float:
    query = f"SELECT * FROM genai.{function}(%s, %s, p_endpoint => %s"  # noqa: S608
    query += ", p_dimension => %s)" if function == "compare" else ")"
    values: list[object] = [question.start, question.end, question.focus.endpoint]
    values += [question.dimension] if function == "compare" else []

    def once() -> float:
        begun = time.perf_counter()
        connection.execute(query.encode(), values).fetchall()
        return (time.perf_counter() - begun) * 1e3

    return min(once() for _ in range(rounds))
