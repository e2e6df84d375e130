"""The command line: `spanledger`, as one table of commands; a command's module loads when it runs."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import CompletionItem, TyperGroup  # type: ignore[attr-defined]

from cli import options
from operations.dimensions import not_one_of
from processor.calls.errors import ConfigError, PipelineError

RUN, ASK, LOOK, ADMINISTER = "Run", "Ask the ledger", "Look closer", "Administer"


class Entry(NamedTuple):
    """A command: its name, its heading in `--help`, a sentence, and its module in this folder."""

    name: str
    heading: str
    sentence: str
    module: str


COMMANDS = (
    Entry(
        "serve", RUN, "Receive spans and reports, price them, commit them; until SIGTERM or Ctrl-C", "serve"
    ),
    Entry("demo", RUN, "Show Spanledger with some days of an imagined shop", "demo"),
    Entry("simulate", RUN, "Write traffic with a planted incident, to try rules and dashboards", "simulate"),
    Entry("check", RUN, "Check configuration, price map, identity key and database", "check"),
    Entry("migrate", RUN, "Bring the tables and views of a database to this version", "migrate"),
    Entry("top", ASK, "List spend by one dimension or two, most expensive first", "top"),
    Entry("compare", ASK, "Compare a window with its baseline: the change, its terms, its cause", "compare"),
    Entry("month", ASK, "Show a calendar month, against the one before, and where it is heading", "month"),
    Entry("unpriced", ASK, "List the models without a known price", "unpriced"),
    Entry("unread", ASK, "List the emitters whose usage no rule reads", "unread"),
    Entry("quality", ASK, "Show what calls lack that figures need, where, and a score", "quality"),
    Entry("alerts", ASK, "Evaluate the alert rules, and list them", "alerts"),
    Entry("budgets", ASK, "List budgets with their states, judge them, list their events", "budgets"),
    Entry("inbox", ASK, "List alerts that were delivered, show what explains one", "inbox"),
    Entry("incidents", ASK, "List incidents, show what contains one, close it", "incidents"),
    Entry("report", ASK, "Report a month for finance, or the last seven days", "report"),
    Entry("export", ASK, "Export usage by day as CSV, JSON or Parquet, with a manifest", "export"),
    Entry("tail", LOOK, "Show each call as it is counted", "tail"),
    Entry("explain", LOOK, "Show a call's bill: usage, price with its source, the sum", "explain"),
    Entry("freshness", LOOK, "Show how soon after their receipt calls are visible", "freshness"),
    Entry("probe", LOOK, "Send a test request and look for it in a dashboard's figures", "probe"),
    Entry("first-call", LOOK, "Wait for the next call and report missing tags", "first_call"),
    Entry("inspect", LOOK, "Show which calls of a saved OTLP payload would count", "inspect"),
    Entry("prices", ADMINISTER, "List prices, compare price maps, price a CSV file", "prices"),
    Entry("reprice", ADMINISTER, "Price past calls again with today's price map", "reprice"),
    Entry("verify", ADMINISTER, "Compare every sum with its calls", "verify"),
    Entry(
        "identity",
        ADMINISTER,
        "Show how users and tenants are stored; move calls between tenants",
        "identity",
    ),
    Entry("erase", ADMINISTER, "Erase a user or tenant, or every test or demo call", "erase"),
    Entry("keys", ADMINISTER, "Create, list and revoke API keys", "keys"),
    Entry("config", ADMINISTER, "Show the effective configuration, or write a commented file", "config"),
    Entry("grafana", ADMINISTER, "Put the dashboards into a Grafana, or write them as files", "grafana"),
    Entry("dashboards", ADMINISTER, "Pause dashboards to spare the database, and resume them", "dashboards"),
    Entry("version", ADMINISTER, "Print the versions of Spanledger, Python and the price list", "version"),
)
OLD_NAMES = {"price": ("prices", "calculate"), "rollups": ("verify",)}
"""Names of earlier versions, which still work and are not listed."""


class Commands(TyperGroup):
    """Lists the commands under headings, in plain text, and loads one only to run it."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names, without those of earlier versions."""
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """The command of that name, loaded; None where there is none."""
        if cmd_name in OLD_NAMES:
            return _renamed(ctx, *OLD_NAMES[cmd_name])
        return next((_load(entry) for entry in COMMANDS if entry.name == cmd_name), None)

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """The command that the arguments begin with, or the one that may be meant."""
        known = [*self.list_commands(ctx), *OLD_NAMES]
        if args and args[0] not in known and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise typer.BadParameter(
                not_one_of(args[0], "command", self.list_commands(ctx)), param_hint="COMMAND"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write one section for each heading."""
        for heading in dict.fromkeys(entry.heading for entry in COMMANDS):
            with formatter.section(heading):
                formatter.write_dl(
                    [(each.name, each.sentence) for each in COMMANDS if each.heading == heading]
                )

    def shell_complete(self, ctx: typer.Context, incomplete: str) -> Any:  # type: ignore[override]
        """The names and options that begin like this; no command is loaded for it."""
        named = [each for each in COMMANDS if each.name.startswith(incomplete)]
        own = super(TyperGroup, self).shell_complete(ctx, incomplete)
        return [*(CompletionItem(each.name, help=each.sentence) for each in named), *own]


def _load(entry: Entry) -> Any:
    return typer.main.get_command(importlib.import_module(f"cli.{entry.module}").app)


def _renamed(ctx: typer.Context, name: str, *inner: str) -> Any:
    """The command that took the place of an older one; `rollups check` is `verify`."""
    command = _load(next(entry for entry in COMMANDS if entry.name == name))
    for each in inner:
        command = command.get_command(ctx, each)
    return command


def build() -> typer.Typer:
    """The application. Until a command runs, nothing heavy is imported: `--help` answers in half a second."""
    app = options.app(
        name="spanledger",
        help="Turns the OpenTelemetry spans your LLM calls already emit into an exact cost ledger.",
        cls=Commands,
        add_completion=True,
    )
    app.callback()(_before)
    return app


def _version(is_asked: bool) -> None:
    if is_asked:
        from service.version import version

        print(f"spanledger {version()}")
        raise typer.Exit


@options.grouped
def _before(
    *,
    context: typer.Context,
    given: options.Settings,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """What stands before the command."""
    context.obj = given


def main() -> None:
    """Run one command; what a user can put right is told in a line, without a traceback."""
    try:
        build()(prog_name="spanledger")  # also of `python -m`: completion goes by this name
    except (ConfigError, PipelineError) as error:
        print(f"spanledger: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
