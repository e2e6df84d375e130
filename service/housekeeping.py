"""Periodic maintenance, by one process at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg

from operations import query as ledger
from processor.calls.errors import StorageUnavailable
from receiver.status import log_fault
from service import database, metrics
from service.beside import beside
from service.config import Config, RetentionConfig
from service.kept import KeptConnection
from service.lease import Lease
from service.tracing import TRACER
from storage.budgets.judge import judge
from storage.journal.erasure import erase_again
from storage.upkeep.day_sums import sum_days
from storage.upkeep.retention import Periods, end_long_reads, keep
from storage.upkeep.rollup_check import Checker, Slice, count_differences
from storage.upkeep.sizes import sample_size
from storage.upkeep.week_sums import sum_weeks

log = logging.getLogger("spanledger.housekeeping")

_LOOK_SECONDS = 5.0
_NOTE_SECONDS = 5.0
"""Tasks that run more often are noted this often, unless they begin or cease to fail."""
_COMPARE_SECONDS = 1.0
"""Time for looks at sums at once; the checker then rests by itself."""

Connection = psycopg.Connection[Any]


class Task(NamedTuple):
    """One thing to do.

    Attributes:
        every_seconds: from the end of one run to the next.
        run: does a bounded piece of it; returns what is worth a line in the log, or nothing.
    """

    name: str
    every_seconds: float
    run: Callable[[Connection], str | None]


class Housekeeper:
    """Runs the tasks while it holds the lease; every service tries, one succeeds (LEDGER §17)."""

    def __init__(
        self,
        dsn: str,
        tasks: Sequence[Task],
        *,
        job: str = "housekeeping",
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        """Nothing is opened yet.

        Args:
            job: name of the lease; tasks under different names may run at the same time.
            look_seconds: how often it is looked what is due.
        """
        self._dsn = dsn
        self._tasks = tasks
        self._look_seconds = look_seconds
        self.lease = Lease(dsn, job)
        self._kept = KeptConnection(self._connect)
        self._noted: dict[str, tuple[float, str | None]] = {}
        self._due = dict.fromkeys((task.name for task in tasks), 0.0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep house while the block runs."""
        try:
            async with self.lease.kept(), beside(self._keep()):
                yield
        finally:
            self._kept.close()

    async def _keep(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._look)
            except psycopg.Error:
                pass  # readiness reports it; maintenance resumes when the database is back
            except Exception as error:  # a fault here must not end a service that counts
                log_fault(error, "housekeeping")
            await asyncio.sleep(self._look_seconds)

    def run_due(self) -> None:
        """Run once what is due, if the lease is ours, over a connection of its own."""
        try:
            self._look()
        finally:
            self._kept.close()

    def _look(self) -> None:
        with self.lease.used(), self._kept.used() as connection:
            for task in self._tasks:
                if time.monotonic() < self._due[task.name]:
                    continue
                if not self.lease.take(connection):
                    return
                self._run(connection, task)
                if connection.closed:
                    return
                self._due[task.name] = time.monotonic() + task.every_seconds

    def _connect(self) -> Connection:
        """Without prepared statements: one plan for all windows would read a day as it reads a minute."""
        return psycopg.connect(
            self._dsn, autocommit=True, connect_timeout=5, application_name=f"spanledger {self.lease.job}",
            options="-c timezone=UTC -c lock_timeout=2s", prepare_threshold=None,
        )  # fmt: skip

    def _run(self, connection: Connection, task: Task) -> None:
        said, error = None, None
        try:
            with TRACER.start_as_current_span(f"task {task.name}"):
                said = task.run(connection)
        except (psycopg.Error, StorageUnavailable) as failure:
            error = database.reason(failure) if isinstance(failure, psycopg.Error) else str(failure)
            log.warning("%s failed and will be retried: %s", task.name, error)
        except Exception as failure:  # a fault of ours must not keep the other tasks from running
            error = type(failure).__name__
            log_fault(failure, task.name)
        metrics.housekeeping.labels(task.name, "failed" if error else "done").inc()
        if said:
            log.info("%s: %s", task.name, said)
        if not connection.closed:
            self._note(connection, task, error)

    def _note(self, connection: Connection, task: Task, error: str | None) -> None:
        """Keep how it went for `/diagnostics`, of whichever service."""
        now, (noted, before) = time.monotonic(), self._noted.get(task.name, (0.0, ""))
        if error == before and now - noted < _NOTE_SECONDS:
            return
        values = {"task": task.name, "holder": self.lease.holder, "every_seconds": task.every_seconds}
        connection.execute(ledger.query("note_task"), values | {"error": error})
        self._noted[task.name] = now, error


def tasks(config: Config, dsn: str) -> list[Task]:
    """Tasks of a running service beside receiving."""
    periods = _periods(config.retention)
    return [
        Task("readers", 5, _end_long_reads),
        Task("retention", 300, lambda _: _keep(dsn, periods)),
        Task("unpriced", 60, _Unpriced().warn),
        Task("rollups", 15, _Rollups().compare),
        Task("day sums", 60, _sum_days),
        Task("budgets", 60, _judge),
        Task("erasure", 600, lambda _: _erase_again(dsn)),
        Task("sizes", 3600, sample_size),
    ]


def _end_long_reads(connection: Connection) -> str | None:
    ended = end_long_reads(connection)
    return f"ended {ended} statements of grafana_reader that ran longer than 30 s" if ended else None


def _sum_days(connection: Connection) -> None:
    sum_days(connection)
    sum_weeks(connection)


def _judge(connection: Connection) -> str | None:
    judged = judge(connection)
    if judged is None or not (judged.raised or judged.cleared):
        return None
    return f"{judged.raised} states reached, {judged.cleared} cleared (`spanledger budgets events`)"


def _keep(dsn: str, periods: Periods) -> str | None:
    kept = keep(dsn, periods)
    gone = [f"{count} {name.replace('_', ' ')}" for name, count in kept._asdict().items() if count]
    return f"took away {', '.join(gone)}" if kept.calls or kept.rollups or kept.folded_days else None


def _periods(config: RetentionConfig) -> Periods:
    return Periods(
        raw=config.raw.days,
        minute=config.minute.days,
        hour=config.hour.days,
        identity_hour=config.identity.days,
        identity_day=config.identity_day.days,
        traces=config.quarantine.days,
    )


def _erase_again(dsn: str) -> str | None:
    erased = erase_again(dsn)
    return f"erased {erased.calls} calls of people who were erased before" if erased.calls else None


class _Rollups:
    """Compares sums with calls continuously, and reports each difference once."""

    def __init__(self) -> None:
        self._checker = Checker()
        self._told: set[Slice] = set()

    def compare(self, connection: Connection) -> None:
        for finding in self._checker.run(connection, datetime.now(UTC), _COMPARE_SECONDS):
            if finding.slice not in self._told:
                self._told.add(finding.slice)
                log.error(
                    "sums differ from their calls in %d buckets, first in %s",
                    finding.differences, finding.describe(),
                )  # fmt: skip
        metrics.rollup_differences.set(count_differences(connection))


class _Unpriced:
    """Warns once of each model that has no price."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    def warn(self, connection: Connection) -> None:
        for row in ledger.rows(connection, "unpriced"):
            model = (row["provider"], row["model"])
            if model not in self._known:
                self._known.add(model)
                log.warning(
                    "no price for %s/%s: %d calls cost an unknown amount; see `spanledger unpriced`",
                    *model, row["calls"],
                )  # fmt: skip
