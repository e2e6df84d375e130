"""The watermark is never ahead of the truth: what was received before it is in the sums."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import psycopg
import pytest

from storage.postings.folder import Folder
from tests.sizes import FULL_SIZE
from tests.storage.ledger import add_up, rows

pytestmark = pytest.mark.slow

SNAPSHOTS, KILL_EVERY = (600, 60) if FULL_SIZE else (120, 40)
SNAPSHOT = "SELECT complete_to, (SELECT array_agg(bucket) FROM genai.usage_minute) FROM genai.watermark"
"""Each call has a minute of its own: the minutes tell which calls are in the sums."""
CUT = (
    "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = %s"
)
AGE = (
    "UPDATE _genai.writer_mark SET seen_at = seen_at - interval '31 seconds' WHERE writer = ANY (%s::uuid[])"
)


class Sender:
    """A receiver's process; its writers' marks are known, so that they can be aged when it is dead."""

    def __init__(self, dsn: str, seed: int) -> None:
        self._dsn = dsn
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.storage.mark_sender", dsn, str(seed)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._writers = self._process.stdout.readline().split()

    def kill(self) -> None:
        """End it at once; then half a minute passes for its marks."""
        self._process.kill()
        with self._process:
            self._process.wait()
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(CUT, (20_000, "spanledger writer"))  # so none is at its work
            connection.execute(AGE, (self._writers,))


@contextmanager
def folding(dsn: str) -> Iterator[None]:
    """Folds, and folders whose connection is cut in the middle."""
    stop = threading.Event()

    def fold() -> None:
        while not stop.is_set():
            folder = Folder(dsn, random.choice([20, 1_000]))
            with suppress(psycopg.Error):
                for _ in range(8):
                    folder.run()
            folder.close()

    def cut() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stop.wait(0.2):
                connection.execute(CUT, (0, random.choice(["spanledger folder", "spanledger writer"])))

    threads = [threading.Thread(target=fold), threading.Thread(target=cut)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_what_was_received_before_it_is_in_the_sums_while_writers_resend_and_are_killed(
    migrated_database: str,
) -> None:
    seeds = iter(range(1_000))
    senders = [Sender(migrated_database, next(seeds)) for _ in range(2)]
    seen: list[tuple[datetime, set[datetime]]] = []
    try:
        with folding(migrated_database), psycopg.connect(migrated_database, autocommit=True) as reader:
            while len(seen) < SNAPSHOTS:
                complete_to, minutes = reader.execute(SNAPSHOT).fetchone() or (None, None)
                if complete_to is not None:
                    seen.append((complete_to, set(minutes or ())))
                if len(seen) % KILL_EVERY == KILL_EVERY - 1:
                    senders.pop(0).kill()
                    senders.append(Sender(migrated_database, next(seeds)))
    finally:
        for sender in senders:
            sender.kill()
    add_up(migrated_database)
    received = rows(
        migrated_database, "SELECT date_bin('1 minute', time, 'epoch'), received_at FROM genai.model_call"
    )
    for complete_to, minutes in seen:
        missing = {time: at for time, at in received if at < complete_to and time not in minutes}
        assert not missing, f"complete to {complete_to}, without {missing}"
    first, last = (sum(at < moment for _, at in received) for moment in (seen[0][0], seen[-1][0]))
    assert last > first, "it moves on"
