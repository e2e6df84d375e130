"""`spanledger simulate`: traffic with a planted incident, to try rules and dashboards on."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli import options
from demo.simulation.budgets import Limits, limits
from demo.simulation.play import history_writer, play
from demo.simulation.scenarios import SCENARIOS, Budget, Scenario
from demo.simulation.world import World, drafts, make_world
from operations.terminal import console, number, print_json
from processor.calls.errors import ConfigError
from processor.pricing.book import PriceBook
from processor.pricing.load import load_price_book
from service import database

app = options.app()


@app.command()
@options.grouped
def simulate(
    *,
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO",
            help=f"What happens: {', '.join(SCENARIOS)}.",
            parser=options.one_of("scenario", *SCENARIOS),
        ),
    ],
    seed: Annotated[int, typer.Option("--seed", help="The same seed draws the same shop.", min=0)] = 1,
    days: Annotated[int, typer.Option("--days", help="Days of usual traffic before it.", min=1, max=30)] = 8,
    minutes: Annotated[
        int, typer.Option("--minutes", help="How long ago the incident began.", min=5, max=600)
    ] = 75,
    per_hour: Annotated[
        int, typer.Option("--rate", help="Requests in the busiest hour.", min=10, max=100_000)
    ] = 1_000,
    environment: Annotated[
        str, typer.Option("--env", help="The environment of its calls.", metavar="NAME")
    ] = "prod",
    data_mode: Annotated[
        str,
        typer.Option(
            "--data-mode",
            help="test or demo; never real.",
            metavar="MODE",
            parser=options.one_of("data mode", "test", "demo"),
        ),
    ] = "demo",
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Write simulated calls into the ledger: some days of a shop, then an incident that began a while ago.

    What happened is printed, so that it can be compared with what `spanledger alerts check --everywhere`,
    `spanledger compare` and the dashboards say. `spanledger erase` removes test and demo data again.
    """
    config = given.load()
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    begin = end - timedelta(minutes=minutes)
    world = make_world(seed, per_hour)
    drawn = SCENARIOS[scenario](random.Random(f"{seed} {scenario}"), world, begin)
    if timedelta(days=days) >= config.retention.late_limit:
        raise ConfigError(
            f"--days: must be shorter than retention.late_limit ({config.retention.late_limit})"
        )
    book = load_price_book(config.prices.file)
    writer = history_writer(database.database_url(config))
    try:
        made = drafts(world, end - timedelta(days=days), end, drawn.incident)
        written = play(writer, book, made, environment, data_mode)
    finally:
        writer.close()
    found = _limits(world, drawn, begin, end, book)
    if as_json:
        _print_json(drawn, begin, written, found)
    else:
        _print(drawn, begin, written)
        if drawn.budget and found and data_mode == "demo":  # test calls move no budget
            _print_budget(drawn.budget, found)


def _print(drawn: Scenario, begin: datetime, written: int) -> None:
    out = console()
    out.print(f"{number(written)} calls written: {drawn.kind}, since {begin:%H:%M} UTC.")
    if drawn.truth:
        out.print(f"The cause: {' · '.join(f'{name} {value}' for name, value in drawn.truth.items())}")
    spoken = ", ".join(sorted(drawn.rules)) or "none"
    out.print(f"Rules that must fire: {spoken}. See `spanledger alerts check --everywhere`.")


def _limits(world: World, drawn: Scenario, begin: datetime, end: datetime, book: PriceBook) -> Limits | None:
    if drawn.budget is None:
        return None
    midnight = end.replace(hour=0, minute=0)
    return limits(world, drawn.budget, min(midnight, begin), begin, end, book)


def _print_budget(budget: Budget, found: Limits) -> None:
    """An entry of `budgets.yaml`; only a budget of demo data counts them."""
    scope = ", ".join(f"{name}: {value}" for name, value in budget.scope.items())
    print("Its rules need this entry in the budgets.yaml in force:")
    print(f"  - name: simulated\n    scope: {{{scope}}}\n    data_mode: demo")
    print(f'    daily: "{found.daily}"\n    spend_alerts:\n      - {{hourly: "{found.hourly}"}}')


def _print_json(drawn: Scenario, begin: datetime, written: int, found: Limits | None) -> None:
    print_json({
        "scenario": drawn.kind, "calls": written, "begin": begin, "truth": drawn.truth,
        "rules": sorted(drawn.rules), "allowed": sorted(drawn.allowed),
        "budget": drawn.budget.scope | found._asdict() if drawn.budget and found else None,
    })  # fmt: skip
