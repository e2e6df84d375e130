"""`spanledger demo`: everything on this machine, with a day of data to look at."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from processor.calls.errors import ConfigError

app = options.app()


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the database, and say where it is.")] = False,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Exit when everything is shown and checked, as a run without a terminal does."
        ),
    ] = False,
    grafana: Annotated[
        Path | None,
        typer.Option(help="Your own Grafana binary, started beside it with the dashboards.", metavar="PATH"),
    ] = None,
    as_json: options.AsJson = False,
    seed: Annotated[int, typer.Option(help="Draws another history.", metavar="NUMBER")] = 7,
    days: Annotated[
        int, typer.Option(help="Days of history; fewer start sooner.", min=4, max=30, metavar="NUMBER")
    ] = 8,
) -> None:
    """Show Spanledger with eight days of an imagined shop: database, service, applications and findings."""
    missing = [name for name in ("openai", "anthropic", "openinference") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the demo needs the packages of its extra ({', '.join(missing)}): pip install '.[demo]'"
        )
    from demo.plan import Draw
    from demo.run import run
    from operations.terminal import console

    once = once or as_json or not sys.stdout.isatty()
    raise typer.Exit(run(console(stderr=as_json), keep, once, Draw(seed, days), as_json, grafana))
