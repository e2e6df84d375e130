"""All metrics: name, kind and meaning, in one place."""

from __future__ import annotations

import os
from collections import Counter as Counts
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from operations.probe.model import SERVICE as PROBE
from receiver import observe
from service.refusals import RETRY_LATER, Refusals
from service.tally import Tally

FILES_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where several workers keep their counters in mapped files; set before this module is imported."""

disable_created_metrics()  # would double the series for no use

requests = Counter(
    "spanledger_requests",
    "Answered requests by transport, signal and gRPC status name.",
    ["transport", "signal", "code"],
)
received_bytes = Counter(
    "spanledger_received_bytes", "Bytes of request bodies as received, before decompression.", ["transport"]
)
ignored = Counter(
    "spanledger_ignored", "Requests accepted but discarded by design: OTLP metrics.", ["signal"]
)
faults = Counter(
    "spanledger_faults", "Unexpected internal errors, answered as retryable.", ["transport", "error"]
)
connections_cut = Counter("spanledger_connections_cut", "HTTP connections closed by a limit.", ["limit"])
spans = Counter("spanledger_spans", "Spans and reports in accepted requests, counted or not.")
calls = Counter(
    "spanledger_calls",
    "Model calls by outcome: accepted (counted) or duplicate (of a counted call).",
    ["outcome"],
)
rejections = Counter("spanledger_rejections", "Spans and reports rejected, by reason.", ["reason"])
unread = Counter("spanledger_unread_spans", "Spans and records with usage that no rule reads.")
sightings = Counter("spanledger_sightings", "GenAI spans that are not model calls.")
price_status = Counter(
    "spanledger_price_status", "Calls received, duplicates included, by price status.", ["status"]
)
cost_usd = Counter(
    "spanledger_cost_usd",
    "Known cost of new calls in USD as charged on arrival; the ledger is exact, with later corrections.",
    ["environment", "data_mode", "endpoint", "model"],
)
tokens = Counter(
    "spanledger_tokens",
    "Tokens of new calls, cached and reasoning tokens included; type is input or output.",
    ["environment", "data_mode", "endpoint", "model", "type"],
)
last_call_seconds = Gauge(
    "spanledger_last_call_timestamp_seconds",
    "When the last new call was committed, seconds since 1970.",
    multiprocess_mode="mostrecent",
)
freshness_seconds = Gauge(
    "spanledger_freshness_seconds",
    "From receipt to visible in the ledger over the last hour, an upper bound; NaN without calls.",
    ["quantile"],
    multiprocess_mode="mostrecent",
)
alert_requests = Counter("spanledger_alert_requests", "Deliveries to /v1/alerts by HTTP status.", ["code"])
build_info = Gauge(
    "spanledger_build_info",
    "Always 1: the versions of Spanledger, Python and the price list.",
    ["version", "python", "prices"],
    multiprocess_mode="mostrecent",
)
estimates = Counter(
    "spanledger_estimates",
    "Calls without usage by outcome of their estimate: offered, estimated, overflow (no room for the text), "
    "failed.",
    ["outcome"],
)
refusals = Counter("spanledger_refusals", "Requests refused with a retry hint, by reason.", ["reason"])
commit_seconds = Histogram(
    "spanledger_commit_seconds",
    "Time from decoding a request to its commit.",
    buckets=(0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10),
)
waiting_bytes = Gauge(
    "spanledger_waiting_bytes", "Decoded bytes waiting for a commit.", multiprocess_mode="livesum"
)
waiting_requests = Gauge(
    "spanledger_waiting_requests", "Requests waiting for a commit.", multiprocess_mode="livesum"
)
workers = Gauge("spanledger_workers", "Running worker processes.", multiprocess_mode="mostrecent")
worker_restarts = Counter(
    "spanledger_worker_restarts", "Workers that stopped unexpectedly and were replaced."
)
alert_evaluations = Counter(
    "spanledger_alert_evaluations",
    "Evaluations of all alert rules by result (built-in evaluation).",
    ["result"],
)
housekeeping = Counter(
    "spanledger_housekeeping", "Housekeeping tasks by name and result.", ["task", "result"]
)
rollup_differences = Gauge(
    "spanledger_rollup_differences",
    "Rollup buckets that differed from their calls at the last comparison; must be 0.",
    multiprocess_mode="mostrecent",
)
database_up = Gauge(
    "spanledger_database_up",
    "1 if the last database probe succeeded, else 0.",
    multiprocess_mode="mostrecent",
)
troubles = Gauge(
    "spanledger_troubles",
    "What is wrong now with the service, its database or its senders, by cause (see /diagnostics).",
    ["cause"],
    multiprocess_mode="mostrecent",
)

_shown: set[str] = set()
_OBSERVED = {
    observe.REQUESTS: requests,
    observe.BYTES: received_bytes,
    observe.IGNORED: ignored,
    observe.FAULTS: faults,
    observe.CUT: connections_cut,
}


class Counted:
    """The receivers' observer (`receiver.observe.Observer`): Prometheus counters, and a tally of problems."""

    def __init__(self, tally: Tally) -> None:
        self.note = tally.note
        self._tally = tally
        self._lines = Refusals()

    def counted(self, services: Iterable[str]) -> None:
        """Note whose calls were read; the probe's say nothing about senders."""
        senders = [service for service in services if service != PROBE]
        if senders:
            self._tally.counted(senders)

    def count(self, name: str, amount: int = 1, /, **labels: str) -> None:
        """Add `amount` to the counter of that name; the log reports what was refused."""
        _OBSERVED[name].labels(**labels).inc(amount)
        if name == observe.REQUESTS and labels["code"] == RETRY_LATER:
            self._lines.add("requests were told to retry: the service is full, or the database cannot commit")
        elif name == observe.CUT:
            self._lines.add(f"connections were closed at the limit {labels['limit']}")


class _Summed:
    """The metrics in the files of all workers, summed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        """Read every file that is not empty: a worker that is just starting has an empty one, and leaves it
        there if it is killed then.
        """
        files = [entry.path for entry in os.scandir(self._directory) if entry.name.endswith(".db")]
        with_content = [file for file in files if _size(file)]
        summed: Iterable[Metric] = MultiProcessCollector.merge(with_content)
        return summed


def show_troubles(causes: Iterable[str]) -> None:
    """Show how many troubles there are of each cause; those that are over show zero."""
    now = Counts(causes)
    _shown.update(now.keys())
    for cause in _shown:
        troubles.labels(cause).set(now[cause])


def _size(file: str) -> int:
    try:
        return os.path.getsize(file)
    except FileNotFoundError:  # gauges of a worker that were just dropped
        return 0


def registry() -> CollectorRegistry:
    """The metrics of this process, or summed over all workers when they share files."""
    directory = os.environ.get(FILES_VARIABLE)
    if not directory:
        return REGISTRY
    summed = CollectorRegistry()
    summed.register(_Summed(Path(directory)))
    return summed


def exposition() -> bytes:
    """The Prometheus text format of everything."""
    return generate_latest(registry())


def totals(name: str, label: str | None = None) -> dict[str, int]:
    """The values of a counter by one of its labels (`""` without), summed over workers."""
    found: dict[str, int] = {}
    for family in registry().collect():
        for sample in family.samples if family.name == name else ():
            if sample.name == f"{name}_total":
                key = sample.labels.get(label, "") if label else ""
                found[key] = found.get(key, 0) + int(sample.value)
    return found


def forget(pid: int) -> None:
    """Drop the gauges of a worker that is gone; its counters stay."""
    if os.environ.get(FILES_VARIABLE):
        mark_process_dead(pid)
