"""Late binding: what ingest pays for it, and what the binder needs for calls that wait and that it names."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from processor.calls.call import Batch, UncountedSpan
from processor.pricing.charge import price_call
from processor.pricing.load import load_price_book
from storage.ingest import writer as ingest
from storage.ingest.writer import COPY_ARRIVALS, Writer
from storage.late.binder import Binder
from storage.schema.migrate import migrate
from tests.benchmarks.bench_storage import _batch, _Meter
from tests.benchmarks.figure import Figure
from tests.benchmarks.own_server import own_server

HOT_BUDGET_US = 1.5
"""Measured 1.0 µs of 27 that the backend spends on a call."""
ROUNDS, NAMED = 9, 2_000


def measure() -> Iterator[Figure]:
    """On an embedded server of its own, with durable commits."""
    with own_server() as dsn:
        migrate(dsn)
        yield from _ingest(dsn)
        yield from _binder(dsn)


def _ingest(dsn: str) -> Iterator[Figure]:
    """What the backend spends on the statement that fills the queue: every call with ids enters it."""
    writer = Writer(dsn, folds=False)
    conn = writer._connection()
    meter, copy, in_queue = _Meter(conn), ingest.copy_in, [0.0]

    def metered(conn: Any, statement: bytes, data: bytes | None) -> None:
        before = meter.backend_us()
        copy(conn, statement, data)
        if statement is COPY_ARRIVALS:
            in_queue[-1] += meter.backend_us() - before

    ingest.copy_in = metered
    conn.pipeline = nullcontext  # type: ignore[assignment,method-assign]  # so that each statement waits
    for number in range(ROUNDS + 2):
        batch = _batch(1_000 + number)
        writer.write(batch)
        in_queue[-1] /= sum(len(one.calls) for one, _ in batch)
        in_queue.append(0.0)
    ingest.copy_in = copy
    writer.close()
    spent = in_queue[2:-1]
    yield Figure(
        "the queue of late binding in the ingest of a call", statistics.median(spent), "µs", HOT_BUDGET_US,
        note="CPU of the backend; the client does nothing for it",
    )  # fmt: skip


def _binder(dsn: str) -> Iterator[Figure]:
    book = load_price_book()
    with Binder(dsn, lambda call: price_call(call, book)) as binder:
        meter = _Meter(binder._connection())
        cpu, backend = time.process_time(), meter.backend_us()
        arrivals = binder.bind(seconds=300).arrivals
        client, server = (time.process_time() - cpu) * 1e6, meter.backend_us() - backend
        assert arrivals > 0  # what was ingested waits in the queue until it is looked at
        yield Figure(
            "the binder looks at a call that nothing came for", (client + server) / arrivals, "µs",
            note=f"CPU: {client / arrivals:.1f} of the binder, {server / arrivals:.1f} of the backend",
        )  # fmt: skip
        writer = Writer(dsn)
        calls = [call for batch, _ in _batch(9_999) for call in batch.calls]
        for call in calls:
            call.endpoint_tag = call.prompt_version = None
        charges = [price_call(call, book) for call in calls]
        writer.write([(Batch(calls=calls, spans=len(calls)), charges)])
        binder.bind(seconds=300)
        tags = (("endpoint_tag", "late"), ("prompt_version", "v9"))
        seen = [
            UncountedSpan(c.trace_id, c.parent_span_id, b"", "agent", "an agent", tags) for c in calls[:NAMED]
        ]
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
