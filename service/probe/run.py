"""One round of the probe: send a request, find it in the dashboard's figures, judge it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
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
            before = [from_database(connection, window) for window in windows_of(start_ns)]
            outcome = outcome._replace(sent_at=_now())
            for stage in (_accepted, _visible, _counted, _priced, _shown_by_grafana):
                outcome = stage(probe, connection, start_ns, before, outcome)
    except _Failed as failed:
        return outcome._replace(failure=failed.stage, detail=failed.detail)
    except psycopg.Error as error:
        return outcome._replace(failure="database", detail=database.reason(error))
    return outcome


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


def _accepted(
    probe: Probe, connection: Connection, start_ns: int, before: Sequence[Sums], outcome: Outcome
) -> Outcome:
    log = logging.getLogger(EXPORTER_LOG)
    level = log.level
    log.setLevel(logging.CRITICAL)  # we say it ourselves
    try:
        is_ok = send(make_span(start_ns), probe.target, probe.timeout_seconds)
    finally:
        log.setLevel(level)
    if not is_ok:
        raise _Failed("receiver", f"{probe.target.endpoint} gave no OK within {probe.timeout_seconds:g} s")
    return outcome._replace(accepted_at=_now())


def _visible(
    probe: Probe, connection: Connection, start_ns: int, before: Sequence[Sums], outcome: Outcome
) -> Outcome:
    deadline, pause = time.monotonic() + probe.timeout_seconds, _SOONEST_SECONDS
    while True:
        seen = _added(connection, start_ns, before)
        if all(sums.calls >= 1 for sums in seen):
            return outcome._replace(visible_at=_now())
        if time.monotonic() > deadline:
            late = ["minute", "hour"][[sums.calls >= 1 for sums in seen].index(False)]
            raise _Failed("summaries", f"not in the sums by {late} within {probe.timeout_seconds:g} s")
        time.sleep(pause)
        pause = min(2 * pause, _LATEST_SECONDS)


def _counted(
    probe: Probe, connection: Connection, start_ns: int, before: Sequence[Sums], outcome: Outcome
) -> Outcome:
    time.sleep(_SETTLE_SECONDS)
    seen = _added(connection, start_ns, before)
    worst = max(seen, key=lambda sums: abs(sums.calls - 1))
    if worst.calls != 1:
        raise _Failed("count", f"counted {worst.calls} times")
    return outcome._replace(calls=1, cost=seen[0].cost)


def _priced(
    probe: Probe, connection: Connection, start_ns: int, before: Sequence[Sums], outcome: Outcome
) -> Outcome:
    if outcome.cost is None:
        raise _Failed("price", "the ledger knows no price for it")
    if outcome.cost != outcome.expected:
        raise _Failed("price", f"it cost {outcome.cost} pico-USD, not {outcome.expected}")
    return outcome


def _shown_by_grafana(
    probe: Probe, connection: Connection, start_ns: int, before: Sequence[Sums], outcome: Outcome
) -> Outcome:
    if probe.grafana is None:
        return outcome
    window = windows_of(start_ns)[0]
    try:
        shown = from_grafana(probe.grafana, window, probe.timeout_seconds)
    except Refused as error:
        raise _Failed("grafana", str(error)) from error
    if shown != from_database(connection, window):
        raise _Failed("grafana", f"Grafana shows {shown.calls} calls and {shown.cost} pico-USD")
    return outcome._replace(grafana_at=_now())


def _added(connection: Connection, start_ns: int, before: Sequence[Sums]) -> list[Sums]:
    """What was added to the sums by minute and by hour since the probe began."""
    now = [from_database(connection, window) for window in windows_of(start_ns)]
    return [_difference(after, earlier) for after, earlier in zip(now, before, strict=True)]


def _difference(after: Sums, before: Sums) -> Sums:
    is_known = after.cost is not None and before.cost is not None
    return Sums(after.calls - before.calls, after.cost - before.cost if is_known else None)  # type: ignore[operator]


def _now() -> datetime:
    return datetime.now(UTC)
