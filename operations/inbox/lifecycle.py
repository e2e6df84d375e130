"""How an alert moves: open, acknowledged, contained, resolved; each change with its actor and time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg.types.json import Jsonb

from operations.inbox.receive import Connection, query, rows

MOVES: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "acknowledge": (frozenset({"open"}), "acknowledged"),
    "contain": (frozenset({"open", "acknowledged"}), "contained"),
    "resolve": (frozenset({"open", "acknowledged", "contained"}), "resolved"),
    "reopen": (frozenset({"resolved"}), "open"),
}
"""Action → the states that it starts from, and the one that it leads to."""


class NotAllowed(ValueError):
    """The change does not fit what is stored; the text says why, for a person."""


def possible(state: str) -> list[str]:
    """The actions that a state allows."""
    return [action for action, (states, _) in MOVES.items() if state in states]


def move(connection: Connection, episode_id: int, action: str, actor: str) -> None:
    """Move one alert.

    Raises:
        NotAllowed: there is no such alert or action, or its state does not allow it.
    """
    if action not in MOVES:
        raise NotAllowed(f"an alert cannot be moved by {action!r}")
    with connection.transaction():
        found = rows(connection, "lock_episode", id=episode_id)
        if not found:
            raise NotAllowed("there is no such alert")
        states, state = MOVES[action]
        before = found[0]["state"]
        if before not in states:
            raise NotAllowed(f"the alert is {before} already")
        set_state(connection, episode_id, before, state, actor, action)


def set_state(
    connection: Connection, episode_id: int, before: str, state: str, actor: str, action: str
) -> None:
    """Store a state and who brought it about; the caller holds the row."""
    connection.execute(query("set_state"), {"id": episode_id, "state": state, "actor": actor})
    note(connection, actor, "alert", episode_id, action, {"state": before}, {"state": state})


def note(
    connection: Connection,
    actor: str,
    subject: str,
    subject_id: int | None,
    action: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Add a line to the audit."""
    values = {
        "actor": actor, "subject": subject, "subject_id": subject_id, "action": action,
        "before": Jsonb(before), "after": Jsonb(after),
    }  # fmt: skip
    connection.execute(query("add_audit"), values)
