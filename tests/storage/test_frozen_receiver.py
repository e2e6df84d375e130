"""A receiver that stood still for longer than the watermark waits commits nothing of what it held."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import datetime

import psycopg
import pytest

from storage.ingest.batcher import Batcher
from tests.patience import until
from tests.storage.ledger import rows

pytestmark = [pytest.mark.both_servers]

HALF_A_MINUTE = (
    "UPDATE _genai.writer_mark SET seen_at = seen_at - interval '31 seconds' WHERE writer = ANY (%s::uuid[])"
)
COMPLETE_TO = "SELECT complete_to FROM genai.watermark"


async def _mark(dsn: str) -> None:
    """Another receiver, so that the watermark goes on."""
    async with Batcher(dsn):
        pass


def _frozen_since(process: subprocess.Popen[str]) -> None:
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


@pytest.mark.parametrize("where", ["before", "within"])
def test_a_receiver_that_was_frozen_commits_nothing_behind_the_watermark(
    migrated_database: str, where: str
) -> None:
    command = [sys.executable, "-P", "-m", "tests.storage.frozen_receiver", migrated_database, where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        writers = process.stdout.readline().split()
        _frozen_since(process)
        with psycopg.connect(migrated_database, autocommit=True) as connection:
            connection.execute(HALF_A_MINUTE, (writers,))
        asyncio.run(_mark(migrated_database))
        told: datetime = rows(migrated_database, COMPLETE_TO)[0][0]
        assert rows(migrated_database, "SELECT count(*) FROM genai.model_call") == [(0,)]
        os.kill(process.pid, signal.SIGCONT)
        answers = process.stdout.read().split()
    assert process.returncode == 0
    received = rows(migrated_database, "SELECT received_at FROM genai.model_call")
    assert [at > told for (at,) in received] == [True], f"complete to {told}, yet {received} came after"
    assert answers == ["refused", "accepted"], "the sender has sent it again"
    until(lambda: rows(migrated_database, COMPLETE_TO)[0][0] >= told, "a watermark that goes on")
