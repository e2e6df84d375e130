"""The service's own state, looked at every few seconds: what is wrong, since when, and what was."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import psycopg

from operations.diagnosis.database import Connect, Fault, Probe, Sizes, State, look, probe
from operations.diagnosis.findings import CAUSES, Disk, Facts, Finding, Process, SenderClock, findings
from receiver.status import log_fault
from service import database, metrics
from service.beside import beside
from service.bounded import Bounded
from service.worker_status import Restarts, WorkerState

log = logging.getLogger("spanledger.watch")

LOOK_SECONDS: Final = 5.0
_SIZES_SECONDS: Final = 60.0
PATIENCE_SECONDS: Final = 4.0
"""Readiness is asked for by those who wait five seconds for an answer."""
_NAMELESS: Final = "a service without a name"
_KEPT: Final = 50
"""Troubles that are over and still shown."""


class Sources(NamedTuple):
    """Where the facts come from.

    Attributes:
        workers: the last heartbeat of every worker.
        restarts: by number of the worker, of those that ever ended.
        prices_checked: the day the price list was last reviewed.
        data_dir: where the database is, if it is ours; its disk can then be looked at.
    """

    connect: Connect
    workers: Callable[[], Sequence[WorkerState]]
    restarts: Callable[[], Mapping[int, Restarts]] = dict
    prices_checked: Callable[[], date | None] = lambda: None
    data_dir: Path | None = None


class Trouble(NamedTuple):
    """A finding with its time. `until` is None while it lasts; wall clock in seconds since 1970."""

    cause: str
    detail: str
    since: float
    until: float | None = None


class Report(NamedTuple):
    """One look: the facts, and what is wrong by them."""

    facts: Facts
    restarts: Mapping[int, Restarts]
    troubles: list[Trouble]


class Watch:
    """Looks, and remembers. Safe to call from several threads."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.past: deque[Trouble] = deque(maxlen=_KEPT)
        self._open: dict[tuple[str, str], Trouble] = {}
        self._lock = threading.Lock()
        self._bounded = Bounded(PATIENCE_SECONDS)
        self._sizes: tuple[float, Sizes] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look every few seconds while the block runs."""
        async with beside(self._keep_looking()):
            yield

    async def _keep_looking(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.look)
            except Exception as error:  # a fault here must not end a service that counts
                log_fault(error, "the watch")
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> Report:
        """The state of this moment; what began or ended with it goes to the log."""
        with self._lock:
            restarts = self.sources.restarts()
            facts = self._gather(restarts)
            self._compare(findings(facts), time.time())
            return Report(facts, restarts, list(self._open.values()))

    def known(self) -> list[Trouble]:
        """What is wrong as of the last look, and what is over."""
        with self._lock:
            return [*self._open.values(), *self.past]

    def probe(self) -> Probe:
        """Whether the database commits and can be read, known after a few seconds even when it hangs."""
        try:
            probed = self._bounded.ask(partial(probe, self.sources.connect, database.reason))
        except TimeoutError as error:
            probed = Probe(Fault("database_away", str(error)))
        metrics.database_up.set(0 if probed.fault else 1)
        return probed

    def _gather(self, restarts: Mapping[int, Restarts]) -> Facts:
        workers, now, probed = self.sources.workers(), time.time(), self.probe()
        return Facts(
            [*_processes(workers, restarts, now)],
            probed,
            None if probed.fault and probed.fault.cause == "database_away" else self._state(),
            [SenderClock(name or _NAMELESS, delay) for name, delay in delays_of(workers).items()],
            disk_of(self.sources.data_dir),
            self.sources.prices_checked(),
            datetime.now(UTC).date(),
        )

    def _state(self) -> State | None:
        try:
            state = self._bounded.ask(partial(_state, self.sources.connect, self._sizes_of_late()))
        except TimeoutError:
            return None
        if state is not None and state.tables and self._sizes_of_late() is None:
            self._sizes = time.monotonic(), Sizes(state.tables, state.growth)
        return state

    def _sizes_of_late(self) -> Sizes | None:
        """Sizes, if they were measured within the last minute."""
        if self._sizes is None or time.monotonic() - self._sizes[0] > _SIZES_SECONDS:
            return None
        return self._sizes[1]

    def _compare(self, found: Sequence[Finding], now: float) -> None:
        """Troubles are told apart by cause and subject; their words change as they grow."""
        current = {(finding.cause, finding.subject): finding for finding in found}
        for key in [key for key in self._open if key not in current]:
            over = self._open.pop(key)._replace(until=now)
            self.past.appendleft(over)
            log.info("over after %.0f s: %s", now - over.since, CAUSES[over.cause].title)
        for key, finding in current.items():
            if key in self._open:
                self._open[key] = self._open[key]._replace(detail=finding.detail)
            else:
                self._begin(finding, now)
        metrics.show_troubles(cause for cause, _ in self._open)

    def _begin(self, finding: Finding, now: float) -> None:
        cause = CAUSES[finding.cause]
        self._open[finding.cause, finding.subject] = Trouble(finding.cause, finding.detail, now)
        level = logging.ERROR if cause.severity == "critical" else logging.WARNING
        log.log(
            level, "%s: %s. To fix: %s", cause.title, finding.detail, cause.remedy,
            extra={"fields": {"cause": finding.cause}},
        )  # fmt: skip


def _processes(
    workers: Sequence[WorkerState], restarts: Mapping[int, Restarts], now: float
) -> Iterator[Process]:
    running = {worker.number: worker for worker in workers}
    for number in sorted(running.keys() | restarts.keys()):
        worker, ended = running.get(number), restarts.get(number, Restarts())
        yield Process(
            f"worker {number}",
            worker is not None,
            now - worker.heartbeat if worker else 0.0,
            ended.total,
            ended.recent,
            ended.last_end,
            worker.oldest_wait_seconds if worker else 0.0,
        )


def _state(connect: Connect, sizes: Sizes | None) -> State | None:
    try:
        with connect() as connection:
            return look(connection, sizes)
    except psycopg.Error as error:
        log.debug("no diagnostics of the database: %s", database.reason(error))
        return None


def delays_of(workers: Sequence[WorkerState]) -> dict[str, float]:
    """Service → the least delay of its calls over all workers, in seconds."""
    least: dict[str, float] = {}
    for worker in workers:
        for service, delay in (worker.sender_delays or {}).items():
            least[service] = min(delay, least.get(service, delay))
    return least


def disk_of(folder: Path | None) -> Disk | None:
    """The disk of that folder."""
    if folder is None or not folder.exists():
        return None
    used = shutil.disk_usage(folder)
    return Disk(used.free, used.total)
