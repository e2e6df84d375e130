"""What running receivers must know about people: who was erased, and which tenant a user belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import psycopg

from processor.calls.admission import Admission
from processor.calls.identity import Kind
from storage.journal.erasure import erased_hashes
from storage.journal.remap import assignments

REFRESH_SECONDS = 3.0
"""An erased value is mapped at the latest after this, and a user assigned, in every receiver."""

Connect = Callable[[], AbstractContextManager[psycopg.Connection]]


class KnownPeople:
    """Keeps the rules of one worker fresh; while the database is away the last known state holds."""

    def __init__(self, connect: Connect, rules: Admission) -> None:
        self._connect = connect
        self._rules = rules

    def load(self) -> None:
        """Read what the database says and let the rules follow it."""
        with self._connect() as connection:
            erased, assigned = erased_hashes(connection), assignments(connection)
        self._rules.identities.user.erase(erased[Kind.USER])
        self._rules.identities.tenant.erase(erased[Kind.TENANT])
        self._rules.tenants.use(assigned)

    async def keep_fresh(self) -> None:
        """Read it again, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            with suppress(psycopg.Error):  # the database is away: readiness reports it
                await asyncio.to_thread(self.load)
