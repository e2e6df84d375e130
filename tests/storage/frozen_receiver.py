"""A receiver that is stopped while it holds a call: `python -m tests.storage.frozen_receiver DSN WHERE`.

Its first call is received before it is stopped, and then sent again until it is accepted.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from unittest.mock import patch

from processor.calls.call import Batch, ModelCall
from processor.calls.errors import Retryable
from storage.connection import Connection
from storage.ingest.batcher import Batcher
from storage.ingest.writer import Writer
from tests.storage.ledger import NOON_NS, PRICED, call


def freeze() -> None:
    """Stand still until SIGCONT."""
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread does no more before it stands


def _freeze_before_the_commit() -> None:
    commit = Writer._commit

    def frozen(writer: Writer, conn: Connection, promoted: list[ModelCall]) -> None:
        hook.stop()
        freeze()
        commit(writer, conn, promoted)

    hook = patch.object(Writer, "_commit", frozen)
    hook.start()


async def _submit(batcher: Batcher, received_ns: int) -> str:
    made = call("frozen", time_ns=NOON_NS, received_ns=received_ns)
    try:
        outcome = await batcher.submit(Batch(calls=[made], spans=1), [PRICED])
    except Retryable:
        return "refused"
    return "accepted" if outcome.accepted else "duplicate"


async def _receive(dsn: str, where: str) -> None:
    async with Batcher(dsn) as batcher:
        print(*(writer.id for writer in batcher._writers), flush=True)
        received_ns = time.time_ns()
        if where == "before":
            freeze()
        else:
            _freeze_before_the_commit()
        print(await _submit(batcher, received_ns), flush=True)
        for _ in range(200):
            answer = await _submit(batcher, time.time_ns())
            if answer != "refused":
                break
            await asyncio.sleep(0.05)
        print(answer, flush=True)


if __name__ == "__main__":
    asyncio.run(_receive(sys.argv[1], sys.argv[2]))
