"""`spanledger freshness`: how soon after its receipt a call is visible; a gate for releases."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, cast

import typer

from cli import options
from operations import times
from operations.format import instant, number
from operations.freshness import breach, lag
from operations.freshness.model import Answer, Freshness, Step, bound, freshness, missed
from operations.query import Row, call_json
from operations.terminal import Column, ago, console, print_json, public, show_table

_COLUMNS = (
    Column("time (UTC)", style="bold"),
    Column("calls", figures=True),
    Column("50% within", figures=True),
    Column("95% within", figures=True),
    Column("99% within", figures=True, rank=1),
)
_FORMS = {"minute": "%Y-%m-%d %H:%M", "hour": "%Y-%m-%d %H:%M", "day": "%Y-%m-%d"}

_CLOCK_SECONDS = 2.0
"""A call that came so long before its end tells of a wrong clock."""

app = options.app(name="freshness", no_args_is_help=False)
breach_app = options.app(help="Breaches of the freshness contract: when, how bad, and why.")
app.add_typer(breach_app, name="breach")


@app.callback(invoke_without_command=True)
@options.grouped
def show(
    *,
    context: typer.Context,
    step: Annotated[
        str,
        typer.Option(
            "--by", metavar="STEP", help="minute, hour or day; days are kept for a year.",
            parser=options.one_of("step", "minute", "hour", "day"),
        ),
    ] = "hour",
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit with 1 if the window misses the objective, or has no calls.")
    ] = False,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective", metavar="TIME", help="What 95 of 100 calls have to stay within. [as configured]"
        ),
    ] = None,
    span: options.Window,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:  # fmt: skip
    """Show how long after their receipt calls became visible in the sums that dashboards read.

    Each figure is an upper bound from a histogram whose bounds grow by 41%.
    """
    if context.invoked_subcommand:
        return
    asked = options.parsed(times.duration)(objective).total_seconds() if objective else None
    start, end = span.bounds()
    with given.connected() as connection:
        answer = freshness(connection, start, end, cast(Step, step))
        budget = breach.budget(connection)
    miss = missed(answer, asked or budget["objective_seconds"])
    if as_json:
        steps, whole = map(_document, answer.steps), _document(answer.whole) if answer.whole else None
        found = {"from": start, "to": end, "steps": list(steps), "whole": whole, "missed": miss}
        print_json(found | {"errorBudget": public(budget)})
    else:
        _print(answer, step, miss if gate else None)
        console().print(_budget_line(budget), style="dim", markup=False)
    if gate and miss:
        raise typer.Exit(1)


@breach_app.command("list")
@options.grouped
def list_breaches(
    *, window: options.LongWindow, as_json: options.AsJson = False, given: options.Settings
) -> None:
    """List the breaches of a window, the latest first."""
    start, end = window.bounds()
    with given.connected() as connection:
        found = breach.breaches(connection, start, end)
    if as_json:
        print_json([call_json(row) for row in found])
        return
    columns = (
        Column("id", figures=True), Column("opened (UTC)", style="bold"), Column("lasted", figures=True),
        Column("worst", figures=True, rank=1), Column("cause"), Column("detail", rank=3, wraps=True),
        Column("note", rank=2, wraps=True),
    )  # fmt: skip
    if found:
        show_table(console(), columns, [_breach_cells(row) for row in found])
    else:
        console().print("No breach of the freshness contract in this window.", style="dim")


@breach_app.command("note")
@options.grouped
def note_breach(
    *,
    identity: Annotated[int, typer.Argument(metavar="ID", help="As `breach list` shows it.")],
    text: Annotated[str, typer.Argument(metavar="NOTE", help="What was wrong, and what was done.")],
    by: options.Actor = "",
    given: options.Settings,
) -> None:
    """Note what a breach was about; a later note takes the place of this one."""
    with given.connected() as connection:
        done = breach.note(connection, identity, text, by or getpass.getuser())
    if not done:
        raise typer.BadParameter(f"{identity} is no breach", param_hint="ID")
    console().print(f"Breach {identity}: noted.", markup=False)


@app.command("lag")
@options.grouped
def list_lags(
    *,
    step: Annotated[
        str,
        typer.Option(
            "--by", metavar="STEP", help="minute, hour or day.",
            parser=options.one_of("step", "minute", "hour", "day"),
        ),
    ] = "hour",
    window: options.Window,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:  # fmt: skip
    """List how long after its end the calls of each service came, and clocks that are wrong."""
    start, end = window.bounds()
    with given.connected() as connection:
        found = lag.lags(connection, start, end, cast(Step, step))
    if as_json:
        print_json([call_json(row) for row in found])
        return
    columns = (
        Column("time (UTC)", style="bold"), Column("service"), Column("environment", rank=1),
        Column("data", rank=2), Column("95% within", figures=True), Column("clock", figures=True),
    )  # fmt: skip
    if found:
        show_table(console(), columns, [_lag_cells(row, step) for row in found])
    else:
        console().print("No calls were sampled in this window.", style="dim")


def _lag_cells(row: Row, step: str) -> list[str]:
    ahead = -row["least_seconds"]
    return [
        row["time"].strftime(_FORMS[step]), row["service_name"], row["environment"], row["data_mode"],
        bound(row["p95_seconds"]), f"{bound(ahead)} ahead" if ahead >= _CLOCK_SECONDS else "",
    ]  # fmt: skip


def _breach_cells(row: Row) -> list[str]:
    lasted = ago(timedelta(seconds=row["lasted_seconds"]))
    return [
        str(row["id"]), instant(row["opened_at"]), lasted if row["closed_at"] else f"{lasted}, open",
        bound(row["peak_seconds"]), row["cause"].replace("_", " "), row["detail"], row["note"],
    ]  # fmt: skip


def _budget_line(budget: Row) -> str:
    """The error budget in a sentence."""
    if not budget["calls"]:
        return "Error budget of 30 days: no calls yet."
    burn = "no calls" if budget["burn_1h"] is None else f"{budget['burn_1h']:.1f}"
    return (
        f"Error budget of 30 days: {budget['used']:.1%} is used ({number(budget['late'])} of "
        f"{number(budget['calls'])} calls took longer than {budget['objective_seconds']:g} s; 5% may). "
        f"Burn rate of the last hour: {burn}."
    )


def _print(answer: Answer, step: str, miss: str | None) -> None:
    out = console()
    if answer.whole is None:
        out.print("No calls became visible in this window.")
        return
    rows = [_cells(each, each.time.strftime(_FORMS[step]) if each.time else "") for each in answer.steps]
    show_table(out, _COLUMNS, rows, footer=_cells(answer.whole, "all"))
    if miss:
        out.print(f"Missed: {miss}.", style="bold red")


def _cells(each: Freshness, name: str) -> Sequence[str]:
    return [name, number(each.calls), *map(bound, each[2:])]


def _document(each: Freshness) -> dict[str, object]:
    """JSON has no infinity: a bound beyond the histogram is null."""
    known = {name: None if value == float("inf") else value for name, value in each._asdict().items()}
    return cast(dict[str, object], public(known))
