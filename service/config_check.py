"""Checks whether a configuration can run: settings, price map, identity key, database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg

from operations.operator_files.model import read_file
from processor.calls.errors import ConfigError, PipelineError
from processor.calls.identity_map import load_identity_map
from processor.pricing.load import load_price_book
from service import database, keys
from service.config import Config
from service.identity_keys import key_file, load_identity_rules, load_keys
from service.operator_files import operator_files
from storage.schema.migrate import MINIMUM_SERVER, migrations, view_checksum


class Finding(NamedTuple):
    """One thing that was looked at."""

    name: str
    passed: bool
    text: str
    remedy: str = ""


def findings(load: Callable[[], Config]) -> Iterator[Finding]:
    """Look at one thing after the other; what builds on something broken is left out."""
    try:
        config = load()
    except ConfigError as error:
        yield Finding("configuration", False, str(error), "every setting: docs/configuration.md")
        return
    yield Finding("configuration", True, "valid")
    yield _price_map(config)
    yield _identity_key(config)
    yield from _identities(config)
    yield from _operator_files(config)
    yield from _database(config)


def _price_map(config: Config) -> Finding:
    file = config.prices.file
    try:
        load_price_book(file)
    except ConfigError as error:
        return Finding("price map", False, str(error), "the format: docs/pricing.md")
    return Finding(
        "price map", True, f"built-in list with {file}" if file else "built-in list, no map of your own"
    )


def _identity_key(config: Config) -> Finding:
    path = key_file(config)
    if not path.exists() and not config.identity.key_file:
        return Finding("identity key", True, f"none yet; `serve` makes {path}")
    try:
        number = len(load_keys(config, create=False))
    except ConfigError as error:
        return Finding("identity key", False, str(error), "restore the file: other keys give other hashes")
    return Finding("identity key", True, f"{number} in {path}")


def _identities(config: Config) -> Iterator[Finding]:
    file = config.identity.labels
    if file is None or not key_file(config).exists():
        return  # nothing to read, or nothing yet to read it by: values are compared as they are stored
    try:
        found = load_identity_map(file, load_identity_rules(config, create=False))
    except ConfigError as error:
        yield Finding("identities", False, str(error), "the format: docs/retention-and-erasure.md")
        return
    text = f"{len(found.labels)} names, {len(found.assignments)} tenants of users in {file}"
    yield Finding("identities", True, text)


def _operator_files(config: Config) -> Iterator[Finding]:
    for kind, path, read in operator_files(config):
        if path is None:
            continue
        try:
            read_file(kind, path, read)
        except ConfigError as error:
            page = "budgets" if kind == "budgets" else "alerts"
            yield Finding(kind, False, str(error), f"the format: docs/{page}.md")
        else:
            yield Finding(kind, True, str(path))


def _database(config: Config) -> Iterator[Finding]:
    try:
        with database.connected(config) as connection:
            yield _server(connection)
            yield _schema(connection)
            yield _api_keys(connection, config)
    except ConfigError as error:
        yield Finding("database", False, str(error), "start `spanledger serve`, or set DATABASE_URL")
    except (PipelineError, psycopg.Error) as error:
        text = database.reason(error) if isinstance(error, psycopg.Error) else str(error)
        yield Finding("database", False, text, "is it running, and may this user connect?")


def _server(connection: psycopg.Connection[Any]) -> Finding:
    number = connection.info.server_version
    query = "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'timescaledb'"
    timescale = connection.execute(query).fetchone()
    text = f"PostgreSQL {number // 10000}.{number % 10000}"
    text += f" with TimescaleDB {timescale[0]}" if timescale else " without TimescaleDB"
    if number < MINIMUM_SERVER:
        return Finding("database", False, text, f"PostgreSQL {MINIMUM_SERVER // 10000} or newer is needed")
    return Finding("database", True, f"{text} at {connection.info.host}:{connection.info.port}")


def _schema(connection: psycopg.Connection[Any]) -> Finding:
    remedy = "spanledger migrate (or start `spanledger serve`)"
    if not _scalar(connection, "SELECT to_regclass('_genai.contract_version') IS NOT NULL"):
        return Finding("schema", False, "not there yet", remedy)
    version = _scalar(connection, "SELECT max(version) FROM _genai.schema_version")
    checksum = _scalar(connection, "SELECT checksum FROM _genai.contract_version")
    newest = migrations()[-1].version
    if version > newest:
        remedy = "start the newer version, or run `spanledger migrate --take-back`"
        return Finding("schema", False, f"at migration {version}, this version has only {newest}", remedy)
    if version != newest:
        return Finding("schema", False, f"at migration {version}, this version has {newest}", remedy)
    if checksum != view_checksum():
        return Finding("schema", False, "the views are those of another version", remedy)
    return Finding("schema", True, f"at migration {version}, views of this version")


def _api_keys(connection: psycopg.Connection[Any], config: Config) -> Finding:
    if not _scalar(connection, "SELECT to_regclass('_genai.api_key') IS NOT NULL"):
        return Finding("API keys", True, "none")
    valid = sum(key.revoked_at is None for key in keys.listed(connection))
    if valid:
        return Finding("API keys", True, f"{valid} valid; every sender needs one")
    if keys.exist(connection):
        return Finding("API keys", False, "all are revoked: no one can send", "spanledger keys create NAME")
    return Finding("API keys", True, "none: only senders on this machine can reach the service")


def _scalar(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None
