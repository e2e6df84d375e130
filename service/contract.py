"""The freshness contract in a running service: what its views need to know, and the record of breaches."""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import psycopg

from operations.freshness import breach, lag
from service.config import Config
from service.housekeeping import Housekeeper, Task
from service.watch import Trouble, Watch

_SOONEST_SECONDS, _LATEST_SECONDS = 1.0, 5.0
_LOOKS_AN_OBJECTIVE: Final = 3
"""A delay as short as the objective is not to be over before anybody looked."""
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


def judge_seconds(objective: timedelta) -> float:
    """The pause between two judgements, in seconds: shorter under a short objective."""
    return min(_LATEST_SECONDS, max(_SOONEST_SECONDS, objective.total_seconds() / _LOOKS_AN_OBJECTIVE))


def keeping_contract(dsn: str, watch: Watch, config: Config) -> AbstractAsyncContextManager[None]:
    """Judge the contract every few seconds while the block runs, in one process of all."""
    pause = judge_seconds(config.freshness.objective)
    work = [
        Task("freshness", pause, BreachKeeper(watch).judge),
        Task("sender lag", 60, partial(_sample_lag, config.retention.quarantine.days)),
    ]
    return Housekeeper(dsn, work, job="freshness", look_seconds=pause).running()


def _sample_lag(days: int, connection: psycopg.Connection[Any]) -> None:
    lag.sample(connection, days)
