"""The whole service under load, seen from outside: rate, CPU, latency, freshness, memory, and raw COPY.

One service and one database of its own, with durable commits, on the machine that also sends. CPU is taken
from /proc for the whole process trees, background work included.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg

from service.postgres.server import EmbeddedPostgres
from tests.benchmarks.figure import AT_LEAST, Figure
from tests.benchmarks.load import SPANS_PER_REQUEST, Plan, Sent, send
from tests.running import RunningService

CONNECTIONS = 4
FULL_RATE, BUSY_RATE, CALM_RATE = 25_000, 5_000, 1_000
ROUNDS = 3
_FULL_REQUESTS = 160
_SETTLE_SECONDS = 1.5
_COPY_ROWS = 5_000
_COPY_BATCHES = 40


class Run(NamedTuple):
    """One round of sending.

    Attributes:
        calls_per_second: acknowledged calls from the first request to the last answer.
        service_us: CPU µs of the service per call.
        database_us: CPU µs of the database per call.
        milliseconds: of each request, from when it was due to its answer.
    """

    calls_per_second: float
    service_us: float
    database_us: float
    milliseconds: list[float]


class Bench:
    """A running service on a running database."""

    def __init__(self, service: RunningService, database: EmbeddedPostgres) -> None:
        self.service = service
        self.database = database
        self._seed = 0

    def run(self, requests: int, calls_per_second: float = 0.0, spans: int = SPANS_PER_REQUEST) -> Run:
        """Send, and measure what it took."""
        self._seed += 1
        start: list[float] = []
        plan = Plan(self.service.grpc, requests, CONNECTIONS, calls_per_second, spans)
        sent = send(plan, self._seed, before=lambda: start.extend(self._cpu()))
        time.sleep(_SETTLE_SECONDS)  # what is written after the answer is also paid for
        end = self._cpu()
        calls = len(sent) * spans
        assert len(sent) == requests
        service_us, database_us = (
            (after - before) / calls * 1e6 for before, after in zip(start, end, strict=True)
        )
        return Run(calls / _duration(sent), service_us, database_us, [_milliseconds(each) for each in sent])

    def memory_mb(self) -> float:
        """Resident memory of the largest worker."""
        return max(process.memory_info().rss for process in self.service.processes()) / 1e6

    def _cpu(self) -> tuple[float, float]:
        postmaster = psutil.Process(self.database.pid)
        return _cpu_seconds(self.service.processes()), _cpu_seconds([postmaster, *postmaster.children()])


def measure(workers: int = 1, report: Callable[[str], None] = lambda _: None) -> Iterator[Figure]:
    """Every budget of the whole system, then raw COPY of the rows that it has stored."""
    with _bench(workers) as bench:
        report("warming up")
        bench.run(20)
        report(f"full rate, {ROUNDS} rounds")
        yield from _full_rate(bench)
        report("half rate")
        yield _half_rate(bench)
        report("a calm stream")
        yield from _calm(bench)
        report("a ten-fold burst")
        yield from _burst(bench)
        yield Figure("memory of a worker, after all this", bench.memory_mb(), "MB", 400)
        report("raw COPY")
        yield from _raw_copy(bench.database.dsn)


@contextmanager
def _bench(workers: int) -> Iterator[Bench]:
    data_dir = Path(tempfile.mkdtemp(prefix="spanledger-bench-"))
    data_dir.chmod(0o755)
    database = EmbeddedPostgres(data_dir)
    try:
        with RunningService(database.start(), workers=workers) as service:
            yield Bench(service, database)
    finally:
        database.destroy()
        shutil.rmtree(data_dir, ignore_errors=True)


def _full_rate(bench: Bench) -> Iterator[Figure]:
    runs, memory = [], []
    before = _freshness(bench.database.dsn)
    for _ in range(ROUNDS):
        runs.append(bench.run(_FULL_REQUESTS))
        memory.append(bench.memory_mb())
    service, database = (
        statistics.median(values) for values in zip(*(run[1:3] for run in runs), strict=True)
    )
    rate = statistics.median(run.calls_per_second for run in runs)
    yield Figure("whole, acknowledged and committed", rate, "calls/s", FULL_RATE, AT_LEAST)
    yield Figure("whole, CPU", service + database, "µs", 45)
    yield Figure("  of it the service", service, "µs")
    yield Figure("  of it the database, keys and rollups included", database, "µs", 25)
    yield Figure("acknowledgement p50 at full rate", _quantile(runs[-1].milliseconds, 0.50), "ms")
    yield Figure("acknowledgement p99 at full rate", _quantile(runs[-1].milliseconds, 0.99), "ms")
    yield Figure("growth of a worker's memory, last round", memory[-1] - memory[-2], "MB", 10)
    yield _freshness_p95("freshness P95 at full rate", _freshness(bench.database.dsn) - before, 1000)


def _half_rate(bench: Bench) -> Figure:
    requests = int(FULL_RATE / 2 * 6 / SPANS_PER_REQUEST)
    run = bench.run(requests, FULL_RATE / 2)
    return Figure("acknowledgement p99 at half rate", _quantile(run.milliseconds, 0.99), "ms", 300)


def _calm(bench: Bench) -> Iterator[Figure]:
    before = _freshness(bench.database.dsn)
    run = bench.run(requests=80, calls_per_second=CALM_RATE, spans=100)
    fresh = _freshness(bench.database.dsn) - before
    yield _freshness_p95(f"freshness P95 at {CALM_RATE} calls/s", fresh, 250)
    yield Figure(f"acknowledgement p99 at {CALM_RATE} calls/s", _quantile(run.milliseconds, 0.99), "ms")
    before = _freshness(bench.database.dsn)
    bench.run(requests=250, calls_per_second=BUSY_RATE, spans=100)
    fresh = _freshness(bench.database.dsn) - before
    yield _freshness_p95(f"freshness P95 at {BUSY_RATE} calls/s", fresh, 1000)


def _burst(bench: Bench) -> Iterator[Figure]:
    """Ten times the calm rate for three seconds, then the calm rate again at once."""
    before = _freshness(bench.database.dsn)
    bench.run(requests=300, calls_per_second=10 * CALM_RATE, spans=100)
    bench.run(requests=50, calls_per_second=CALM_RATE, spans=100)
    fresh = _freshness(bench.database.dsn) - before
    yield _freshness_p95("freshness P95 of a ten-fold burst and its recovery", fresh, 1000)


def _freshness(dsn: str) -> Counter[float]:
    """Recorded so far: calls by the time from the receiver's stamp to being visible (upper bound, ms)."""
    with psycopg.connect(dsn) as connection:
        query = "SELECT up_to_ms, sum(calls)::bigint FROM genai.freshness_minute GROUP BY up_to_ms"
        return Counter(dict(connection.execute(query).fetchall()))


def _freshness_p95(name: str, calls: Counter[float], budget: float) -> Figure:
    wanted, seen = 0.95 * calls.total(), 0
    for up_to_ms in sorted(calls):
        seen += calls[up_to_ms]
        if seen >= wanted > 0:
            return Figure(name, up_to_ms, "ms", budget, note="upper bound of a histogram bucket of ratio √2")
    raise RuntimeError("the service recorded no freshness")


def _raw_copy(dsn: str) -> Iterator[Figure]:
    """Binary COPY of the very rows that the service stored, encoded already, one connection, commit by batch.

    It is what the database could take if it had neither keys nor rollups to keep, nor anything to decode.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE raw_copy (LIKE _genai.model_call)")
        stored = "COPY (SELECT * FROM _genai.model_call LIMIT %s) TO STDOUT (FORMAT binary)"
        with connection.cursor().copy(stored, (_COPY_ROWS,)) as copy:
            encoded = b"".join(copy)
        backend = psutil.Process(connection.info.backend_pid)
        start, before = time.perf_counter(), _cpu_seconds([backend])
        for _ in range(_COPY_BATCHES):
            with connection.cursor().copy("COPY raw_copy FROM STDIN (FORMAT binary)") as copy:
                copy.write(encoded)
        rows, seconds = _COPY_ROWS * _COPY_BATCHES, time.perf_counter() - start
        yield Figure("limit: raw COPY of the same rows", rows / seconds, "calls/s")
        yield Figure(
            "limit: raw COPY, CPU of the database", (_cpu_seconds([backend]) - before) / rows * 1e6, "µs"
        )


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    """CPU of these processes and of their children that have ended."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _duration(sent: list[Sent]) -> float:
    return max(each.answered for each in sent) - min(each.due for each in sent)


def _milliseconds(each: Sent) -> float:
    return (each.answered - each.due) * 1e3


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
