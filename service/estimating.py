"""Estimates of missing usage in the service: beside ingest, from texts held in memory only.

    with Estimating(config, dsn, book, price_map_id, caps) as estimating:
        intake = Intake(receiver, estimating.after(pipeline.consume), estimating.decode)

A request is answered as without it. After its commit the texts of calls that lack usage go to one thread that
counts and forgets them, and writes the counts as amendments. What waits is bounded; a call without room, or
whose text was lost with the process, simply stays without an estimate.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

from processor.calls.call import Batch, Consume, ModelCall, Outcome
from processor.calls.errors import StorageUnavailable
from processor.calls.estimate import Estimator
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from receiver.otlp.texts import TextBatch, Texts, decode_with_texts
from service import metrics
from service.config import EstimateConfig
from storage.ingest.call_keys import claimed_ms, own_key
from storage.ingest.call_row import postgres_us
from storage.journal.amender import Amender, Amendment
from storage.journal.estimates import estimate
from storage.journal.stored_row import RowKey

log = logging.getLogger("spanledger.estimates")

_BATCH = 200
"""Calls a round: a transaction of some 50 ms."""
_PAUSE_SECONDS = 5.0
"""After the database was away."""
_RUN_SECONDS = 3_600.0
"""One run an hour in the ledger's book; its lines say the minute."""


class _Waiting(NamedTuple):
    place: RowKey
    provider: str
    model: str
    texts: Texts


class Estimating:
    """The queue of texts and the thread that counts them."""

    def __init__(
        self, config: EstimateConfig, dsn: str, book: PriceBook, price_map_id: int, caps: dict[int, int]
    ) -> None:
        """Nothing is opened yet.

        Raises:
            ConfigError: the extra `estimate` is not installed.
        """
        self._config, self._dsn, self._book, self._caps = config, dsn, book, caps
        self._price_map_id = price_map_id
        self._estimator = Estimator()
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._ended = False
        self._amender: tuple[Amender | None, float] = None, 0.0
        self._thread = threading.Thread(target=self._run, name="estimates", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(timeout=5.0)

    decode = staticmethod(decode_with_texts)

    def after(self, consume: Consume) -> Consume:
        """The consumer that hands texts over once the calls are committed."""

        async def consume_and_keep(batch: Batch) -> Outcome:
            outcome = await consume(batch)
            if isinstance(batch, TextBatch):
                self._offer(batch)
            return outcome

        return consume_and_keep

    def _offer(self, batch: TextBatch) -> None:
        with self._changed:
            for call in batch.calls:
                texts = batch.texts.get((call.trace_id, call.span_id))
                if texts is not None:
                    self._put(call, texts)
            self._changed.notify()

    def _put(self, call: ModelCall, texts: Texts) -> None:
        metrics.estimates.labels("offered").inc()
        size = texts.size_bytes
        if len(self._queue) >= self._config.max_calls or self._bytes + size > self._config.max_bytes:
            metrics.estimates.labels("overflow").inc()
            return
        place = RowKey(postgres_us(call.time_ns), own_key(call, claimed_ms(call)))
        self._queue.append(_Waiting(place, call.provider, call.model, texts))
        self._bytes += size

    # The thread

    def _run(self) -> None:
        while taken := self._take():
            counted = [(one.place, twin) for one in taken if (twin := self._count(one)) is not None]
            del taken
            self._write(counted)
        if self._amender[0] is not None:
            self._close(self._amender[0])

    def _take(self) -> list[_Waiting]:
        """Waiting texts; empty when the service ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ended)
            taken = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
            self._bytes -= sum(one.texts.size_bytes for one in taken)
            return taken if not self._ended else []

    def _count(self, one: _Waiting) -> ModelCall | None:
        twin = ModelCall(provider=one.provider, model=one.model)
        try:
            return twin if self._estimator.fill(twin, *one.texts) else None
        except Exception as error:  # its text may hold content, and one call must not end the others
            metrics.estimates.labels("failed").inc()
            log.error("a text could not be tokenised: %s", type(error).__name__)
            return None

    def _write(self, counted: Sequence[tuple[RowKey, ModelCall]]) -> None:
        price = partial(price_call, book=self._book)
        amendments = [
            Amendment((place,), estimate(twin, price, self._price_map_id)) for place, twin in counted
        ]
        while amendments and not self._ended:
            try:
                metrics.estimates.labels("estimated").inc(self._booked().apply(amendments).rows)
                return
            except StorageUnavailable:
                time.sleep(_PAUSE_SECONDS)
            except Exception as error:
                metrics.estimates.labels("failed").inc(len(amendments))
                log.error("estimates could not be written: %s", type(error).__name__)
                return

    def _booked(self) -> Amender:
        """The amender of the hour's run in the ledger's book."""
        amender, opened = self._amender
        if amender is not None and time.monotonic() - opened < _RUN_SECONDS:
            return amender
        if amender is not None:
            self._close(amender)
        why = "usage was missing, the text was counted"
        amender = Amender(self._dsn, "estimate", why=why, by="spanledger", caps=self._caps)
        self._amender = amender, time.monotonic()
        return amender

    def _close(self, amender: Amender) -> None:
        try:
            amender.finish()
        except StorageUnavailable:
            log.warning("a run of estimates stays open in the amendment journal: the database is unavailable")
        amender.close()
