"""Faults of the pipeline in a simulated ledger, each planted when its case begins and taken back after it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import psycopg

from demo.simulation.scenarios import Scenario
from demo.simulation.world import World
from storage.upkeep.rollup_check import Slice, compare

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)

Connection = psycopg.Connection[Any]


class Planted(NamedTuple):
    """A fault: the rule that must speak, what it must name, and how the ledger gets it."""

    scenario: Scenario
    plant: Callable[[Connection], object]


Make = Callable[[random.Random, World, datetime], Planted]


def _scenario(kind: str, rule: str, **truth: str) -> Scenario:
    return Scenario(kind, None, frozenset({rule}), truth=truth)


def _service(rng: random.Random, world: World) -> str:
    return rng.choice(sorted({feature.service for feature in world.features}))


def stuck_writer(rng: random.Random, world: World, begin: datetime) -> Planted:
    """A writer holds what it has from now on."""

    def plant(connection: Connection) -> None:
        connection.execute("UPDATE _genai.writer_mark SET seen_at = %s", (begin,))

    return Planted(_scenario("stuck writer", "freshness", scope="ledger"), plant)


def rejections(rng: random.Random, world: World, begin: datetime) -> Planted:
    """One to ten spans a minute are rejected."""
    reason, seconds = rng.choice(("too_late", "refused_by_ledger", "undecodable")), rng.uniform(6, 55)

    def plant(connection: Connection) -> None:
        connection.execute(
            "INSERT INTO _genai.quarantine (received_at, name, reason, detail)"
            " SELECT %s + n * make_interval(secs => %s), 'chat', %s, '' FROM generate_series(1, 5000 / %s) n",
            (begin, seconds, reason, int(seconds)),
        )

    return Planted(_scenario("rejections", "ingest_rejects", scope=reason), plant)


def damaged_sums(rng: random.Random, world: World, begin: datetime) -> Planted:
    """A sum of the level of hours loses a call, and the service compares its hour."""
    hour = begin.replace(minute=0, second=0, microsecond=0) - HOUR

    def plant(connection: Connection) -> None:
        connection.execute(
            "UPDATE _genai.usage_hour SET calls = calls - 1 WHERE (bucket, series_id) ="
            " (SELECT bucket, min(series_id) FROM _genai.usage_hour WHERE bucket = %s GROUP BY bucket)",
            (hour,),
        )
        compare(connection, Slice(hour, hour + HOUR))

    return Planted(_scenario("damaged sums", "rollup_mismatch", scope="hour"), plant)


def late_exports(rng: random.Random, world: World, begin: datetime) -> Planted:
    """What a service sends from now on comes four to fifteen minutes late."""
    service, late = _service(rng, world), MINUTE * rng.uniform(4, 15)

    def plant(connection: Connection) -> None:
        connection.execute(_DELAY, {"late": late, "service": service, "from": begin, "to": begin + 6 * HOUR})

    return Planted(_scenario("late exports", "sender_lag", service=service), plant)


_DELAY: Final = """
    WITH late AS (
        UPDATE _genai.model_call m SET received_at = m.received_at + %(late)s FROM _genai.series s
        WHERE s.id = m.series_id AND s.service_name = %(service)s AND m.time >= %(from)s AND m.time < %(to)s
        RETURNING m.call_key, m.received_at
    )
    UPDATE _genai.call_key k SET received_at = l.received_at FROM late l WHERE k.call = l.call_key
"""


def resends(rng: random.Random, world: World, begin: datetime) -> Planted:
    """Twenty to eighty calls of a service a minute come again."""
    service, calls = _service(rng, world), rng.randint(20, 80)

    def plant(connection: Connection) -> None:
        connection.execute(
            "INSERT INTO _genai.resend_minute SELECT %s + n * interval '1 minute', 'prod', 'real', %s, %s"
            " FROM generate_series(0, 90) n",
            (begin, service, calls),
        )

    return Planted(_scenario("resends", "duplicate_deliveries", service=service), plant)


def mistyped_mode(rng: random.Random, world: World, begin: datetime) -> Planted:
    """A tenth to all of a service's calls come with a data mode that nobody knows."""
    service, of_ten = _service(rng, world), rng.randint(1, 10)

    def plant(connection: Connection) -> None:
        connection.execute(
            "UPDATE _genai.model_call m SET flags = m.flags | 65536 FROM _genai.series s"
            " WHERE s.id = m.series_id AND s.service_name = %s AND m.time >= %s AND m.time < %s"
            " AND abs(hashtext(m.call_key::text)) %% 10 < %s",
            (service, begin, begin + 6 * HOUR, of_ten),
        )

    return Planted(_scenario("mistyped mode", "unknown_data_mode", service=service), plant)


FAULTS: Final[dict[str, Make]] = {
    "stuck-writer": stuck_writer, "rejections": rejections, "damaged-sums": damaged_sums,
    "late-exports": late_exports, "resends": resends, "mistyped-mode": mistyped_mode,
}  # fmt: skip


def prepare(connection: Connection) -> None:
    """Keys of all calls, which arrived when they ended."""
    connection.execute(
        "UPDATE _genai.model_call SET received_at = time + latency_us * interval '1 microsecond'"
    )
    connection.execute(
        "INSERT INTO _genai.call_key (key, call, time, received_at)"
        " SELECT call_key, call_key, time, received_at FROM _genai.model_call ORDER BY received_at"
    )


def begin_case(connection: Connection, end: datetime) -> None:
    """A pipeline without a fault, up to the end of a case."""
    connection.execute(
        "TRUNCATE _genai.writer_mark, _genai.quarantine, _genai.resend_minute, _genai.rollup_check"
    )
    connection.execute("INSERT INTO _genai.writer_mark VALUES (gen_random_uuid(), %s, NULL)", (end,))
