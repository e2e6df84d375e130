"""A process that sends calls until it is killed: `python -m tests.storage.mark_sender DSN SEED`."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from contextlib import suppress

from processor.calls.call import Batch
from processor.calls.errors import Retryable
from storage.ingest import batcher as module
from storage.ingest.batcher import Batcher
from tests.storage.ledger import NOON_NS, PRICED, SECOND_NS, call

POPULATION = 1_200
"""Different calls; whichever was sent already is sent again."""
_AT_ONCE = 6
_TICK_SECONDS = 0.03
"""Marks are written often, so that many of them meet a call that is on its way."""


async def _keep_sending(batcher: Batcher, draw: random.Random) -> None:
    while True:
        received_ns = time.time_ns()
        calls = [
            call(f"{n}", time_ns=NOON_NS + 60 * n * SECOND_NS, received_ns=received_ns)
            for n in draw.sample(range(POPULATION), draw.randint(1, 5))
        ]
        with suppress(Retryable):
            await batcher.submit(Batch(calls=calls, spans=len(calls)), [PRICED] * len(calls))
        await asyncio.sleep(draw.choice([0, 0.001, 0.02]))


async def _send(dsn: str, seed: int) -> None:
    async with Batcher(dsn) as batcher:
        print(*(writer.id for writer in batcher._writers), flush=True)
        draw = random.Random(seed)
        await asyncio.gather(*(_keep_sending(batcher, draw) for _ in range(_AT_ONCE)))


if __name__ == "__main__":
    module.TICK_SECONDS = _TICK_SECONDS
    asyncio.run(_send(sys.argv[1], int(sys.argv[2])))
