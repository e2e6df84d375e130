"""Jobs of one process at a time: a lease row that its holder renews for as long as it lives (LEDGER §17)."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import psycopg

from operations import query as ledger
from service.beside import beside

SECONDS = 20.0
"""A holder that died is replaced after this long."""
_RENEWALS = 4
"""Within that time: two may fail, for the first waits a little longer (`_GRACE`)."""
_GRACE = 1.25
"""A job that asks for its lease whenever it looks renews it by that; we come only when it is late."""

_PATIENCE_SECONDS = 2.0
"""What takes longer is left to run out: most tasks take less."""

Connection = psycopg.Connection[Any]


class Lease:
    """Our claim to one job. Not a bare lock: it outlives a cut connection, and passes through poolers."""

    def __init__(self, dsn: str, job: str, seconds: float = SECONDS) -> None:
        """Nothing is opened yet.

        Args:
            job: services that name the same job take turns.
            seconds: how long it stays ours without being renewed.
        """
        self.job = job
        self.holder = f"{socket.gethostname()}:{os.getpid()}"
        self._dsn, self._seconds = dsn, seconds
        self._is_ours = False
        self._taken_at = 0.0
        self._at_rest = threading.Event()
        self._at_rest.set()

    @contextmanager
    def used(self) -> Iterator[None]:
        """While the block runs, in whatever thread, the job is not let go: it may be at work."""
        self._at_rest.clear()
        try:
            yield
        finally:
            self._at_rest.set()

    def take(self, connection: Connection) -> bool:
        """Whether the job is ours: it was, or its holder has ended or died."""
        asked_at = time.monotonic()
        values = {"job": self.job, "holder": self.holder, "seconds": self._seconds}
        self._is_ours = connection.execute(ledger.query("take_lease"), values).fetchone() is not None
        self._taken_at = asked_at
        return self._is_ours

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """While the block runs, renew what is ours, however long a task takes; at its end let go."""
        try:
            async with beside(self._renew()):
                yield
        finally:
            if self._is_ours and await asyncio.to_thread(self._at_rest.wait, _PATIENCE_SECONDS):
                with suppress(psycopg.Error):  # it runs out by itself
                    await asyncio.to_thread(self._let_go)

    async def _renew(self) -> None:
        every = self._seconds / _RENEWALS
        while True:
            late = time.monotonic() - self._taken_at - every * _GRACE
            await asyncio.sleep(min(every, -late) if late < 0 else every)
            if self._is_ours and time.monotonic() - self._taken_at >= every * _GRACE:
                with suppress(psycopg.Error):  # the database is away, for the others as well
                    await asyncio.to_thread(self._take)

    def _take(self) -> None:
        with self._connect() as connection:
            self.take(connection)

    def _let_go(self) -> None:
        with self._connect() as connection:
            connection.execute(ledger.query("end_lease"), {"job": self.job, "holder": self.holder})

    def _connect(self) -> Connection:
        return psycopg.connect(
            self._dsn, autocommit=True, connect_timeout=3, application_name="spanledger lease",
            options="-c statement_timeout=3s",
        )  # fmt: skip
