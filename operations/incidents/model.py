"""An incident from its first alert to its guardrail. Every change is checked, versioned and audited."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from operations.compare.cause import cause_of
from operations.compare.model import Question
from operations.format import instant, iso
from operations.inbox.frozen import Story
from operations.inbox.lifecycle import NotAllowed, note, set_state
from operations.inbox.story import stored, tell
from storage.statements import statements_beside

query = statements_beside(__file__)
"""Finds a statement of this room by its name."""

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

CLASSES: Final = (
    "volume", "token", "deploy", "model_mix", "price", "retry_storm", "identity_concentration", "abuse",
    "unknown_model", "moved_alike", "unclear",
)  # fmt: skip
"""What a driver can be called: the classes of `genai.classify` that name a cause, and `unclear`."""
EDITABLE: Final = (
    "title", "owner", "channel", "driver_class", "driver", "containment", "note", "guardrail", "waiver",
)  # fmt: skip
"""What people write."""
_LONGEST = 20_000
_MOVES: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "acknowledge": (frozenset({"open"}), "acknowledged"),
    "contain": (frozenset({"open", "acknowledged"}), "contained"),
    "close": (frozenset({"open", "acknowledged", "contained"}), "closed"),
    "reopen": (frozenset({"contained", "closed"}), "acknowledged"),
}
_ALERT_STATES: Final = {
    "acknowledged": "acknowledged",
    "contained": "contained",
    "closed": "resolved",
}
"""Where an incident takes its alerts."""
_ORDER: Final = ("open", "acknowledged", "contained", "resolved")


def possible(state: str) -> list[str]:
    """The actions that a state allows."""
    return [action for action, (states, _) in _MOVES.items() if state in states]


def open_incident(connection: Connection, episode_id: int, actor: str) -> int:
    """The incident of an alert, opened from its story unless it is part of one already.

    Raises:
        NotAllowed: there is no such alert.
    """
    with connection.transaction():
        episode = _episode(connection, episode_id)
        if known := rows(connection, "incident_of", episode_id=episode_id):
            return int(known[0]["incident_id"])
        values = _opening(connection, episode, stored(connection, episode["id"])) | {"actor": actor}
        (added,) = rows(connection, "open", **values)
        number = int(added["id"])
        note(connection, actor, "incident", number, "open", {}, {"alert": episode_id})
        _join(connection, number, "open", episode, actor)
        return number


def open_for(connection: Connection, question: Question, actor: str) -> int:
    """An incident without an alert: what a person saw in a window, explained as an alert would be."""
    story = tell(connection, question)  # in a transaction of its own, which changes nothing
    focus = {name: value for name, value in question.focus._asdict().items() if value is not None}
    seen = {
        "focus": focus, "rule": "seen", "title": "Seen in Compare", "owner": "", "annotations": {},
        "severity": "warning", "environment": question.environment, "data_mode": question.data_mode,
        "window_from": question.start, "window_to": question.end, "baseline": question.baseline,
    }  # fmt: skip
    with connection.transaction():
        (added,) = rows(connection, "open", **_opening(connection, seen, story), actor=actor)
        note(connection, actor, "incident", int(added["id"]), "open", {}, {"focus": focus})
    return int(added["id"])


def add_alert(connection: Connection, incident_id: int, episode_id: int, actor: str) -> None:
    """Make an alert part of an open incident.

    Raises:
        NotAllowed: one of them does not exist, the incident is closed, or the alert is part of another.
    """
    with connection.transaction():
        incident, episode = _locked(connection, incident_id), _episode(connection, episode_id)
        known = rows(connection, "incident_of", episode_id=episode_id)
        if known and known[0]["incident_id"] != incident_id:
            raise NotAllowed(f"the alert is part of incident {known[0]['incident_id']} already")
        if incident["state"] == "closed":
            raise NotAllowed("the incident is closed; reopen it first")
        if not known:
            note(connection, actor, "incident", incident_id, "add alert", {}, {"alert": episode_id})
            _join(connection, incident_id, incident["state"], episode, actor)


def _join(connection: Connection, incident_id: int, state: str, episode: Row, actor: str) -> None:
    connection.execute(query("join"), {"incident_id": incident_id, "episode_id": episode["id"]})
    _follow(connection, episode, "acknowledged" if state == "open" else state, actor)


def write(
    connection: Connection, incident_id: int, version: int, texts: Mapping[str, str], actor: str
) -> None:
    """Store what a person wrote; what is as before leaves no trace.

    Args:
        version: of the incident that the person saw.
        texts: some of `EDITABLE`.

    Raises:
        NotAllowed: somebody changed the incident meanwhile, or a text is not allowed.
    """
    with connection.transaction():
        incident = _seen(connection, incident_id, version)
        _write(connection, incident, _cleaned(texts), actor)


def move(
    connection: Connection,
    incident_id: int,
    version: int,
    action: str,
    actor: str,
    texts: Mapping[str, str] | None = None,
    contained_at: datetime | None = None,
) -> None:
    """Store what a person wrote and move the incident, with its alerts, in one step.

    Args:
        contained_at: since when the containment holds, for `contain`; None is now.

    Raises:
        NotAllowed: the state does not allow it, something is missing or impossible, or somebody was quicker.
    """
    if action not in _MOVES:
        raise NotAllowed(f"an incident cannot be moved by {action!r}")
    with connection.transaction():
        incident = _seen(connection, incident_id, version)
        states, state = _MOVES[action]
        if incident["state"] not in states:
            raise NotAllowed(f"the incident is {incident['state']} already")
        incident = _write(connection, incident, _cleaned(texts or {}), actor)
        _check(action, incident)
        _check_moment(incident, contained_at)
        values = {"id": incident_id, "state": state, "actor": actor, "contained_at": contained_at}
        connection.execute(query("move"), values)
        before, after = {"state": incident["state"]}, {"state": state}
        if contained_at:
            after["contained_at"] = iso(contained_at)
        note(connection, actor, "incident", incident_id, action, before, after)
        for episode in rows(connection, "lock_alerts", id=incident_id):
            _follow(connection, episode, state, actor)


def missing(incident: Mapping[str, Any]) -> list[str]:
    """What closing still needs, unless it is waived with a reason."""
    needed = {
        "the driver's class": incident["driver_class"],
        "the driver": incident["driver"],
        "the containment": incident["containment"],
        "a guardrail": incident["guardrail"],
    }
    return [name for name, text in needed.items() if not text.strip()]


def _check(action: str, incident: Row) -> None:
    if action == "contain" and not incident["containment"].strip():
        raise NotAllowed("say first what was done to contain it")
    if action == "close" and not incident["waiver"].strip() and (names := missing(incident)):
        raise NotAllowed(
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} missing; or waive it with a reason"
        )


def _check_moment(incident: Row, contained_at: datetime | None) -> None:
    if contained_at is None:
        return
    if contained_at > datetime.now(UTC):
        raise NotAllowed("the containment lies in the future; leave its time empty if it holds from now on")
    if contained_at < incident["window_from"]:
        began = instant(incident["window_from"])
        raise NotAllowed(f"the containment lies before the incident, whose window begins at {began} UTC")


def _opening(connection: Connection, episode: Row, story: Story | None) -> Row:
    """What is known of the incident when it opens."""
    spike = story.answer.spike if story else None
    focus = cause_of(story.answer) if story else {}
    focus = focus or episode["focus"]
    found = rows(
        connection, "owner", service=focus.get("service", ""), endpoint=focus.get("endpoint", ""),
    )  # fmt: skip
    owner = found[0] if found else {"owner": episode["owner"], "channel": ""}
    kind = spike.name if spike and spike.name in CLASSES else ""
    sentence = spike.sentence if spike else episode["annotations"].get("sentence", "")
    return {
        "title": (sentence or episode["title"])[:500],
        "driver_class": kind,
        "driver": ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in focus.items()),
        "focus": Jsonb(focus),
        "recurrence_key": recurrence_key(kind, focus, episode["rule"]),
        "owner": owner["owner"] or episode["owner"],
        "channel": owner["channel"] or "",
    } | {
        name: episode[name]
        for name in ("severity", "environment", "data_mode", "window_from", "window_to", "baseline")
    }


def recurrence_key(driver_class: str, focus: Mapping[str, str], rule: str) -> str:
    """What two incidents share when one is the other coming back; a new prompt version is no new cause."""
    lasting = {name: value for name, value in focus.items() if name != "prompt_version"}
    return json.dumps([driver_class or rule, lasting], sort_keys=True)


def _cleaned(texts: Mapping[str, str]) -> dict[str, str]:
    for name, text in texts.items():
        if name not in EDITABLE:
            raise NotAllowed(f"{name} cannot be changed")
        if len(text) > _LONGEST:
            raise NotAllowed(f"{name}: at most {_LONGEST} characters")
    cleaned = {name: text.replace("\x00", "").replace("\r\n", "\n").strip() for name, text in texts.items()}
    if cleaned.get("driver_class") and cleaned["driver_class"] not in CLASSES:
        raise NotAllowed(f"driver class: expected one of {', '.join(CLASSES)}")
    if "title" in cleaned and not cleaned["title"]:
        raise NotAllowed("an incident needs a title")
    return cleaned


def _write(connection: Connection, incident: Row, texts: Mapping[str, str], actor: str) -> Row:
    changed = {name: text for name, text in texts.items() if text != incident[name]}
    if not changed:
        return incident
    written: Row = incident | changed
    key = recurrence_key(written["driver_class"], written["focus"], "")
    values = {name: written[name] for name in EDITABLE} | {
        "id": incident["id"],
        "recurrence_key": key if "driver_class" in changed else incident["recurrence_key"],
    }
    connection.execute(query("write"), values)
    before = {name: incident[name] for name in changed}
    note(connection, actor, "incident", incident["id"], "write", before, changed)
    return written


def _seen(connection: Connection, incident_id: int, version: int) -> Row:
    incident = _locked(connection, incident_id)
    if incident["version"] != version:
        raise NotAllowed(
            "somebody changed the incident since this page was loaded; load it again, your text is below"
        )
    return incident


def _follow(connection: Connection, episode: Row, state: str, actor: str) -> None:
    """Take an alert where its incident is; one that got further stays there."""
    target = _ALERT_STATES.get(state)
    if target and _ORDER.index(episode["state"]) < _ORDER.index(target):
        set_state(connection, episode["id"], episode["state"], target, actor, "with its incident")


def _episode(connection: Connection, episode_id: int) -> Row:
    found = rows(connection, "lock_alert", id=episode_id)
    if not found:
        raise NotAllowed("there is no such alert")
    return found[0]


def _locked(connection: Connection, incident_id: int) -> Row:
    found = rows(connection, "lock_incident", id=incident_id)
    if not found:
        raise NotAllowed("there is no such incident")
    return found[0]


def rows(connection: Connection, name: str, **values: object) -> list[Row]:
    """The rows of a statement of this room by column name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), values).fetchall()
