"""The role Grafana logs in as: it can read schema `genai` and nothing else (LEDGER §17)."""

from __future__ import annotations

import contextlib

import psycopg
from psycopg import sql

READER = "grafana_reader"
CONNECTION_LIMIT = 20

Connection = psycopg.Connection[tuple[object, ...]]


def grant_reader(conn: Connection) -> list[str]:
    """Give the reader role exactly its rights; create it when that is possible.

    Roles belong to the whole cluster, so another database's migration may create it at the same moment.

    Returns:
        Warnings in English when rights are missing to do so; the ledger itself works without the role.
    """
    try:
        _create_role(conn)
    except psycopg.errors.InsufficientPrivilege:
        return [
            f"The role {READER} is missing and may not be created by this user. As an administrator run:"
            f" CREATE ROLE {READER} LOGIN CONNECTION LIMIT {CONNECTION_LIMIT};"
            " then `spanledger migrate` again."
        ]
    warnings = _close_database(conn)
    if _has_contract(conn):
        return warnings
    with conn.transaction():
        _grant_contract(conn)
    return warnings + _role_defaults(conn)


def _has_contract(conn: Connection) -> bool:
    """True when grants were made since the contract was last replaced (dropping the schema took them)."""
    row = conn.execute("SELECT has_schema_privilege(%s, 'genai', 'USAGE')", (READER,)).fetchone()
    return bool(row and row[0])


def _create_role(conn: Connection) -> None:
    if _exists(conn):
        return
    # Another database's migration may be quicker.
    with contextlib.suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        conn.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOINHERIT CONNECTION LIMIT {}").format(
                sql.Identifier(READER), sql.Literal(CONNECTION_LIMIT)
            )
        )


def _exists(conn: Connection) -> bool:
    row = conn.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", (READER,)).fetchone()
    return bool(row and row[0])


def _close_database(conn: Connection) -> list[str]:
    """Take all rights on the database from PUBLIC, TEMP above all; a copy of a template has them again."""
    open_to_all = conn.execute(
        "SELECT datacl IS NULL OR EXISTS (SELECT FROM aclexplode(datacl) WHERE grantee = 0)"
        " OR NOT has_database_privilege(%s, oid, 'CONNECT') FROM pg_database"
        " WHERE datname = current_database()",
        (READER,),
    ).fetchone()
    if not open_to_all or not open_to_all[0]:
        return []
    database = sql.Identifier(conn.info.dbname)
    try:
        conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        conn.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(READER)))
    except psycopg.errors.InsufficientPrivilege:
        return [
            f"Only the owner of database {conn.info.dbname} can close it to PUBLIC; until then {READER} can"
            " create temporary tables there. As the owner run:"
            f" REVOKE ALL ON DATABASE {conn.info.dbname} FROM PUBLIC;"
            f" GRANT CONNECT ON DATABASE {conn.info.dbname} TO {READER};"
        ]
    return []


def _grant_contract(conn: Connection) -> None:
    """Views and functions of `genai` by name to the reader, nothing to PUBLIC."""
    reader = sql.Identifier(READER)
    conn.execute("REVOKE ALL ON SCHEMA genai, _genai FROM PUBLIC")
    conn.execute("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA genai, _genai FROM PUBLIC")
    conn.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA _genai FROM PUBLIC, {}").format(reader))
    conn.execute(sql.SQL("GRANT USAGE ON SCHEMA genai TO {}").format(reader))
    conn.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA genai TO {}").format(reader))
    functions = conn.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'genai'::regnamespace ORDER BY 1"
    ).fetchall()
    for (signature,) in functions:  # text from the catalogue, quoted by regprocedure itself
        conn.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {READER}".encode())


def _role_defaults(conn: Connection) -> list[str]:
    """Defaults, not limits: housekeeping ends statements that run past 30 s (LEDGER §17)."""
    try:
        for setting in (
            "timezone = 'UTC'",
            "statement_timeout = '30s'",
            "default_transaction_read_only = on",
            "jit = off",  # compiling a panel's plan takes longer than running it
            "work_mem = '32MB'",  # a sum by user is then hashed, not sorted on disk
        ):
            conn.execute(
                sql.SQL("ALTER ROLE {} IN DATABASE {} SET ").format(
                    sql.Identifier(READER), sql.Identifier(conn.info.dbname)
                )
                + sql.SQL(setting)
            )
    except psycopg.errors.InsufficientPrivilege:
        return [f"The defaults of {READER} (UTC, 30 s, read only) could not be set by this user."]
    return []
