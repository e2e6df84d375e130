"""The questions that the demo asks the ledger, checked against the plan to the last pico-dollar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from demo import shop, truth
from demo.plan import Plan, PlannedCall, PlannedRequest
from demo.truth import Totals
from operations.dimensions import split
from operations.spend import model as spend

HOURS_EITHER_SIDE = shop.DEPLOY_HOURS_AGO


def _model(request: PlannedRequest, call: PlannedCall) -> str:
    """The model that answered, else the one that was asked: errors name no other."""
    return request.model.name if truth.failed(call) else request.model.answers_as


_NAMES: Mapping[str, Callable[[PlannedRequest, PlannedCall], str]] = {
    "endpoint": lambda request, _: request.feature.tag,
    "prompt": lambda request, _: request.prompt.version,
    "tenant": lambda request, _: request.tenant,
    "model": _model,
}


class Question(NamedTuple):
    """One question: sums by `dimension` over [start, end), as `spanledger top` would answer it."""

    dimension: str
    start: datetime
    end: datetime


class Questions(NamedTuple):
    """Everything that the screen shows, and the whole history."""

    history: Question
    endpoints: Question
    tenants: Question
    models: Question
    before: Question
    after: Question
    storm: Question


Answer = dict[str, Totals]
Answers = dict[str, Answer]


def questions(plan: Plan) -> Questions:
    """The demo's questions about the planned days."""
    day = (plan.start, plan.anchor)
    storm = (
        plan.anchor - timedelta(hours=shop.STORM_FROM_HOURS_AGO),
        plan.anchor - timedelta(hours=shop.STORM_TO_HOURS_AGO),
    )
    return Questions(
        history=Question("endpoint", plan.begin, plan.anchor),
        endpoints=Question("endpoint", *day),
        tenants=Question("tenant", *day),
        models=Question("model", *day),
        before=Question("prompt", plan.deploy - timedelta(hours=HOURS_EITHER_SIDE), plan.deploy),
        after=Question("prompt", plan.deploy, plan.anchor),
        storm=Question("endpoint", *storm),
    )


def expected(plan: Plan) -> Answers:
    """The right answers, from the plan alone."""
    return {name: _truth(plan, question) for name, question in questions(plan)._asdict().items()}


def asked(connection: psycopg.Connection[Any], plan: Plan) -> Answers:
    """The ledger's answers, by the same function that `spanledger top` uses."""
    return {name: _ask(connection, question) for name, question in questions(plan)._asdict().items()}


def differences(wanted: Answers, got: Answers) -> list[str]:
    """Every figure that is not what the plan says, a line each; empty when all are right."""
    found = []
    for name, answer in wanted.items():
        for key in sorted(answer.keys() | got[name].keys()):
            want, have = answer.get(key, Totals()), got[name].get(key, Totals())
            found += [
                f"{name} {key}: {field} is {getattr(have, field):,}, and should be {getattr(want, field):,}"
                for field in Totals.__dataclass_fields__
                if getattr(have, field) != getattr(want, field)
            ]
    return found


def _truth(plan: Plan, question: Question) -> Answer:
    name = _NAMES[question.dimension]
    start_ns, end_ns = (int(edge.timestamp()) * 10**9 for edge in (question.start, question.end))
    return truth.by(
        plan, lambda request, call: name(request, call) if start_ns <= call.start_ns < end_ns else None
    )


def _ask(connection: psycopg.Connection[Any], question: Question) -> Answer:
    asked = spend.Question(question.start, question.end, split(question.dimension), "prod", "demo")
    return {row.values[-1]: totals_of(row.sums) for row in spend.top(connection, asked).rows}


def totals_of(sums: spend.Sums) -> Totals:
    """Sums as the plan has them."""
    return Totals(
        calls=sums.calls,
        requests=sums.requests,
        successes=sums.successes,
        errors=sums.errors,
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        cost=sums.cost_pico_usd,
        unpriced=sums.unpriced_calls,
        uncertain=sums.uncertain_calls,
    )
