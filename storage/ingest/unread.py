"""Usage that no rule reads, in the database: figures by source and minute, one key per span (LEDGER §14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from processor.calls.call import Unread
from storage.dimensions.cardinality import OTHER
from storage.ingest.call_keys import dictionary_id, unread_key
from storage.ingest.call_row import postgres_us
from storage.ingest.uncounted import clean
from storage.journal.stored_row import instant
from storage.pgwire import POSTGRES_EPOCH_US, uuid_array
from storage.statements import query

MAX_SOURCES = 2_000
"""Emitters by place that are distinguished; a sender that invents scopes or keys cannot fill the disk."""

ADD_SOURCES, ADD_UNREAD, RETRACT = (
    query("add_unread_sources"), query("add_unread"), query("retract_unread"),
)  # fmt: skip
_JOINT = "\x1f"

Connection = psycopg.Connection[Any]


class Source(NamedTuple):
    """Who sent unread usage, and where it belongs; a row of `_genai.unread_source`."""

    environment: str
    data_mode: str
    service_name: str
    scope: str
    version: str
    keys: str

    @property
    def id(self) -> int:
        return dictionary_id("unread", *self)


def add_unread(conn: Connection, found: Sequence[tuple[Unread, int]], floors: Mapping[str, int]) -> None:
    """Count what is new of these, inside the caller's transaction; what came before changes nothing.

    Args:
        found: each with its receipt, nanoseconds since 1970 UTC.
        floors: microseconds since 2000 by level (`read_floors` in storage/ingest/ingest.sql).
    """
    if not found:
        return
    sources = [_source(unread) for unread, _ in found]
    others = [Source(OTHER, source.data_mode, OTHER, OTHER, "", "") for source in sources]
    _add_sources(conn, {*sources, *others})
    values = {
        "keys": uuid_array([unread_key(unread.identity) for unread, _ in found]),
        "traces": [_trace(unread) for unread, _ in found],
        "spans": [_span(unread) for unread, _ in found],
        "times": [instant(postgres_us(unread.time_ns)) for unread, _ in found],
        "received": [instant(postgres_us(received_ns)) for _, received_ns in found],
        "sources": [source.id for source in sources],
        "others": [other.id for other in others],
        "minute": (floors["minute"] + POSTGRES_EPOCH_US) / 1e6,
    }
    conn.execute(ADD_UNREAD, values)


def retract_repeated(conn: Connection, traces: Iterable[bytes]) -> None:
    """Take out of the figures what proves to lie around or inside of a counted call of these traces."""
    conn.execute(RETRACT, (uuid_array(list(traces)),))


def _source(unread: Unread) -> Source:
    return Source(
        clean(unread.environment),
        clean(unread.data_mode),
        clean(unread.service_name),
        clean(unread.scope),
        clean(unread.version),
        _JOINT.join(clean(key.replace(_JOINT, " ")) for key in unread.keys),
    )


def _add_sources(conn: Connection, sources: set[Source]) -> None:
    listed = sorted(sources, key=lambda source: source.id)
    columns = [list(column) for column in zip(*listed, strict=True)]
    conn.execute(ADD_SOURCES, ([source.id for source in listed], *columns, MAX_SOURCES))


def _trace(unread: Unread) -> str | None:
    """The trace of a span; a record may have none."""
    return unread.identity[:16].hex() if len(unread.identity) == 24 else None


def _span(unread: Unread) -> int | None:
    return int.from_bytes(unread.identity[16:], "big", signed=True) if len(unread.identity) == 24 else None
