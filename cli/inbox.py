"""`spanledger inbox`: alerts that were delivered, and what explains them."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import psycopg
import typer

from cli import options
from operations import query as ledger
from operations.compare.model import as_json
from operations.format import CLASSES, DASH, instant, signed, span, usd
from operations.inbox import lifecycle
from operations.inbox.frozen import Story
from operations.inbox.lifecycle import NotAllowed
from operations.inbox.page import STATES, Filters
from operations.inbox.receive import rows
from operations.inbox.story import Today, question_of, stored, today, told_of
from operations.terminal import Column, console, print_json, public, show_table

app = options.app(help="Alerts that were delivered, and what explains them.")

Number = Annotated[int, typer.Argument(metavar="ALERT", help="The number that `inbox list` shows.", min=1)]


@app.command("list")
@options.grouped
def list_(
    *,
    state: Annotated[str, options.state_of("not resolved", *STATES)] = STATES[0],
    limit: options.Limit = 20,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List alerts, those that no one has taken on first."""
    with given.connected() as connection:
        found = rows(connection, "listed", limit=limit, **Filters(state)._asdict())
    if as_json:
        print_json([ledger.call_json(row) for row in found])
        return
    if not found:
        console().print("No alert matches. `--state '*'` lists all.", markup=False)
        return
    columns = (
        Column("alert", figures=True), Column("severity", style="bold"), Column("state", rank=1),
        Column("began (UTC)", rank=2), Column("rule", rank=3), Column("change", figures=True),
        Column("what", wraps=True), Column("incident", figures=True, rank=4),
    )  # fmt: skip
    show_table(console(), columns, [_cells(row) for row in found])


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        str(row["id"]), row["severity"], f"{row['state']}{', ended' if row['ended_at'] else ''}",
        instant(row["starts_at"]), row["rule"],
        DASH if row["delta_usd"] is None else signed(row["delta_usd"]),
        row["sentence"] or row["title"], str(row["incident_id"] or DASH),
    ]  # fmt: skip


@app.command()
@options.grouped
def show(*, number: Number, as_json: options.AsJson = False, given: options.Settings) -> None:
    """Show an alert as it was explained when it arrived, beside today's figures."""
    with given.connected() as connection:
        found = rows(connection, "episode", id=number)
        if not found:
            raise _no_such(number)
        night = stored(connection, number)
        question = question_of(found[0])
        now = today(connection, question, night) if night else None
    if as_json:
        _print_json(found[0], night, now)
    else:
        _print(found[0], night, now)


def _print_json(alert: dict[str, Any], night: Story | None, now: Today | None) -> None:
    total = night.answer.total if night else None
    print_json(
        ledger.call_json(alert)
        | {
            "asOf": night.as_of if night else None,
            "class": night.answer.spike.name if night and night.answer.spike else None,
            "total": public(as_json(total)) if total else None,
            "drivers": public([as_json(each) for each in night.answer.drivers]) if night else [],
            "differences": public([each._asdict() for each in now.differences]) if now else [],
        }
    )


def _print(alert: dict[str, Any], night: Story | None, now: Today | None) -> None:
    out = console()
    out.print(f"{alert['title']} ({alert['severity']}, {alert['state']})", style="bold", markup=False)
    out.print(span(alert["window_from"], alert["window_to"]), markup=False)
    if night is None or night.answer.total is None:
        out.print(told_of(alert, None) or "Not explained: no calls in its window, or not yet.", markup=False)
        return
    total, spike = night.answer.total, night.answer.spike
    if spike:
        said, name = told_of(alert, night), CLASSES.get(spike.name, spike.name)
        out.print(f"{name}: {said}" if said == spike.sentence else said, markup=False)
    before = usd(total.baseline_cost_usd, 2, total.baseline_at_least)
    out.print(
        f"{before} → {usd(total.cost_usd, 2, total.at_least)} "
        f"({signed(total.delta_usd)}), complete up to {instant(night.as_of)} UTC",
        markup=False,
    )
    for driver in night.answer.drivers[:3]:
        out.print(f"  {driver.name}: {signed(driver.excess_usd)}", markup=False)
    for each in now.differences if now else ():
        out.print(
            f"Today, {each.side}: {signed(each.delta_usd)} ({each.late_calls} late calls "
            f"{signed(each.late_usd)}, corrections {signed(each.other_usd)})",
            markup=False,
        )


@app.command()
@options.grouped
def ack(*, number: Number, by: options.Actor = "", given: options.Settings) -> None:
    """Acknowledge an alert: from now on it is yours."""
    with given.connected() as connection:
        move(connection, number, "acknowledge", by)


@app.command()
@options.grouped
def resolve(*, number: Number, by: options.Actor = "", given: options.Settings) -> None:
    """Resolve an alert that needs nothing more."""
    with given.connected() as connection:
        move(connection, number, "resolve", by)


def move(connection: psycopg.Connection[Any], number: int, action: str, by: str) -> None:
    """Move an alert, or say why not.

    Raises:
        typer.Exit: its state does not allow it.
    """
    try:
        lifecycle.move(connection, number, action, by or getpass.getuser())
    except NotAllowed as error:
        console(stderr=True).print(f"Alert {number}: {error}.", markup=False)
        raise typer.Exit(1) from None
    done = lifecycle.MOVES[action][1]
    console().print(f"Alert {number} is {done}.", markup=False)


def _no_such(number: int) -> typer.Exit:
    console(stderr=True).print(
        f"There is no alert {number}: `spanledger inbox list` shows them.", markup=False
    )
    return typer.Exit(1)
