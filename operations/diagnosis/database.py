"""What the database says of its own state: can it commit, can summaries be read, how large is it?"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from storage.statements import statements_beside

_query = statements_beside(__file__)

Connection = psycopg.Connection[Any]
Connect = Callable[[], AbstractContextManager[Connection]]
Row = dict[str, Any]


class Fault(NamedTuple):
    """Why calls cannot be counted, or summaries not be read.

    Attributes:
        cause: a key of `operations.diagnosis.findings.CAUSES`.
        detail: the database's own words, in one line.
    """

    cause: str
    detail: str


class Probe(NamedTuple):
    """One round of commit and read. Times are None for what was not reached."""

    fault: Fault | None
    commit_seconds: float | None = None
    read_seconds: float | None = None


class State(NamedTuple):
    """What the database was found to be.

    Attributes:
        ahead_seconds: by how much its clock is ahead of ours.
        doubt_seconds: half of the time that asking took: the figure is no better than this.
        lag: from receipt to visible (`queries.sql: lag`).
        contract: how the freshness contract stands (`queries.sql: contract`).
        growth: its size in bytes, bytes more a day (None before two hours of samples), and since when.
    """

    server: str
    ahead_seconds: float
    doubt_seconds: float
    lag: Row
    jobs: list[Row]
    tasks: list[Row]
    waiting: Row
    tables: list[Row]
    growth: Row
    contract: Row


def probe(connect: Connect, reason: Callable[[psycopg.Error], str]) -> Probe:
    """Commit something, and read what the Overview reads.

    Args:
        reason: an error in one line without secrets.
    """
    begun = time.monotonic()
    committed = None
    try:
        with connect() as connection:
            try:
                connection.execute(_query("probe_commit"))
            except psycopg.Error as error:
                return Probe(Fault(_cause(error, "database_cannot_commit"), reason(error)))
            committed = time.monotonic() - begun
            try:
                connection.execute(_query("probe_read")).fetchone()
                connection.execute(_query("probe_sums")).fetchone()
            except psycopg.Error as error:
                return Probe(Fault(_cause(error, "summaries_unreadable"), reason(error)), committed)
    except psycopg.Error as error:
        return Probe(Fault("database_away", reason(error)), committed)
    return Probe(None, committed, time.monotonic() - begun - committed)


def lag(connection: Connection) -> Row:
    """From receipt to visible over the last hour (`queries.sql: lag`).

    Raises:
        psycopg.Error: the database does not answer.
    """
    return _rows(connection, "lag")[0]


class Sizes(NamedTuple):
    """The largest tables, and the growth of the whole: costly to ask, for the server looks at every file."""

    tables: list[Row]
    growth: Row


def measure(connection: Connection) -> Sizes:
    """How large the database is; without its tables while one of them is locked: the rest matters then.

    Raises:
        psycopg.Error: the database does not answer, or not in time.
    """
    growth = _rows(connection, "growth")[0]
    connection.execute("SET lock_timeout = '1s'")
    try:
        return Sizes(_rows(connection, "table_sizes"), growth)
    except psycopg.errors.LockNotAvailable:
        return Sizes([], growth)


def look(connection: Connection, sizes: Sizes | None = None) -> State:
    """Ask for everything at once.

    Args:
        sizes: as they were measured a moment ago; None measures them.

    Raises:
        psycopg.Error: the database does not answer, or not in time.
    """
    before = time.time()
    (clock,) = _rows(connection, "clock")
    after = time.time()
    waits = (after - before) / 2
    timescale = f" with TimescaleDB {clock['timescaledb']}" if clock["timescaledb"] else ""
    one = {name: _rows(connection, name)[0] for name in ("lag", "waiting", "contract")}
    tables, growth = sizes or measure(connection)
    return State(
        f"PostgreSQL {clock['version'].split()[0]}{timescale}", clock["now"] - before - waits,
        waits, one["lag"], _rows(connection, "jobs"), _rows(connection, "tasks"), one["waiting"],
        tables, growth, one["contract"],
    )  # fmt: skip


def _cause(error: psycopg.Error, otherwise: str) -> str:
    """A connection that was cut says nothing of what was asked on it."""
    code = error.sqlstate or ""
    was_cut = isinstance(error, psycopg.OperationalError) and (not code or code.startswith(("08", "57P")))
    return "database_away" if was_cut else otherwise


def _rows(connection: Connection, name: str) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_query(name)).fetchall()
