"""Pricing the past again beside ingest: how long a million rows take, how long ingest waits for it."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import psycopg

from operations.reprice.model import Scope, apply, preview
from processor.calls.call import Batch, ModelCall
from processor.pricing.charge import price_call
from processor.pricing.load import load_price_book
from service.postgres.server import EmbeddedPostgres
from storage.ingest.writer import Writer
from storage.schema.migrate import migrate
from tests.benchmarks.figure import Figure
from tests.storage.ledger import SECOND_NS, call

ROWS = int(os.environ.get("SPANLEDGER_BENCH_ROWS", "200000"))
"""Set it to 1000000 for the figure of the design; a fifth of it takes a fifth of the time."""
SEED_ROWS = 10_000
DAY = datetime(2026, 11, 20, tzinfo=UTC)
SECONDS_A_MILLION = 60.0
BLOCKED_MS = 200.0
_START_NS = int(DAY.timestamp()) * SECOND_NS
_MAP = """version: 1
models:
  - {provider: acme, model: answer-1, prices: [{usd_per_mtok: {input: "1.25", output: "10"}}]}
"""


def measure() -> Iterator[Figure]:
    """On an embedded server of its own, with durable commits."""
    directory = Path(tempfile.mkdtemp(prefix="spanledger-bench-"))
    directory.chmod(0o755)
    server = EmbeddedPostgres(directory / "data")
    try:
        yield from measure_on(server.start(), directory)
    finally:
        server.destroy()
        shutil.rmtree(directory, ignore_errors=True)


def measure_on(dsn: str, directory: Path) -> Iterator[Figure]:
    """On this server, which must be empty."""
    migrate(dsn)
    _fill(dsn)
    prices = directory / "prices.yaml"
    prices.write_text(_MAP)
    book = load_price_book(prices)
    alone = _longest_write(dsn, prices, seconds=5.0)
    scope = Scope(DAY, DAY + timedelta(days=1))
    begun = time.perf_counter()
    with psycopg.connect(dsn, autocommit=True) as conn:
        told = preview(conn, book, scope)
    preview_seconds = time.perf_counter() - begun
    with _ingest(dsn, prices) as waits, _lock_waits(dsn) as blocked:
        begun, cpu = time.perf_counter(), time.process_time()
        done = apply(dsn, book, scope, price_map_id=None)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    assert done.total().filled == told.total().filled == ROWS, (done.total(), told.total())
    assert done.total().delta_pico_usd == told.total().delta_pico_usd
    _check(dsn)
    million = 1_000_000 / ROWS
    yield Figure("price 1 M rows again, beside ingest", seconds * million, "s", SECONDS_A_MILLION,
                 note=f"measured on {ROWS} rows of one day")  # fmt: skip
    yield Figure("CPU of this process for it", cpu * million, "s", note="the sampler of lock waits included")
    yield Figure("preview of 1 M rows", preview_seconds * million, "s")
    yield Figure("ingest blocked by it at a time", max(blocked, default=0.0), "ms", BLOCKED_MS,
                 note="longest wait of a writer for a lock, looked at every 5 ms")  # fmt: skip
    yield Figure("longest write of ingest beside it", max(waits), "ms",
                 note=f"{alone:.0f} ms without it")  # fmt: skip


def _fill(dsn: str) -> None:
    """Rows of one day without a price: some written, the others copies of them with times and keys of their
    own."""
    rng = random.Random(3)
    writer = Writer(dsn)
    calls = [
        _call(f"seed {number}", rng, _START_NS + rng.randrange(86_000) * SECOND_NS)
        for number in range(SEED_ROWS)
    ]
    empty = load_price_book(None)
    writer.write([(Batch(calls=calls), [price_call(c, empty) for c in calls])])
    writer.close()
    with psycopg.connect(dsn, autocommit=True) as conn:
        names = [str(n) for (n,) in conn.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = '_genai.model_call'::regclass AND attnum > 0"
            " AND attname NOT IN ('time', 'call_key') ORDER BY attnum").fetchall()]  # fmt: skip
        columns = ", ".join(names)
        conn.execute(
            f"INSERT INTO _genai.model_call (time, call_key, {columns})"  # noqa: S608 (names of the catalogue)
            f" SELECT m.time + n * interval '1.7 ms', gen_random_uuid(), {columns}"
            f" FROM _genai.model_call m, generate_series(1, {ROWS // SEED_ROWS - 1}) n ORDER BY 1".encode()
        )
        conn.execute("TRUNCATE _genai.usage_minute, _genai.usage_hour, _genai.usage_identity_hour")
        _book(conn)
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")


def _book(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    """Fill the rollups from what each row is booked as."""
    measures = [str(n) for (n,) in conn.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = '_genai.measure'::regclass AND attnum > 0"
        " ORDER BY attnum"
    ).fetchall()]  # fmt: skip
    sums = ", ".join(f"sum(b.{name})" for name in measures)
    for table, unit, into, ids in (
        ("usage_minute", "minute", "series_id", "b.series_id"),
        ("usage_hour", "hour", "series_id", "b.series_id"),
        ("usage_identity_hour", "hour", "identity_id, series_id", "b.identity_id, s.facet_id"),
    ):
        conn.execute(
            f"INSERT INTO _genai.{table} (bucket, {into}, {', '.join(measures)})"  # noqa: S608
            f" SELECT date_bin('1 {unit}', b.time, 'epoch'), {ids}, {sums} FROM _genai.booked b"
            f" JOIN _genai.series s ON s.id = b.series_id GROUP BY 1, {ids} ORDER BY 1".encode()
        )


def _call(name: str, rng: random.Random, time_ns: int) -> ModelCall:
    return call(
        name,
        time_ns=time_ns,
        provider="acme",
        model="answer-1",
        endpoint_tag=f"endpoint {rng.randrange(20)}",
        tenant_id=f"tenant {rng.randrange(50)}",
        user_id=f"user {rng.randrange(2_000)}",
        input_tokens=rng.randrange(10_000),
        cache_read_tokens=None,
        output_tokens=rng.randrange(2_000),
    )


def _longest_write(dsn: str, prices: Path, seconds: float) -> float:
    with _ingest(dsn, prices) as waits:
        time.sleep(seconds)
    return max(waits)


@contextmanager
def _ingest(dsn: str, prices: Path) -> Iterator[list[float]]:
    """A process that commits 200 calls of the same day every 50 ms; fills in the ms that each write took."""
    spawn = multiprocessing.get_context("spawn")
    stop, answers = spawn.Event(), spawn.Queue()
    process = spawn.Process(target=_send, args=(dsn, prices, stop, answers))
    process.start()
    answers.get()  # it has written once
    waits: list[float] = []
    try:
        yield waits
    finally:
        stop.set()
        waits += answers.get()
        process.join()


@contextmanager
def _lock_waits(dsn: str) -> Iterator[list[float]]:
    """Fills in the ms that the writer of ingest has waited for a lock, as often as it is seen waiting."""
    seen: list[float] = []
    stop = threading.Event()
    query = """
        SELECT extract(epoch FROM clock_timestamp() - l.waitstart) * 1000
        FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
        WHERE NOT l.granted AND l.waitstart IS NOT NULL AND a.application_name = 'spanledger writer'
    """

    def look() -> None:
        with psycopg.connect(dsn, autocommit=True) as conn:
            while not stop.wait(0.005):
                seen.extend(float(ms) for (ms,) in conn.execute(query, prepare=True))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _send(dsn: str, prices: Path, stop: Event, answers: Queue[list[float]]) -> None:
    rng, writer, book = random.Random(), Writer(dsn, patience_seconds=60), load_price_book(prices)
    waits: list[float] = []
    while not stop.wait(0.05):
        times = (_START_NS + 86_400 * SECOND_NS - rng.randrange(1, 3_600) * SECOND_NS for _ in range(200))
        calls = [_call(f"beside {rng.random()}", rng, at) for at in times]
        priced = [price_call(c, book) for c in calls]
        start = time.perf_counter()
        writer.write([(Batch(calls=calls), priced)])
        waits.append((time.perf_counter() - start) * 1e3)
        if len(waits) == 1:
            answers.put(waits)
    writer.close()
    answers.put(waits)


def _check(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        query = "SELECT count(*) FROM _genai.rollup_difference('2026-11-01', '2026-12-01')"
        assert conn.execute(query).fetchone() == (0,), "rollups and rows differ"
        query = (
            "SELECT (SELECT sum(cost_pico_usd) FROM _genai.model_call) = (SELECT sum(first_cost_pico_usd)"
            " FROM _genai.model_call) + (SELECT sum(cost_pico_usd) FROM _genai.ledger_line)"
        )
        assert conn.execute(query).fetchone() == (True,), "the ledger's book does not add up"


if __name__ == "__main__":
    for figure in measure():
        print(figure)
