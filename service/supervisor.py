"""Several worker processes on one port: start, watch, replace, stop."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from processor.calls.errors import ConfigError
from service import metrics
from service.safe_path import without_current_directory
from service.tally import News, Tally
from service.worker import Assignment
from service.worker_status import Restarts, WorkerState

log = logging.getLogger("spanledger.supervisor")

_STEADY_SECONDS = 10.0
"""A worker that lived this long is replaced at once; one that keeps dying waits longer each time."""
_LONGEST_PAUSE_SECONDS = 5.0
_RECENT_SECONDS = 300.0
_ENDS_KEPT = 100
_STOP_SECONDS = 27.0
"""Below the 30 s that SIGTERM has in all; a worker itself gives up after 25."""


class _End(NamedTuple):
    """An unexpected end of a worker; `number` counts them from one."""

    number: int
    at: float
    how: str
    pause_seconds: float


class Supervisor:
    """Owns the workers. A worker ends when we end: its standard input is its life line."""

    def __init__(self, assignments: Sequence[Assignment], noted: Tally) -> None:
        """Args: noted: where the workers' problems of senders are counted."""
        self._noted = noted
        self._assignments = assignments
        self._states: dict[int, WorkerState] = {}
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._ends: dict[int, list[_End]] = {}
        self._stopping = False
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start every worker and wait until all accept requests.

        Raises:
            ConfigError: one of them ended before that; its own words are on stderr.
        """
        ready = [asyncio.Event() for _ in self._assignments]
        for assignment, event in zip(self._assignments, ready, strict=True):
            self._keepers.append(asyncio.create_task(self._keep(assignment, event)))
        waiting = asyncio.gather(*(event.wait() for event in ready))
        either: set[asyncio.Future[Any]] = {waiting, *self._keepers}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            await self.stop()
            raise ConfigError("a worker could not start; the lines above say why")

    async def stop(self) -> None:
        """Ask every worker to finish what it holds and end; kill what does not."""
        self._stopping = True
        for process in self._processes.values():
            _signal(process, signal.SIGTERM)
        _, late = await asyncio.wait(self._keepers, timeout=_STOP_SECONDS) if self._keepers else ((), ())
        for process in self._processes.values() if late else ():
            log.error("worker %d did not stop within %.0f s; killing it", process.pid, _STOP_SECONDS)
            _signal(process, signal.SIGKILL)
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def states(self) -> list[WorkerState]:
        """The last heartbeat of every worker that runs."""
        return [self._states[number] for number in sorted(self._states)]

    def restarts(self) -> dict[int, Restarts]:
        """How often each worker ended unexpectedly, of those that did."""
        now = time.time()
        return {number: _restarts(ends, now) for number, ends in self._ends.items()}

    def _note_end(self, number: int, how: str, pause: float) -> None:
        ends = self._ends.setdefault(number, [])
        ends.append(_End(ends[-1].number + 1 if ends else 1, time.time(), how, pause))
        del ends[:-_ENDS_KEPT]

    async def _keep(self, assignment: Assignment, ready: asyncio.Event) -> None:
        """Run one worker, and another in its place for as long as we run."""
        pause = 0.0
        while not self._stopping:
            begun = time.monotonic()
            code = await self._run(assignment, ready)
            if self._stopping:
                return
            if not ready.is_set():
                return  # the first start failed: `start` reports it
            metrics.worker_restarts.inc()
            pause = (
                0.0
                if time.monotonic() - begun > _STEADY_SECONDS
                else min(_LONGEST_PAUSE_SECONDS, 2 * pause + 0.2)
            )
            self._note_end(assignment.number, _end(code), pause)
            log.error(
                "worker %d ended with %s; another one starts in %.1f s", assignment.number, _end(code), pause
            )
            await asyncio.sleep(pause)

    async def _run(self, assignment: Assignment, ready: asyncio.Event) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "service.worker",  # -P: never code of the current directory
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=without_current_directory(),
        )  # fmt: skip
        self._processes[assignment.number] = process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(pickle.dumps(assignment))  # over a pipe: no secret in the list of processes
            async for line in process.stdout:
                report = json.loads(line)
                self._states[assignment.number] = WorkerState(**report["state"])
                self._noted.add(News.of(report["news"]))
                metrics.workers.set(len(self._states))
                ready.set()
            return await process.wait()
        finally:
            self._processes.pop(assignment.number, None)
            self._states.pop(assignment.number, None)
            metrics.workers.set(len(self._states))
            metrics.forget(process.pid)


def _restarts(ends: Sequence[_End], now: float) -> Restarts:
    last, recent = ends[-1], sum(now - end.at < _RECENT_SECONDS for end in ends)
    return Restarts(last.number, recent, last.how, last.at, last.pause_seconds)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        return


def _end(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
