"""API keys: shown once, stored hashed, scoped, revoked within seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from receiver.auth import Forbidden, Unauthenticated
from service import keys
from service.keys import KeyRing

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(migrated_database: str) -> Iterator[Connection]:
    with psycopg.connect(migrated_database, autocommit=True) as opened:
        yield opened


def ring(dsn: str, **options: bool) -> KeyRing:
    def connect() -> AbstractContextManager[Connection]:
        return psycopg.connect(dsn, autocommit=True)

    made = KeyRing(connect, **options)
    made.load()
    return made


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


async def test_without_a_key_everybody_on_this_machine_may_send(migrated_database: str) -> None:
    await ring(migrated_database).check({})


async def test_without_a_key_nobody_may_send_where_others_reach_us(migrated_database: str) -> None:
    with pytest.raises(Unauthenticated):
        await ring(migrated_database, always_required=True).check({})


async def test_from_the_first_key_on_everybody_needs_one(
    connection: Connection, migrated_database: str
) -> None:
    _, secret = keys.create(connection, "checkout", ["ingest"])
    guard = ring(migrated_database)

    await guard.check(bearer(secret))
    await guard.check({"x-api-key": secret})
    for wrong in ({}, bearer(""), bearer(secret[:-1]), bearer(secret + "a"), bearer(secret.upper())):
        with pytest.raises(Unauthenticated):
            await guard.check(wrong)


async def test_a_scope_opens_only_its_own_door(connection: Connection, migrated_database: str) -> None:
    secrets = {scope: keys.create(connection, scope, [scope])[1] for scope in keys.SCOPES}
    guard = ring(migrated_database)

    await guard.check(bearer(secrets["ingest"]), "ingest")
    await guard.check(bearer(secrets["admin"]), "ingest")
    await guard.check(bearer(secrets["admin"]), "read")
    for scope in ("read", "inbox"):
        with pytest.raises(Forbidden, match="scope ingest"):
            await guard.check(bearer(secrets[scope]), "ingest")


async def test_a_key_made_a_moment_ago_works_at_once(
    connection: Connection, migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_SOONEST_SECONDS", 0.0)
    keys.create(connection, "old", ["ingest"])
    guard = ring(migrated_database)
    _, secret = keys.create(connection, "new", ["ingest"])

    await guard.check(bearer(secret))


async def test_a_revoked_key_stops_working_and_still_guards(
    connection: Connection, migrated_database: str
) -> None:
    identifier, secret = keys.create(connection, "checkout", ["ingest"])
    guard = ring(migrated_database)
    await guard.check(bearer(secret))

    assert keys.revoke(connection, identifier)
    assert not keys.revoke(connection, identifier)
    guard.load()

    for headers in (bearer(secret), {}):
        with pytest.raises(Unauthenticated):
            await guard.check(headers)


async def test_while_the_database_is_away_the_last_known_keys_hold(
    connection: Connection, migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_SOONEST_SECONDS", 0.0)
    _, secret = keys.create(connection, "checkout", ["ingest"])
    guard = ring(migrated_database)

    def away() -> AbstractContextManager[Connection]:
        raise psycopg.OperationalError("connection refused")

    guard._connect = away
    await guard.check(bearer(secret))
    with pytest.raises(Unauthenticated):
        await guard.check(bearer("sl_unknown"))


async def test_the_secret_is_nowhere_in_the_database(connection: Connection, migrated_database: str) -> None:
    identifier, secret = keys.create(connection, "checkout", ["ingest", "read"])
    guard = ring(migrated_database)
    await guard.check(bearer(secret))
    guard.load()

    (key,) = keys.listed(connection)
    row = connection.execute("SELECT api_key::text FROM _genai.api_key").fetchone()
    assert secret.startswith("sl_")
    assert len(secret) > 40
    assert row is not None
    assert secret[3:] not in row[0]
    assert (key.id, key.name, key.scopes) == (identifier, "checkout", ("ingest", "read"))
    assert key.last_used_at is not None
