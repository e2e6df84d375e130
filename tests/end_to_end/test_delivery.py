"""Stock exporters in, an exact ledger out: stored is what was sent, and sending it again adds nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tests.end_to_end import books
from tests.end_to_end.traffic import identity, make_spans, sums
from tests.running import RunningService
from tests.sizes import ROUNDS, SPANS

pytestmark = pytest.mark.both_servers

BATCH = 512
"""The batch span processor's own default."""

MakeExporter = Callable[[RunningService], SpanExporter]
EXPORTERS: tuple[MakeExporter, ...] = (
    lambda service: GrpcExporter(f"http://{service.grpc}", insecure=True),
    lambda service: GrpcExporter(f"http://{service.grpc}", insecure=True, compression=grpc.Compression.Gzip),
    lambda service: HttpExporter(f"http://{service.http}/v1/traces"),
    lambda service: HttpExporter(f"http://{service.http}/v1/traces", compression=Compression.Gzip),
)


def send(services: Sequence[RunningService], spans: Sequence[ReadableSpan]) -> None:
    """Send all spans in batches, spread over the receivers and every kind of exporter, at the same time."""
    exporters = [make(service) for service in services for make in EXPORTERS]
    batches = [spans[start : start + BATCH] for start in range(0, len(spans), BATCH)]

    def run(number: int) -> list[SpanExportResult]:
        return [exporters[number].export(batch) for batch in batches[number :: len(exporters)]]

    with ThreadPoolExecutor(len(exporters)) as pool:
        results = [result for each in pool.map(run, range(len(exporters))) for result in each]
    for exporter in exporters:
        exporter.shutdown()
    assert set(results) == {SpanExportResult.SUCCESS}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_is_stored_is_what_was_sent_and_replays_add_nothing(migrated_database: str) -> None:
    spans = make_spans(SPANS, seed=1)
    with RunningService(migrated_database) as one, RunningService(migrated_database) as other:
        send([one], spans)

        assert sorted(books.stored_identities(migrated_database)) == sorted(map(identity, spans))
        assert books.stored_sums(migrated_database) == sums(spans)
        assert books.imbalance(migrated_database) == []
        first = books.totals(migrated_database)
        assert first["rows"][list(books.MEASURES).index("cost_pico_usd")] > 0

        for replay in range(3):
            random.Random(replay).shuffle(spans)
            send([one, other], spans)
            assert books.totals(migrated_database) == first
        assert books.imbalance(migrated_database) == []


@pytest.mark.slow
def test_the_same_batch_at_two_receivers_in_the_same_moment_counts_once(migrated_database: str) -> None:
    with RunningService(migrated_database) as one, RunningService(migrated_database) as other:
        for seed in range(ROUNDS):
            spans = make_spans(200, seed=100 + seed)
            exporters = [make(service) for service in (one, other) for make in EXPORTERS]
            with ThreadPoolExecutor(len(exporters)) as pool:
                results = list(pool.map(lambda exporter, batch=spans: exporter.export(batch), exporters))
            assert set(results) == {SpanExportResult.SUCCESS}
            for exporter in exporters:
                exporter.shutdown()
    assert books.stored_sums(migrated_database).calls == ROUNDS * 200
    assert books.imbalance(migrated_database) == []
