"""What has to be done now and then, by one process at a time."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import psycopg

from service import ledger, metrics
from service.config import Config

log = logging.getLogger("spanledger.housekeeping")

_LEASE_SECONDS = 60
"""Longer than the longest gap between two renewals; a runner that dies is replaced after this."""
_LOOK_SECONDS = 5.0

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
    """Runs the tasks while it holds the lease row; every service tries, one succeeds (LEDGER §17)."""

    def __init__(self, dsn: str, tasks: Sequence[Task]) -> None:
        self._dsn = dsn
        self._tasks = tasks
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._due = dict.fromkeys((task.name for task in tasks), 0.0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep house while the block runs."""
        keeper = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper

    async def _keep(self) -> None:
        while True:
            with suppress(psycopg.Error):  # told by readiness; house is kept when the database is back
                await asyncio.to_thread(self.run_due)
            await asyncio.sleep(_LOOK_SECONDS)

    def run_due(self) -> None:
        """Run what is due, if the lease is ours."""
        with psycopg.connect(
            self._dsn, autocommit=True, connect_timeout=5, application_name="spanledger housekeeping",
            options="-c timezone=UTC -c lock_timeout=2s",
        ) as connection:  # fmt: skip
            for task in self._tasks:
                if time.monotonic() < self._due[task.name]:
                    continue
                if not self._has_lease(connection):
                    return
                self._run(connection, task)
                self._due[task.name] = time.monotonic() + task.every_seconds

    def _has_lease(self, connection: Connection) -> bool:
        values = {"job": "housekeeping", "holder": self._holder, "seconds": _LEASE_SECONDS}
        return connection.execute(ledger.query("take_lease"), values).fetchone() is not None

    def _run(self, connection: Connection, task: Task) -> None:
        try:
            said = task.run(connection)
        except psycopg.Error as error:
            metrics.housekeeping.labels(task.name, "failed").inc()
            log.warning("%s did not work and is tried again: %s", task.name, ledger.reason(error))
            if connection.closed:
                raise
            return
        metrics.housekeeping.labels(task.name, "done").inc()
        if said:
            log.info("%s: %s", task.name, said)


def tasks(config: Config) -> list[Task]:
    """What a running service does beside receiving."""
    return [
        Task("slow_readers", 5, _end_slow_readers),
        Task("unpriced", 60, _Unpriced().warn),
    ]


def _end_slow_readers(connection: Connection) -> str | None:
    ended = len(ledger.rows(connection, "end_slow_readers"))
    return f"ended {ended} statements of grafana_reader that ran longer than 30 s" if ended else None


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
