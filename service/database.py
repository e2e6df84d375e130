"""The database of a configuration: where it is, and a connection for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from processor.calls.errors import ConfigError, StorageUnavailable
from service.config import Config


def database_url(config: Config) -> str:
    """The database of this configuration: the configured one, or the embedded server while `serve` runs.

    Raises:
        ConfigError: none is configured and no embedded server runs on the data directory.
    """
    if config.database.url:
        return config.database.url.get_secret_value()
    from service.postgres.server import running_dsn

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
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        # libpq quotes the string that it could not read
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
