"""A writer's connection, and whether an error on it is about the data or about the database."""

from __future__ import annotations

import os
import socket
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from storage.pgwire import TimestampArray, TimestampArrayDumper, UuidArray, UuidArrayDumper

CONNECT_SECONDS = 3

_TRANSIENT_CLASSES = ("08", "40", "53", "55", "57", "58")
"""SQLSTATE classes that say nothing about the data (LEDGER §15)."""

Connection = psycopg.Connection[Any]


def connect(dsn: str, name: str = "spanledger writer") -> Connection:
    """A connection as writers need it, under the name that the server lists it by."""
    conn = psycopg.connect(
        dsn,
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        application_name=name,
        options="-c timezone=UTC -c jit=off -c synchronous_commit=on -c work_mem=64MB -c lock_timeout=10s"
        " -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"
        " -c default_transaction_isolation=read\\ committed -c max_parallel_workers_per_gather=0",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=20_000,
    )
    conn.adapters.register_dumper(UuidArray, UuidArrayDumper)
    conn.adapters.register_dumper(TimestampArray, TimestampArrayDumper)
    return conn


def copy_in(conn: Connection, statement: bytes, data: bytes | None) -> None:
    """Feed a COPY statement; nothing without data."""
    if data is not None:
        with conn.cursor().copy(statement) as copy:
            copy.write(data)


def rolled_back(conn: Connection | None) -> Connection | None:
    """The connection in a clean state; None when it cannot get there, and is closed."""
    if conn is None or conn.closed:
        return None
    try:
        if conn.info.transaction_status != TransactionStatus.IDLE:
            conn.execute("ROLLBACK")
    except psycopg.Error:
        conn.close()
        return None
    return conn


def is_transient(error: psycopg.Error) -> bool:
    """True if trying again can help; a lost connection has no SQLSTATE."""
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state[:2] in _TRANSIENT_CLASSES


def is_race(error: psycopg.Error) -> bool:
    """True for a lost deadlock or serialisation race: the same transaction can succeed at once."""
    return (error.sqlstate or "").startswith("40")


def describe(error: psycopg.Error) -> str:
    """The subject of a database error, without values: its text may hold content."""
    if error.sqlstate is None:
        return type(error).__name__
    place = error.diag.constraint_name or error.diag.column_name or ""
    return f"{type(error).__name__} ({error.sqlstate}) {place}".strip()


def cut(conn: Connection) -> None:
    """End a connection under a statement that hangs, from another thread."""
    with socket.socket(fileno=os.dup(conn.pgconn.socket)) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
