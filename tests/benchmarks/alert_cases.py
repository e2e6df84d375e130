"""One round of every scenario and every fault of the pipeline, and what the rules made of each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs

import psycopg

from demo.simulation.budgets import limits
from demo.simulation.scenarios import SCENARIOS, Scenario
from demo.simulation.world import World, make_world
from operations.operator_files.model import OperatorFile, put_in_force
from processor.alerting.budgets_file import read_budgets
from processor.calls.strict_yaml import read_yaml
from processor.pricing.book import PriceBook
from processor.pricing.load import load_price_book
from storage.budgets.judge import judge
from tests.benchmarks.alert_faults import FAULTS, begin_case, prepare
from tests.operations.alert_harness import ALL_RULES, HOUR, MINUTE, Fired, around, watch
from tests.operations.ledger import book, fill

BEFORE, LASTS, STEP = 2 * HOUR, 90 * MINUTE, 6 * MINUTE
FIRST = datetime(2020, 1, 6, tzinfo=UTC)

Connection = psycopg.Connection[Any]


class Case(NamedTuple):
    """A scenario in a world of its own, two weeks from the next one; `plant` is a fault of the pipeline."""

    kind: str
    scenario: Scenario
    begin: datetime
    world: World
    plant: Callable[[Connection], object] | None = None


class Told(NamedTuple):
    """What the rules made of a case.

    Attributes:
        rules, allowed: those that must fire, and may.
        fired: rule → minutes from the begin to its first alert, and whether that named the truth.
    """

    round: int
    kind: str
    begin: str
    truth: dict[str, str]
    rules: list[str]
    allowed: list[str]
    fired: dict[str, tuple[float, bool]]

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """As it was written to a file of JSON lines."""
        return cls(**stored)

    @property
    def false(self) -> list[str]:
        """Rules that should have been quiet."""
        return sorted(self.fired.keys() - set(self.rules) - set(self.allowed))

    @property
    def is_wrong(self) -> bool:
        """Whether a rule was missed, spoke without reason or named something else."""
        named = (is_right for rule, (_, is_right) in self.fired.items() if rule in self.rules)
        return bool(self.false) or not set(self.rules) <= self.fired.keys() or not all(named)


def play_round(dsn: str, seed: str, number: int) -> Iterator[Told]:
    """Every scenario and fault once, in an empty ledger."""
    book, cases = load_price_book(None), list(_cases(seed, number))
    fill(dsn, (call for c in cases for call in around(c.world, c.scenario, c.begin, LASTS, book)))
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        prepare(connection)
        connection.execute("VACUUM ANALYZE")
        for case in cases:
            yield _told(number, case, _watched(connection, case, book))


def _cases(seed: str, number: int) -> Iterator[Case]:
    kinds = [*SCENARIOS, *FAULTS]
    for place, kind in enumerate(kinds):
        rng, name = random.Random(f"{seed} {number} {kind}"), f"{seed} {number} {kind}"
        # Nobody's week before is the day of another.
        begin = FIRST + timedelta(days=20 * (place + 1) + rng.randrange(7), minutes=rng.randrange(24 * 60))
        # A small shop: at night and on Sundays a feature still has 80 requests an hour, of a dollar or more.
        busy = 700 + 100 * (number % 4)
        world = replace(make_world(name, busy, features=2), weekend=0.8)
        if kind in FAULTS:
            planted = FAULTS[kind](rng, world, begin)
            yield Case(kind, planted.scenario, begin, world, planted.plant)
            continue
        scenario = SCENARIOS[kind](rng, world, begin)
        if scenario.budget:  # all of it within one day: spend begins anew at midnight
            begin = begin.replace(hour=3 + begin.hour % 18)
            scenario = SCENARIOS[kind](random.Random(name), world, begin)
        yield Case(kind, scenario, begin, world)


def _watched(connection: Connection, case: Case, book: PriceBook) -> list[Fired]:
    """Everything that fired from a little before the begin until its end."""
    end = case.begin + LASTS
    begin_case(connection, end)
    budget = case.scenario.budget
    tick = None
    if budget:
        found = limits(case.world, budget, case.begin - BEFORE, case.begin, end, book)
        put_budgets(connection, budget_file([(budget.scope, *found)]), case.begin - BEFORE)

        arriving = _Arriving(connection, case)

        def tick(now: datetime) -> object:
            arriving.until(now)
            return judge(connection, now)

    before = case.begin - 2 * STEP
    if case.plant is None:
        fired = watch(connection, before, end, STEP, ALL_RULES, tick=tick)
    else:
        fired = watch(connection, before, case.begin, STEP, ALL_RULES)
        case.plant(connection)
        fired += watch(connection, case.begin, end, STEP, ALL_RULES)
    if budget:
        put_budgets(connection, "version: 1\n", case.begin)
        judge(connection, end)
    return fired


class _Arriving:
    """The calls of a case's day come as the clock goes on: a budget is judged by all that is there."""

    def __init__(self, connection: Connection, case: Case) -> None:
        self._connection = connection
        self._day = case.begin.replace(hour=0, minute=0)
        span = self._day, self._day + timedelta(days=1)
        connection.execute("DROP TABLE IF EXISTS arriving")
        connection.execute("CREATE TEMPORARY TABLE arriving AS TABLE _genai.model_call WITH NO DATA")
        connection.execute(
            "WITH held AS (DELETE FROM _genai.model_call WHERE time >= %s AND time < %s RETURNING *)"
            " INSERT INTO arriving SELECT * FROM held",
            span,
        )

    def until(self, now: datetime) -> None:
        """What was made before now is there, and summed."""
        self._connection.execute(
            "WITH come AS (DELETE FROM arriving WHERE time < %s RETURNING *)"
            " INSERT INTO _genai.model_call SELECT * FROM come",
            (now,),
        )
        span = self._day, self._day + timedelta(days=1)
        for table in ("usage_minute", "usage_hour", "usage_identity_hour"):
            self._connection.execute(f"DELETE FROM _genai.{table} WHERE bucket >= %s AND bucket < %s", span)  # noqa: S608
        book(self._connection, *span)


def _told(number: int, case: Case, fired: list[Fired]) -> Told:
    scenario, first = case.scenario, dict[str, tuple[float, bool]]()
    for each in sorted(fired, key=lambda one: one.at):
        minutes = (each.at - case.begin) / MINUTE
        first.setdefault(each.rule.id, (minutes, has_right_driver(each, scenario)))
    return Told(
        number, case.kind, f"{case.begin:%Y-%m-%d %H:%M %a}", scenario.truth, sorted(scenario.rules),
        sorted(scenario.allowed), first,
    )  # fmt: skip


def has_right_driver(fired: Fired, scenario: Scenario) -> bool:
    """Whether the alert's labels and link carry the combination that was planted."""
    said = {name.removeprefix("var-"): each[0] for name, each in parse_qs(fired.detail.query).items()}
    said |= dict(fired.labels)
    return all(said.get(name) == value for name, value in scenario.truth.items())


def budget_file(limits: Iterable[tuple[dict[str, str], Decimal, Decimal]]) -> str:
    """`budgets.yaml` with a limit by the day and a spend-alert by the hour for each scope."""
    lines = ["version: 1", "budgets:"]
    for scope, daily, hourly in limits:
        name = " ".join(scope.values()) or "everything"
        said = ", ".join(f"{dimension}: {value}" for dimension, value in scope.items())
        where = f"scope: {{{said}}}, " if scope else ""
        alerts = f'spend_alerts: [{{hourly: "{hourly:.6f}"}}]'
        lines.append(f'  - {{name: {name}, {where}daily: "{daily:.6f}", {alerts}}}')
    return "\n".join(lines) + "\n"


def put_budgets(connection: Connection, text: str, since: datetime) -> None:
    """Put a file in force as of a moment."""
    root = read_yaml(text.encode(), "budgets.yaml")
    assert root is not None
    put_in_force(connection, OperatorFile("budgets", text, text, read_budgets(root)))
    connection.execute("UPDATE _genai.operator_file SET loaded_at = %s WHERE kind = 'budgets'", (since,))
