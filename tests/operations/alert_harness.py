"""Rules evaluated by a simulated clock: SQL, threshold with hysteresis, state machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg

from demo.simulation.play import model_call
from demo.simulation.scenarios import Scenario
from demo.simulation.world import Draft, World, drafts
from operations.alerts.model import Detail, Row, ask, detail
from processor.alerting.catalogue import BY_ID, RULES, Place, Rule
from processor.alerting.states import Instance, Labels, advance
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from tests.operations.ledger import ERROR_WITHOUT_USAGE, NO_USAGE, PRICED, UNPRICED, Call

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SPEND_RULES = (
    "burst_failing", "cost_drift_endpoint", "cost_drift_prompt", "concentration_tenant", "concentration_user",
    "unpriced_model", "uncertain_usage", "telemetry_silent",
)  # fmt: skip
"""Those that look at calls; what they need beside the calls is nothing."""


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert that began to fire, with what it said then; `ended` once it resolved."""

    rule: Rule
    place: Place
    labels: Labels
    at: datetime
    row: Row
    detail: Detail
    ended: datetime | None = None


def around(
    world: World, scenario: Scenario, begin: datetime, lasts: timedelta, book: PriceBook
) -> Iterator[Call]:
    """What the rules read around an incident: its own hours, and those a day and a week before."""
    start, end = begin - 2 * HOUR, begin + lasts
    for back in (timedelta(days=7), timedelta(days=1), timedelta(0)):
        yield from calls(drafts(world, start - back, end - back, scenario.incident), book)


def calls(made: Iterable[Draft], book: PriceBook) -> Iterator[Call]:
    """Simulated calls as rows of the ledger, priced; in bulk this is faster than the writer."""
    seen: set[str] = set()
    for draft in made:
        is_request = draft.request_id is None or draft.request_id not in seen
        if draft.request_id is not None:
            seen.add(draft.request_id)
        yield _stored(draft, book, is_request)


def _stored(draft: Draft, book: PriceBook, is_request: bool) -> Call:
    feature, call = draft.feature, model_call(draft)
    charge = price_call(call, book)
    lost = ERROR_WITHOUT_USAGE if draft.failed else NO_USAGE
    status = {"priced": PRICED, "unpriced_model": UNPRICED}.get(charge.status, lost)
    costs: Any = None if status != PRICED else charge[2:7]
    return Call(
        draft.time, feature.endpoint, feature.version, feature.provider, feature.model, draft.user,
        draft.tenant, feature.service, "prod", "real", "error" if draft.failed else "success",
        int(is_request),
        call.input_tokens, None, None, call.output_tokens, costs, status,
    )  # fmt: skip


ALL_RULES = tuple(rule.id for rule in RULES if rule.id != "watchdog")
"""Everything that does not always fire."""


def watch(
    connection: psycopg.Connection[Any],
    start: datetime,
    end: datetime,
    step: timedelta = MINUTE,
    rules: Sequence[str] = SPEND_RULES,
    places: Sequence[Place] = (Place.PROD,),
    tick: Callable[[datetime], object] | None = None,
) -> list[Fired]:
    """Evaluate rules from `start` to before `end`; every alert that fired, with its end.

    Args:
        tick: what happens before each evaluation.
    """
    watched = [
        _Watched(connection, rule, place, step)
        for rule in (BY_ID[name] for name in rules)
        for place in rule.places
        if place in places
    ]
    now = start
    while now < end:
        if tick is not None:
            tick(now)
        for each in watched:
            each.evaluate(now)
        now += step
    return sorted((fired for each in watched for fired in each.fired), key=lambda fired: fired.at)


class _Watched:
    """One rule at one place, and what it told."""

    def __init__(
        self, connection: psycopg.Connection[Any], rule: Rule, place: Place, step: timedelta
    ) -> None:
        self._connection, self._rule, self._place, self._step = connection, rule, place, step
        self._instances: dict[Labels, Instance] = {}
        self._open: dict[Labels, Fired] = {}
        self._ended: list[Fired] = []

    @property
    def fired(self) -> list[Fired]:
        return [*self._ended, *self._open.values()]

    def evaluate(self, now: datetime) -> None:
        rule = self._rule
        rows = {row.labels(rule): row for row in ask(self._connection, rule, self._place, now).rows}
        scores = {labels: row.score for labels, row in rows.items()}
        self._instances, turns = advance(self._instances, scores, rule, now, self._step)
        for turn in turns:
            if turn.ended is None:
                told = detail(self._connection, rule, rows[turn.labels])
                self._open[turn.labels] = Fired(rule, self._place, turn.labels, now, rows[turn.labels], told)
            else:
                self._ended.append(replace(self._open.pop(turn.labels), ended=turn.ended))
