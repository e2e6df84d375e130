"""How well the rules detect: simulated incidents with a known truth, what must stay quiet, and quiet weeks.

The seeds are drawn anew for a release and were not looked at while the rules were built (docs/detection.md).
"""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import psycopg

from demo.simulation.scenarios import SCENARIOS, Scenario
from demo.simulation.world import World, drafts, make_world
from operations.alerts.model import ask
from processor.alerting.catalogue import BY_ID, Place, Severity
from processor.pricing.load import load_price_book
from service.postgres.server import EmbeddedPostgres
from storage.schema.migrate import migrate
from tests.benchmarks.figure import AT_LEAST, Figure
from tests.operations.alert_harness import MINUTE, SPEND_RULES, Fired, around, calls, watch
from tests.operations.ledger import fill

SEED = "release 1"
ROUNDS, QUIET_DAYS = 4, 6
"""Of a run in `make bench`; docs/detection.md has those of more rounds and 30 days."""
LASTS, STEP = 90 * MINUTE, 6 * MINUTE
QUIET_STEPS = {"burst_failing": 15 * MINUTE, "telemetry_silent": 30 * MINUTE}
FIRST = datetime(2020, 1, 6, tzinfo=UTC)


class Case(NamedTuple):
    """A scenario in a world of its own, ten days from the next one."""

    scenario: Scenario
    begin: datetime
    world: World


class Outcome(NamedTuple):
    """What the rules made of a case."""

    case: Case
    fired: list[Fired]

    @property
    def names(self) -> set[str]:
        return {each.rule.id for each in self.fired}

    def first(self, rule: str) -> Fired | None:
        """The first alert of a rule."""
        return next((each for each in self.fired if each.rule.id == rule), None)


def measure() -> Iterator[Figure]:
    """On embedded servers of their own."""
    with _ledger() as dsn:
        yield from figures(play_cases(dsn, SEED, ROUNDS))
    with _ledger() as dsn:
        breaches = quiet_weeks(dsn, SEED, QUIET_DAYS)
    yield Figure(f"alerts: pages in {QUIET_DAYS} quiet days", breaches[Severity.CRITICAL], "", 0)
    yield Figure(f"alerts: warnings in {QUIET_DAYS} quiet days", breaches[Severity.WARNING], "")


@contextmanager
def _ledger() -> Iterator[str]:
    directory = Path(tempfile.mkdtemp(prefix="spanledger-bench-"))
    directory.chmod(0o755)
    server = EmbeddedPostgres(directory)
    try:
        dsn = server.start()
        migrate(dsn)
        yield dsn
    finally:
        server.destroy()
        shutil.rmtree(directory, ignore_errors=True)


def play_cases(dsn: str, seed: str, rounds: int) -> list[Outcome]:
    """Every scenario `rounds` times."""
    book = load_price_book(None)
    cases = list(_cases(seed, rounds))
    fill(dsn, (call for case in cases for call in around(case.world, case.scenario, case.begin, LASTS, book)))
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute("VACUUM ANALYZE")
        return [
            Outcome(case, watch(connection, case.begin - 2 * STEP, case.begin + LASTS, STEP))
            for case in cases
        ]


def _cases(seed: str, rounds: int) -> Iterator[Case]:
    for number in range(rounds * len(SCENARIOS)):
        kind = list(SCENARIOS)[number % len(SCENARIOS)]
        rng = random.Random(f"{seed} {number}")
        begin = FIRST + timedelta(days=10 * (number + 1), minutes=rng.randrange(24 * 60))
        world = _world(seed, number)
        yield Case(SCENARIOS[kind](rng, world, begin), begin, world)


def _world(seed: str, number: int) -> World:
    """A small shop: at night and on Sundays a feature still has 80 requests an hour, of a dollar or more."""
    return replace(make_world(f"{seed} {number}", 700 + 100 * (number % 4), features=2), weekend=0.8)


def figures(outcomes: list[Outcome]) -> Iterator[Figure]:
    """Recall, precision, delay and right driver, over all and by rule."""
    wanted, found, false, right = (defaultdict[str, int](int) for _ in range(4))
    delays: dict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        scenario = outcome.case.scenario
        for rule in scenario.rules:
            wanted[rule] += 1
            if first := outcome.first(rule):
                found[rule] += 1
                right[rule] += has_right_driver(first, scenario)
                delays[rule].append((first.at - outcome.case.begin) / MINUTE)
        for rule in outcome.names - scenario.rules - scenario.allowed:
            false[rule] += 1
    hits, misses = sum(found.values()), sum(wanted.values()) - sum(found.values())
    yield Figure("alerts: recall", hits / (hits + misses), "", 0.95, AT_LEAST)
    yield Figure("alerts: precision", hits / max(1, hits + sum(false.values())), "", 0.95, AT_LEAST)
    yield Figure("alerts: right driver", sum(right.values()) / max(1, hits), "", 0.95, AT_LEAST)
    for rule in sorted(wanted):
        median = statistics.median(delays[rule]) if delays[rule] else float("nan")
        note = f"{found[rule]} of {wanted[rule]} found, {false[rule]} false, {right[rule]} right drivers"
        yield Figure(f"alerts, {rule}: delay, median", median, "min", note=note)


def has_right_driver(fired: Fired, scenario: Scenario) -> bool:
    """Whether the alert's labels and link carry the combination that was planted."""
    said = {name.removeprefix("var-"): each[0] for name, each in parse_qs(fired.detail.query).items()}
    return all(said.get(name) == value for name, value in scenario.truth.items())


def quiet_weeks(dsn: str, seed: str, days: int) -> dict[Severity, int]:
    """Breaches in days in which nothing happens, after eight such days; in an empty database.

    Each rule looks at windows side by side, so that nothing is left out; one breach counts, however short.
    """
    world, start = make_world(f"{seed} quiet", 600, features=3), datetime(2018, 3, 1, tzinfo=UTC)
    fill(dsn, calls(drafts(world, start, start + timedelta(days=8 + days)), load_price_book(None)))
    found = dict.fromkeys(Severity, 0)
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute("VACUUM ANALYZE")
        for rule in (BY_ID[name] for name in SPEND_RULES):
            step = QUIET_STEPS.get(rule.id, 60 * MINUTE)
            for number in range(timedelta(days=days) // step):
                now = start + timedelta(days=8) + number * step + 3 * MINUTE
                rows = ask(connection, rule, Place.PROD, now).rows
                found[rule.severity] += sum(row.score >= 1 for row in rows)
    return found


def describe(outcomes: list[Outcome]) -> Iterator[str]:
    """What went wrong, case by case."""
    for outcome in outcomes:
        scenario: Any = outcome.case.scenario
        missed, false = scenario.rules - outcome.names, outcome.names - scenario.rules - scenario.allowed
        wrong = [
            f.rule.id
            for f in outcome.fired
            if f.rule.id in scenario.rules and not has_right_driver(f, scenario)
        ]
        if missed or false or wrong:
            told = f"missed {sorted(missed)}, false {sorted(false)}, wrong {wrong}"
            yield f"{scenario.kind} {outcome.case.begin:%Y-%m-%d %H:%M %a}: {told}; {scenario.truth}"
