"""The command line: `spanledger`."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from processor.calls.errors import ConfigError, PipelineError

COMMANDS = (
    "check", "compare", "demo", "erase", "explain", "first_call", "grafana", "identity", "inspect", "keys",
    "migrate", "price", "prices", "reprice", "rollups", "serve", "tail", "top", "unpriced", "unread",
    "version",
)  # fmt: skip
"""The modules of this folder that are a command, each with `register(app)`."""
OTHER = "Other"
PANELS = ("Run", "Ask the ledger", "Look closer", "Administer")
"""The headings of `spanledger --help`, in order; a command names its own with `rich_help_panel`."""


class _Grouped(TyperGroup):
    """Lists the commands under headings, in plain text: rich's help takes a third of a second to load."""

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write one section for each heading."""
        listed = [
            (name, command) for name in self.list_commands(ctx) if (command := self.get_command(ctx, name))
        ]
        for panel in (*PANELS, OTHER):
            rows = [
                (name, _sentence(command.help or ""))
                for name, command in listed
                if _heading(command) == panel
            ]
            if rows:
                with formatter.section(panel):
                    formatter.write_dl(rows)


def _heading(command: object) -> str:
    named = getattr(command, "rich_help_panel", None)
    return named if named in PANELS else OTHER


def _sentence(text: str) -> str:
    """The first sentence of a help text, in one line."""
    return " ".join(text.split("\n\n")[0].split()).partition(". ")[0].rstrip(".")


def build() -> typer.Typer:
    """The application with every command registered.

    A command module imports nothing heavy at its top: `--help` has to answer in half a second.
    """
    app = typer.Typer(
        name="spanledger",
        help="Turns the OpenTelemetry spans your LLM calls already emit into an exact cost ledger.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        cls=_Grouped,
        pretty_exceptions_enable=False,
    )
    app.callback()(_top)
    for name in COMMANDS:
        importlib.import_module(f"cli.{name}").register(app)
    return app


def _version(is_asked: bool) -> None:
    if is_asked:
        from service.version import version

        print(f"spanledger {version()}")
        raise typer.Exit


def _top(
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    """What stands before the command."""


def main() -> None:
    """Run one command; what a user can put right is told in a line, without a traceback."""
    try:
        build()()
    except (ConfigError, PipelineError) as error:
        print(f"spanledger: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
