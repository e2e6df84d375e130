"""Incidents with a known truth: which rule must speak, which may, and whose fault it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from demo.simulation.world import Draft, Feature, Incident, Tenant, World, on, some

DEAR: Final = ("openai", "o1")
"""Many times the price of what the shop uses."""
UNKNOWN_MODEL: Final = "orion-9-preview"
NEW_VERSION: Final = "v99"


class Budget(NamedTuple):
    """A budget that goes with an incident.

    Attributes:
        scope: as in `budgets.yaml`.
        daily: what the day's limit leaves above the usual, as a part of what is usually spent while it lasts.
        hourly: the spend-alert by the hour, as a multiple of an hour's usual spend.
    """

    scope: dict[str, str]
    daily: float
    hourly: float


class Scenario(NamedTuple):
    """An incident drawn for a world.

    Attributes:
        rules: those that must fire.
        allowed: those that may fire beside them, for what they say is true.
        truth: the combination behind it, by the names of dimensions.
        budget: what must be in force for its rules to speak.
    """

    kind: str
    incident: Incident | None
    rules: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    truth: dict[str, str] = {}  # noqa: RUF012 - never changed
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class During:
    """An incident that lasts from its begin on; `change` sees the usual calls of a minute."""

    begin: datetime
    change: Callable[[random.Random, World, datetime, list[Draft]], list[Draft]]
    end: datetime | None = field(default=None)

    def happens(self, rng: random.Random, world: World, minute: datetime, usual: list[Draft]) -> list[Draft]:
        """The usual calls before and after it."""
        if minute < self.begin or (self.end is not None and minute >= self.end):
            return usual
        return self.change(rng, world, minute, usual)


Make = Callable[[random.Random, World, datetime], Scenario]


def _feature(rng: random.Random, world: World) -> Feature:
    return rng.choice(world.features)


def _mean(world: World, minute: datetime, factor: float) -> float:
    """Calls a minute that are `factor` times everybody's."""
    return world.intensity(minute) / 60 * factor


def token_growth(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """Every call of an endpoint reads and writes two to three times as much."""
    feature, size = _feature(rng, world), rng.uniform(2.0, 3.0)

    def change(_: random.Random, __: World, ___: datetime, usual: list[Draft]) -> list[Draft]:
        return [replace(d, size=d.size * size) if d.feature == feature else d for d in usual]

    rules = frozenset({"cost_drift_endpoint", "cost_drift_prompt"})
    return Scenario("token growth", During(begin, change), rules, truth={"endpoint": feature.endpoint})


def deploy(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """A new version takes over and writes two to three times as much."""
    feature, size, share = _feature(rng, world), rng.uniform(2.0, 3.0), rng.uniform(0.85, 1.0)

    def change(draw: random.Random, _: World, __: datetime, usual: list[Draft]) -> list[Draft]:
        return [
            replace(on(d, version=NEW_VERSION), size=d.size * size)
            if d.feature == feature and draw.random() < share
            else d
            for d in usual
        ]

    truth = {"endpoint": feature.endpoint, "prompt_version": NEW_VERSION}
    rules = frozenset({"cost_drift_prompt", "cost_drift_endpoint"})
    return Scenario("deploy", During(begin, change), rules, truth=truth)


def model_switch(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """An endpoint moves to a model of many times the price."""
    feature, share = _feature(rng, world), rng.uniform(0.5, 1.0)

    def change(draw: random.Random, _: World, __: datetime, usual: list[Draft]) -> list[Draft]:
        return [
            on(d, provider=DEAR[0], model=DEAR[1]) if d.feature == feature and draw.random() < share else d
            for d in usual
        ]

    rules = frozenset({"cost_drift_endpoint", "cost_drift_prompt"})
    return Scenario("model switch", During(begin, change), rules, truth={"endpoint": feature.endpoint})


def tenant_surge(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """A tenant's users ask one and a half to three times as much as everybody."""
    tenant = rng.choice(world.tenants)
    factor = rng.uniform(1.5, 3.0) / len(world.features)

    def change(draw: random.Random, where: World, minute: datetime, usual: list[Draft]) -> list[Draft]:
        mean = _mean(where, minute, factor)
        return usual + [d for f in where.features for d in some(draw, where, minute, f, mean, tenant)]

    rules = frozenset({"concentration_tenant"})
    return Scenario("tenant surge", During(begin, change), rules, truth={"tenant": tenant.name})


def user_surge(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """A single user asks one to two times as much as everybody."""
    tenant = rng.choice(world.tenants)
    alone = Tenant(tenant.name, tenant.weight, tenant.users[:1])
    factor = rng.uniform(1.0, 2.0) / len(world.features)

    def change(draw: random.Random, where: World, minute: datetime, usual: list[Draft]) -> list[Draft]:
        mean = _mean(where, minute, factor)
        return usual + [d for f in where.features for d in some(draw, where, minute, f, mean, alone)]

    rules, allowed = frozenset({"concentration_user"}), frozenset({"concentration_tenant"})
    return Scenario("user surge", During(begin, change), rules, allowed, {"user": alone.users[0]})


def abuse(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """One user floods an endpoint; most of the calls fail."""
    feature, tenant = _feature(rng, world), rng.choice(world.tenants)
    alone = Tenant(tenant.name, tenant.weight, tenant.users[-1:])
    factor, failing = rng.uniform(1.0, 3.0), rng.uniform(0.4, 0.8)

    def change(draw: random.Random, where: World, minute: datetime, usual: list[Draft]) -> list[Draft]:
        added = some(draw, where, minute, feature, _mean(where, minute, factor), alone)
        return usual + [replace(d, failed=draw.random() < failing) for d in added]

    allowed = frozenset({"concentration_tenant", "concentration_user"})
    truth = {"endpoint": feature.endpoint}
    return Scenario("abuse", During(begin, change), frozenset({"burst_failing"}), allowed, truth)


def retry_storm(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """Calls of an endpoint fail and are made again, two to five times."""
    feature, share = _feature(rng, world), rng.uniform(0.7, 1.0)

    def change(draw: random.Random, _: World, __: datetime, usual: list[Draft]) -> list[Draft]:
        return [again for d in usual for again in _retried(draw, d, feature, share)]

    rules = frozenset({"burst_failing"})
    return Scenario("retry storm", During(begin, change), rules, truth={"endpoint": feature.endpoint})


def _retried(rng: random.Random, draft: Draft, feature: Feature, share: float) -> Iterator[Draft]:
    if draft.feature != feature or rng.random() >= share:
        yield draft
        return
    request, tries = f"req-{rng.getrandbits(64):016x}", rng.randint(2, 5)
    for number in range(tries):
        time = draft.time + number * timedelta(milliseconds=400)
        yield replace(draft, time=time, failed=True, request_id=request)
    yield replace(draft, time=draft.time + tries * timedelta(milliseconds=400), request_id=request)


def unknown_model(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """A part of an endpoint's calls goes to a model that nobody has a price for."""
    feature, share = _feature(rng, world), rng.uniform(0.1, 0.6)

    def change(draw: random.Random, _: World, __: datetime, usual: list[Draft]) -> list[Draft]:
        return [
            on(d, model=UNKNOWN_MODEL) if d.feature == feature and draw.random() < share else d for d in usual
        ]

    rules = frozenset({"unpriced_model"})
    return Scenario("unknown model", During(begin, change), rules, truth={"model": UNKNOWN_MODEL})


def silence(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """A service ceases to send."""
    weights: dict[str, float] = {}
    for feature in world.features:
        weights[feature.service] = weights.get(feature.service, 0) + feature.weight
    service = max(weights, key=weights.__getitem__)

    def change(_: random.Random, __: World, ___: datetime, usual: list[Draft]) -> list[Draft]:
        return [d for d in usual if d.feature.service != service]

    return Scenario(
        "silence", During(begin, change), frozenset({"telemetry_silent"}), truth={"service": service}
    )


def lost_usage(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """A part of a service's calls no longer tells its usage."""
    service, share = _feature(rng, world).service, rng.uniform(0.15, 0.6)

    def change(draw: random.Random, _: World, __: datetime, usual: list[Draft]) -> list[Draft]:
        return [
            replace(d, tells_usage=False) if d.feature.service == service and draw.random() < share else d
            for d in usual
        ]

    rules = frozenset({"uncertain_usage"})
    return Scenario("lost usage", During(begin, change), rules, truth={"service": service})


def budget_run_out(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """An endpoint is asked four to five times as often, until the budget of its day is gone."""
    feature, factor = _feature(rng, world), rng.uniform(3.0, 4.0)

    def change(draw: random.Random, where: World, minute: datetime, usual: list[Draft]) -> list[Draft]:
        share = feature.weight / sum(each.weight for each in where.features)
        return usual + list(some(draw, where, minute, feature, _mean(where, minute, factor * share)))

    rules = frozenset({"budget_warning", "budget_exceeded", "spend_rate"})
    scope = {"endpoint": feature.endpoint}
    return Scenario(
        "budget run-out", During(begin, change), rules, truth=scope, budget=Budget(scope, 1.0, 2.0)
    )


def budget_kept(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """The same budget, and nothing happens."""
    scope = {"endpoint": _feature(rng, world).endpoint}
    return Scenario("budget kept", None, budget=Budget(scope, 1.0, 2.0))


def volume(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """Everything is asked twice to four times as often, and nothing fails: no rule speaks of that."""
    factor = rng.uniform(1.0, 3.0)

    def change(draw: random.Random, where: World, minute: datetime, usual: list[Draft]) -> list[Draft]:
        whole = sum(feature.weight for feature in where.features)
        return usual + [
            d
            for f in where.features
            for d in some(draw, where, minute, f, _mean(where, minute, factor * f.weight / whole))
        ]

    return Scenario("volume", During(begin, change))


def outage(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """Calls of an endpoint fail, and are not made more often: no rule on spend speaks of that."""
    feature, failing = _feature(rng, world), rng.uniform(0.3, 0.9)

    def change(draw: random.Random, _: World, __: datetime, usual: list[Draft]) -> list[Draft]:
        return [replace(d, failed=draw.random() < failing) if d.feature == feature else d for d in usual]

    return Scenario("outage", During(begin, change))


def small_change(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """An endpoint's calls grow by a tenth to a quarter: within what every week brings."""
    feature, size = _feature(rng, world), rng.uniform(1.1, 1.25)

    def change(_: random.Random, __: World, ___: datetime, usual: list[Draft]) -> list[Draft]:
        return [replace(d, size=d.size * size) if d.feature == feature else d for d in usual]

    return Scenario("small change", During(begin, change))


def quiet(rng: random.Random, world: World, begin: datetime) -> Scenario:
    """Nothing happens."""
    return Scenario("quiet", None)


INCIDENTS: Final[dict[str, Make]] = {
    "token-growth": token_growth, "deploy": deploy, "model-switch": model_switch,
    "tenant-surge": tenant_surge, "user-surge": user_surge, "abuse": abuse, "retry-storm": retry_storm,
    "unknown-model": unknown_model, "silence": silence, "lost-usage": lost_usage,
    "budget-run-out": budget_run_out,
}  # fmt: skip
BYSTANDERS: Final[dict[str, Make]] = {
    "volume": volume, "outage": outage, "small-change": small_change,
    "budget-kept": budget_kept, "quiet": quiet,
}  # fmt: skip
"""What must stay quiet: each condition of a rule alone."""
SCENARIOS: Final = INCIDENTS | BYSTANDERS
