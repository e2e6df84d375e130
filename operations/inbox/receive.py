"""Stores what an alert document says: one episode per firing, every delivery a row, flags on rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from operations.inbox.document import SEVERITIES, Alert, read
from storage.statements import statements_beside

query = statements_beside(__file__)
"""Finds a statement of this room by its name."""

COOLDOWN = timedelta(seconds=300)

Connection = psycopg.Connection[Any]


class Delivery(NamedTuple):
    """What became of one alert of a document.

    Attributes:
        is_new: the episode was not known before.
        dedupe_applied: this episode was told in this status before.
        cooldown_applied: its topic was told within the cooldown, at this severity or above.
    """

    episode_id: int
    alert: Alert
    is_new: bool
    dedupe_applied: bool
    cooldown_applied: bool

    @property
    def needs_attention(self) -> bool:
        """Whether a person should be told: neither flag holds."""
        return not (self.dedupe_applied or self.cooldown_applied or self.alert.is_test)


class Received(NamedTuple):
    """What became of a document; `faults` says which alerts could not be read, and why."""

    deliveries: list[Delivery]
    faults: list[str]


class _Told(NamedTuple):
    """When a topic was last told to people, and how severe it was."""

    at: datetime
    severity: str


def receive(
    connection: Connection,
    document: Mapping[str, Any],
    *,
    source: str | None = None,
    now: datetime | None = None,
    cooldown: timedelta = COOLDOWN,
) -> Received:
    """Store a document in one transaction; the same document again changes nothing but counts and times.

    Args:
        document: as Grafana's webhook or Alertmanager sends it.
        source: `builtin` for the evaluator in this process; None reads it from the document.
        now: time of receipt.

    Raises:
        Unreadable: the document holds no list of alerts.
    """
    told = read(document)
    now = now or datetime.now(UTC)
    stored: list[_Stored] = []
    # In two round trips: what is known, then all that is written, with the commit.
    with connection.pipeline(), connection.transaction():
        # Two documents that tell the same alert must not both find its topic silent.
        connection.execute(query("lock"), {"names": _names(told.alerts)})
        for alerts in _rounds(told.alerts):
            stored.append(_store(connection, alerts, source or told.source, now, cooldown))
        for fault in told.faults:
            connection.execute(query("quarantine"), {"now": now, "fault": fault})
    return Received([delivery for each in stored for delivery in each.deliveries()], told.faults)


def _names(alerts: Sequence[Alert]) -> list[str]:
    """What a document is about, and whose it is: no other with one of these may be stored meanwhile."""
    return sorted({name for alert in alerts for name in (alert.topic, f"{alert.org_id} {alert.fingerprint}")})


def _rounds(alerts: Sequence[Alert]) -> Iterator[list[Alert]]:
    """The alerts in order, cut wherever an episode comes a second time."""
    part: dict[tuple[int, str, datetime], Alert] = {}
    for alert in alerts:
        if alert.key in part:
            yield list(part.values())
            part = {}
        part[alert.key] = alert
    if part:
        yield list(part.values())


class _Flagged(NamedTuple):
    """An alert with what becomes of its delivery."""

    alert: Alert
    is_new: bool
    dedupe_applied: bool
    cooldown_applied: bool


class _Stored(NamedTuple):
    """Alerts on their way into the ledger; their numbers come with the answer to what was written."""

    flagged: list[_Flagged]
    upserted: psycopg.Cursor[tuple[Any, ...]]

    def deliveries(self) -> list[Delivery]:
        ids = {(row[1], row[2], row[3].astimezone(UTC)): row[0] for row in self.upserted}
        return [Delivery(ids[each.alert.key], *each) for each in self.flagged]


def _store(
    connection: Connection, alerts: list[Alert], source: str, now: datetime, cooldown: timedelta
) -> _Stored:
    known, told = _known(connection, alerts, now - cooldown)
    flagged = []
    for alert in alerts:
        is_repeated = alert.status in known.get(alert.key, ())
        is_silent = not is_repeated and in_cooldown(alert, told.get(alert.topic), now, cooldown)
        each = _Flagged(alert, alert.key not in known, is_repeated, is_silent)
        if alert.ended_at is None and not (is_repeated or is_silent or alert.is_test):
            told[alert.topic] = _Told(now, alert.severity)
        flagged.append(each)
    values = {"alerts": Jsonb([_row(alert) for alert in alerts]), "source": source, "now": now}
    upserted = connection.execute(query("upsert"), values)
    connection.execute(query("end_superseded"), _keys(alerts) | {"now": now})
    _write_deliveries(connection, flagged, now)
    return _Stored(flagged, upserted)


def in_cooldown(alert: Alert, told: _Told | None, now: datetime, cooldown: timedelta) -> bool:
    """Whether people were told of this topic a moment ago; a higher severity passes, and so does an end."""
    if alert.ended_at is not None or told is None or now - told.at >= cooldown:
        return False
    return SEVERITIES.index(alert.severity) <= SEVERITIES.index(told.severity)


def _known(
    connection: Connection, alerts: Sequence[Alert], since: datetime
) -> tuple[dict[tuple[int, str, datetime], list[str]], dict[str, _Told]]:
    """In which status these episodes were told before, and when their topics were, to people."""
    episodes = connection.execute(query("known"), _keys(alerts))
    values = {"topics": sorted({alert.topic for alert in alerts}), "since": since}
    topics = connection.execute(query("told"), values)
    return (
        {(row[0], row[1], row[2].astimezone(UTC)): row[3] for row in episodes},
        {row[0]: _Told(row[1], row[2]) for row in topics},
    )


def _row(alert: Alert) -> dict[str, object]:
    values = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in alert._asdict().items()
    }
    return values | {"has_fired": alert.ended_at is None}


def _keys(alerts: Sequence[Alert]) -> dict[str, object]:
    return {
        "org_ids": [alert.org_id for alert in alerts],
        "fingerprints": [alert.fingerprint for alert in alerts],
        "starts": [alert.starts_at for alert in alerts],
    }


def _write_deliveries(connection: Connection, flagged: Sequence[_Flagged], now: datetime) -> None:
    values = _keys([each.alert for each in flagged]) | {
        "now": now,
        "topics": [each.alert.topic for each in flagged],
        "statuses": [each.alert.status for each in flagged],
        "severities": [each.alert.severity for each in flagged],
        "dedupes": [each.dedupe_applied for each in flagged],
        "cooldowns": [each.cooldown_applied for each in flagged],
    }
    connection.execute(query("add_deliveries"), values)


def forget(connection: Connection, deliveries_before: datetime, alerts_before: datetime) -> tuple[int, int]:
    """Take away deliveries, and resolved alerts that are part of no incident, last told before these times.

    Returns:
        How many of each are gone.
    """
    (gone,) = rows(connection, "forget", deliveries_before=deliveries_before, alerts_before=alerts_before)
    return gone["deliveries"], gone["alerts"]


def rows(connection: Connection, name: str, **values: object) -> list[dict[str, Any]]:
    """The rows of a statement of this room by column name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), values).fetchall()
