"""What the inbox does after its answer: explain alerts, measure contained incidents. One process does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from operations.inbox.story import explain_due
from operations.incidents.burn import measure_due
from service.housekeeping import Housekeeper, Task

_LOOK_SECONDS = 2.0


@asynccontextmanager
async def inbox_jobs(dsn: str) -> AsyncIterator[None]:
    """Work while the block runs; the lease `inbox` lets one process at a time do it."""
    tasks = [
        Task("alert stories", _LOOK_SECONDS, explain_due),
        Task("burn after containment", 60, lambda connection: measure_due(connection, datetime.now(UTC))),
    ]
    async with Housekeeper(dsn, tasks, job="inbox", look_seconds=_LOOK_SECONDS).running():
        yield
