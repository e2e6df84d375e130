"""Whom `genai.drivers` names: made cases with a known cause, and quiet windows, of the driver tests' shop.

The figures of docs/detection.md are of larger cases; these are few, drawn alike every time, and say when
something breaks.
"""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg.rows import dict_row

from service.postgres.server import EmbeddedPostgres
from storage.schema.migrate import migrate
from tests.benchmarks.figure import AT_LEAST, Figure
from tests.operations.ledger import Call, fill
from tests.operations.test_drivers import BEFORE, NOW, calls, drivers, moved, named, on, same, world

CAUSES, QUIET = 24, 12


class Case(NamedTuple):
    """A pair of windows; without a cause the truth is empty."""

    name: str
    measure: str
    truth: dict[str, str]
    calls: list[Call]


def cases() -> Iterator[Case]:
    """Every kind of change on every dimension, then windows without a cause."""
    rng = random.Random(9)
    values = {"endpoint": ("answer", "search", "summary"), "tenant": ("tenant-1", "tenant-2", "tenant-3")}
    kinds: list[tuple[str, dict[str, float]]] = [
        ("spend", {"volume": 2.5}), ("spend", {"volume": 0.35}), ("cost_per_request", {"tokens": 2.0}),
        ("spend", {"tries": 2.2}),
    ]  # fmt: skip
    for number in range(CAUSES + QUIET):
        measure, how = kinds[number % len(kinds)]
        dimension = ("endpoint", "tenant")[number // len(kinds) % 2]
        value = rng.choice(values[dimension])
        change = on(dimension, value, **how) if number < CAUSES else same
        found = calls(world(), BEFORE, 1000 + 2 * number) + calls(moved(change), NOW, 1001 + 2 * number)
        yield Case(
            f"case-{number}", measure, {dimension: value} if number < CAUSES else {},
            [replace(call, environment=f"case-{number}") for call in found],
        )  # fmt: skip


def measure() -> Iterator[Figure]:
    """On an embedded server of its own."""
    directory = Path(tempfile.mkdtemp(prefix="spanledger-bench-"))
    directory.chmod(0o755)
    server = EmbeddedPostgres(directory)
    try:
        yield from measure_on(server.start())
    finally:
        server.destroy()
        shutil.rmtree(directory, ignore_errors=True)


def measure_on(dsn: str) -> Iterator[Figure]:
    """On this server, in an empty database."""
    migrate(dsn)
    made = list(cases())
    fill(dsn, [call for case in made for call in case.calls])
    right = wrong = missed = stories = 0
    seconds = []
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("VACUUM ANALYZE")
        for case in made:
            begun = time.perf_counter()
            told = [named(row) for row in drivers(connection, case.name, case.measure)]
            seconds.append(time.perf_counter() - begun)
            if not case.truth:
                stories += bool(told)
                continue
            right += case.truth in told
            missed += case.truth not in told
            wrong += sum(each != case.truth for each in told)
    yield Figure(
        "drivers: F1 of small made cases", 2 * right / (2 * right + wrong + missed), "", 0.8, AT_LEAST
    )
    yield Figure("drivers: quiet windows with a story", stories / QUIET, "", 1 / 15)
    yield Figure("drivers: one question, p50", statistics.median(seconds), "s", 0.3)
    yield Figure("drivers: one question, max", max(seconds), "s", 1.0)
