"""`spanledger budgets`: where budgets stand, and what they went through."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import options
from operations import query as ledger
from operations.budgets.model import STATES, BudgetState, Posture, events, posture
from operations.exactness import reasons
from operations.format import DASH, counted, instant, share, usd
from operations.operator_files.model import is_in_force
from operations.terminal import Column, console, print_json, show_table
from service import database
from service.operator_files import read_operator_files
from storage.budgets.judge import acknowledge, judge

_SHOWN = 50

app = options.app(help="Where budgets stand, and the events when a state was reached (docs/budgets.md).")


@app.command("list")
@options.grouped
def list_budgets(
    *, limit: options.Limit = 50, as_json: options.AsJson = False, given: options.Settings
) -> None:
    """List every limit with its spend, the most used first; the service judges them every minute."""
    with given.connected() as connection:
        found = posture(connection, datetime.now(UTC))
    _print_json(found) if as_json else _print(console(), found, limit)


@app.command()
@options.grouped
def check(
    *,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on", help="warning, or exceeded (a spend-alert counts as that).", metavar="STATE",
            parser=options.one_of("state", *STATES[1:]),
        ),
    ] = "exceeded",
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:  # fmt: skip
    """Check budgets.yaml, judge the budgets in force now, and exit with 1 where one is exceeded."""
    settings = given.load()
    checked = next((file for file in read_operator_files(settings) if file.kind == "budgets"), None)
    with database.connected(settings) as connection:
        judge(connection)
        found = posture(connection, datetime.now(UTC))
        other = checked is not None and checked.sha256 and not is_in_force(connection, checked)
    _print_json(found) if as_json else _print(console(), found, _SHOWN)
    if other:
        file = settings.alerting.budgets
        print(f"{file} is not in force yet: reload the service (SIGHUP).", file=sys.stderr)
    if found.worst in ("exceeded", "spend_alert") or found.worst == fail_on:
        raise typer.Exit(1)


@app.command("events")
@options.grouped
def list_events(
    *,
    window: options.LongWindow,
    budget: Annotated[str | None, typer.Option("--budget", help="Only this budget.", metavar="NAME")] = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List when budgets reached a state or were taken back by a correction, the latest first."""
    start, end = window.bounds()
    with given.connected() as connection:
        found = events(connection, start, end, budget, limit)
    if as_json:
        print_json([ledger.call_json(row) for row in found])
        return
    columns = (
        Column("id", figures=True), Column("noticed", rank=3), Column("budget", style="bold"),
        Column("event"), Column("limit", figures=True), Column("spend", figures=True), Column("period"),
        Column("crossed", rank=1), Column("note", rank=2),
    )  # fmt: skip
    out = console()
    if found:
        show_table(out, columns, [_event_cells(row) for row in found])
    else:
        out.print("No budget reached a state in this window.", style="dim")


@app.command("acknowledge")
@options.grouped
def acknowledge_event(
    *,
    event: Annotated[int, typer.Argument(metavar="ID", help="Of the event, as `budgets events` lists it.")],
    by: Annotated[str, typer.Option("--by", help="Who looks after it.", metavar="NAME")],
    given: options.Settings,
) -> None:
    """Note that somebody looks after an event: its alert ends."""
    with given.connected() as connection:
        done = acknowledge(connection, event, by, datetime.now(UTC))
    if not done:
        raise typer.BadParameter(f"{event} is no event, or it was acknowledged before", param_hint="ID")
    console().print(f"Event {event} is acknowledged by {by}.", markup=False)


def _print(out: Console, found: Posture, limit: int) -> None:
    if not found.states and not found.alerts:
        out.print("There are no budgets: `alerting.budgets` names their file (docs/budgets.md).")
        return
    columns = (
        Column("budget", style="bold"), Column("scope", rank=3), Column("environment", rank=5),
        Column("period"), Column("state"), Column("spend", figures=True), Column("limit", figures=True),
        Column("used", figures=True), Column("left", figures=True, rank=2),
        Column("projected", figures=True, rank=1), Column("owner", rank=4),
    )  # fmt: skip
    if found.states:
        show_table(out, columns, [_cells(state) for state in found.states[:limit]])
    if len(found.states) > limit:
        out.print(f"{counted(len(found.states) - limit, 'limit')} not shown: --limit", style="dim")
    for row in found.calling:
        if row["state"] == "spend_alert":
            out.print(_spend_alert(row), style="red", markup=False)
    if found.alerts:
        out.print(f"{counted(len(found.alerts), 'spend-alert')} beside these limits.", style="dim")
    if doubts := reasons(_doubts(found.states)):
        out.print(f"≥ means at least: {' and '.join(doubts)}.", style="yellow", markup=False)
    if found.judged_at:
        out.print(f"Judged {instant(found.judged_at)} UTC.", style="dim")


def _cells(state: BudgetState) -> list[str]:
    more = state.at_least
    left = usd(state.left_usd) if state.left_usd >= 0 else DASH
    used = f"{'≥ ' if more else ''}{share(state.used_ratio)}"
    return [
        state.budget, state.scope, state.environment, state.period, state.state,
        usd(state.cost_usd, at_least=more), usd(state.limit_usd), used,
        f"{'≤ ' if more and left != DASH else ''}{left}",
        usd(state.projected_usd, at_least=more) if state.projected_usd is not None else "", state.owner or "",
    ]  # fmt: skip


def _doubts(states: Sequence[BudgetState]) -> dict[str, int]:
    """The most that one budget has of each: several count the same calls."""
    names = ("unpriced_calls", "uncertain_calls", "unread_spans")
    return {name: max((getattr(state, name) for state in states), default=0) for name in names}


def _spend_alert(row: dict[str, Any]) -> str:
    return (
        f"{row['budget']}: spend-alert, {usd(row['cost_usd'])} in the {row['period']} from "
        f"{instant(row['period_start'])} (alerts above {usd(row['limit_usd'])})"
    )


def _event_cells(row: dict[str, Any]) -> list[str]:
    event = row["transition"].replace("_", "-")
    if row["transition"] == "cleared":
        event = f"cleared: {row['state'].replace('_', '-')}"
    notes = {
        "late": row["is_late"],
        "unit cost": row["measure"] == "unit_cost",
        f"acknowledged by {row['acknowledged_by']}": row["acknowledged_by"],
    }
    note = ", ".join(text for text, holds in notes.items() if holds)
    return [
        str(row["id"]), instant(row["at"]), row["budget"], event, usd(row["limit_usd"], _places(row)),
        usd(row["cost_usd"], at_least=row["at_least"]), f"{row['period']} {_day(row)}",
        instant(row["crossed_at"]) if row["crossed_at"] else DASH, note,
    ]  # fmt: skip


def _places(row: dict[str, Any]) -> int:
    return 6 if row["measure"] == "unit_cost" else 2


def _day(row: dict[str, Any]) -> str:
    form = {"hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d", "month": "%Y-%m"}[row["period"]]
    return f"{row['period_start'].astimezone(UTC):{form}}"


def _print_json(found: Posture) -> None:
    print_json(
        {
            "state": found.worst,
            "judgedAt": found.judged_at,
            "budgets": [ledger.call_json(asdict(state)) for state in found.states],
            "spendAlerts": [ledger.call_json(row) for row in found.alerts],
            "reached": [ledger.call_json(row) for row in found.calling],
        }
    )
