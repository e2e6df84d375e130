"""API keys: made once, stored hashed, checked from memory."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple

import psycopg

from receiver.auth import Forbidden, Unauthenticated, no_token, read_token, start_of_key

log = logging.getLogger("spanledger.keys")

SCOPES = ("ingest", "inbox", "read", "operate", "admin")
"""`operate` (change alerts and incidents) includes `read`, `admin` includes all."""

_REFRESH_SECONDS = 3.0
"""A revoked key works at most this long."""
_SOONEST_SECONDS = 0.5
"""An unknown key makes us look into the database, but not more often than this."""

Connect = Callable[[], AbstractContextManager[psycopg.Connection]]


class Key(NamedTuple):
    """A key as it is listed; its secret cannot be shown again."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class Holder(NamedTuple):
    """Whose key came with a request."""

    id: str
    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether the key has the scope, or one that includes it."""
        has_it = scope in self.scopes or "admin" in self.scopes
        return has_it or (scope == "read" and "operate" in self.scopes)


def create(connection: psycopg.Connection, name: str, scopes: Sequence[str]) -> tuple[str, str]:
    """Make a key; returns its id and the secret, which is shown this once."""
    identifier, secret = secrets.token_hex(4), f"sl_{secrets.token_urlsafe(32)}"
    connection.execute(
        "INSERT INTO _genai.api_key (id, name, secret_hash, scopes) VALUES (%s, %s, %s, %s)",
        (identifier, name, _digest(secret), list(scopes)),
    )
    return identifier, secret


def revoke(connection: psycopg.Connection, identifier: str) -> bool:
    """Revoke a key by id; False when there is no such key that still works."""
    query = "UPDATE _genai.api_key SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL"
    return connection.execute(query, (identifier,)).rowcount > 0


def listed(connection: psycopg.Connection) -> list[Key]:
    """Every key, oldest first."""
    query = """
        SELECT id, name, scopes, created_at, last_used_at, revoked_at
        FROM _genai.api_key ORDER BY created_at, id
    """
    return [Key(row[0], row[1], tuple(row[2]), *row[3:]) for row in connection.execute(query)]


def exist(connection: psycopg.Connection) -> bool:
    """Whether a key was ever made: from then on every sender needs one, even if all are revoked."""
    row = connection.execute("SELECT EXISTS (SELECT FROM _genai.api_key)").fetchone()
    return bool(row and row[0])


class KeyRing:
    """The keys in memory, reread every few seconds; while the database is away the last known ones hold."""

    def __init__(self, connect: Connect, always_required: bool = False, own: str = "") -> None:
        """Nothing is read yet.

        Args:
            always_required: refuse all senders while no key exists (a public address).
            own: a secret of this process that may ingest: its probe's. It is stored nowhere.
        """
        self._connect = connect
        self._own = {_digest(own): Holder("", "probe", frozenset({"ingest"}))} if own else {}
        self._holders: dict[bytes, Holder] = dict(self._own)
        self._revoked: dict[bytes, str] = {}
        self._used: set[str] = set()
        self._required = always_required
        self._always_required = always_required
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    @property
    def is_required(self) -> bool:
        """Whether a request needs a key."""
        return self._required

    def load(self) -> None:
        """Read all keys, and note which ones were used."""
        used, self._used = self._used, set()
        with self._connect() as connection:
            if used:
                query = "UPDATE _genai.api_key SET last_used_at = now() WHERE id = ANY(%s)"
                connection.execute(query, (sorted(used),))
            rows = connection.execute(
                "SELECT id, secret_hash, scopes, revoked_at, name FROM _genai.api_key"
            ).fetchall()
        self._holders = self._own | {
            bytes(row[1]): Holder(row[0], row[4], frozenset(row[2])) for row in rows if row[3] is None
        }
        self._revoked = {bytes(row[1]): row[0] for row in rows if row[3] is not None}
        self._required = self._always_required or bool(rows)
        self._read_at = time.monotonic()

    async def keep_fresh(self) -> None:
        """Reread the keys, until cancelled."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            await self._refresh(_SOONEST_SECONDS)

    async def check(self, headers: Mapping[str, str], scope: str = "ingest") -> None:
        """Return when the sender may do what `scope` names.

        Raises:
            Unauthenticated: no key, or an unknown one.
            Forbidden: a valid key without that scope.
        """
        await self.holder(headers, scope)

    async def holder(self, headers: Mapping[str, str], scope: str) -> Holder | None:
        """Whose key came with a request; None while no key is needed.

        The digest of a 256-bit random secret is looked up, not the secret: its timing reveals nothing.

        Raises:
            Unauthenticated: no key, or an unknown one.
            Forbidden: a valid key without that scope.
        """
        if not self._required:
            return None
        token = read_token(headers)
        if token is None:
            raise no_token(headers)
        digest = _digest(token)
        known = self._holders.get(digest)
        if known is None:
            await self._refresh(_SOONEST_SECONDS)  # it may have been made a moment ago
            known = self._holders.get(digest)
        if known is None:
            raise self._no_match(digest, token)
        if not known.may(scope):
            raise Forbidden(f"this key may not do that: it lacks the scope {scope}", f"key {known.id}")
        if known.id:
            self._used.add(known.id)
        return known

    def _no_match(self, digest: bytes, token: str) -> Unauthenticated:
        revoked = self._revoked.get(digest)
        if revoked is None:
            return Unauthenticated("unknown_key", f"key {start_of_key(token)}")
        return Unauthenticated("revoked_key", f"key {revoked}")

    async def _refresh(self, at_most_every: float) -> None:
        async with self._reading:
            if time.monotonic() - self._read_at < at_most_every:
                return
            self._read_at = time.monotonic()
            try:
                await asyncio.to_thread(self.load)
            except psycopg.Error as error:
                log.warning(
                    "the API keys could not be reread (%s); the last known ones hold", type(error).__name__
                )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
