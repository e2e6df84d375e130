"""Database CPU of every panel with its default choice: 1 M and 10 M calls in 30 days, over 24 h and 30 d.

Sums are filled as such a month leaves them (14 days of minutes are kept, 35 of hours by identity), and every
single call of the month: panels read them at the ragged edges of a window and on Requests. A third of the
calls name a conversation, a quarter when the first token came, a twentieth a coding agent; a fiftieth failed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from storage.schema.grafana_role import READER
from storage.schema.migrate import migrate
from storage.upkeep.day_sums import sum_days
from storage.upkeep.week_sums import sum_weeks
from tests.benchmarks.figure import Figure
from tests.benchmarks.own_server import own_server
from tests.dashboards.files import DEFAULTS, Query, queries
from tests.dashboards.macros import Range, expand, fill

END = datetime(2026, 3, 1, 0, 10, tzinfo=UTC)
BUDGET_MS = 150.0
ROUNDS = 5
SUMMED_AFTER = timedelta(hours=6)
"""As housekeeping does it: younger days are read by hours."""


class Scale(NamedTuple):
    """How busy: rows of an hour by series and by identity, calls of a series row, calls in a minute."""

    name: str
    series: int
    calls: int
    identities: int
    calls_per_minute: int


SCALES = (Scale("1 M", 100, 14, 400, 23), Scale("10 M", 280, 50, 1000, 230))

SEED = """
INSERT INTO _genai.series
SELECT n, 10000 + n, 0, 'prod', 'real', 'service-' || n % 8, 'endpoint-' || n % 40,
    'v' || n % 3 + n / 40 % 2,
    (ARRAY['openai', 'anthropic', 'google'])[1 + n % 3], 'model-' || n % 12
FROM generate_series(1, 560) n;

INSERT INTO _genai.series
SELECT 10000 + n, 0, 0, 'prod', 'real', 'unknown', 'endpoint-' || n % 40, 'unknown',
    (ARRAY['openai', 'anthropic', 'google'])[1 + n % 3], 'model-' || n % 12
FROM generate_series(1, 120) n;

INSERT INTO _genai.identity SELECT n, 'tenant-' || n % 60, 'user-' || n FROM generate_series(1, 5000) n;

INSERT INTO _genai.usage_hour (
    bucket, series_id, calls, requests, successes, errors, input_tokens, output_tokens, cache_read_tokens,
    reasoning_tokens, input_cost_pico_usd, cache_read_cost_pico_usd, output_cost_pico_usd,
    wasted_cost_pico_usd, latency_calls, latency_us_sum, latency_b03, latency_b04, latency_b05, latency_b06,
    latency_b07, latency_b08, latency_b09)
SELECT
    timestamptz '2026-03-01 00:00:00+00' - h * interval '1 hour', 1 + (s * 2 + h) % 560, {calls},
    {calls}, {calls}, 2,
    40000 + s, 10000 + h, 8000, 1000, 1800000000, 40000000, 8000000000 + s, 2000000, {calls}, 100000000,
    2, 4, 12, 14, 10, 6, 2
FROM generate_series(0, 1464) h, generate_series(1, {series}) s;

INSERT INTO _genai.usage_minute (
    bucket, series_id, calls, requests, successes, errors, input_tokens, output_tokens, input_cost_pico_usd,
    output_cost_pico_usd, latency_calls, latency_us_sum, latency_b05, latency_b07)
SELECT
    timestamptz '2026-03-01 00:09:00+00' - m * interval '1 minute', 1 + (s * 5 + m) % 560, 2, 2, 2, 1,
    800, 200,
    60000000, 160000000, 2, 4000000, 1, 1
FROM generate_series(0, 4320) m, generate_series(1, {series} / 4) s;

INSERT INTO _genai.usage_identity_hour (
    bucket, identity_id, series_id, calls, requests, successes, errors, input_tokens, output_tokens,
    input_cost_pico_usd, output_cost_pico_usd, wasted_cost_pico_usd, latency_calls, latency_us_sum,
    latency_b05)
SELECT
    timestamptz '2026-03-01 00:00:00+00' - h * interval '1 hour', 1 + (i * 7 + h) % 5000,
    10001 + (i + h) % 120, 14, 14,
    13, 1, 11000, 2800, 500000000, 2200000000, 500000, 14, 28000000, 14
FROM generate_series(0, 840) h, generate_series(1, {identities}) i;

INSERT INTO _genai.usage_identity_day (
    bucket, identity_id, series_id, calls, requests, successes, errors, input_tokens, output_tokens,
    input_cost_pico_usd, output_cost_pico_usd)
SELECT
    timestamptz '2026-01-25 00:00:00+00' - d * interval '1 day', i, 10001 + i % 120, 60, 60, 58, 2,
    50000, 12000,
    2000000000, 9000000000
FROM generate_series(0, 30) d, generate_series(1, {identities} * 4) i;

INSERT INTO _genai.reading
VALUES (1, 'gen_ai', '[]'), (2, 'claude_code', '[]'), (3, 'codex', '[]');

INSERT INTO _genai.shape (id, reading_id, request_id_given, operation, streaming)
SELECT n, greatest(n, 1), false, 'chat', n > 0 FROM generate_series(0, 3) n;

INSERT INTO _genai.model_call (
    conversation_id, trace_id, span_id, time_to_first_token_us, time, received_at,
    call_key, series_id, identity_id, shape_id, flags, folded, status, usage_source,
    price_status,
    requests, input_tokens, output_tokens, latency_us, cost_pico_usd, input_cost_pico_usd,
    cache_read_cost_pico_usd,
    cache_write_cost_pico_usd, output_cost_pico_usd, other_cost_pico_usd)
SELECT CASE WHEN n % 3 = 0 THEN 'conversation-' || n / 30 END, gen_random_uuid(), n,
    CASE WHEN n % 4 = 1 THEN 300000 + n % 900000 END, t.at, t.at, gen_random_uuid(), 1 + n % 560,
    1 + n % 5000,
    CASE WHEN n % 40 = 1 THEN 2 WHEN n % 40 = 5 THEN 3 WHEN n % 4 = 1 THEN 1 ELSE 0 END, 0, 0,
    CASE WHEN n % 50 = 0 THEN 2 ELSE 1 END, 1, 1, 1, 800, 200, 200000 + (n::bigint * 7919) % 9000000,
    220000000, 60000000, 0, 0, 160000000, 0
FROM generate_series(1, {calls_per_minute} * 60 * 24 * 30) n
CROSS JOIN LATERAL (
    SELECT timestamptz '2026-03-01 00:10:00+00' - n * interval '1 minute' / {calls_per_minute} AS at
) t;

UPDATE _genai.floor SET time = timestamptz '2026-02-15' WHERE level = 'minute';
UPDATE _genai.floor SET time = timestamptz '2026-01-25' WHERE level = 'identity_hour';
UPDATE _genai.floor SET time = timestamptz '2025-12-01' WHERE level = 'raw';
"""

WINDOWS = {"24 h": timedelta(hours=24), "30 d": timedelta(days=30)}


def measure() -> Iterator[Figure]:
    """On an embedded server of its own, a database for each scale."""
    with own_server() as uri:
        for scale in SCALES:
            with psycopg.connect(uri, autocommit=True) as admin:
                name = "bench_" + scale.name.replace(" ", "_").lower()
                admin.execute(f"CREATE DATABASE {name}".encode())
            yield from measure_on(uri.rpartition("/")[0] + "/" + name, scale)


def measure_on(dsn: str, scale: Scale) -> Iterator[Figure]:
    """One figure a panel and window."""
    migrate(dsn)
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        connection.execute(SEED.format(**scale._asdict()).encode())
        while sum_days(connection, before=END - SUMMED_AFTER):
            pass
        while sum_weeks(connection):
            pass
        connection.execute("VACUUM ANALYZE")
        _become_reader(connection)
        for window, back in WINDOWS.items():
            for query in (each for each in queries() if each.kind != "variable"):
                panel = f"{query.dashboard.removeprefix('spanledger-')}, “{query.where}”"
                cpu, elapsed = _ms(connection, query, back)
                name, note = f"{panel}, {scale.name}, {window}", f"{elapsed:.0f} ms elapsed"
                yield Figure(name, cpu, "ms of CPU", BUDGET_MS, note=note)


def _become_reader(connection: psycopg.Connection[Any]) -> None:
    """Take the role and the settings that Grafana's sessions begin with."""
    settings = connection.execute(
        "SELECT unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s"
        " JOIN pg_catalog.pg_roles r ON r.oid = s.setrole"
        " JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase"
        " WHERE r.rolname = %s AND d.datname = current_database()",
        [READER],
    ).fetchall()
    connection.execute(f"SET SESSION AUTHORIZATION {READER}".encode())
    for (setting,) in settings:
        name, _, value = setting.partition("=")
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])


def _ms(connection: psycopg.Connection[Any], query: Query, back: timedelta) -> tuple[float, float]:
    """CPU of the backend and elapsed, with planning and transfer: medians after one round that warms."""
    text = expand(fill(query.sql, DEFAULTS), Range(END - back, END)).encode()
    backend = Path(f"/proc/{connection.info.backend_pid}/schedstat")

    def once() -> tuple[float, float]:
        begun, on_cpu = time.perf_counter(), int(backend.read_text().split()[0])
        connection.execute(text).fetchall()
        spent = (int(backend.read_text().split()[0]) - on_cpu) / 1e6
        return spent, (time.perf_counter() - begun) * 1e3

    once()
    cpu, elapsed = zip(*(once() for _ in range(ROUNDS)), strict=True)
    return statistics.median(cpu), statistics.median(elapsed)
