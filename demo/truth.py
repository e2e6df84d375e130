"""What the ledger must show, computed from the plan alone: no price book, no database, whole pico-dollars."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import NamedTuple

from demo import plan as planned
from demo.plan import Plan, PlannedCall, PlannedRequest, Usage
from demo.shop import Model


@dataclass(slots=True)
class Totals:
    """Sums over calls. Cost in whole pico-USD; a call without a known price adds nothing to it."""

    calls: int = 0
    requests: int = 0
    successes: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    unpriced: int = 0
    uncertain: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Totals) -> Totals:
        return Totals(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


class Tried(NamedTuple):
    """One billed or refused call, as much of it as the sums need."""

    model: Model
    usage: Usage | None
    failed: bool
    first_try: bool


def cost_of(model: Model, usage: Usage | None) -> int | None:
    """The list price of one call in pico-USD; None when it has no usage or the model no price."""
    if usage is None or model.input is None:
        return None
    plain = usage.input - usage.cache_read - usage.cache_write
    return (
        plain * model.input
        + usage.cache_read * model.cache_read
        + usage.cache_write * model.cache_write
        + usage.output * model.output
    )


def add(totals: Totals, call: Tried) -> None:
    """Count one call."""
    totals.calls += 1
    totals.requests += call.first_try
    totals.successes += not call.failed
    totals.errors += call.failed
    if call.usage is None:
        totals.uncertain += not call.failed  # an error without usage is its own figure
        return
    totals.input_tokens += call.usage.input
    totals.output_tokens += call.usage.output
    cost = cost_of(call.model, call.usage)
    totals.unpriced += cost is None
    totals.cost += cost or 0


def total(calls: Iterable[Tried]) -> Totals:
    """The sums over some calls."""
    totals = Totals()
    for call in calls:
        add(totals, call)
    return totals


def by(plan: Plan, key: Callable[[PlannedRequest, PlannedCall], str | None]) -> dict[str, Totals]:
    """The plan's sums by what `key` says of a call; calls of which it says None are left out."""
    groups: dict[str, Totals] = {}
    for request, call in plan.calls():
        name = key(request, call)
        if name is not None:
            add(groups.setdefault(name, Totals()), tried(request, call))
    return groups


def tried(request: PlannedRequest, call: PlannedCall) -> Tried:
    """A planned call as the sums see it."""
    return Tried(request.model, call.usage, failed(call), call.attempt == 1)


def failed(call: PlannedCall) -> bool:
    """Whether the provider answered the call with an error."""
    return call.outcome in (planned.RATE_LIMITED, planned.SERVER_ERROR)
