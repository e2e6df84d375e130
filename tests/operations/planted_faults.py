"""A healthy ledger around a moment, and a fault of the pipeline for each rule that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from storage.upkeep.rollup_check import Slice, compare
from tests.operations.ledger import Call, book, fill

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
EVERY = timedelta(seconds=10)
AHEAD = 75 * MINUTE
"""So long does the traffic go on after the moment."""

Connection = psycopg.Connection[Any]
Step = Callable[[Connection, datetime], object]


_SENDERS = (("shop", "prod"), ("batch", "prod"), ("nightly", "prod"), ("shop", "staging"))


def healthy(dsn: str, now: datetime) -> None:
    """Three services in prod and one in staging send all the time, yesterday and a week ago too."""
    fill(dsn, _traffic(now))
    with psycopg.connect(dsn, autocommit=True) as connection:
        # A call has a key, and arrives when it ends.
        connection.execute(
            "UPDATE _genai.model_call SET received_at = time + latency_us * interval '1 microsecond'"
        )
        connection.execute(
            "INSERT INTO _genai.call_key (key, call, time, received_at)"
            " SELECT call_key, call_key, time, received_at FROM _genai.model_call"
        )
        clean(connection, now)
        connection.execute("ANALYZE")


def clean(connection: Connection, now: datetime) -> None:
    """Nothing was rejected, resent, mistyped or late, and a writer gives signs of life for long enough."""
    connection.execute("TRUNCATE _genai.writer_mark, _genai.quarantine, _genai.resend_minute")
    connection.execute("UPDATE _genai.model_call SET flags = flags & ~65536 WHERE flags & 65536 <> 0")
    shift_arrivals(connection, "batch", now - HOUR, now + HOUR, timedelta(0))
    _mark(connection, now + AHEAD, None)


def _traffic(now: datetime) -> Iterator[Call]:
    for back in (timedelta(days=7), timedelta(days=1), timedelta(0)):
        moment = now - back - 65 * MINUTE
        while moment < now - back + AHEAD:
            for service, environment in _SENDERS:
                number = int(moment.timestamp()) // int(EVERY.total_seconds())
                yield Call(
                    moment, service=service, environment=environment, endpoint=f"{service}.ask",
                    tenant=f"tenant-{number % 8}", user=f"h:{number % 16}",
                    costs=(10**10, 0, 0, 10**10, 0),
                )  # fmt: skip
            moment += EVERY


def _mark(connection: Connection, seen: datetime, holds_from: datetime | None) -> None:
    connection.execute(
        "INSERT INTO _genai.writer_mark VALUES (gen_random_uuid(), %s, %s)", (seen, holds_from)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is broken, and mended later.

    Attributes:
        rule: the one that must speak, and no other.
        env, labels: of the instance that speaks, the labels beside environment and data mode.
        plant, mend: at a moment.
        ends_after: from mending until the rule's score is below what resolves.
    """

    rule: str
    plant: Step
    mend: Step
    env: str = "prod"
    data_mode: str = "real"
    labels: dict[str, str] = field(default_factory=dict)
    ends_after: timedelta = timedelta(0)


def _time_passes(connection: Connection, now: datetime) -> None:
    """Nothing: what was planted leaves the window."""


def _hang(connection: Connection, now: datetime) -> None:
    """A writer lives, and holds calls for ten minutes."""
    _mark(connection, now + 2 * HOUR, now - 10 * MINUTE)


def _unhang(connection: Connection, now: datetime) -> None:
    connection.execute("DELETE FROM _genai.writer_mark WHERE holds_from IS NOT NULL")


def reject(connection: Connection, now: datetime, reason: str = "too_late") -> None:
    """Twelve spans were rejected within two minutes."""
    connection.execute(
        "INSERT INTO _genai.quarantine (received_at, name, reason, detail)"
        " SELECT %s - n * interval '10 seconds', 'chat', %s, 'planted' FROM generate_series(1, 12) n",
        (now, reason),
    )


def _damage(connection: Connection, now: datetime) -> None:
    """A sum of an hour that is over loses a call; the service compares the hour."""
    hour = (now - timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    _change_hour(connection, hour, -1)
    compare(connection, Slice(hour, hour + HOUR))


def _repair(connection: Connection, now: datetime) -> None:
    query = "SELECT from_time FROM _genai.rollup_check WHERE differences > 0 AND from_time < %s"
    for (hour,) in connection.execute(query, (now - 20 * HOUR,)).fetchall():
        _change_hour(connection, hour, 1)
        compare(connection, Slice(hour, hour + HOUR))


def _change_hour(connection: Connection, hour: datetime, calls: int) -> None:
    connection.execute(
        "UPDATE _genai.usage_hour u SET calls = calls + %s FROM _genai.series s WHERE s.id = u.series_id"
        " AND u.bucket = %s AND s.environment = 'prod' AND s.service_name = 'shop'",
        (calls, hour),
    )


def shift_arrivals(
    connection: Connection, service: str, start: datetime, end: datetime, by: timedelta
) -> None:
    """Let calls of a service that began in [start, end) arrive so much after their end."""
    connection.execute(
        "WITH late AS (UPDATE _genai.model_call m"
        " SET received_at = m.time + m.latency_us * interval '1 microsecond' + %s FROM _genai.series s"
        " WHERE s.id = m.series_id AND s.service_name = %s AND m.time >= %s AND m.time < %s"
        " RETURNING m.call_key, m.received_at)"
        " UPDATE _genai.call_key k SET received_at = l.received_at FROM late l WHERE k.call = l.call_key",
        (by, service, start, end),
    )


def _delay(connection: Connection, now: datetime) -> None:
    """What `batch` sends begins to come seven minutes late."""
    shift_arrivals(connection, "batch", now - 10 * MINUTE, now + 3 * HOUR, 7 * MINUTE)


def _hasten(connection: Connection, now: datetime) -> None:
    shift_arrivals(connection, "batch", now - 3 * MINUTE, now + 3 * HOUR, timedelta(0))


def _fall_silent(connection: Connection, now: datetime) -> None:
    """`nightly` has sent nothing for forty minutes; in one go, beside a service that compares sums."""
    start = now - 40 * MINUTE
    with connection.transaction():
        connection.execute("CREATE TABLE planted_silence AS TABLE _genai.model_call WITH NO DATA")
        connection.execute(
            "WITH gone AS (DELETE FROM _genai.model_call m USING _genai.series s WHERE s.id = m.series_id"
            " AND s.service_name = 'nightly' AND m.time >= %s RETURNING m.*)"
            " INSERT INTO planted_silence SELECT * FROM gone",
            (start,),
        )
        _sum_again(connection, start)


def _speak_again(connection: Connection, now: datetime) -> None:
    with connection.transaction():
        connection.execute("INSERT INTO _genai.model_call SELECT * FROM planted_silence")
        connection.execute("DROP TABLE planted_silence")
        _sum_again(connection, now - 60 * MINUTE)


def _sum_again(connection: Connection, start: datetime) -> None:
    """Rollups from the hour of a moment on, from the calls."""
    hour = start.replace(minute=0, second=0, microsecond=0)
    for table in ("usage_minute", "usage_hour", "usage_identity_hour"):
        connection.execute(f"DELETE FROM _genai.{table} WHERE bucket >= %s", (hour,))  # noqa: S608
    book(connection, hour)


def _resend(connection: Connection, now: datetime) -> None:
    """A quarter of an hour of `shop` is delivered four times."""
    connection.execute(
        "INSERT INTO _genai.resend_minute SELECT date_bin('1 minute', %s, 'epoch') - n * interval '1 minute',"
        " 'prod', 'real', 'shop', 30 FROM generate_series(1, 8) n",
        (now,),
    )


def _mistype(connection: Connection, now: datetime) -> None:
    """A few calls of `batch` come with a data mode that nobody knows."""
    connection.execute(
        "UPDATE _genai.model_call m SET flags = m.flags | 65536 FROM _genai.series s WHERE s.id = m.series_id"
        " AND s.service_name = 'batch' AND m.time >= %s AND m.time < %s",
        (now - 5 * MINUTE, now - 4 * MINUTE),
    )


FAULTS = {
    fault.rule: fault
    for fault in (
        Fault(rule="freshness", plant=_hang, mend=_unhang, labels={"scope": "ledger"}),
        Fault(
            rule="ingest_rejects", plant=reject, mend=_time_passes, env="*", data_mode="*",
            labels={"scope": "too_late"}, ends_after=15 * MINUTE,
        ),
        Fault(rule="rollup_mismatch", plant=_damage, mend=_repair, labels={"scope": "hour"}),
        Fault(
            rule="sender_lag", plant=_delay, mend=_hasten, labels={"service": "batch"}, ends_after=15 * MINUTE
        ),
        Fault(rule="telemetry_silent", plant=_fall_silent, mend=_speak_again, labels={"service": "nightly"}),
        Fault(
            rule="duplicate_deliveries", plant=_resend, mend=_time_passes, labels={"service": "shop"},
            ends_after=15 * MINUTE,
        ),
        Fault(
            rule="unknown_data_mode", plant=_mistype, mend=_time_passes, labels={"service": "batch"},
            ends_after=15 * MINUTE,
        ),
    )
}  # fmt: skip
"""By their rule. Beside them the database itself, which no plant within it can break, and the watchdog."""
