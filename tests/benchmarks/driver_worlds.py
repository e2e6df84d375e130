"""Made worlds with a known cause: pairs of windows, drawn alike for a seed, as real ledgers look.

A world has a few thousand cells by endpoint, prompt version, model and tenant, Zipf-distributed sizes,
services by endpoint and a few users a tenant. What happens to them is in `driver_causes`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tests.operations.ledger import Call

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIMENSIONS = ("endpoint", "prompt_version", "model", "tenant")
MODELS = {
    "nano": (0.1, 0.4), "mini": (0.4, 1.6), "haiku": (0.8, 4.0), "o-mini": (1.1, 4.4), "large": (2.0, 8.0),
    "flag": (2.5, 10.0),
}  # fmt: skip
"""Name → USD per million input and output tokens, which is pico-USD per token times a million."""

Combination = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Leaf:
    """Requests of one combination in one window. `size`: factor on tokens; `tries`: calls for a request."""

    endpoint: str
    prompt_version: str
    model: str
    tenant: str
    service: str
    requests: float
    tokens: float
    size: float = 1.0
    tries: float = 1.02
    user: str = ""

    def is_in(self, combination: Combination) -> bool:
        return all(getattr(self, name) == value for name, value in combination.items())

    @property
    def cost(self) -> float:
        """USD to be expected."""
        read, write = MODELS[self.model]
        tokens = self.tokens * self.size
        return self.requests * self.tries * (tokens * read + tokens / 6 * write) * 1e-6


@dataclass(frozen=True, slots=True)
class World:
    """Two windows and what made them differ.

    Attributes:
        is_poisson: counts and tokens are drawn call by call; else cells have a relative noise only.
        also_right: combinations that are neither right nor wrong (what a new version replaced).
    """

    name: str
    group: str
    kind: str
    measure: str
    truth: list[dict[str, str]]
    also_right: list[dict[str, str]]
    before: list[Leaf]
    now: list[Leaf]
    is_poisson: bool
    tail: float


def leaves(rng: random.Random, requests: int) -> list[Leaf]:
    """The cells of a world, with the requests to be expected of each in an hour."""
    models = rng.sample(list(MODELS), rng.randint(4, 6))
    many = rng.choice((16, 24, 40, 60, 90))
    tenants = [(f"t-{n:02d}", 1 / n ** rng.uniform(0.7, 1.1)) for n in range(1, many + 1)]
    found = []
    for place in range(rng.randint(6, 14)):
        endpoint, weight = f"endpoint-{place}", rng.lognormvariate(0, 1)
        tokens = rng.lognormvariate(6.8, 0.5)
        first, versions = rng.randint(1, 4), rng.randint(1, 4)
        for model in rng.sample(models, rng.choice((1, 1, 2, 3))):
            for version in range(versions):
                share = weight * rng.lognormvariate(0, 0.7)
                for tenant, size in tenants:
                    if rng.random() < 0.55:
                        found.append(Leaf(
                            endpoint, f"v{first + version}", model, tenant, f"service-{place % 3}",
                            share * size * rng.lognormvariate(0, 0.5), tokens * rng.lognormvariate(0, 0.15),
                        ))  # fmt: skip
    scale = requests / sum(leaf.requests for leaf in found)
    return [replace(leaf, requests=leaf.requests * scale) for leaf in found]


def drawn(
    rng: random.Random, before: list[Leaf], now: list[Leaf], is_poisson: bool
) -> tuple[list[Leaf], list[Leaf]]:
    """Whole numbers of requests, none left out of the cells that have any."""
    if is_poisson:
        return [_counted(rng, leaf) for leaf in before], [_counted(rng, leaf) for leaf in now]
    noise = rng.uniform(0, 0.2)
    whole = {_key(leaf): max(1, round(leaf.requests)) / leaf.requests for leaf in before}
    steady = []
    for leaf in now:
        mean = leaf.requests * whole.get(_key(leaf), 1.0) * rng.gauss(1, noise)
        count = max(0, math.floor(mean + rng.random()))
        steady.append(replace(leaf, requests=count, size=leaf.size * rng.gauss(1, noise / 3)))
    return [replace(leaf, requests=max(1, round(leaf.requests))) for leaf in before], steady


def _key(leaf: Leaf) -> tuple[str, ...]:
    return leaf.endpoint, leaf.prompt_version, leaf.model, leaf.tenant


def _counted(rng: random.Random, leaf: Leaf) -> Leaf:
    """With a Poisson number of requests."""
    count, time = 0, rng.expovariate(1)
    while time < leaf.requests:
        count, time = count + 1, time + rng.expovariate(1)
    return replace(leaf, requests=count)


def calls(world: World, environment: str) -> Iterator[Call]:
    """Both windows call by call; an hour before `NOW`, and the hour from it on."""
    rng = random.Random(world.name)
    for start, side in ((NOW - HOUR, world.before), (NOW, world.now)):
        for leaf in side:
            for _ in range(int(leaf.requests)):
                user = leaf.user or f"h:{leaf.tenant}-{rng.randrange(4)}"
                time = start + HOUR * rng.random()
                yield _call(rng, world, leaf, environment, user, time, 1)
                extra = leaf.tries - 1
                while extra > 0 and rng.random() < extra:
                    yield _call(rng, world, leaf, environment, user, time, 0)
                    extra -= 1


def _call(
    rng: random.Random, world: World, leaf: Leaf, environment: str, user: str, time: datetime, requests: int
) -> Call:
    """One call: a retry when it is no request of its own."""
    spread = rng.lognormvariate(0, world.tail) / math.exp(world.tail**2 / 2)
    spread = spread if world.is_poisson else 0.9 + 0.2 * rng.random()
    tokens = max(1, round(leaf.tokens * leaf.size * spread))
    written = max(1, tokens // 6)
    read_price, write_price = MODELS[leaf.model]
    costs = (round(tokens * read_price * 1e6), 0, 0, round(written * write_price * 1e6), 0)
    return Call(
        time, endpoint=leaf.endpoint, prompt_version=leaf.prompt_version, model=leaf.model,
        tenant=leaf.tenant, user=user, service=leaf.service, environment=environment, requests=requests,
        costs=costs, status="success" if requests else "error", input_tokens=tokens, output_tokens=written,
    )  # fmt: skip
