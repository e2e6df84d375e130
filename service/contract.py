"""The freshness contract in a running service: what its views need to know, and the record of breaches."""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import psycopg

from operations.freshness import breach, lag
from service.config import Config
from service.housekeeping import Housekeeper, Task
from service.watch import Trouble, Watch

_JUDGE_SECONDS: Final = 5.0
_FORGET_SECONDS: Final = 3600.0


def contract_settings(config: Config) -> dict[str, str]:
    """What views and alert rules read in `genai.setting`; an empty period says that nothing probes."""
    freshness, probe = config.freshness, config.probe
    return {
        "freshness_objective_seconds": f"{freshness.objective.total_seconds():g}",
        "freshness_target_seconds": f"{freshness.target.total_seconds():g}",
        "freshness_window_seconds": f"{freshness.window.total_seconds():g}",
        "probe_every_seconds": f"{probe.every.total_seconds():g}" if probe.enabled else "",
    }


class BreachKeeper:
    """Keeps the record of breaches, explained by what the watch of this service knows."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._forgotten = 0.0

    def judge(self, connection: psycopg.Connection[Any]) -> str | None:
        """Open, worsen or close; returns what began or ended."""
        if time.monotonic() - self._forgotten > _FORGET_SECONDS:
            breach.forget(connection)
            self._forgotten = time.monotonic()
        return breach.judge(connection, [_known(trouble) for trouble in self._watch.known()])


def _known(trouble: Trouble) -> breach.Known:
    until = None if trouble.until is None else datetime.fromtimestamp(trouble.until, UTC)
    return breach.Known(trouble.cause, trouble.detail, datetime.fromtimestamp(trouble.since, UTC), until)


def keeping_contract(dsn: str, watch: Watch, days: int) -> AbstractAsyncContextManager[None]:
    """Judge the contract every few seconds while the block runs, in one process of all.

    Args:
        days: how long samples of senders are kept.
    """
    work = [
        Task("freshness", _JUDGE_SECONDS, BreachKeeper(watch).judge),
        Task("sender lag", 60, partial(_sample_lag, days)),
    ]
    return Housekeeper(dsn, work, job="freshness", look_seconds=_JUDGE_SECONDS).running()


def _sample_lag(days: int, connection: psycopg.Connection[Any]) -> None:
    lag.sample(connection, days)
