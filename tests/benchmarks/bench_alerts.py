"""How well the rules detect: simulated incidents with a known truth, what must stay quiet, and quiet weeks.

    python -m tests.benchmarks.bench_alerts FILE [--rounds N] [--seed WORD] [--quiet-days N]

plays so many rounds of every scenario and appends what each case told to FILE, so that an interrupted run
goes on where it stopped; then it prints the figures of docs/detection.md. `make bench` plays one round. The
seeds are drawn anew for a release and were not looked at while the rules were built.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from demo.simulation.world import drafts, make_world
from operations.alerts.model import ask
from processor.alerting.catalogue import BY_ID, Place, Severity
from processor.pricing.load import load_price_book
from service.postgres.server import EmbeddedPostgres
from storage.budgets.judge import judge
from storage.schema.migrate import migrate
from tests.benchmarks.alert_cases import MINUTE, Told, budget_file, play_round, put_budgets
from tests.benchmarks.alert_faults import begin_case, prepare
from tests.benchmarks.figure import AT_LEAST, Figure
from tests.operations.alert_harness import ALL_RULES, calls
from tests.operations.ledger import Call, fill

SEED = "release 2"
QUIET_DAYS = 6
"""Of a run in `make bench`; docs/detection.md has those of many rounds and 30 days."""
QUIET_STEPS = {"burst_failing": 15 * MINUTE, "telemetry_silent": 30 * MINUTE}


def measure() -> Iterator[Figure]:
    """On embedded servers of their own."""
    yield from figures(list(one_round(SEED, 0)))
    breaches = quiet_days(SEED, QUIET_DAYS)
    yield Figure(f"alerts: pages in {QUIET_DAYS} quiet days", breaches[Severity.CRITICAL], "", 0)
    yield Figure(f"alerts: warnings in {QUIET_DAYS} quiet days", breaches[Severity.WARNING], "")


def one_round(seed: str, number: int) -> Iterator[Told]:
    """Every scenario and every fault once."""
    with _ledger() as dsn:
        yield from play_round(dsn, seed, number)


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


def figures(told: Sequence[Told]) -> Iterator[Figure]:
    """Recall, precision, delay and right driver, over all and by rule."""
    wanted, found, false, right = (defaultdict[str, int](int) for _ in range(4))
    delays: dict[str, list[float]] = defaultdict(list)
    for case in told:
        for rule in case.rules:
            wanted[rule] += 1
            if rule in case.fired:
                delay, is_right = case.fired[rule]
                found[rule] += 1
                right[rule] += is_right
                delays[rule].append(delay)
        for rule in case.false:
            false[rule] += 1
    hits, misses = sum(found.values()), sum(wanted.values()) - sum(found.values())
    yield Figure("alerts: recall", hits / max(1, hits + misses), "", 0.95, AT_LEAST)
    yield Figure("alerts: precision", hits / max(1, hits + sum(false.values())), "", 0.95, AT_LEAST)
    yield Figure("alerts: right driver", sum(right.values()) / max(1, hits), "", 0.95, AT_LEAST)
    for rule in sorted({*wanted, *false}):
        median = statistics.median(delays[rule]) if delays[rule] else float("nan")
        note = f"{found[rule]} of {wanted[rule]} found, {false[rule]} false, {right[rule]} right drivers"
        yield Figure(f"alerts, {rule}: delay, median", median, "min", note=note)


def quiet_days(seed: str, days: int) -> dict[Severity, int]:
    """Breaches in days in which nothing happens, after eight such days; in a ledger of their own.

    Each rule looks at windows side by side, so that nothing is left out; one breach counts, however short.
    Budgets leave a third above the busiest day and hour, and are judged every hour.
    """
    world, start = make_world(f"{seed} quiet", 600, features=3), datetime(2018, 3, 1, tzinfo=UTC)
    begin, end = start + timedelta(days=8), start + timedelta(days=8 + days)
    made = list(calls(drafts(world, start, end), load_price_book(None)))
    found = dict.fromkeys(Severity, 0)
    with _ledger() as dsn:
        fill(dsn, made)
        with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
            prepare(connection)
            begin_case(connection, end)
            connection.execute("VACUUM ANALYZE")
            put_budgets(connection, _generous(made), begin)
            for minute in range(0, days * 24 * 60, 15):
                now = begin + minute * MINUTE
                if minute % 60 == 0:
                    judge(connection, now)
                for rule, row in _breaches(connection, now, minute):
                    print(f"quiet: {rule} {now:%Y-%m-%d %H:%M} {row}")
                    found[BY_ID[rule].severity] += 1
    return found


def _breaches(connection: psycopg.Connection[Any], now: datetime, minute: int) -> Iterator[tuple[str, Any]]:
    """Of the rules whose next window is complete."""
    for rule in ALL_RULES:
        if minute * MINUTE % QUIET_STEPS.get(rule, 60 * MINUTE) == timedelta(0):
            for row in ask(connection, BY_ID[rule], Place.PROD, now + 3 * MINUTE).rows:
                if row.score >= 1:
                    yield rule, row


def _generous(made: Sequence[Call]) -> str:
    """Budgets of everything, and of each endpoint and tenant."""
    spent: dict[tuple[str, str, int], dict[object, int]] = defaultdict(lambda: defaultdict(int))
    for call in made:
        for name, value in (("", ""), ("endpoint", call.endpoint), ("tenant", call.tenant)):
            spent[name, value, 24][call.time.date()] += call.cost
            spent[name, value, 1][call.time.replace(minute=0, second=0, microsecond=0)] += call.cost
    limits: dict[tuple[str, str], dict[int, Decimal]] = defaultdict(dict)
    for (name, value, hours), sums in spent.items():
        limits[name, value][hours] = Decimal(max(sums.values())).scaleb(-12) * Decimal("1.34")
    return budget_file(
        ({name: value} if name else {}, limit[24], limit[1]) for (name, value), limit in limits.items()
    )


def _lines(file: Path) -> list[Told]:
    if not file.exists():
        return []
    return [Told.of(json.loads(line)) for line in file.read_text().splitlines()]


def main() -> None:
    """Play what FILE lacks, and print the figures of all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=19)
    parser.add_argument("--seed", default=SEED)
    parser.add_argument("--quiet-days", type=int, default=0)
    arguments = parser.parse_args()
    done = {told.round for told in _lines(arguments.file)}
    for number in range(arguments.rounds):
        if number not in done:
            text = "".join(json.dumps(told._asdict()) + "\n" for told in one_round(arguments.seed, number))
            with arguments.file.open("a") as file:
                file.write(text)
    told = _lines(arguments.file)
    for figure in figures(told):
        print(figure.name, round(figure.value, 3), figure.unit, figure.note)
    for case in told:
        if case.is_wrong:
            print(case)
    if arguments.quiet_days:
        print("quiet days", dict(quiet_days(arguments.seed, arguments.quiet_days)))


if __name__ == "__main__":
    main()
