"""Brings a database to this version: migrations once, schema `genai` whenever its text has changed."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import psycopg
from psycopg import sql

from processor.calls.errors import ConfigError, StorageUnavailable
from storage.schema.grafana_role import grant_reader
from storage.schema.measures import write_out

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
VIEWS = Path(__file__).parent / "views"

MINIMUM_SERVER = 150_000
LOCK_KEY = 0x5350_414E_4C45_4447  # "SPANLEDG": one migration at a time per database
LOCK_TIMEOUT_SECONDS = 2  # a statement never queues longer than this before other traffic (LEDGER §16)
PATIENCE_SECONDS = 300.0

_NEWER = (
    "database: a newer version of Spanledger has migrated it ({}). Start that version; or, to go back to the "
    "views of this one, run `spanledger migrate --take-back` once"
)

T = TypeVar("T")
Connection = psycopg.Connection[tuple[object, ...]]


class Migration(NamedTuple):
    """One file of `migrations/`, never edited once released."""

    version: int
    name: str
    text: str


def migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """All migrations in order."""
    files = sorted(folder.glob("[0-9]*.sql"))
    return [Migration(int(f.name.split("_", 1)[0]), f.stem, f.read_text(encoding="utf-8")) for f in files]


def view_files(folder: Path = VIEWS) -> list[Path]:
    """The contract's files in dependency order, which is the order of their names."""
    return sorted(folder.glob("*.sql"))


def view_checksum(folder: Path = VIEWS) -> str:
    """SHA-256 over names and texts of the view files, measures written out."""
    digest = hashlib.sha256()
    for file in view_files(folder):
        digest.update(file.name.encode() + b"\0" + _view(file) + b"\0")
    return digest.hexdigest()


def _view(file: Path) -> bytes:
    return write_out(file.read_text(encoding="utf-8")).encode()


def migrate(
    dsn: str,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    up_to: int | None = None,
    take_back: bool = False,
) -> list[str]:
    """Apply what is missing; the first process does it, the others wait for the result.

    Safe to call from every worker at start, beside running writers: statements wait at most two seconds for a
    lock and are tried again.

    Args:
        up_to: stop at this migration (tests of upgrades).
        take_back: replace the views of a newer version; its tables stay.

    Returns:
        Warnings for the operator, in English (the reader role could not be created, ...).

    Raises:
        StorageUnavailable: no connection, or not finished within `patience_seconds`.
        ConfigError: the server is too old, the database belongs to a newer version, or the role may not do
            what is needed.
    """
    deadline = time.monotonic() + patience_seconds
    try:
        with psycopg.connect(
            dsn, autocommit=True, connect_timeout=10, application_name="spanledger migrate"
        ) as conn:
            return _migrate(conn, deadline, up_to, take_back)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigError(f"database: {error}".strip()) from error
    except psycopg.OperationalError as error:
        raise StorageUnavailable(f"migrating: {error}".strip()) from error


def _migrate(conn: Connection, deadline: float, up_to: int | None, take_back: bool) -> list[str]:
    if conn.info.server_version < MINIMUM_SERVER:
        raise ConfigError(
            f"database: PostgreSQL 15 or newer is needed, this is {conn.info.server_version // 10000}"
        )
    conn.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(f"{LOCK_TIMEOUT_SECONDS}s")))
    conn.execute("SET timezone = 'UTC'")
    with _alone(conn, deadline):
        _prepare(conn)
        if not take_back:
            _refuse_newer(conn)
        for migration in migrations():
            if up_to is None or migration.version <= up_to:
                _patiently(conn, deadline, lambda m=migration: _apply(conn, m))  # type: ignore[misc]
        if up_to is not None:
            return []
        _patiently(conn, deadline, lambda: _apply_views(conn, take_back))
        return _patiently(conn, deadline, lambda: grant_reader(conn))


@contextmanager
def _alone(conn: Connection, deadline: float) -> Iterator[None]:
    """Hold the migration lock; a session lock, so that it spans the transactions of all files."""
    while not _scalar(conn, "SELECT pg_try_advisory_lock(%s)", LOCK_KEY):
        if time.monotonic() > deadline:
            raise StorageUnavailable("another process has been migrating this database for too long")
        time.sleep(0.05)
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))


def _prepare(conn: Connection) -> None:
    """Make what migrations stand on: TimescaleDB where the server has it, the schema, the version table."""
    _try_timescale(conn)
    conn.execute("CREATE SCHEMA IF NOT EXISTS _genai")
    conn.execute(
        "CREATE TABLE IF NOT EXISTS _genai.schema_version (version integer PRIMARY KEY, name text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    conn.execute(
        "CREATE TABLE IF NOT EXISTS _genai.contract_version"
        " (one boolean PRIMARY KEY DEFAULT true CHECK (one),"
        " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    conn.execute(
        "CREATE TABLE IF NOT EXISTS _genai.contract_history"
        " (checksum text PRIMARY KEY, replaced_at timestamptz NOT NULL DEFAULT now())"
    )


_REPLACED = """
    SELECT to_char(replaced_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
    FROM _genai.contract_history WHERE checksum = %s
"""


def _refuse_newer(conn: Connection) -> None:
    """An older version that starts again would put its own views back, under the newer one's dashboards."""
    checksum = view_checksum()
    if _scalar(conn, "SELECT checksum FROM _genai.contract_version") == checksum:
        return
    known = [migration.version for migration in migrations()]
    unknown = _scalar(conn, "SELECT max(version) FROM _genai.schema_version WHERE version <> ALL (%s)", known)
    if unknown is not None:
        raise ConfigError(_NEWER.format(f"it has migration {unknown}"))
    replaced = _scalar(conn, _REPLACED, checksum)
    if replaced is not None:
        raise ConfigError(_NEWER.format(f"it replaced the views of this one at {replaced} UTC"))


def _try_timescale(conn: Connection) -> None:
    """Create the extension on a fresh database where the server loads it; without it everything works too."""
    offered = _scalar(conn, "SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'")
    # Its settings exist where it is preloaded; shared_preload_libraries itself is not visible to every role,
    # and creating the extension without the library ends the connection.
    loaded = _scalar(conn, "SELECT current_setting('timescaledb.restoring', true) IS NOT NULL")
    if not offered or not loaded or _scalar(conn, "SELECT to_regclass('_genai.model_call')") is not None:
        return
    try:
        conn.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported) as error:
        log.warning("TimescaleDB is on the server but may not be created (%s); plain tables are used", error)


def _apply(conn: Connection, migration: Migration) -> None:
    with conn.transaction():
        if _scalar(conn, "SELECT count(*) FROM _genai.schema_version WHERE version = %s", migration.version):
            return
        conn.execute(migration.text.encode())
        conn.execute(
            "INSERT INTO _genai.schema_version (version, name) VALUES (%s, %s)",
            (migration.version, migration.name),
        )
    log.info("applied migration %s", migration.name)


def _apply_views(conn: Connection, take_back: bool) -> None:
    """Replace the whole contract in one transaction when its text differs from what was applied.

    What is replaced is remembered as older than this version, unless this is a step back.
    """
    checksum = view_checksum()
    with conn.transaction():
        if _scalar(conn, "SELECT checksum FROM _genai.contract_version") == checksum:
            return
        conn.execute("SET LOCAL client_min_messages = warning")
        if not take_back:
            conn.execute(
                "INSERT INTO _genai.contract_history (checksum) SELECT checksum FROM _genai.contract_version"
                " ON CONFLICT (checksum) DO UPDATE SET replaced_at = now()"
            )
        conn.execute("DELETE FROM _genai.contract_history WHERE checksum = %s", (checksum,))
        conn.execute("DROP SCHEMA IF EXISTS genai CASCADE")
        conn.execute("CREATE SCHEMA genai")
        for file in view_files():
            conn.execute(_view(file))
        conn.execute(
            "INSERT INTO _genai.contract_version (checksum) VALUES (%s) ON CONFLICT (one)"
            " DO UPDATE SET checksum = excluded.checksum, applied_at = now()",
            (checksum,),
        )
    log.info("applied views %s", checksum[:12])


def _patiently(conn: Connection, deadline: float, step: Callable[[], T]) -> T:
    """Run a step, again when it could not get its locks in time (LEDGER §16)."""
    while True:
        try:
            return step()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() > deadline:
                raise StorageUnavailable("migrating: the locks it needs were never free") from error
            log.info("migrating: waiting for a lock")
            time.sleep(0.2)


def _scalar(conn: Connection, query: str, *parameters: object) -> object:
    row = conn.execute(query.encode(), parameters).fetchone()
    return row[0] if row else None
