"""Rules evaluated by a simulated clock: SQL, threshold with hysteresis, state machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from demo.simulation.play import model_call
from demo.simulation.scenarios import Scenario
from demo.simulation.world import Draft, World, drafts
from operations.alerts.model import Detail, Row, ask, detail
from processor.alerting.catalogue import BY_ID, Place, Rule
from processor.alerting.states import Instance, Labels, advance
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from tests.operations.ledger import ERROR_WITHOUT_USAGE, PRICED, UNPRICED, Call

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
    status = {"priced": PRICED, "unpriced_model": UNPRICED}.get(charge.status, ERROR_WITHOUT_USAGE)
    costs: Any = None if status != PRICED else charge[2:7]
    return Call(
        draft.time, feature.endpoint, feature.version, feature.provider, feature.model, draft.user,
        draft.tenant, feature.service, "prod", "real", "error" if draft.failed else "success",
        int(is_request),
        call.input_tokens, None, None, call.output_tokens, costs, status,
    )  # fmt: skip


def watch(
    connection: psycopg.Connection[Any],
    start: datetime,
    end: datetime,
    step: timedelta = MINUTE,
    rules: Sequence[str] = SPEND_RULES,
    places: Sequence[Place] = (Place.PROD,),
) -> list[Fired]:
    """Evaluate rules from `start` to before `end`; every alert that fired, with its end."""
    fired: list[Fired] = []
    for rule in (BY_ID[name] for name in rules):
        for place in (each for each in rule.places if each in places):
            fired += _watch_one(connection, rule, place, start, end, step)
    return sorted(fired, key=lambda each: each.at)


def _watch_one(
    connection: psycopg.Connection[Any],
    rule: Rule,
    place: Place,
    start: datetime,
    end: datetime,
    step: timedelta,
) -> Iterator[Fired]:
    instances: dict[Labels, Instance] = {}
    open_: dict[Labels, Fired] = {}
    now = start
    while now < end:
        rows = {row.labels(rule): row for row in ask(connection, rule, place, now).rows}
        scores = {labels: row.score for labels, row in rows.items()}
        instances, turns = advance(instances, scores, rule, now, step)
        for turn in turns:
            if turn.ended is None:
                row = rows[turn.labels]
                told = detail(connection, rule, row)
                open_[turn.labels] = Fired(rule, place, turn.labels, now, row, told)
            else:
                one = open_.pop(turn.labels)
                yield Fired(one.rule, one.place, one.labels, one.at, one.row, one.detail, turn.ended)
        now += step
    yield from open_.values()
