"""`make bench`: every budget of DESIGN §13 beside what this machine measured.

    python -m tests.benchmarks.run [--json] [--only WORD] [--workers N]

Runs `measure()` of every module `tests/benchmarks/bench_*.py`, then the whole system. Exits with 1 when a
budget is missed, so that a missed one cannot be overlooked.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table

import tests.benchmarks
from tests.benchmarks import system
from tests.benchmarks.figure import Figure


def main() -> int:
    """Measure, print, and say by the exit code whether every budget holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--only", default="", help="run only the benchmarks with this in their name")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the service")
    arguments = parser.parse_args()
    messages = Console(stderr=True)
    figures: list[Figure] = []
    with messages.status("measuring") as status:
        for figure in _measure(arguments.only, arguments.workers, status.update):
            figures.append(figure)
    if arguments.json:
        print(
            json.dumps(
                {"load": os.getloadavg()[0], "figures": [_as_json(figure) for figure in figures]}, indent=1
            )
        )
    else:
        Console().print(_table(figures))
    return 1 if any(figure.is_met is False for figure in figures) else 0


def _measure(only: str, workers: int, report: Callable[[str], None]) -> Iterator[Figure]:
    for module in sorted(pkgutil.iter_modules(tests.benchmarks.__path__), key=lambda each: each.name):
        if module.name.startswith("bench_") and only in module.name:
            report(module.name)
            yield from importlib.import_module(f"tests.benchmarks.{module.name}").measure()
    if only in "system":
        yield from system.measure(workers, report)


def _table(figures: list[Figure]) -> Table:
    table = Table(
        "measured", "figure", "unit", "budget", "", title="Spanledger: budgets and what was measured"
    )
    for column in (1, 3):
        table.columns[column].justify = "right"
    for figure in figures:
        budget = "" if figure.budget is None else f"{figure.sense} {_number(figure.budget)}"
        verdict = {None: "", True: "[green]holds[/green]", False: "[red]missed[/red]"}[figure.is_met]
        table.add_row(figure.name, _number(figure.value), figure.unit, budget, verdict)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _as_json(figure: Figure) -> dict[str, object]:
    return {**figure._asdict(), "met": figure.is_met}


if __name__ == "__main__":
    sys.exit(main())
