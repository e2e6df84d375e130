"""Group commit: what waits becomes one batch as soon as a writer is free; the ack follows the commit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from processor.calls.call import Batch, Outcome
from processor.calls.errors import Overloaded, Retryable, StorageUnavailable
from processor.pricing.charge import Charge
from storage.ingest.writer import MAX_CALLS, Lapsed, Writer

log = logging.getLogger(__name__)

WRITERS = 1
"""While one commits, the next batch gathers: larger transactions, one catalogue that learns, and one thread
beside the loop. Two took 4 to 9% more CPU and answered later (docs/benchmarks.md)."""
MAX_BYTES = 64 << 20
CALL_BYTES = 1_500
"""Size of a mapped call in memory, for a batch without a size."""
WAIT_SECONDS = 9.0
"""Longest wait of a request: OTLP exporters give up after ten seconds."""
HANG_SECONDS = 20.0
"""A write that has not come back by then has lost its database; its connection is cut."""
TICK_SECONDS = 1.0
FIRST_MARK_SECONDS = 2.0
"""A receiver marks that it is there before its first request, or the watermark would not wait for it."""


class _Work:
    """One request that waits for its commit."""

    __slots__ = ("batch", "charges", "done", "received_ns", "size")

    def __init__(self, batch: Batch, charges: Sequence[Charge]) -> None:
        self.batch = batch
        self.charges = charges
        self.size = max(batch.size_bytes, CALL_BYTES * (len(batch.calls) + len(batch.sightings)), 1)
        self.received_ns = min((call.received_ns for call in batch.calls), default=0)
        self.done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.done.add_done_callback(_forget)


class Batcher:
    """Takes priced requests from one event loop and commits them through writer threads.

    Use as `async with Batcher(dsn) as batcher`. Leaving it commits what waits, within `drain_seconds`.

    Attributes:
        on_its_way: receipt of the oldest request that was received and not submitted yet; None without one.
    """

    def __init__(
        self,
        dsn: str,
        *,
        writers: int = WRITERS,
        max_bytes: int = MAX_BYTES,
        wait_seconds: float = WAIT_SECONDS,
        drain_seconds: float = 20.0,
        caps: dict[int, int] | None = None,
        price_map_id: int | None = None,
    ) -> None:
        """Nothing is opened yet; connections come with the first batch.

        Args:
            max_bytes: bound of what waits or is being written; beyond it `submit` refuses.
            wait_seconds: bound of a request's wait, database away or not.
            caps: distinct values per day and dimension (storage.dimensions.cardinality).
            price_map_id: `_genai.price_map` row in force.
        """
        patience = max(wait_seconds / 2, 0.1)
        self.last_error: str | None = None
        self.on_its_way: Callable[[], int | None] = lambda: None
        self._writers = [
            Writer(dsn, caps=caps, price_map_id=price_map_id, patience_seconds=patience, folds=False)
            for _ in range(writers)
        ]
        self._idle = deque(self._writers)
        self._max_bytes, self._wait_seconds, self._drain_seconds = max_bytes, wait_seconds, drain_seconds
        self._queue: deque[_Work] = deque()
        self._in_flight: set[_Work] = set()
        self._bytes = 0
        self._receipts_from_ns = 0
        """What was received before then can no longer be committed: the watermark may have passed it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(writers, thread_name_prefix="writer")
        self._ticker: asyncio.Task[None] | None = None
        self._is_closing = False

    async def __aenter__(self) -> Self:
        self._mark_idle()
        await asyncio.wait(self._tasks, timeout=FIRST_MARK_SECONDS)
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of requests that wait or are being written."""
        return self._bytes

    @property
    def waiting_calls(self) -> int:
        """Calls of requests that wait or are being written."""
        return sum(len(w.batch.calls) for w in self._queue) + sum(len(w.batch.calls) for w in self._in_flight)

    @property
    def oldest_received_ns(self) -> int | None:
        """Receipt of the oldest call not yet committed; None when nothing waits."""
        stamps = [w.received_ns for works in (self._queue, self._in_flight) for w in works if w.received_ns]
        return min(stamps, default=None)

    def use_price_map(self, price_map_id: int) -> None:
        """Store this map with the calls written from now on."""
        for writer in self._writers:
            writer.use_price_map(price_map_id)

    async def submit(self, batch: Batch, charges: Sequence[Charge]) -> Outcome:
        """Commit one request together with whatever else waits.

        Args:
            charges: one per call of the batch, in order.

        Returns:
            What became of it, after the commit.

        Raises:
            Overloaded: too many bytes wait already.
            StorageUnavailable: not known to be committed within the wait; sending it again is safe.
        """
        if self._is_closing:
            raise StorageUnavailable("shutting down")
        work = _Work(batch, charges)
        if self._is_passed(work):
            raise StorageUnavailable("the receiver stood still for too long")
        if self._bytes and self._bytes + work.size > self._max_bytes:
            raise Overloaded("too many calls wait for the database")
        if any(writer.is_backed_up for writer in self._writers):
            raise Overloaded("too many calls wait to be added to the summaries")
        self._bytes += work.size
        self._queue.append(work)
        self._start_batches()
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await asyncio.shield(work.done)
        except TimeoutError:
            self._give_up(work)
            raise StorageUnavailable(self.last_error or "the database does not answer in time") from None

    async def close(self) -> None:
        """Refuse new requests, commit what waits, close the connections. Never takes longer than it may."""
        self._is_closing = True
        if self._ticker is not None:
            self._ticker.cancel()
        waiting = [work.done for work in (*self._queue, *self._in_flight)]
        if waiting:
            await asyncio.wait(waiting, timeout=self._drain_seconds)
        while self._queue:
            self._give_up(self._queue[0])
        if self._tasks:
            _, stuck = await asyncio.wait(self._tasks, timeout=1.0)
            for writer in self._writers if stuck else ():
                writer.abandon()
        self._threads.shutdown(wait=False)
        for writer in self._idle:
            writer.close()

    def _start_batches(self) -> None:
        while self._queue and self._idle:
            self._spawn(self._run(self._idle.popleft(), self._take()))

    def _take(self) -> list[_Work]:
        """The next batch of waiting requests: at most `MAX_CALLS` calls, at least one request."""
        works, calls = [self._queue.popleft()], 0
        calls = len(works[0].batch.calls)
        while self._queue and calls + len(self._queue[0].batch.calls) <= MAX_CALLS:
            work = self._queue.popleft()
            works.append(work)
            calls += len(work.batch.calls)
        return works

    def _holds_from_ns(self) -> int:
        """The watermark's bound. Never later than now: more may come before the mark is written."""
        stamps = (time.time_ns(), self.oldest_received_ns, self.on_its_way())
        return max(min(stamp for stamp in stamps if stamp), self._receipts_from_ns)

    def _is_passed(self, work: _Work) -> bool:
        return 0 < work.received_ns < self._receipts_from_ns

    async def _renew(self, writer: Writer) -> None:
        """After a standstill: refuse all that was received before the watermark waits for us again."""
        self.last_error = "the receiver stood still for too long"
        log.warning("this receiver stood still: senders are asked to send again what it holds")
        writer.holds_from_ns = time.time_ns()
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, writer.renew)
        except Retryable as error:  # it is still lapsed, and the next write says so
            self.last_error = str(error)
            return
        self._receipts_from_ns = time.time_ns()
        for work in [each for each in self._queue if self._is_passed(each)]:
            self._give_up(work)

    async def _run(self, writer: Writer, works: list[_Work]) -> None:
        # Several transactions may be needed: the mark of the first waits for all.
        self._in_flight.update(works)
        writer.holds_from_ns = self._holds_from_ns()
        try:
            await self._write(writer, works)
        finally:
            self._in_flight.difference_update(works)
            self._bytes -= sum(work.size for work in works)
            self._idle.append(writer)
            self._start_batches()

    async def _write(self, writer: Writer, works: list[_Work]) -> None:
        loop = asyncio.get_running_loop()
        priced = [(work.batch, work.charges) for work in works]
        writing = loop.run_in_executor(self._threads, writer.write, priced)
        try:
            outcomes = await self._or_abandon(writer, writing)
        except Retryable as error:
            self.last_error = str(error)
            _fail(works, error)
            if isinstance(error, Lapsed):
                await self._renew(writer)
        except Exception:
            log.exception("a batch of %d requests failed", len(works))
            _fail(works, StorageUnavailable("the batch could not be written"))
        else:
            self.last_error = None
            for work, outcome in zip(works, outcomes, strict=True):
                if not work.done.done():
                    work.done.set_result(outcome)

    async def _or_abandon(self, writer: Writer, writing: asyncio.Future[list[Outcome]]) -> list[Outcome]:
        finished, _ = await asyncio.wait([writing], timeout=HANG_SECONDS)
        if not finished:
            log.error("the database has not answered for %d s; cutting the connection", HANG_SECONDS)
            writer.abandon()
        return await writing

    async def _tick(self) -> None:
        """Every second: writers without work write a sign of life (LEDGER §13)."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._mark_idle()

    def _mark_idle(self) -> None:
        for _ in range(len(self._idle)):
            self._spawn(self._flush(self._idle.popleft()))

    async def _flush(self, writer: Writer) -> None:
        writer.holds_from_ns = self._holds_from_ns()
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, writer.flush)
        except Lapsed:
            await self._renew(writer)
        except Retryable as error:
            self.last_error = str(error)
        finally:
            self._idle.append(writer)
            self._start_batches()

    def _spawn(self, step: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(step)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _give_up(self, work: _Work) -> None:
        """Take a request that no writer has begun out of the queue."""
        if work in self._queue:
            self._queue.remove(work)
            self._bytes -= work.size
        _fail([work], StorageUnavailable(self.last_error or "the database does not answer in time"))


def _fail(works: Sequence[_Work], error: Retryable) -> None:
    for work in works:
        if not work.done.done():
            work.done.set_exception(error)


def _forget(done: asyncio.Future[Outcome]) -> None:
    """A client that went away does not ask for its result."""
    if not done.cancelled():
        done.exception()
