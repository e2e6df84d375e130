"""What a worker reports about itself, and its last problems."""

from __future__ import annotations

import logging
import os
from collections import deque
from datetime import UTC, datetime
from typing import NamedTuple, TypedDict

import psutil


class Trouble(TypedDict):
    """One logged warning or error: when, who, what. Messages hold no content of spans."""

    time: str
    logger: str
    level: str
    text: str


class WorkerState(NamedTuple):
    """A worker's heartbeat.

    Attributes:
        heartbeat: wall clock of this report, seconds since 1970.
        waiting_bytes: decoded bytes that wait for their commit.
        oldest_wait_seconds: how long the oldest request has waited for it.
        last_commit: wall clock of the last request that was committed.
        last_error: why the last commit failed; None since one succeeded.
        sender_delays: service → the least seconds between the end of a call and its receipt (`SenderClocks`).
    """

    number: int
    pid: int
    started: float
    heartbeat: float
    waiting_requests: int
    waiting_bytes: int
    memory_bytes: int
    troubles: list[Trouble]
    oldest_wait_seconds: float = 0.0
    last_commit: float | None = None
    last_error: str | None = None
    sender_delays: dict[str, float] | None = None


class Restarts(NamedTuple):
    """How often a worker ended unexpectedly.

    Attributes:
        total: since this service started, or reloaded.
        recent: within the last five minutes.
        last_end: such as `signal SIGKILL` or `exit code 1`.
        last_at: wall clock, seconds since 1970.
        pause_seconds: how long the last one was waited for before another started.
    """

    total: int = 0
    recent: int = 0
    last_end: str = ""
    last_at: float = 0.0
    pause_seconds: float = 0.0


class RecentTroubles(logging.Handler):
    """Keeps the last warnings and errors for `/diagnostics`."""

    def __init__(self, kept: int = 20) -> None:
        super().__init__(logging.WARNING)
        self.entries: deque[Trouble] = deque(maxlen=kept)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one record, cut to a line. Problems of senders are kept on their own."""
        if record.name == "spanledger.senders":
            return
        self.entries.append(
            Trouble(
                time=instant_text(record.created),
                logger=record.name,
                level=record.levelname.lower(),
                text=record.getMessage().partition("\n")[0][:300],
            )
        )


def instant_text(seconds: float) -> str:
    """A wall clock as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def memory_bytes(pid: int | None = None) -> int:
    """Resident memory of a process; 0 when it is gone."""
    try:
        return int(psutil.Process(pid or os.getpid()).memory_info().rss)
    except psutil.Error:
        return 0
