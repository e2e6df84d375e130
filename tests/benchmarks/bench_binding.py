"""Late binding: what ingest pays for it, and what the binder needs for calls that wait and that it names."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from processor.calls.call import Batch, Sighting
from processor.pricing.charge import price_call
from processor.pricing.load import load_price_book
from service.postgres.server import EmbeddedPostgres
from storage.ingest.writer import MAX_CALLS, Writer
from storage.late.binder import Binder
from storage.schema.migrate import migrate
from tests.benchmarks.bench_storage import Priced, _batch, _Meter
from tests.benchmarks.figure import Figure

HOT_BUDGET_US = 1.0
ROUNDS, NAMED = 9, 2_000


def measure() -> Iterator[Figure]:
    """On an embedded server of its own, with durable commits."""
    directory = Path(tempfile.mkdtemp(prefix="spanledger-bench-"))
    directory.chmod(0o755)
    server = EmbeddedPostgres(directory)
    try:
        dsn = server.start()
        migrate(dsn)
        yield from _ingest(dsn)
        yield from _binder(dsn)
    finally:
        server.destroy()
        shutil.rmtree(directory, ignore_errors=True)


def _ingest(dsn: str) -> Iterator[Figure]:
    """The same batches with calls that have all their ancestors and with calls that wait for one, in turn."""
    writer = Writer(dsn)
    meter = _Meter(writer._connection())
    spent: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for number in range(2 * ROUNDS + 2):
        waits = number % 2 == 1
        batch = _waiting(_batch(1_000 + number), waits)
        cpu, backend = time.process_time(), meter.backend_us()
        writer.write(batch)
        if number >= 2:
            spent[waits].append((time.process_time() - cpu, meter.backend_us() - backend))
    writer.close()
    client, server = (
        statistics.median(one[i] for one in spent[True]) - statistics.median(one[i] for one in spent[False])
        for i in (0, 1)
    )
    note = "client and backend, a waiting call less one that has all its ancestors"
    yield Figure(
        "late binding in the ingest of a call that waits", (client * 1e6 + server) / MAX_CALLS, "µs",
        HOT_BUDGET_US, note=note,
    )  # fmt: skip


def _binder(dsn: str) -> Iterator[Figure]:
    book = load_price_book()
    with Binder(dsn, lambda call: price_call(call, book)) as binder:
        begun = time.perf_counter()
        arrivals = binder.bind(seconds=300).arrivals
        waited = time.perf_counter() - begun
        yield Figure("the binder looks at a call that nothing came for", waited / arrivals * 1e6, "µs")
        writer = Writer(dsn)
        calls = [call for batch, _ in _waiting(_batch(9_999), True) for call in batch.calls]
        for call in calls:
            call.endpoint_tag = call.prompt_version = None
        charges = [price_call(call, book) for call in calls]
        writer.write([(Batch(calls=calls, spans=len(calls)), charges)])
        binder.bind(seconds=300)
        tags = (("endpoint_tag", "late"), ("prompt_version", "v9"))
        seen = [Sighting(c.trace_id, c.parent_span_id, b"", "agent", "an agent", tags) for c in calls[:NAMED]]
        writer.write([(Batch(sightings=seen, received_ns=calls[0].received_ns), [])])
        writer.close()
        begun = time.perf_counter()
        named = binder.bind(seconds=300).rows
        yield Figure(
            "the binder names a call",
            (time.perf_counter() - begun) / max(named, 1) * 1e6,
            "µs",
            note=f"{named} calls, a root each",
        )


def _waiting(batch: Sequence[Priced], waits: bool) -> list[Priced]:
    for one, _ in batch:
        for number, call in enumerate(one.calls):
            call.awaits_ancestor = waits
            call.response_id = call.response_id or f"chatcmpl-{call.span_id.hex()}{number}"
    return list(batch)
