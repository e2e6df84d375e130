"""`spanledger identity map`: stored calls that `identities.yaml` gives another tenant, and moving them."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from rich.console import Console

from operations import terminal as display
from operations.format import counted
from operations.terminal import Column, console, exact_usd, number, show_table, usd
from processor.calls.errors import ConfigError
from processor.calls.identity_map import load_identity_map
from service import database
from service.config import Config
from service.erasures_and_tenants import REFRESH_SECONDS
from service.identity_keys import load_identity_rules
from service.worker import caps_of
from storage.journal import remap as identities
from storage.journal.remap import Cell, Moved

_SETTLE_SECONDS = REFRESH_SECONDS + 1.0
"""Until every running receiver has heard of the file, so that none writes by the old one behind our back."""
_SHOWN = 15
_NAMES = {
    "day": "day",
    "environment": "environment",
    "data_mode": "dataMode",
    "before": "from",
    "after": "to",
}


class Moves(NamedTuple):
    """What moves, or would.

    Attributes:
        kept_from: older calls are no longer kept; their sums stay where they are. None: everything is kept.
        moved: calls that were moved; None when nothing was asked for.
        run: in the ledger's book; None when nothing had to be changed.
    """

    cells: Mapping[Cell, Moved]
    kept_from: datetime | None
    moved: int | None = None
    run: int | None = None


def run(config: Config, apply: bool, why: str) -> Moves:
    """Look, and with `apply` put the file in force and move.

    Raises:
        ConfigError: no file is configured, or it is wrong; with line and reason.
        StorageUnavailable: the database is away.
    """
    if config.identity.labels is None:
        raise ConfigError("identity.labels names no file to map by: see docs/retention-and-erasure.md")
    given = load_identity_map(config.identity.labels, load_identity_rules(config, create=False))
    with database.connected(config) as connection:
        floor = connection.execute(
            "SELECT time FROM genai.floor WHERE level = 'raw' AND time > 'epoch'"
        ).fetchone()
        moves = Moves(identities.moves(connection, given.assignments), floor[0] if floor else None)
        if not apply:
            return moves
        identities.use(connection, given)
    time.sleep(_SETTLE_SECONDS)
    by = f"{getpass.getuser()}@{socket.gethostname()}"
    moved, run_id = identities.remap(
        database.database_url(config), why=why or "identities.yaml", by=by, caps=caps_of(config)
    )
    return moves._replace(moved=moved, run=run_id)


def print_json(moves: Moves) -> None:
    """Every cell, for programs."""
    display.print_json(
        {
            "applied": moves.moved is not None,
            "run": moves.run,
            "movedCalls": moves.moved,
            "calls": sum(moved.calls for moved in moves.cells.values()),
            "costUsd": exact_usd(sum(moved.cost_pico_usd for moved in moves.cells.values())),
            "keptFrom": moves.kept_from,
            "cells": [
                {_NAMES[name]: str(value) for name, value in cell._asdict().items()}
                | {"calls": moved.calls, "costUsd": exact_usd(moved.cost_pico_usd)}
                for cell, moved in sorted(moves.cells.items())
            ],
        }
    )


def show(moves: Moves) -> None:
    """By day, and by the tenants between which calls move."""
    out = console()
    calls = sum(moved.calls for moved in moves.cells.values())
    cost = sum(moved.cost_pico_usd for moved in moves.cells.values())
    verb = "would move" if moves.moved is None else "move"
    out.print(
        f"{counted(calls, 'call')} {verb} to another tenant, with {usd(cost)}; no total changes.",
        style="bold", markup=False,
    )  # fmt: skip
    for names in (("day",), ("before", "after")):
        if moves.cells:
            _show_table(out, names, moves.cells)
    if moves.kept_from is not None:
        out.print(
            f"Calls before {moves.kept_from:%Y-%m-%d} are no longer kept; their sums stay where they are."
        )
    if moves.moved is None:
        out.print("Dry run, nothing changed. Add --apply to move them." if calls else "Nothing has to move.")
    elif moves.run is None:
        out.print("The file is in force; no stored call had to move.")
    else:
        out.print(f"The file is in force; {counted(moves.moved, 'call')} moved, booked as run {moves.run}.")


def _show_table(out: Console, names: tuple[str, ...], cells: Mapping[Cell, Moved]) -> None:
    sums: dict[tuple[str, ...], tuple[int, int]] = {}
    for cell, moved in cells.items():
        key = tuple(str(getattr(cell, name)) for name in names)
        calls, cost = sums.get(key, (0, 0))
        sums[key] = calls + moved.calls, cost + moved.cost_pico_usd
    rows = sorted(sums.items(), key=lambda item: (-abs(item[1][1]), item[0]))
    heads = [Column({"before": "from", "after": "to"}.get(name, name), style="bold") for name in names]
    shown = [[*key, number(calls), usd(cost)] for key, (calls, cost) in rows[:_SHOWN]]
    more = f" (the {_SHOWN} largest of {len(rows)})" if len(rows) > _SHOWN else ""
    title = ("By day" if names == ("day",) else "By tenant") + more
    show_table(
        out, [*heads, Column("calls", figures=True), Column("spend", figures=True)], shown, title=title
    )
