"""`spanledger dashboards`: pause their queries while the database needs its strength for ingest."""

from __future__ import annotations

import getpass
import json
from datetime import timedelta
from typing import Annotated

import typer

from cli import options
from dashboards.paths import CRITICAL, dashboard_files
from operations.dimensions import not_one_of
from operations.format import DASH, instant
from operations.pausing import model
from operations.query import call_json
from operations.terminal import Column, console, print_json, show_table

app = options.app(help="Pause dashboards to spare the database, and resume them (docs/dashboards.md).")

Which = Annotated[
    list[str] | None,
    typer.Option("--dashboard", help="Only this one, such as budgets; may be repeated.", metavar="NAME"),
]


@app.command("list")
@options.grouped
def list_dashboards(*, as_json: options.AsJson = False, given: options.Settings) -> None:
    """List the dashboards, and which ones are paused, by whom and until when."""
    with given.connected() as connection:
        found = {pause.dashboard: pause for pause in model.pauses(connection)}
    if as_json:
        print_json([call_json(pause._asdict()) for pause in found.values()])
        return
    columns = (
        Column("dashboard", style="bold"), Column("state"), Column("by"), Column("since (UTC)", rank=1),
        Column("until (UTC)"), Column("why", rank=2, wraps=True),
    )  # fmt: skip
    show_table(console(), columns, [_cells(uid, found) for uid in _titles()])


@app.command("pause")
@options.grouped
def pause_dashboards(
    *,
    which: Which = None,
    duration: Annotated[
        timedelta | None, options.duration_option("Resume by itself after this long, such as 30m.", "--for")
    ] = None,
    why: options.Why = "",
    by: options.Actor = "",
    given: options.Settings,
) -> None:
    """Stop the queries of dashboards: of all but those needed in an incident, or of single ones.

    Their panels stay empty, and their titles say who paused them. Overview, Compare, Freshness, Alerts Inbox
    and Incidents are never paused.
    """
    uids = _uids(which)
    if critical := [uid for uid in uids if uid in CRITICAL]:
        raise typer.BadParameter(f"{_name(critical[0])} is needed in an incident and is never paused")
    with given.connected() as connection:
        model.pause(connection, uids, by or getpass.getuser(), why, duration)
    names = "every dashboard that is not critical" if uids == [model.ALL] else ", ".join(map(_name, uids))
    console().print(f"Paused: {names}. `spanledger dashboards resume` ends it.", markup=False)


@app.command("resume")
@options.grouped
def resume_dashboards(*, which: Which = None, given: options.Settings) -> None:
    """Let dashboards ask again: all, or single ones that were paused by name."""
    uids = _uids(which)
    with given.connected() as connection:
        done = model.resume(connection, uids)
        left = {pause.dashboard for pause in model.pauses(connection)}
    out = console()
    if done:
        names = ", ".join("all" if uid == model.ALL else _name(uid) for uid in done)
        out.print(f"Resumed: {names}.", markup=False)
    else:
        out.print("Nothing of that was paused.")
    if model.ALL in left:
        out.print("All are still paused together: `spanledger dashboards resume` ends that.", markup=False)


def _uids(which: list[str] | None) -> list[str]:
    """The uids of names such as `budgets` or `spanledger-budgets`; without a name, all."""
    known = list(map(_name, _titles()))
    names = [_name(name) for name in which or ()]
    for name in names:
        if name not in known:
            raise typer.BadParameter(not_one_of(name, "dashboard", known), param_hint="--dashboard")
    return [f"spanledger-{name}" for name in names] or [model.ALL]


def _titles() -> dict[str, str]:
    """Uid → title of every dashboard, by uid."""
    loaded = [json.loads(path.read_text(encoding="utf-8")) for path in dashboard_files()]
    return {each["uid"]: each["title"] for each in loaded}


def _name(uid: str) -> str:
    return uid.removeprefix("spanledger-")


def _cells(uid: str, found: dict[str, model.Pause]) -> list[str]:
    pause = None if uid in CRITICAL else found.get(uid) or found.get(model.ALL)
    if pause is None:
        return [_name(uid), "never paused" if uid in CRITICAL else "runs", "", "", "", ""]
    ends = instant(pause.ends_at) if pause.ends_at else DASH
    return [_name(uid), "paused", pause.paused_by, instant(pause.paused_at), ends, pause.why]
