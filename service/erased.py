"""What ingest must not store any more: the list of erased users and tenants, reread while a worker runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import psycopg

from processor.identity import IdentityRules, Kind
from storage.erasure import erased_hashes

REFRESH_SECONDS = 3.0
"""An erased value is mapped at the latest after this, in every receiver."""

Connect = Callable[[], AbstractContextManager[psycopg.Connection]]


class ErasedList:
    """The list in the rules of one worker; while the database is away the last known one holds."""

    def __init__(self, connect: Connect, rules: IdentityRules) -> None:
        self._connect = connect
        self._rules = rules

    def load(self) -> None:
        """Read the list and let the rules follow it."""
        with self._connect() as connection:
            erased = erased_hashes(connection)
        self._rules.user.erase(erased[Kind.USER])
        self._rules.tenant.erase(erased[Kind.TENANT])

    async def keep_fresh(self) -> None:
        """Reread the list for ever."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            with suppress(psycopg.Error):  # the database is away: told by readiness
                await asyncio.to_thread(self.load)
