"""A simulated shop: features, tenants, users and seasons, drawn alike for a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

MINUTE: Final = timedelta(minutes=1)
_MODELS: Final = (("openai", "gpt-4o"), ("openai", "gpt-4.1"), ("anthropic", "claude-sonnet-4-5"))
"""Models of the price list, some of them for each feature."""
_FAILING: Final = 0.01
"""The usual share of failed calls."""


@dataclass(frozen=True, slots=True)
class Feature:
    """What the shop asks a model for. `weight`: its part of the traffic; tokens are means."""

    endpoint: str
    service: str
    version: str
    provider: str
    model: str
    weight: float
    input_tokens: int
    output_tokens: int


class Tenant(NamedTuple):
    """A customer; `weight` is its part of the traffic."""

    name: str
    weight: float
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A call before it is one.

    Attributes:
        size: factor on its tokens.
        request_id: the request that it is an attempt of; None for a request's only one.
        tells_usage: False where its usage is lost.
    """

    time: datetime
    feature: Feature
    tenant: str
    user: str
    size: float = 1.0
    failed: bool = False
    request_id: str | None = None
    tells_usage: bool = True


@dataclass(frozen=True, slots=True)
class World:
    """A shop.

    Attributes:
        per_hour: requests in the busiest hour of a weekday.
        weekend: how much of a weekday's traffic a Saturday and a Sunday have.
    """

    seed: str
    features: tuple[Feature, ...]
    tenants: tuple[Tenant, ...]
    per_hour: float
    weekend: float = 0.5

    def intensity(self, at: datetime) -> float:
        """Requests an hour at this moment: more by day than by night, fewer at the weekend."""
        hour = at.hour + at.minute / 60
        day = 0.4 + 0.6 * max(0.0, math.sin((hour - 6) / 14 * math.pi)) if 6 <= hour <= 20 else 0.4
        return self.per_hour * day * (self.weekend if at.weekday() >= 5 else 1.0)


class Incident(Protocol):
    """Something that happens to a world."""

    def happens(self, rng: random.Random, world: World, minute: datetime, usual: list[Draft]) -> list[Draft]:
        """The calls of a minute, from those that would have been made."""
        ...


def make_world(seed: int | str, per_hour: float = 1000, features: int = 4, tenants: int = 12) -> World:
    """A shop for a seed."""
    rng = random.Random(f"world {seed}")
    made = tuple(
        Feature(
            f"feature.{number}", f"service-{number % 2}", f"v{rng.randint(1, 6)}", *rng.choice(_MODELS),
            weight=rng.uniform(0.6, 1.6), input_tokens=rng.randint(3000, 9000),
            output_tokens=rng.randint(300, 1000),
        )
        for number in range(features)
    )  # fmt: skip
    # One customer never has most of the traffic: whoever is alone has no share to be compared.
    customers = tuple(
        Tenant(f"tenant-{n:02d}", 1 / (n + 2) ** 0.7, tuple(_user(seed, n, u) for u in range(6)))
        for n in range(tenants)
    )
    return World(str(seed), made, customers, per_hour)


def _user(seed: int | str, tenant: int, user: int) -> str:
    return f"h:{random.Random(f'user {seed} {tenant} {user}').getrandbits(64):016x}"


def drafts(world: World, start: datetime, end: datetime, incident: Incident | None = None) -> Iterator[Draft]:
    """The calls of a span of time in whole minutes; alike for the same world, minute and incident."""
    minute = start
    while minute < end:
        rng = random.Random(f"{world.seed} {minute.isoformat()}")
        usual = list(_usual(rng, world, minute))
        yield from incident.happens(rng, world, minute, usual) if incident else usual
        minute += MINUTE


def _usual(rng: random.Random, world: World, minute: datetime) -> Iterator[Draft]:
    whole = sum(feature.weight for feature in world.features)
    for feature in world.features:
        mean = world.intensity(minute) / 60 * feature.weight / whole
        yield from some(rng, world, minute, feature, mean)


def some(
    rng: random.Random,
    world: World,
    minute: datetime,
    feature: Feature,
    mean: float,
    tenant: Tenant | None = None,
) -> Iterator[Draft]:
    """A random number of calls of a feature within a minute, of everybody or of one tenant."""
    weights = [each.weight for each in world.tenants]
    for _ in range(poisson(rng, mean)):
        who = tenant or rng.choices(world.tenants, weights)[0]
        yield Draft(
            minute + MINUTE * rng.random(),
            feature,
            who.name,
            rng.choice(who.users),
            failed=rng.random() < _FAILING,
        )


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson number."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    count, passed = 0, rng.expovariate(1)
    while passed < mean:
        count, passed = count + 1, passed + rng.expovariate(1)
    return count


def on(draft: Draft, **changes: object) -> Draft:
    """The call with another version, model or size of its feature."""
    return replace(draft, feature=replace(draft.feature, **changes))  # type: ignore[arg-type]
