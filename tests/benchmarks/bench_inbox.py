"""Answers of `POST /v1/alerts` over HTTP: stored first, while calls come in, as an alert storm arrives.

One service and one database of its own, with durable commits. A document holds one alert, as Grafana sends a
group of one; every fifth is a repetition. CPU is taken from /proc for the whole process trees.
"""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import psutil

from service.postgres.server import EmbeddedPostgres
from tests.benchmarks.figure import Figure
from tests.benchmarks.load import Plan, send
from tests.benchmarks.own_server import own_folder
from tests.operations.alert_documents import alert, grafana
from tests.running import RunningService

BUDGET_MS = 50.0
SENDERS = 4
PER_SENDER = 150
PER_SECOND = 20.0
"""Documents a second, of all senders: an alert storm of 1,200 a minute."""
CALLS_PER_SECOND, SPANS = 500, 100


def measure() -> Iterator[Figure]:
    """Without calls coming in, then with; what the service and the database spend comes from the first."""
    with own_folder() as directory:
        database = EmbeddedPostgres(directory / "data")
        try:
            with RunningService(database.start()) as service:
                _storm(service.ops, "warm up", 5)
                yield from _quiet(service, database)
                yield _busy(service)
        finally:
            database.destroy()


def _quiet(service: RunningService, database: EmbeddedPostgres) -> Iterator[Figure]:
    before = _cpu_ms(service, database)
    idle = statistics.median(_health(service.ops) for _ in range(50))
    taken = _storm(service.ops, "quiet", PER_SENDER)
    spent = [now - then for now, then in zip(_cpu_ms(service, database), before, strict=True)]
    note = f"{len(taken)} documents; an empty answer of the same door takes {idle:.1f} ms"
    yield Figure("inbox: answer of an alert, p50", _quantile(taken, 0.5), "ms", note=note)
    yield Figure("inbox: answer of an alert, p95", _quantile(taken, 0.95), "ms", BUDGET_MS)
    yield Figure("inbox: CPU of the service for an alert, all else included", spent[0] / len(taken), "ms")
    yield Figure("inbox: CPU of the database for an alert, all else included", spent[1] / len(taken), "ms")


def _busy(service: RunningService) -> Figure:
    requests = int(CALLS_PER_SECOND / SPANS * SENDERS * PER_SENDER / PER_SECOND)
    plan = Plan(service.grpc, requests, 2, CALLS_PER_SECOND, SPANS)
    with ThreadPoolExecutor(1) as pool:
        begun = threading.Event()
        sending = pool.submit(send, plan, 11, before=begun.set)
        begun.wait(120)
        taken = _storm(service.ops, "busy", PER_SENDER)
        sending.result()
    name = f"inbox: answer of an alert at {CALLS_PER_SECOND} calls/s, p95"
    return Figure(name, _quantile(taken, 0.95), "ms", BUDGET_MS)


def _storm(address: str, word: str, each: int) -> list[float]:
    """Milliseconds of every answer."""
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = pool.map(lambda sender: _deliver(address, f"{word} {sender}", each), range(SENDERS))
    return [milliseconds for sender in sent for milliseconds in sender]


def _deliver(address: str, word: str, count: int) -> list[float]:
    connection = http.client.HTTPConnection(address)
    begun, taken = time.perf_counter(), []
    for number in range(count):
        place = number - number % 5 // 4
        told = alert(f"{word} {place}", endpoint=f"{word} {place}")
        body = json.dumps(grafana(told))
        due = begun + number * SENDERS / PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        start = time.perf_counter()
        connection.request("POST", "/v1/alerts", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        taken.append((time.perf_counter() - start) * 1e3)
        assert answer.status == 200, said
        assert said["stored"] == 1
    connection.close()
    return taken


def _health(address: str) -> float:
    """Milliseconds of an answer that needs neither key nor database."""
    connection = http.client.HTTPConnection(address)
    connection.connect()
    begun = time.perf_counter()
    connection.request("GET", "/v1/alerts")
    connection.getresponse().read()
    taken = (time.perf_counter() - begun) * 1e3
    connection.close()
    return taken


def _cpu_ms(service: RunningService, database: EmbeddedPostgres) -> tuple[float, float]:
    postmaster = psutil.Process(database.pid)
    return _cpu_of(service.processes()), _cpu_of([postmaster, *postmaster.children()])


def _cpu_of(processes: Sequence[psutil.Process]) -> float:
    """Milliseconds in user and system mode."""
    return sum(sum(each.cpu_times()[:2]) for each in processes) * 1e3


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
