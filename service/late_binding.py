"""Late binding as the service runs it: every second, in one process, at the prices in force."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from processor.pricing.charge import price_call
from processor.pricing.load import PriceBook
from service.housekeeping import Housekeeper, Task
from service.price_records import VectorKeeper
from storage.late.binder import Binder, Bound

_EVERY_SECONDS = 1.0
_SLICE_SECONDS = 20.0
"""Late tags of other traces wait no longer for their turn."""

Connection = psycopg.Connection[Any]


@asynccontextmanager
async def binding(dsn: str, book: PriceBook, price_map_id: int, caps: dict[int, int]) -> AsyncIterator[None]:
    """Bind what comes late while the block runs; the lease `binding` lets one process at a time do it."""
    vectors = VectorKeeper(book, price_map_id)
    with Binder(dsn, lambda call: price_call(call, book), caps=caps, price_map_id=price_map_id) as binder:

        def bind(connection: Connection) -> str | None:
            bound = binder.bind(seconds=_SLICE_SECONDS)
            if vectors.has_news:
                vectors.store(connection)
            return _said(bound)

        keeper = Housekeeper(
            dsn,
            [Task("binding", _EVERY_SECONDS, bind)],
            job="binding",
            look_seconds=_EVERY_SECONDS,
        )
        async with keeper.running():
            yield


def _said(bound: Bound) -> str | None:
    """Wrappers are worth a line: their emitter sends no inner calls, which a setting of it may change."""
    if not bound.promoted:
        return None
    return f"counted {bound.promoted} wrapper spans whose emitter sent no inner call within its window"
