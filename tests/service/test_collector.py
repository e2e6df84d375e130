"""The collector of garbage stays off under load, and what it would find goes when the service is idle."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from service import collector
from service.collector import Collections, collecting, is_idle
from service.worker_status import WorkerState


class Cycle:
    """An object that only a collection frees."""

    def __init__(self) -> None:
        self.itself = self


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def switched_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leak(objects: int) -> tuple[weakref.ref[Cycle], list[Cycle]]:
    """A cycle that nothing holds, and as many objects as make a collection worthwhile."""
    return weakref.ref(Cycle()), [Cycle() for _ in range(objects)]


@pytest.mark.usefixtures("switched_off")
def test_a_cycle_is_freed_when_the_service_is_idle_and_not_before() -> None:
    busy, clock = [True], Clock()
    collections = Collections(lambda: not busy[0], clock)
    cycle, kept = leak(collector.WORTHWHILE)
    clock.now = collector.PAUSE_SECONDS
    assert not collections.look()
    assert cycle() is not None
    busy.clear()
    busy.append(False)
    assert collections.look()
    assert cycle() is None
    assert len(kept) == collector.WORTHWHILE


@pytest.mark.usefixtures("switched_off")
def test_an_idle_service_collects_once_a_minute_and_only_what_is_worth_it() -> None:
    clock = Clock()
    collections = Collections(lambda: True, clock)
    kept = leak(collector.WORTHWHILE)
    assert not collections.look(), "the minute is not over"
    clock.now = collector.PAUSE_SECONDS
    assert collections.look()
    clock.now *= 2
    assert not collections.look(), "nothing has come since"
    del kept


@pytest.mark.usefixtures("switched_off")
def test_a_service_that_is_never_idle_collects_before_its_memory_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collector, "TOO_MANY", 50_000)
    collections = Collections(lambda: False, Clock())
    assert not collections.look()
    cycle, kept = leak(60_000)
    assert collections.look()
    assert cycle() is None
    del kept


def test_the_collector_is_off_while_a_service_runs_and_on_again_after_it() -> None:
    async def run() -> tuple[bool, int]:
        async with collecting(lambda: True):
            return gc.isenabled(), gc.get_freeze_count()

    enabled, frozen = asyncio.run(run())
    assert (enabled, gc.isenabled(), gc.get_freeze_count()) == (False, True, 0)
    assert frozen > 10_000


@pytest.mark.parametrize(
    ("waiting", "committed", "expected"), [(0, 90.0, True), (1, 90.0, False), (0, 99.5, False)]
)
def test_a_worker_is_idle_when_nothing_waits_and_nothing_was_just_committed(
    waiting: int, committed: float, expected: bool
) -> None:
    state = WorkerState(0, 1, 0.0, 100.0, waiting, 0, 0, [], last_commit=committed)
    assert is_idle(state) is expected
