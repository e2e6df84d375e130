"""Whom `genai.drivers` names: made worlds with a known cause, and quiet ones (docs/detection.md).

The worlds are of seeds that the method was not tuned on. A named combination is right if it covers exactly
the cells of a true one; F1 is over all worlds of a group.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from storage.schema.migrate import migrate
from tests.benchmarks.driver_causes import worlds
from tests.benchmarks.driver_worlds import HOUR, NOW, World, calls
from tests.benchmarks.figure import AT_LEAST, Figure
from tests.benchmarks.own_server import own_server
from tests.operations.ledger import fill

SEED, ROUNDS = 7, 2
NAMES = ("endpoint", "prompt_version", "model", "tenant", "service", "user")
BUDGETS = {"spend": 0.75, "per request": 0.75}
"""F1 at least, as an alarm: a dozen worlds a group scatter by 0.1. What is beside these has no budget."""


class Score(NamedTuple):
    """Of one world: combinations right, wrong and missed; whether anything was named at all."""

    right: int
    wrong: int
    missed: int
    has_story: bool


def measure() -> Iterator[Figure]:
    """On an embedded server of its own."""
    with own_server() as dsn:
        yield from measure_on(dsn)


def measure_on(dsn: str) -> Iterator[Figure]:
    """On this server, in an empty database."""
    migrate(dsn)
    made = list(worlds(SEED, ROUNDS))
    fill(dsn, [call for world in made for call in calls(world, world.name)])
    scores: dict[str, list[Score]] = defaultdict(list)
    seconds = []
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("VACUUM ANALYZE")
        for world in made:
            begun = time.perf_counter()
            told = drivers(connection, world)
            seconds.append(time.perf_counter() - begun)
            scores[world.group].append(score(world, told))
    for group, budget in BUDGETS.items():
        yield Figure(f"drivers, {group}: F1 of made worlds", f1(scores[group]), "", budget, AT_LEAST)
    yield Figure("drivers, users, services, falling spend: F1", f1(scores["beside"]), "", None)
    stories = [each.has_story for each in scores["quiet"]]
    yield Figure("drivers: quiet windows with a story", sum(stories) / len(stories), "", 1 / 15)
    yield Figure("drivers: one question, p50", statistics.median(seconds), "s", 0.3)
    yield Figure("drivers: one question, max", max(seconds), "s", 1.0)


def drivers(connection: psycopg.Connection[dict[str, Any]], world: World) -> list[dict[str, str]]:
    """The combinations that the ledger names."""
    rows = connection.execute(
        "SELECT * FROM genai.drivers(%s, %s, %s, %s)", [NOW, NOW + HOUR, world.name, world.measure]
    ).fetchall()
    return [{name: row[name] for name in NAMES if row[name] is not None} for row in rows]


def score(world: World, told: list[dict[str, str]]) -> Score:
    """Combinations are compared by the cells that they cover."""
    leaves = [*world.before, *world.now]

    def covers(combinations: list[dict[str, str]]) -> set[frozenset[int]]:
        return {
            frozenset(place for place, leaf in enumerate(leaves) if leaf.is_in(each)) for each in combinations
        }

    true, also, named = covers(world.truth), covers(world.also_right), covers(told)
    return Score(len(named & true), len(named - true - also), len(true - named), bool(told))


def f1(scores: list[Score]) -> float:
    """Over all worlds together."""
    right = sum(each.right for each in scores)
    return 2 * right / (2 * right + sum(each.wrong + each.missed for each in scores))
