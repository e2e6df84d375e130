"""What the inbox does after its answer: explain alerts, measure contained incidents. One process does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from operations.inbox.receive import Connection, forget
from operations.inbox.story import explain_due
from operations.incidents.burn import measure_due
from service.config import RetentionConfig
from service.housekeeping import Housekeeper, Task

_LOOK_SECONDS = 2.0


@asynccontextmanager
async def inbox_jobs(dsn: str, kept: RetentionConfig) -> AsyncIterator[None]:
    """Work while the block runs; the lease `inbox` lets one process at a time do it."""
    tasks = [
        Task("alert stories", _LOOK_SECONDS, explain_due),
        Task("burn after containment", 60, lambda connection: measure_due(connection, datetime.now(UTC))),
        Task("inbox retention", 3600, lambda connection: _forget(connection, kept)),
    ]
    async with Housekeeper(dsn, tasks, job="inbox", look_seconds=_LOOK_SECONDS).running():
        yield


def _forget(connection: Connection, kept: RetentionConfig) -> str | None:
    """Deliveries are kept like the quarantine, alerts like the sums by hour; what an incident needs stays."""
    now = datetime.now(UTC)
    deliveries, alerts = forget(connection, now - kept.quarantine, now - kept.hour)
    return f"took away {deliveries} deliveries and {alerts} alerts" if deliveries or alerts else None
