"""`spanledger freshness`: how soon after its receipt a call is visible; a gate for releases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, cast

import typer

from cli import options
from operations import times
from operations.format import number
from operations.freshness.model import Answer, Freshness, Step, bound, freshness, missed
from operations.terminal import Column, console, print_json, public, show_table

_COLUMNS = (
    Column("time (UTC)", style="bold"),
    Column("calls", figures=True),
    Column("50% within", figures=True),
    Column("95% within", figures=True),
    Column("99% within", figures=True, rank=1),
)
_FORMS = {"minute": "%Y-%m-%d %H:%M", "hour": "%Y-%m-%d %H:%M", "day": "%Y-%m-%d"}

app = options.app()


@app.command(name="freshness")
@options.grouped
def show(
    *,
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
        str, typer.Option("--objective", metavar="TIME", help="What 95 of 100 calls have to stay within.")
    ] = "5m",
    span: options.Window,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:  # fmt: skip
    """Show how long after their receipt calls became visible in the sums that dashboards read.

    Each figure is an upper bound from a histogram whose bounds grow by 41%.
    """
    limit = options.parsed(times.duration)(objective).total_seconds()
    start, end = span.bounds()
    with given.connected() as connection:
        answer = freshness(connection, start, end, cast(Step, step))
    miss = missed(answer, limit)
    if as_json:
        steps, whole = map(_document, answer.steps), _document(answer.whole) if answer.whole else None
        print_json({"from": start, "to": end, "steps": list(steps), "whole": whole, "missed": miss})
    else:
        _print(answer, step, miss if gate else None)
    if gate and miss:
        raise typer.Exit(1)


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
