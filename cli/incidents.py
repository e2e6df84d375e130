"""`spanledger incidents`: what is in hand, what contains it, and closing it."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg
import typer

from cli import options
from operations import query as ledger
from operations.format import DASH, instant
from operations.inbox.lifecycle import NotAllowed
from operations.incidents import burn, model
from operations.incidents.facts import advice_of
from operations.incidents.page import STATES, Filters, burn_words
from operations.terminal import Column, console, print_json, show_table

app = options.app(help="Incidents: what is in hand, what contains it, and closing it.")

Number = Annotated[
    int, typer.Argument(metavar="INCIDENT", help="The number that `incidents list` shows.", min=1)
]


@app.command("list")
@options.grouped
def list_(
    *,
    state: Annotated[str, options.state_of("not closed", *STATES)] = STATES[0],
    limit: options.Limit = 20,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """List incidents, those that are not closed first."""
    with given.connected() as connection:
        found = model.rows(connection, "listed", limit=limit, **Filters(state)._asdict())
    if as_json:
        print_json([ledger.call_json(row) for row in found])
        return
    if not found:
        console().print("No incident matches. `--state '*'` lists all.", markup=False)
        return
    columns = (
        Column("incident", figures=True), Column("state", style="bold"), Column("opened (UTC)", rank=2),
        Column("owner", rank=1), Column("driver", wraps=True), Column("worked?", rank=3),
        Column("before", figures=True, rank=4), Column("guardrail", rank=5),
    )  # fmt: skip
    show_table(console(), columns, [_cells(row) for row in found])


def _cells(row: dict[str, Any]) -> list[str]:
    guardrail = "missing" if row["is_guardrail_open"] else DASH if row["state"] != "closed" else "yes"
    return [
        str(row["id"]), row["state"], instant(row["opened_at"]), row["owner"] or DASH,
        row["driver"] or row["title"], row["verdict"] or DASH, str(row["recurrences"]), guardrail,
    ]  # fmt: skip


@app.command()
@options.grouped
def show(*, number: Number, as_json: options.AsJson = False, given: options.Settings) -> None:
    """Show an incident: the containment with its patches, and what closing still needs."""
    with given.connected() as connection:
        incident = _incident(connection, number)
        advice = advice_of(connection, incident)
        measured = model.rows(connection, "burn", id=number)
    if as_json:
        print_json(
            ledger.call_json(incident)
            | {
                "step": advice.step,
                "patches": [each._asdict() for each in advice.patches],
                "missing": model.missing(incident),
                "burn": ledger.call_json(measured[0]) if measured else None,
            }
        )
        return
    out = console()
    out.print(f"Incident {number} ({incident['state']}): {incident['title']}", style="bold", markup=False)
    out.print(advice.step, markup=False)
    for patch in advice.patches:
        out.print(f"\n{patch.file}: {patch.how}", markup=False)
        out.print(patch.text.rstrip(), markup=False, soft_wrap=True)
    if measured:
        out.print(f"\n{burn_words(measured[0])}", markup=False)
    if incident["state"] != "closed" and (names := model.missing(incident)):
        out.print(f"\nClosing still needs {', '.join(names)}; or a waiver.", markup=False)


@app.command("open")
@options.grouped
def open_(
    *,
    alert: Annotated[int, typer.Argument(metavar="ALERT", help="The number that `inbox list` shows.", min=1)],
    by: options.Actor = "",
    given: options.Settings,
) -> None:
    """Open an incident for an alert."""
    with given.connected() as connection:
        number = _told(lambda: model.open_incident(connection, alert, by or getpass.getuser()))
    console().print(f"Alert {alert} is part of incident {number}.", markup=False)


@app.command()
@options.grouped
def contain(
    *,
    number: Number,
    done: Annotated[str, typer.Argument(metavar="DONE", help="What was done, in a sentence.")],
    since: Annotated[
        datetime | None, options.moment_option("Since when it holds (UTC): now-2h, 2026-05-04T12:00. [now]")
    ] = None,
    by: options.Actor = "",
    given: options.Settings,
) -> None:
    """Say what contains an incident; the burn is then measured for an hour."""
    with given.connected() as connection:
        _move(connection, number, "contain", {"containment": done}, by, since)
        if burn.measure_if_due(connection, number, datetime.now(UTC)):
            console().print(burn_words(model.rows(connection, "burn", id=number)[0]), markup=False)


@app.command()
@options.grouped
def close(
    *,
    number: Number,
    guardrail: Annotated[
        str, typer.Option(help="The permanent guardrail, as a reviewed change.", metavar="TEXT")
    ] = "",
    waiver: Annotated[str, typer.Option(help="Why it needs none of what is missing.", metavar="TEXT")] = "",
    by: options.Actor = "",
    given: options.Settings,
) -> None:
    """Close an incident. It needs its driver and class, a containment and a guardrail, or a waiver."""
    texts = {name: text for name, text in (("guardrail", guardrail), ("waiver", waiver)) if text}
    with given.connected() as connection:
        _move(connection, number, "close", texts, by)


def _move(
    connection: psycopg.Connection[Any], number: int, action: str, texts: dict[str, str], by: str,
    contained_at: datetime | None = None,
) -> None:  # fmt: skip
    version = _incident(connection, number)["version"]
    actor = by or getpass.getuser()
    _told(lambda: model.move(connection, number, version, action, actor, texts, contained_at))
    state = _incident(connection, number)["state"]
    console().print(f"Incident {number} is {state}.", markup=False)


def _incident(connection: psycopg.Connection[Any], number: int) -> dict[str, Any]:
    found = model.rows(connection, "incident", id=number)
    if not found:
        console(stderr=True).print(
            f"There is no incident {number}: `spanledger incidents list` shows them.", markup=False
        )
        raise typer.Exit(1)
    return found[0]


def _told(change: Callable[[], int | None]) -> int | None:
    """Make a change; what it does not allow is told in a line."""
    try:
        return change()
    except NotAllowed as error:
        console(stderr=True).print(f"Not changed: {error}.", markup=False)
        raise typer.Exit(1) from None
