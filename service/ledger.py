"""Reading the ledger for command line and pages: the SQL is in `queries/`, the figures are the views'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from processor.calls.errors import ConfigError, StorageUnavailable
from service.config import Config
from service.display import exact_usd

Row = dict[str, Any]

_QUERIES = Path(__file__).with_name("queries")

DIMENSIONS = ("endpoint", "prompt", "user", "tenant", "model")


class Window(NamedTuple):
    """A window [start, end) in UTC, the filters with it; `*` takes everything."""

    start: datetime
    end: datetime
    environment: str = "prod"
    data_mode: str = "real"


@cache
def query(name: str) -> bytes:
    """The text of `queries/<name>.sql`."""
    return (_QUERIES / f"{name}.sql").read_bytes()


def rows(connection: psycopg.Connection[Any], name: str, **values: object) -> list[Row]:
    """Run a query of ours and return its rows by column name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), values).fetchall()


def top(connection: psycopg.Connection[Any], dimension: str, window: Window) -> tuple[Window, list[Row]]:
    """Spend by one dimension, dearest first, and the window that was really used.

    The window is answered exactly; where the calls of a ragged edge are gone it grows to whole hours or days.
    """
    suffix = "_identity" if dimension in ("user", "tenant") else ""
    span = {"from": window.start, "to": window.end}
    used = rows(connection, f"window{suffix}", **span)[0]
    filters = {"environment": window.environment, "data_mode": window.data_mode}
    found = rows(connection, f"top{suffix}", dimension=dimension, **span, **filters)
    for row in found:
        row["cost_pico_usd"] = int(row["cost_pico_usd"])
    return window._replace(start=used["from_used"], end=used["to_used"]), found


def unread_spans(connection: psycopg.Connection[Any], window: Window) -> int:
    """Spans of the window with usage that no rule reads: they make its totals lower bounds."""
    asked = {"environment": window.environment, "data_mode": window.data_mode}
    found = rows(connection, "unread_spans", **{"from": window.start, "to": window.end}, **asked)
    return int(found[0]["unread_spans"])


def folded_notice(connection: psycopg.Connection[Any], window: Window) -> str | None:
    """A sentence where calls of the environment are counted under `__other__` (LEDGER §12)."""
    asked = {"environment": window.environment, "data_mode": window.data_mode}
    found = rows(connection, "folded_notice", **{"from": window.start, "to": window.end}, **asked)
    notice: str | None = found[0]["notice"]
    return notice


def call_json(row: Row) -> dict[str, object]:
    """A call in the public names of the telemetry schema; money as text with every digit."""
    named = {_camel(key): value for key, value in row.items() if key != "cost_pico_usd"}
    if "cost_pico_usd" in row:
        named["costUsd"] = exact_usd(row["cost_pico_usd"])
    return {key: _iso(value) if isinstance(value, datetime) else value for key, value in named.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def database_url(config: Config) -> str:
    """The database of this configuration: the configured one, or the embedded server while `serve` runs.

    Raises:
        ConfigError: none is configured and no embedded server runs on the data directory.
    """
    if config.database.url:
        return config.database.url.get_secret_value()
    from service.embedded import running_dsn

    found = running_dsn(config.data_dir)
    if not found:
        raise ConfigError(
            f"no database: nothing runs in {config.data_dir}. Start `spanledger serve`, or name one with "
            f"--database-url or DATABASE_URL"
        )
    return found


@contextmanager
def connected(config: Config) -> Iterator[psycopg.Connection[Any]]:
    """A connection for one command, in UTC.

    Raises:
        StorageUnavailable: the database does not answer; the text names host and reason, never the password.
    """
    try:
        connection = psycopg.connect(
            database_url(config), autocommit=True, connect_timeout=10, application_name="spanledger cli",
            options="-c timezone=UTC",
        )  # fmt: skip
    except psycopg.Error as error:
        raise StorageUnavailable(f"the database cannot be reached: {reason(error)}") from None
    try:
        with connection:
            yield connection
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedFunction,
        psycopg.errors.InvalidSchemaName,
    ):
        raise ConfigError("this database holds no ledger of this version: run `spanledger migrate`") from None
    except psycopg.OperationalError as error:
        raise StorageUnavailable(f"the database went away: {reason(error)}") from None


def reason(error: psycopg.Error) -> str:
    """Why the database refused, in a line without a connection string."""
    if isinstance(error, psycopg.ProgrammingError):  # libpq quotes the string that it could not read
        return "the connection string cannot be read: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def place(dsn: str) -> str:
    """HOST:PORT/DATABASE of a connection string, for people: no user, no password.

    Raises:
        ConfigError: it is none; the text does not quote it.
    """
    try:
        parts = psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        raise ConfigError(f"database.url: {reason(error)}") from None
    host = parts.get("host") or parts.get("hostaddr") or "local"
    return f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"
