"""Why nothing arrives: mistakes of senders, for the log, the pages (memory) and commands (the ledger)."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from operations import query as ledger
from receiver.diagnosis.causes import CAUSES
from receiver.status import log_fault
from service.beside import beside
from service.tally import News, Problem, Tally, remedy

log = logging.getLogger("spanledger.senders")

_LOOK_SECONDS: Final = 1.0
_LOG_SECONDS: Final = 60.0
_CALM_LOG_SECONDS: Final = 3600.0
"""Between two lines about what was not refused, while calls are counted: it may be as intended."""
_SELECTION_EVERY: Final = timedelta(minutes=1)
_MAX_SENDERS: Final = 1000
_SENDERS_NAMED: Final = 10

Connect = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]


class Lines:
    """A line for each new sender, and at most one for each kind of problem and minute."""

    def __init__(self, endpoints: Mapping[str, str]) -> None:
        self._endpoints = endpoints
        self._waiting: dict[tuple[str, str], list[Problem]] = {}
        self._said: dict[tuple[str, str], float] = {}
        self._last_calls = -_CALM_LOG_SECONDS
        self._senders: set[str] = set()

    def add(self, news: News) -> None:
        """Log what is due; the rest waits for its minute's line."""
        now = time.monotonic()
        if news.has_calls:
            self._last_calls = now
            self._greet(news.services)
        for problem in news.problems:
            self._waiting.setdefault(_kind(problem), []).append(problem)
        for kind in list(self._waiting):
            if now - self._said.get(kind, -_CALM_LOG_SECONDS) >= self._pause(kind[0], now):
                self._said[kind] = now
                self._say(kind[0], self._waiting.pop(kind))

    def _greet(self, services: Sequence[str]) -> None:
        """Name each sender once; an unbounded number of names must fill neither the log nor the memory."""
        new = [service for service in services if service not in self._senders]
        if not new or len(self._senders) >= _MAX_SENDERS:
            return
        self._senders.update(new)
        others = f" and {len(new) - _SENDERS_NAMED} more" if len(new) > _SENDERS_NAMED else ""
        names = ", ".join(service or "a service without a name" for service in new[:_SENDERS_NAMED])
        log.info("first calls since the start from %s%s", names, others, extra={"fields": {"services": new}})

    def _pause(self, cause: str, now: float) -> float:
        is_calm = not CAUSES[cause].is_refused and (
            cause == "other_selection" or now - self._last_calls < _CALM_LOG_SECONDS
        )
        return _CALM_LOG_SECONDS if is_calm else _LOG_SECONDS

    def _say(self, cause: str, problems: Sequence[Problem]) -> None:
        level = logging.WARNING if CAUSES[cause].is_refused else logging.INFO
        times = sum(problem.requests for problem in problems)
        title, change = CAUSES[cause].title, remedy(cause, self._endpoints)
        fields = {"cause": cause, "requests": times, "remedy": change}
        words = title, times, _whose(problems), change
        log.log(level, "%s: %d (%s). To fix: %s", *words, extra={"fields": fields})


def _kind(problem: Problem) -> tuple[str, str]:
    """What gets a log line of its own: the cause, and for rejected spans the reason."""
    return problem.cause, problem.detail if problem.cause == "rejected_spans" else ""


def _minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _whose(problems: Iterable[Problem]) -> str:
    """The sender with the most requests, and how many others there are."""
    sums: dict[tuple[str, ...], Problem] = {}
    for problem in problems:
        known = sums.get(problem.key)
        sums[problem.key] = known.plus(problem) if known else problem
    most = max(sums.values(), key=lambda problem: problem.requests)
    parts = [most.transport, most.detail, f"service {most.service}" if most.service else "", most.sender]
    others = f", and {len(sums) - 1} more" if len(sums) > 1 else ""
    return ", ".join(part for part in parts if part) + others


class ProblemKeeper:
    """Every second takes what the workers noted: into the log, into `totals`, and into the ledger.

    Attributes:
        noted: where workers count; drained here.
        totals: what this service has seen in the last day, for its pages.
    """

    def __init__(self, noted: Tally, connect: Connect, endpoints: Mapping[str, str]) -> None:
        self.noted = noted
        self.totals = Tally()
        self._connect = connect
        self._endpoints = endpoints
        self._lines = Lines(endpoints)
        self._receiver = f"{socket.gethostname()} {endpoints.get('ops', '')}".strip()
        self._unstored = Tally()
        self._cleared: frozenset[str] = frozenset()
        self._looked = _minute_of(datetime.now(UTC))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look every second while the block runs, and once more at its end."""
        try:
            async with beside(self._look()):
                yield
        finally:
            await asyncio.to_thread(self.keep)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await asyncio.to_thread(self.keep)

    def keep(self) -> None:
        """One round. What the database cannot take now stays in memory for the next one."""
        try:
            self._tell(self.noted.drain())
            if datetime.now(UTC) - self._looked >= _SELECTION_EVERY:
                self._tell(News(self._outside_default(), [], False))
            self._store()
        except psycopg.Error:
            return  # readiness says that the database is away
        except Exception as error:  # a diagnosis must not end a service that counts
            log_fault(error, "problems of senders")

    def _tell(self, news: News) -> None:
        self._lines.add(news)
        self.totals.add(news)
        self._unstored.add(news)

    def _outside_default(self) -> list[Problem]:
        """Calls of the whole minutes since the last look, when none of the last hour is prod and real."""
        start, self._looked = self._looked, _minute_of(datetime.now(UTC))
        with self._connect() as connection:
            found = ledger.rows(connection, "outside_default", start=start, end=self._looked)
        now = time.time()
        return [
            Problem("other_selection", "", selection, "", "", int(row["calls"]), now, now)
            for row in found
            for selection in [f"environment {row['environment']}, data mode {row['data_mode']}"]
        ]

    def _store(self) -> None:
        problems, services, _ = news = self._unstored.drain()
        if not problems and self._cleared.issuperset(services):
            return
        try:
            with self._connect() as connection, connection.transaction():
                for problem in problems:
                    connection.execute(ledger.query("put_sender_problem"), self._row(problem))
                names = {"services": services, "receiver": self._receiver}
                connection.execute(ledger.query("forget_sender_problems"), names)
        except psycopg.Error:
            self._unstored.add(news)
            raise
        self._cleared = frozenset(services)

    def _row(self, problem: Problem) -> dict[str, object]:
        cause = CAUSES[problem.cause]
        words = {
            "title": cause.title,
            "remedy": remedy(problem.cause, self._endpoints),
            "is_refused": cause.is_refused,
        }
        return problem._asdict() | words | {"receiver": self._receiver}
