"""A test's database made as new for the next test: a small part of the work of copying the template.

Rows and statistics go and sequences start again; what the template holds is put back. A database whose
definitions were changed (a function replaced, a trigger switched off) is not worth mending: it is dropped.
"""

from __future__ import annotations

from typing import NamedTuple

import psycopg
from psycopg import sql

_PATIENCE_MS = 10_000

_OTHERS = """
    SELECT pg_terminate_backend(pid, %s) FROM pg_catalog.pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

_TABLES = """
    SELECT n.nspname, c.relname,
        pg_relation_size(c.oid) > 0 OR EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = c.oid),
        c.reltuples >= 0
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND NOT starts_with(n.nspname, '_timescaledb')
    ORDER BY 1, 2
"""
"""Chunks, and what TimescaleDB knows of them, go when their table is emptied; so does its counted size."""

_SEQUENCES = """
    SELECT schemaname, sequencename, last_value FROM pg_catalog.pg_sequences
    WHERE NOT starts_with(schemaname, '_timescaledb') ORDER BY 1, 2
"""

_FORGET_STATISTICS = "DELETE FROM pg_catalog.pg_statistic WHERE starelid >= %s"
_FIRST_OWN_OID = 16_384
"""Below are PostgreSQL's own tables: https://www.postgresql.org/docs/current/system-catalog-initial-data.html"""

_CATALOGS = (
    "pg_attrdef", "pg_attribute", "pg_constraint", "pg_extension", "pg_inherits", "pg_policy",
    "pg_proc", "pg_rewrite", "pg_statistic_ext", "pg_trigger", "pg_type",
)  # fmt: skip
"""Emptying a table leaves their rows as they were; a changed definition is a newer row, or one less."""

_SCHEMAS = (
    "SELECT count(*) || ' ' || max(xmin::text::bigint) FROM pg_catalog.pg_namespace WHERE nspname !~ 'temp_'"
)
_RELATIONS = """
    SELECT md5(string_agg(concat_ws(' ', relname, relkind, relowner, relacl, reloptions), ',' ORDER BY oid))
    FROM pg_catalog.pg_class WHERE relnamespace <> 'pg_catalog'::regnamespace AND relkind <> 't'
        AND relpersistence <> 't'
"""
_SETTINGS = """
    SELECT count(*)::text FROM pg_catalog.pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""
_NEWEST = sql.SQL("SELECT count(*) || ' ' || max(xmin::text::bigint) FROM pg_catalog.{}")
_DEFINITIONS = sql.SQL(" UNION ALL ").join(
    [
        *(_NEWEST.format(sql.Identifier(name)) for name in _CATALOGS),
        sql.SQL(_SCHEMAS),
        sql.SQL(_RELATIONS),
        sql.SQL(_SETTINGS),
    ]
)


class Snapshot(NamedTuple):
    """What a new database is like."""

    definitions: list[tuple[str]]
    rows: dict[tuple[str, str], bytes]
    sequences: list[tuple[str, str, int | None]]


def snapshot(uri: str) -> Snapshot:
    """Look at a database that is a copy of its template and was not used yet."""
    with psycopg.connect(uri, autocommit=True) as connection:
        return Snapshot(
            connection.execute(_DEFINITIONS).fetchall(),
            {name: _copy_out(connection, name) for name in _filled(connection)},
            connection.execute(_SEQUENCES).fetchall(),
        )


def restore(uri: str, new: Snapshot) -> bool:
    """Make a used database as new, ending every other session on it. False when that is not possible."""
    try:
        with psycopg.connect(
            uri, autocommit=True, options="-c session_replication_role=replica"
        ) as connection:
            connection.execute(_OTHERS, (_PATIENCE_MS,))
            with connection.transaction():
                _empty(connection, new)
                _restart_sequences(connection, new)
                connection.execute(_FORGET_STATISTICS, (_FIRST_OWN_OID,))
            connection.execute("SELECT pg_stat_reset()")
            return connection.execute(_DEFINITIONS).fetchall() == new.definitions
    except psycopg.Error:
        return False


def _empty(connection: psycopg.Connection, new: Snapshot) -> None:
    tables = connection.execute(_TABLES).fetchall()
    filled = {(schema, table) for schema, table, has_rows, _ in tables if has_rows}
    analysed = {(schema, table) for schema, table, _, is_analysed in tables if is_analysed}
    untouched = {
        name
        for name, rows in new.rows.items()
        if name in filled - analysed and _copy_out(connection, name) == rows
    }
    if stale := sorted((filled | analysed) - untouched):
        names = sql.SQL(", ").join(sql.Identifier(*name) for name in stale)
        connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
    for name in new.rows.keys() - _filled(connection):
        query = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(*name))
        with connection.cursor().copy(query) as copy:
            copy.write(new.rows[name])


def _filled(connection: psycopg.Connection) -> set[tuple[str, str]]:
    """The tables that have, or had, rows."""
    return {(schema, table) for schema, table, has_rows, _ in connection.execute(_TABLES) if has_rows}


def _restart_sequences(connection: psycopg.Connection, new: Snapshot) -> None:
    was = {(schema, name): value for schema, name, value in new.sequences}
    for schema, name, value in connection.execute(_SEQUENCES).fetchall():
        before = was[schema, name]
        if value != before:
            restarted = sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(schema, name))
            connection.execute(restarted)
            if before is not None:
                query = "SELECT setval(%s::regclass, %s)"
                connection.execute(query, (f'"{schema}"."{name}"', before))


def _copy_out(connection: psycopg.Connection, name: tuple[str, str]) -> bytes:
    query = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(*name))
    with connection.cursor().copy(query) as copy:
        return b"".join(bytes(block) for block in copy)
