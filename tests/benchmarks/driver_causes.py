"""What happens in made worlds, each with a known cause, and worlds in which nothing does."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.benchmarks.driver_worlds import DIMENSIONS, MODELS, Leaf, World, drawn, leaves

Moved = tuple[list[Leaf], list[dict[str, str]], list[dict[str, str]]]
"""What the second window expects, the truth, and what is neither right nor wrong."""

Cause = Callable[[random.Random, list[Leaf]], Moved]


def _combinations(rng: random.Random, now: list[Leaf], many: int) -> list[dict[str, str]]:
    """Combinations of the same one to three dimensions that hold 3 to 35 % of the cost each."""
    whole = sum(leaf.cost for leaf in now)
    names = rng.sample(DIMENSIONS, rng.randint(1, 3))
    found: list[dict[str, str]] = []
    for _ in range(200):
        seen = rng.choices(now, [leaf.cost for leaf in now])[0]
        chosen = {name: str(getattr(seen, name)) for name in names}
        part = [leaf for leaf in now if leaf.is_in(chosen)]
        if (
            0.04 <= sum(leaf.cost for leaf in part) / whole <= 0.35
            and sum(leaf.requests for leaf in part) >= 60
            and len(part) > 1
            and not any(leaf.is_in(other) for leaf in part for other in found)
        ):
            found.append(chosen)
        if len(found) == many:
            return found
    return found


def _factor(what: str) -> Cause:
    """More (or fewer) requests, tokens or tries of one to three combinations."""

    def cause(rng: random.Random, now: list[Leaf]) -> Moved:
        chosen = _combinations(rng, now, rng.choice((1, 1, 2, 3)))
        up = what == "tries" or rng.random() < 0.8
        factor = 1 + rng.uniform(0.8, 2.2) if up else 1 / (1 + rng.uniform(0.8, 2.0))
        moved = [
            replace(leaf, **{what: getattr(leaf, what) * factor})
            if any(leaf.is_in(each) for each in chosen)
            else leaf
            for leaf in now
        ]
        return moved, chosen, []

    return cause


def _replacement(what: str) -> Cause:
    """Most requests of an endpoint's version or model go to a new one that writes or costs more."""

    def cause(rng: random.Random, now: list[Leaf]) -> Moved:
        whole = sum(leaf.cost for leaf in now)
        for _attempt in range(200):
            seen = rng.choices(now, [leaf.cost for leaf in now])[0]
            old = {"endpoint": seen.endpoint, what: str(getattr(seen, what))}
            used = {getattr(leaf, what) for leaf in now if leaf.endpoint == seen.endpoint}
            new = "v9" if what == "prompt_version" else _costlier(rng, seen.model, used)
            part = sum(leaf.cost for leaf in now if leaf.is_in(old))
            if new and 0.06 <= part / whole <= 0.4:
                break
        else:
            return now, [], []
        size = 1 + rng.uniform(0.6, 1.5) if what == "prompt_version" else 1.0
        share = rng.uniform(0.75, 0.95)
        moved = []
        for leaf in now:
            if leaf.is_in(old):
                moved.append(replace(leaf, requests=leaf.requests * (1 - share)))
                moved.append(replace(leaf, **{what: new}, requests=leaf.requests * share, size=size))
            else:
                moved.append(leaf)
        return moved, [{"endpoint": old["endpoint"], what: new}], [old, {"endpoint": old["endpoint"]}]

    return cause


def _costlier(rng: random.Random, model: str, used: set[str]) -> str:
    """A model that costs half as much again or more, and is not used yet; empty if there is none."""
    price = MODELS[model][0] * 1.5
    return rng.choice([name for name in MODELS if MODELS[name][0] > price and name not in used] or [""])


def _one_user(rng: random.Random, now: list[Leaf]) -> Moved:
    """A single user of one tenant asks as much as a fifth to a half of everybody."""
    tenant = rng.choice([leaf.tenant for leaf in now])
    mine = [leaf for leaf in now if leaf.tenant == tenant]
    scale = rng.uniform(0.2, 0.5) * sum(leaf.requests for leaf in now) / sum(leaf.requests for leaf in mine)
    added = [replace(leaf, requests=leaf.requests * scale, user=f"h:{tenant}-busy") for leaf in mine]
    return now + added, [{"user": f"h:{tenant}-busy"}], [{"tenant": tenant}]


def _service(rng: random.Random, now: list[Leaf]) -> Moved:
    """All endpoints of a service ask more."""
    service = rng.choice(["service-0", "service-1", "service-2"])
    factor = 1 + rng.uniform(0.8, 1.6)
    moved = [
        replace(leaf, requests=leaf.requests * factor) if leaf.service == service else leaf for leaf in now
    ]
    return moved, [{"service": service}], []


def _nothing(_: random.Random, now: list[Leaf]) -> Moved:
    return now, [], []


KINDS: list[tuple[str, str, str, Cause, float]] = [
    ("spend", "volume", "spend", _factor("requests"), 1.0),
    ("spend", "tokens", "spend", _factor("size"), 1.0),
    ("spend", "volume", "spend", _factor("requests"), 1.0),
    ("spend", "attempts", "spend", _factor("tries"), 1.0),
    ("spend", "deploy", "spend", _replacement("prompt_version"), 1.0),
    ("spend", "switch", "spend", _replacement("model"), 1.0),
    ("per request", "tokens", "cost_per_request", _factor("size"), 1.0),
    ("per request", "tokens", "cost_per_request", _factor("size"), 1.0),
    ("per request", "attempts", "cost_per_request", _factor("tries"), 1.0),
    ("per request", "deploy", "cost_per_request", _replacement("prompt_version"), 1.0),
    ("per request", "switch", "cost_per_request", _replacement("model"), 1.0),
    ("per request", "deploy", "cost_per_request", _replacement("prompt_version"), 1.0),
    ("beside", "user", "spend", _one_user, 1.0),
    ("beside", "service", "spend", _service, 1.0),
    ("beside", "falling deploy", "cost_per_request", _replacement("prompt_version"), 0.5),
    ("beside", "falling tokens", "spend", _factor("size"), 0.5),
    ("quiet", "noise", "spend", _nothing, 1.0),
    ("quiet", "drift", "spend", _nothing, 1.45),
    ("quiet", "heavy tails", "cost_per_request", _nothing, 1.0),
]
"""Group, kind, measure, what happens, and the drift that all have."""


def worlds(seed: int, rounds: int) -> Iterator[World]:
    """Every kind `rounds` times."""
    for number in range(rounds * len(KINDS)):
        group, kind, measure, cause, drift = KINDS[number % len(KINDS)]
        rng = random.Random(f"{seed}/{number}")
        is_poisson = rng.random() < 0.4 or kind == "heavy tails"
        drift *= rng.choice((1.0, 1.0, rng.uniform(0.9, 1.12)))
        for _ in range(20):
            before = leaves(rng, rng.choice((1200, 2500, 4000, 6000)))
            now, truth, also = cause(rng, [replace(leaf, requests=leaf.requests * drift) for leaf in before])
            if group == "quiet" or (truth and _is_plain(before, now, truth, drift)):
                break
        if measure == "cost_per_request" and truth and rng.random() < 0.35:
            now = _decoy(rng, now, truth)
        yield World(
            f"{seed}-{number:03d}", group, kind, measure, truth, also, *drawn(rng, before, now, is_poisson),
            is_poisson=is_poisson, tail=1.5 if kind == "heavy tails" else 0.7,
        )  # fmt: skip


def _is_plain(before: list[Leaf], now: list[Leaf], truth: list[dict[str, str]], drift: float) -> bool:
    """The change is 8 % of spend or more, and no wider combination is as good a name for it."""
    usual, spent = drift * sum(leaf.cost for leaf in before), sum(leaf.cost for leaf in now)
    if abs(spent - usual) < 0.08 * usual:
        return False
    for each in truth:
        for left_out in each if len(each) > 1 else ():
            wider = {name: value for name, value in each.items() if name != left_out}
            part = [leaf for leaf in now if leaf.is_in(wider)]
            true = sum(leaf.cost for leaf in part if any(leaf.is_in(other) for other in truth))
            if true > 0.75 * sum(leaf.cost for leaf in part):
                return False
    return True


def _decoy(rng: random.Random, now: list[Leaf], truth: list[dict[str, str]]) -> list[Leaf]:
    """A slice elsewhere grows in requests: that changes no cost per request."""
    chosen = [
        each
        for each in _combinations(rng, now, 1)
        if not any(leaf.is_in(each) and leaf.is_in(true) for leaf in now for true in truth)
    ]
    return [
        replace(leaf, requests=leaf.requests * 1.8) if any(leaf.is_in(each) for each in chosen) else leaf
        for leaf in now
    ]
