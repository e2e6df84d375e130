"""What happens to a decoded request: admit each call, price it, wait for the commit."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

from processor.calls.admission import Admission, admit, admit_sighting, admit_unread
from processor.calls.call import Batch, ModelCall, Outcome, Rejection, UncountedSpan, Unread
from processor.calls.errors import Overloaded, Retryable
from processor.pricing.charge import Charge, price_call
from processor.pricing.load import PriceBook
from service import metrics
from service.costs import CostCounters
from service.sender_clocks import SenderClocks
from service.tracing import TRACER

log = logging.getLogger("spanledger.pipeline")

Submit = Callable[[Batch, Sequence[Charge]], Awaitable[Outcome]]
"""`storage.ingest.batcher.Batcher.submit`: returns after the commit, raises `Retryable`."""


class Pipeline:
    """The receivers' next consumer. Holds no call longer than its request waits."""

    def __init__(self, rules: Admission, book: PriceBook, submit: Submit) -> None:
        self._rules = rules
        self._book = book
        self._submit = submit
        self._costs = CostCounters()
        self.clocks = SenderClocks()
        self.last_commit: float | None = None
        """Wall clock of the last request that was committed, seconds since 1970."""
        self.waiting_requests = 0
        """Requests that wait for their commit now."""

    async def consume(self, batch: Batch) -> Outcome:
        """Admit, price and commit one request.

        Returns:
            What became of its calls, after the commit.

        Raises:
            Retryable: nothing of the request was counted; the sender keeps it.
        """
        charges = self._admit_and_price(batch)
        if not (batch.calls or batch.sightings or batch.rejections):
            metrics.spans.inc(batch.spans)
            return Outcome(0, 0, ())
        with TRACER.start_as_current_span("ingest") as span:
            outcome = await self._commit(batch, charges)
            span.set_attributes({
                "spanledger.spans": batch.spans, "spanledger.calls": outcome.accepted,
                "spanledger.duplicates": outcome.duplicates,
                "spanledger.rejected": len(outcome.rejections),
            })  # fmt: skip
        return outcome

    async def _commit(self, batch: Batch, charges: list[Charge]) -> Outcome:
        begun = perf_counter()
        self.waiting_requests += 1
        metrics.waiting_requests.inc()
        metrics.waiting_bytes.inc(batch.size_bytes)
        try:
            outcome = await self._submit(batch, charges)
        except Retryable as error:
            metrics.refusals.labels("overloaded" if isinstance(error, Overloaded) else "storage").inc()
            raise
        finally:
            self.waiting_requests -= 1
            metrics.waiting_requests.dec()
            metrics.waiting_bytes.dec(batch.size_bytes)
        self.last_commit = time.time()
        metrics.commit_seconds.observe(perf_counter() - begun)
        _count(batch, charges, outcome)
        self._count_costs(batch, charges, outcome)
        return outcome

    def _count_costs(self, batch: Batch, charges: Sequence[Charge], outcome: Outcome) -> None:
        if outcome.new:
            pairs = zip(batch.calls, charges, strict=True)
            if len(outcome.new) == len(batch.calls):
                self._costs.add(pairs)
            else:
                new = set(map(id, outcome.new))
                self._costs.add((call, charge) for call, charge in pairs if id(call) in new)
            metrics.last_call_seconds.set_to_current_time()

    def _admit_and_price(self, batch: Batch) -> list[Charge]:
        """Leave what is admitted in `batch.calls`, the rest in its rejections; one charge for each call."""
        rules, book = self._rules, self._book
        self.clocks.note(batch.calls)
        kept: list[ModelCall] = []
        charges: list[Charge] = []
        for call in batch.calls:
            try:
                rejection = admit(call, rules)
                if rejection is None:
                    charges.append(price_call(call, book))
                    kept.append(call)
                    continue
            except Exception as error:
                rejection = _poison(call, error)
            batch.rejections.append(rejection)
        batch.calls = kept
        batch.sightings = [admit_sighting(sighting, rules) for sighting in batch.sightings]
        batch.readings = [admit_sighting(reading, rules) for reading in batch.readings]
        for place, sighting in enumerate(batch.sightings):
            if sighting.unread is not None:
                batch.sightings[place] = _admit_unread(sighting, sighting.unread, batch, rules)
        return charges


def _admit_unread(sighting: UncountedSpan, unread: Unread, batch: Batch, rules: Admission) -> UncountedSpan:
    """A sighting with its unread usage as it is stored, or without, when that came too late."""
    admitted = admit_unread(unread, batch.received_ns or time.time_ns(), rules)
    if isinstance(admitted, Rejection):
        batch.rejections.append(admitted)
        return sighting._replace(unread=None)
    metrics.unread.inc()
    return sighting._replace(unread=admitted)


def _poison(call: ModelCall, error: Exception) -> Rejection:
    """A call on which our own code fails costs only itself. The error's text may hold content: left out."""
    log.error("a call could not be processed: %s in dialect %s", type(error).__name__, call.dialect)
    detail = f"{type(error).__name__} while it was processed"
    return Rejection(call.trace_id, call.span_id, call.operation, "unprocessable", detail, call.report_key)


def _count(batch: Batch, charges: Sequence[Charge], outcome: Outcome) -> None:
    metrics.spans.inc(batch.spans)
    metrics.sightings.inc(len(batch.sightings))
    metrics.calls.labels("accepted").inc(outcome.accepted)
    metrics.calls.labels("duplicate").inc(outcome.duplicates)
    for status, number in Counter([charge.status for charge in charges]).items():
        metrics.price_status.labels(status).inc(number)
    for reason, number in Counter([rejection.reason for rejection in outcome.rejections]).items():
        metrics.rejections.labels(reason).inc(number)
