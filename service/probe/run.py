"""One round of the probe: send a request, find it in the dashboard's figures, judge it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import psycopg

from operations import query as ledger
from operations.probe.model import WORDS, Outcome, Stage
from processor.pricing.load import PriceBook
from service import database
from service.probe.panel import GrafanaDoor, Refused, Sums, from_database, from_grafana, windows_of
from service.probe.span import Target, expected_cost, make_span, send

_SOONEST_SECONDS: Final = 0.02
_LATEST_SECONDS: Final = 0.5
"""Between two looks for it, growing: what is visible at once is measured well, and waiting costs little."""
_SETTLE_SECONDS: Final = 0.5
"""After it was seen: time for it to be counted twice."""
EXPORTER_LOG: Final = "opentelemetry.exporter.otlp.proto.grpc.exporter"

Connection = psycopg.Connection[Any]


class Probe(NamedTuple):
    """How to probe.

    Attributes:
        connect: a connection to the ledger.
        grafana: asked as well where it is configured.
        timeout_seconds: for each stage; what takes longer has failed.
    """

    target: Target
    connect: Callable[[], AbstractContextManager[Connection]]
    book: PriceBook
    grafana: GrafanaDoor | None = None
    timeout_seconds: float = 30.0


class _Failed(Exception):
    """A stage failed."""

    def __init__(self, stage: Stage, detail: str = "") -> None:
        super().__init__(detail)
        self.stage, self.detail = stage, detail or WORDS[stage]


def run(probe: Probe, holder: str) -> Outcome:
    """Send one request and look for it until it is visible or the time is up.

    Args:
        holder: who probes: two at once would each count the other's request, so they take turns.
    """
    start_ns = time.time_ns()
    outcome = Outcome(_now(), probe.target.endpoint, expected=expected_cost(start_ns, probe.book))
    try:
        with probe.connect() as connection, _turn(connection, holder, 3 * probe.timeout_seconds):
            return _Round(probe, connection, start_ns, outcome).outcome()
    except psycopg.Error as error:
        return outcome._replace(failure="database", detail=database.reason(error))


@contextmanager
def _turn(connection: Connection, holder: str, longest_seconds: float) -> Iterator[None]:
    """Wait until no other probe is under way; one that died is waited for until its time is up."""
    values = {"job": "probe_turn", "holder": holder, "seconds": longest_seconds}
    while connection.execute(ledger.query("take_lease"), values).fetchone() is None:
        time.sleep(0.1)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(ledger.query("end_lease"), {"job": "probe_turn", "holder": holder})


class _Round:
    """One request and the stages that it passes; each completes the outcome, or fails."""

    def __init__(self, probe: Probe, connection: Connection, start_ns: int, outcome: Outcome) -> None:
        self._probe = probe
        self._connection = connection
        self._start_ns = start_ns
        self._before = self._shown()
        self._outcome = outcome._replace(sent_at=_now())

    def outcome(self) -> Outcome:
        """What became of it."""
        try:
            for stage in (self._accept, self._see, self._count, self._price, self._ask_grafana):
                stage()
        except _Failed as failed:
            self._note(failure=failed.stage, detail=failed.detail)
        except psycopg.Error as error:
            self._note(failure="database", detail=database.reason(error))
        return self._outcome

    def _accept(self) -> None:
        target, seconds = self._probe.target, self._probe.timeout_seconds
        log = logging.getLogger(EXPORTER_LOG)
        level = log.level
        log.setLevel(logging.CRITICAL)  # we say it ourselves
        try:
            is_ok = send(make_span(self._start_ns), target, seconds)
        finally:
            log.setLevel(level)
        if not is_ok:
            raise _Failed("receiver", f"{target.endpoint} gave no OK within {seconds:g} s")
        self._note(accepted_at=_now())

    def _see(self) -> None:
        seconds = self._probe.timeout_seconds
        deadline, pause = time.monotonic() + seconds, _SOONEST_SECONDS
        while not all(seen := [sums.calls >= 1 for sums in self._added()]):
            if time.monotonic() > deadline:
                late = ["minute", "hour"][seen.index(False)]
                raise _Failed("summaries", f"not in the sums by {late} within {seconds:g} s")
            time.sleep(pause)
            pause = min(2 * pause, _LATEST_SECONDS)
        self._note(visible_at=_now())

    def _count(self) -> None:
        time.sleep(_SETTLE_SECONDS)
        seen = self._added()
        worst = max(seen, key=lambda sums: abs(sums.calls - 1))
        if worst.calls != 1:
            raise _Failed("count", f"counted {worst.calls} times")
        self._note(calls=1, cost=seen[0].cost)

    def _price(self) -> None:
        cost, expected = self._outcome.cost, self._outcome.expected
        if cost is None:
            raise _Failed("price", "the ledger knows no price for it")
        if cost != expected:
            raise _Failed("price", f"it cost {cost} pico-USD, not {expected}")

    def _ask_grafana(self) -> None:
        if self._probe.grafana is None:
            return
        window = windows_of(self._start_ns)[0]
        try:
            shown = from_grafana(self._probe.grafana, window, self._probe.timeout_seconds)
        except Refused as error:
            raise _Failed("grafana", str(error)) from error
        if shown != from_database(self._connection, window):
            raise _Failed("grafana", f"Grafana shows {shown.calls} calls and {shown.cost} pico-USD")
        self._note(grafana_at=_now())

    def _shown(self) -> list[Sums]:
        """What the panel shows of the minute and of the hour of the request."""
        return [from_database(self._connection, window) for window in windows_of(self._start_ns)]

    def _added(self) -> list[Sums]:
        """What was added to the sums by minute and by hour since the round began."""
        return [after - before for after, before in zip(self._shown(), self._before, strict=True)]

    def _note(self, **found: Any) -> None:
        self._outcome = self._outcome._replace(**found)


def _now() -> datetime:
    return datetime.now(UTC)
