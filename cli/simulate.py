"""`spanledger simulate`: traffic with a planted incident, to try rules and dashboards on."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli import options
from demo.simulation.play import history_writer, play
from demo.simulation.scenarios import SCENARIOS, Scenario
from demo.simulation.world import drafts, make_world
from operations.terminal import console, number, print_json
from processor.calls.errors import ConfigError
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
    writer = history_writer(database.database_url(config))
    try:
        made = drafts(world, end - timedelta(days=days), end, drawn.incident)
        written = play(writer, load_price_book(config.prices.file), made, environment, data_mode)
    finally:
        writer.close()
    _print_json(drawn, begin, written) if as_json else _print(drawn, begin, written)


def _print(drawn: Scenario, begin: datetime, written: int) -> None:
    out = console()
    out.print(f"{number(written)} calls written: {drawn.kind}, since {begin:%H:%M} UTC.")
    if drawn.truth:
        out.print(f"The cause: {' · '.join(f'{name} {value}' for name, value in drawn.truth.items())}")
    spoken = ", ".join(sorted(drawn.rules)) or "none"
    out.print(f"Rules that must fire: {spoken}. See `spanledger alerts check --everywhere`.")


def _print_json(drawn: Scenario, begin: datetime, written: int) -> None:
    print_json({
        "scenario": drawn.kind, "calls": written, "begin": begin, "truth": drawn.truth,
        "rules": sorted(drawn.rules), "allowed": sorted(drawn.allowed),
    })  # fmt: skip
