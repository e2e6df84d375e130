"""Folding as the service runs it: several times a second, in one process of all that share a database."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg

from receiver.status import log_fault
from service.beside import beside
from service.lease import Lease
from storage.postings.folder import MOST, Folder

log = logging.getLogger("spanledger.folding")

PAUSE_SECONDS, MOST_PAUSE_SECONDS = 0.2, 0.5
"""Between two folds that leave nothing behind; as long as the last one took, if that is longer: the more a
fold takes at once, the less each call costs."""
_LOOK_SECONDS = 1.0
"""How often we look whether another process has ceased to fold."""
_LEASE_SECONDS, _ASK_SECONDS = 6.0, 1.5
_LAST_SECONDS = 5.0
"""Time for a last fold; what is left after it is for the next service."""


@asynccontextmanager
async def folding(dsn: str) -> AsyncIterator[None]:
    """Add postings into the summaries while the block runs, and once more at its end."""
    keeper = _Keeper(dsn)
    async with keeper.lease.kept(), beside(keeper.keep()):
        yield
    await asyncio.to_thread(keeper.finish)


class _Keeper:
    def __init__(self, dsn: str) -> None:
        self.lease = Lease(dsn, "folding", _LEASE_SECONDS)
        self._folder = Folder(dsn)
        self._at_work = threading.Lock()
        self._is_away = False
        self._ours_until = 0.0

    async def keep(self) -> None:
        """Fold whenever the lease is ours."""
        while True:
            pause = await asyncio.to_thread(self._step)
            await asyncio.sleep(pause)

    def _step(self) -> float:
        """One fold if it is ours to do; returns how long to pause, in seconds."""
        try:
            with self._at_work, self.lease.used():
                if not self._is_ours():
                    return _LOOK_SECONDS
                begun = time.monotonic()
                taken = self._folder.run()
                self._is_away = False
                if taken >= MOST // 2:
                    return 0.0
                return min(max(PAUSE_SECONDS, time.monotonic() - begun), MOST_PAUSE_SECONDS)
        except psycopg.Error as error:
            if not self._is_away:
                log.warning("summaries wait for the database: %s", type(error).__name__)
            self._is_away = True
        except Exception as error:  # a fault here must not end a service that counts
            log_fault(error, "folding")
        return _LOOK_SECONDS

    def _is_ours(self) -> bool:
        """Whether the lease is ours, asked now and then: folds of two would wait for each other, no more."""
        now = time.monotonic()
        if now >= self._ours_until and self.lease.take(self._folder.connection):
            self._ours_until = now + _ASK_SECONDS
        return now < self._ours_until

    def finish(self) -> None:
        """Fold what was acknowledged last; where the database is away, the next service does."""
        deadline = time.monotonic() + _LAST_SECONDS
        if self._at_work.acquire(timeout=_LAST_SECONDS):
            with suppress(psycopg.Error):
                while self._folder.run() and time.monotonic() < deadline:
                    pass
            self._folder.close()
