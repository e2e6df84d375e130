"""The built-in evaluation: every rule once a minute, states kept in the database, firings told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from operations.alerts import document as documents
from operations.alerts.document import Json
from operations.alerts.model import Asked, Connection, Row, ask_all, detail
from processor.alerting.catalogue import RULES, Place, Rule, Severity
from processor.alerting.states import Instance, Labels, State, advance
from storage.statements import statements_beside

_query = statements_beside(__file__)

INTERVAL = timedelta(minutes=1)
Key = tuple[str, Place]
Tell = Callable[[Connection, Json], object]
"""Takes a document into the inbox, within the transaction of the states."""


class Channel(NamedTuple):
    """Where firings go beside the inbox: its name, and the least severity that it is told."""

    name: str
    least: Severity


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the database keeps of one rule at one place."""

    instances: dict[Labels, Instance]
    alerts: dict[Labels, Json]


class Evaluated(NamedTuple):
    """What an evaluation found: alerts that began and ended, and rules that could not be asked."""

    fired: list[Json]
    resolved: list[Json]


_SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)


def evaluate(
    connection: Connection,
    now: datetime,
    tell: Tell,
    *,
    channels: Sequence[Channel] = (),
    public_url: str = "",
    rules: Sequence[Rule] = RULES,
) -> Evaluated:
    """Evaluate every rule once; states, inbox and outbox are written in one transaction.

    Args:
        now: the moment of the evaluation; windows end three minutes before.
        tell: takes what fired and resolved into the inbox.

    Raises:
        psycopg.Error: the ledger cannot be read or written; nothing has changed then.
    """
    asked = ask_all(connection, now, rules)
    with connection.transaction():
        before = _read(connection, rules)
        turned = Evaluated([], [])
        after: dict[Key, tuple[_Kept, dict[Labels, Row]]] = {}
        for each in asked:
            kept = before.get((each.rule.id, each.place), _Kept({}, {}))
            after[each.rule.id, each.place] = _advance(connection, each, kept, now, public_url, turned)
        _write(connection, rules, after)
        _tell(connection, [*turned.fired, *turned.resolved], now, tell, channels, public_url)
    return turned


def _advance(
    connection: Connection, asked: Asked, kept: _Kept, now: datetime, public_url: str, turned: Evaluated
) -> tuple[_Kept, dict[Labels, Row]]:
    """One rule at one place: its instances after the evaluation; adds what turned."""
    rows = {row.labels(asked.rule): row for row in asked.rows}
    step = advance(
        kept.instances, {labels: row.score for labels, row in rows.items()}, asked.rule, now, INTERVAL
    )
    alerts = {labels: told for labels, told in kept.alerts.items() if labels in step.instances}
    for turn in step.turns:
        if turn.ended is None:
            row = rows[turn.labels]
            told = detail(connection, asked.rule, row)
            alerts[turn.labels] = documents.alert(
                asked.rule, asked.place, row, told, turn.started, public_url
            )
            turned.fired.append(alerts[turn.labels])
        elif firing := kept.alerts.get(turn.labels):
            turned.resolved.append(documents.resolved(firing, turn.ended))
    return _Kept(step.instances, alerts), rows


def _tell(
    connection: Connection,
    alerts: Sequence[Json],
    now: datetime,
    tell: Tell,
    channels: Sequence[Channel],
    public_url: str,
) -> None:
    if not alerts:
        return
    tell(connection, documents.document(alerts, "spanledger-inbox", public_url))
    for channel in channels:
        heard = [each for each in alerts if _severity(each) >= _SEVERITIES.index(channel.least)]
        if heard:
            told = documents.document(heard, channel.name, public_url)
            values = {"channel": channel.name, "document": Jsonb(told), "now": now}
            connection.execute(_query("put_document"), values)


def _severity(told: Mapping[str, Any]) -> int:
    return _SEVERITIES.index(Severity(told["labels"]["severity"]))


def _read(connection: Connection, rules: Sequence[Rule]) -> dict[Key, _Kept]:
    found: dict[Key, _Kept] = {}
    for rule, place, text, state, since, started, seen, told in connection.execute(
        _query("states"), _ids(rules)
    ):
        kept = found.setdefault((rule, Place(place)), _Kept({}, {}))
        labels = tuple(sorted(json.loads(text).items()))
        kept.instances[labels] = Instance(State(state), since, started, seen)
        if told is not None:
            kept.alerts[labels] = told
    return found


def _write(
    connection: Connection, rules: Sequence[Rule], after: Mapping[Key, tuple[_Kept, Mapping[Labels, Row]]]
) -> None:
    connection.execute(_query("forget_states"), _ids(rules))
    values = [
        _values(rule, place, labels, instance, kept.alerts.get(labels), rows.get(labels))
        for (rule, place), (kept, rows) in after.items()
        for labels, instance in kept.instances.items()
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_query("put_state"), values)


def _ids(rules: Sequence[Rule]) -> dict[str, list[str]]:
    return {"rules": [rule.id for rule in rules]}


def _values(
    rule: str, place: Place, labels: Labels, instance: Instance, told: Json | None, row: Row | None
) -> dict[str, object]:
    return {
        "rule": rule, "place": place.value, "labels": json.dumps(dict(labels), ensure_ascii=False),
        "state": instance.state.value, "since": instance.since, "started_at": instance.started,
        "seen_at": instance.seen, "alert": Jsonb(told) if told else None, "score": row.score if row else 0,
        "value": row.value if row else 0, "threshold": row.threshold if row else 0,
    }  # fmt: skip


Send = Callable[[str, Json], None]
"""Posts a document to the channel of that name; raises OSError where it does not arrive."""


def deliver(connection: Connection, now: datetime, send: Send) -> list[str]:
    """Post what waits; what does not arrive is tried again later. Why something failed, once a channel."""
    failed: dict[str, str] = {}
    for number, channel, told in connection.execute(_query("waiting_documents"), {"now": now}).fetchall():
        if channel in failed:
            continue  # a channel that is away gets its documents in order, later
        try:
            send(channel, told)
        except OSError as error:
            failed[channel] = f"{channel}: {error}"
            connection.execute(_query("document_failed"), {"id": number, "now": now})
        else:
            connection.execute(_query("document_sent"), {"id": number})
    return list(failed.values())
