"""`spanledger config`: what is in force and who said so; a commented file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from operations.terminal import Column, console, print_json, show_table
from processor.calls.errors import ConfigError
from service.config import Config, read_settings
from service.config_file import commented, effective
from service.config_source import validate

app = options.app(help="Show the effective configuration, or write a commented file.")


@app.command()
@options.grouped
def show(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also what is at its default.")] = False,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Show the effective settings, each with the flag, variable or line that set it. Passwords are hidden."""
    settings = read_settings(given.config, given.flags())
    found = list(effective(settings, validate(settings, Config)))
    if as_json:
        print_json([each._asdict() for each in found])
        return
    shown = [each for each in found if everything or each.origin != "default"]
    if shown:
        rows = [[each.name, _text(each.value), each.origin] for each in shown]
        columns = [
            Column("setting", style="bold"),
            Column("value", wraps=True),
            Column("set by", rank=1, wraps=True),
        ]
        show_table(console(), columns, rows)
    if rest := len(found) - len(shown):
        console().print(f"{rest} settings are at their defaults; --all shows them.")


def _text(value: object) -> str:
    return "none" if value in (None, "", [], {}) else str(value)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; `-` prints it.")] = Path(
        "spanledger.yaml"
    ),
) -> None:
    """Write a configuration file with every setting, its meaning and its default, all commented out."""
    if str(file) == "-":
        typer.echo(commented(), nl=False)
        return
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(commented())
    except FileExistsError:
        raise ConfigError(f"{file}: exists already, and is left as it is") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from error
    typer.echo(f"Wrote {file}. Uncomment what you change, then try it: spanledger --config {file} check")
