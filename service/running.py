"""The part that a reload replaces: workers, housekeeping and late binding, with their settings and prices."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import date
from types import TracebackType
from typing import Self

from processor.pricing.book import PriceBook
from service.alerting import alerting
from service.collector import collecting, is_idle
from service.config import Config
from service.folding import folding
from service.housekeeping import Housekeeper, tasks
from service.inbox_jobs import inbox_jobs
from service.late_binding import binding
from service.probe.job import probing
from service.supervisor import Supervisor
from service.tally import Tally
from service.worker import Assignment, caps_of, working
from service.worker_status import RecentTroubles, Restarts, WorkerState

States = Callable[[], Sequence[WorkerState]]
Ends = Callable[[], Mapping[int, Restarts]]


class Running:
    """The running part of the service; a context manager.

    Attributes:
        assignment: settings and price map in force; so is `book`.
        loaded: wall clock at which they came into force, seconds since 1970.
    """

    def __init__(
        self, assignment: Assignment, book: PriceBook, troubles: RecentTroubles, noted: Tally
    ) -> None:
        """Args: noted: where problems of senders are counted."""
        self.assignment, self.book, self.loaded = assignment, book, time.time()
        self._troubles, self._noted = troubles, noted
        self._folding, self._workers, self._upkeep = AsyncExitStack(), AsyncExitStack(), AsyncExitStack()
        self._states: States = tuple
        self._ends: Ends = dict

    def states(self) -> Sequence[WorkerState]:
        """The last heartbeat of every worker."""
        return self._states()

    def restarts(self) -> Mapping[int, Restarts]:
        """Unexpected ends of workers by their number, since the start or the last reload."""
        return self._ends()

    def prices_checked(self) -> date | None:
        """The day the price list in force was last reviewed."""
        return self.book.checked_at

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as starting:
            await starting.enter_async_context(folding(self.assignment.dsn))
            self._states, self._ends = await self._workers.enter_async_context(
                self._working(self.assignment, self.book)
            )
            self._folding = starting.pop_all()
        await self._keep_up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._upkeep.aclose()
        await self._workers.aclose()
        await self._folding.aclose()  # what the last requests brought is in the summaries too

    async def replace(self, assignment: Assignment, book: PriceBook) -> None:
        """Work with other settings and prices: new workers take requests before the old ones stop.

        Raises:
            ConfigError: a new worker cannot start; the old ones go on.
        """
        async with AsyncExitStack() as starting:
            states, ends = await starting.enter_async_context(self._working(assignment, book))
            workers = starting.pop_all()
        old, self._workers, self._states, self._ends = self._workers, workers, states, ends
        self.assignment, self.book, self.loaded = assignment, book, time.time()
        await self._upkeep.aclose()  # one housekeeper at a time
        await old.aclose()
        await self._keep_up()

    async def _keep_up(self) -> None:
        """Start what goes on beside receiving."""
        first, self._upkeep = self.assignment, AsyncExitStack()
        is_alone = first.config.workers == 1  # else every worker is a process that collects for itself
        idle = collecting(lambda: not is_alone or all(map(is_idle, self.states())))
        await self._upkeep.enter_async_context(idle)
        await self._upkeep.enter_async_context(
            Housekeeper(first.dsn, tasks(first.config, first.dsn)).running()
        )
        late = binding(first.dsn, self.book, first.price_map_id, caps_of(first.config))
        await self._upkeep.enter_async_context(late)
        await self._upkeep.enter_async_context(inbox_jobs(first.dsn, first.config.retention))
        await self._upkeep.enter_async_context(alerting(first.config, first.dsn))
        await self._upkeep.enter_async_context(probing(first, self.book))

    @asynccontextmanager
    async def _working(self, first: Assignment, book: PriceBook) -> AsyncIterator[tuple[States, Ends]]:
        """One worker in this very loop, or several processes under a supervisor."""
        if first.config.workers == 1:
            async with working(first, book, self._troubles, self._noted) as state:
                yield (lambda: [state()]), dict
            return
        assignments = [replace(first, number=number) for number in range(first.config.workers)]
        supervisor = Supervisor(assignments, self._noted)
        await supervisor.start()
        try:
            yield supervisor.states, supervisor.restarts
        finally:
            await supervisor.stop()


def with_fixed(config: Config, running: Config) -> tuple[Config, list[str]]:
    """The configuration as far as a running service can take it over.

    Returns:
        It, with everything that needs a restart as it is now; and the names of what differs there.
    """
    fixed: dict[str, object] = {"data_dir": running.data_dir, "workers": running.workers, "ops": running.ops}
    doors = {"grpc": running.receiver.grpc, "http": running.receiver.http}
    place = {"url": running.database.url, "embedded_port": running.database.embedded_port}
    fixed["receiver"] = config.receiver.model_copy(update=doors)
    fixed["database"] = config.database.model_copy(update=place)
    taken = config.model_copy(update=fixed)
    return taken, _differences(config.model_dump(), taken.model_dump())


def _differences(one: dict[str, object], other: dict[str, object], above: str = "") -> list[str]:
    found: list[str] = []
    for name, value in one.items():
        here, beside = f"{above}{name}", other[name]
        if isinstance(value, dict) and isinstance(beside, dict):
            found += _differences(value, beside, f"{here}.")
        elif value != beside:
            found.append(here)
    return found
