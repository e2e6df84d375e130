"""A ledger filled by hand: calls as the writer stores them, and rollups from the calls' own definition."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

CLASSES = ("input", "cache_read", "cache_write", "output", "other")
_AT_ONCE = 50_000
STATUS = {"success": 1, "error": 2, "cancelled": 3}
PRICED, UNPRICED, NO_USAGE, ERROR_WITHOUT_USAGE = 1, 4, 5, 7


@dataclass(frozen=True, slots=True)
class Call:
    """One counted call. Costs are pico-USD by class; `None` is no price, as `price_status` says."""

    time: datetime
    endpoint: str = "checkout"
    prompt_version: str = "v1"
    provider: str = "openai"
    model: str = "small"
    user: str = "unknown"
    tenant: str = "unknown"
    service: str = "shop"
    environment: str = "prod"
    data_mode: str = "real"
    status: str = "success"
    requests: int = 1
    input_tokens: int | None = 1_000
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = 100
    costs: tuple[int, int, int, int, int] | None = (1_000_000, 0, 0, 800_000, 0)
    price_status: int = PRICED
    latency_ms: int | None = 500
    flags: int = 0

    @property
    def cost(self) -> int:
        return sum(self.costs or ())


def fill(dsn: str, calls: Iterable[Call]) -> None:
    """Store the calls and book them in every rollup."""
    with psycopg.connect(dsn) as connection:
        ledger = _Filler(connection)
        for call in calls:
            ledger.add(call)
            if len(ledger.rows) >= _AT_ONCE:
                ledger.copy()
        ledger.copy()
        ledger.name()
        book(connection)


class _Filler:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._ids: dict[tuple[str, ...], int] = {}
        self.rows: list[tuple[object, ...]] = []

    def add(self, call: Call) -> None:
        series = self._id(
            "series", call.environment, call.data_mode, call.service, call.endpoint, call.prompt_version,
            call.provider, call.model,
        )  # fmt: skip
        identity = self._id("identity", call.tenant, call.user)
        no_cost = (None,) * 6
        costs = no_cost if call.costs is None else (call.cost, *call.costs)
        self.rows.append(
            (
                call.time, call.time, uuid.uuid4(), series, identity, 0, call.flags, 0, STATUS[call.status],
                1, call.price_status, call.requests, call.input_tokens, call.output_tokens,
                call.cache_read_tokens, call.cache_write_tokens,
                None if call.latency_ms is None else call.latency_ms * 1_000, *costs,
            )
        )  # fmt: skip

    def name(self) -> None:
        """Store what the ids of the rows stand for."""
        cursor = self._connection.cursor()
        for (kind, *texts), number in self._ids.items():
            if kind == "series":
                values = [number, number, number, *texts]
                cursor.execute("INSERT INTO _genai.series VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)", values)
            else:
                cursor.execute("INSERT INTO _genai.identity VALUES (%s,%s,%s)", [number, *texts])

    def copy(self) -> None:
        """Write the rows that wait."""
        cursor = self._connection.cursor()
        with cursor.copy(
            "COPY _genai.model_call (time, received_at, call_key, series_id, identity_id, shape_id, flags,"
            " folded, status, usage_source, price_status, requests, input_tokens, output_tokens,"
            " cache_read_tokens, cache_write_tokens, latency_us, cost_pico_usd, input_cost_pico_usd,"
            " cache_read_cost_pico_usd, cache_write_cost_pico_usd, output_cost_pico_usd,"
            " other_cost_pico_usd) FROM STDIN"
        ) as copy:
            for row in self.rows:
                copy.write_row(row)
        self.rows.clear()

    def _id(self, kind: str, *texts: str) -> int:
        return self._ids.setdefault((kind, *texts), len(self._ids) + 1)


def book(
    connection: psycopg.Connection[Any],
    since: datetime | str = "-infinity",
    until: datetime | str = "infinity",
) -> None:
    """Fill minute, hour and identity rollups from `_genai.booked`, which says what each row adds to them.

    Args:
        since, until: only calls of this time; their sums must not be there yet.
    """
    measures = [
        str(name)
        for (name,) in connection.execute(
            "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = '_genai.measure'::regclass"
            " AND attnum > 0 ORDER BY attnum"
        ).fetchall()
    ]
    sums = ", ".join(f"sum(b.{name})" for name in measures)
    for table, unit, ids in (
        ("usage_minute", "minute", "series_id"),
        ("usage_hour", "hour", "series_id"),
        ("usage_identity_hour", "hour", "identity_id, series_id"),
    ):
        connection.execute(
            f"INSERT INTO _genai.{table} (bucket, {ids}, {', '.join(measures)})"  # noqa: S608
            f" SELECT date_trunc('{unit}', b.time, 'UTC'), {ids}, {sums} FROM _genai.booked b"
            " WHERE b.time >= %s AND b.time < %s"
            f" GROUP BY date_trunc('{unit}', b.time, 'UTC'), {ids}".encode(),
            (since, until),
        )
