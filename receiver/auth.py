"""Who may send: the authenticator's contract and how a key is read from headers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from processor.calls.errors import PipelineError

_SCHEMES: Final = frozenset({"basic", "digest", "token", "apikey", "api-key", "negotiate"})
"""Schemes that may be named in a hint; any other first word may be the key itself."""
_SHOWN_OF_KEY: Final = 6


class Unauthenticated(PipelineError):
    """No key, or an unknown one. The text is always the same: it reveals nothing to a stranger.

    Attributes:
        cause: for the operator: no_key, unreadable_key, unknown_key or revoked_key.
        hint: which key or header; at most the first characters of a key.
    """

    def __init__(self, cause: str = "no_key", hint: str = "") -> None:
        super().__init__("a valid API key is required: authorization: Bearer sl_…")
        self.cause = cause
        self.hint = hint


class Forbidden(PipelineError):
    """The key is valid, but not for this.

    Attributes:
        hint: for the operator: which key.
    """

    def __init__(self, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.hint = hint


class Authenticator(Protocol):
    """Decides before the body is read.

    `headers` has names in lower case; a header that came several times is joined by a comma, so that two
    keys are never one valid key. Raises `Unauthenticated` or `Forbidden`; may raise `Retryable`.
    """

    async def check(self, headers: Mapping[str, str]) -> None:
        """Return when the sender may ingest."""


class Open:
    """Admits every sender: the local demo, or a service behind a gateway that authenticates."""

    async def check(self, headers: Mapping[str, str]) -> None:
        """Return."""


class HashedKeys:
    """A fixed set of keys, of which only SHA-256 digests are kept."""

    def __init__(self, digests: Iterable[bytes]) -> None:
        self._digests = tuple(digests)

    async def check(self, headers: Mapping[str, str]) -> None:
        """Compare with every key, each in constant time, so that its timing reveals nothing."""
        token = read_token(headers)
        digest = hashlib.sha256((token or "").encode("utf-8", "surrogateescape")).digest()
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if token is None:
            raise no_token(headers)
        if not any(matches):
            raise Unauthenticated("unknown_key", f"key {start_of_key(token)}")


def read_token(headers: Mapping[str, str]) -> str | None:
    """The key in `authorization: Bearer KEY` or `x-api-key: KEY`; None without one.

    The scheme is read in any case (RFC 9110 §11.1), the key exactly as sent. When both headers are there
    and differ, there is no key.
    """
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    tokens = {bearer.strip()} if scheme.lower() == "bearer" else set()
    tokens.add(headers.get("x-api-key", "").strip())
    tokens.discard("")
    return tokens.pop() if len(tokens) == 1 else None


def no_token(headers: Mapping[str, str]) -> Unauthenticated:
    """The refusal of a request in which `read_token` found no key; its hint says why, without the value."""
    authorization = headers.get("authorization", "").strip()
    if not authorization:
        return Unauthenticated()
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        hint = "two different keys" if rest.strip() else "Bearer without a key"
        return Unauthenticated("unreadable_key", hint)
    if scheme.lower().startswith("bearer%20"):
        return Unauthenticated("unreadable_key", "`Bearer%20`, not `Bearer` and a space")
    known = scheme.lower() in _SCHEMES
    return Unauthenticated("unreadable_key", f"authorization: {scheme.lower()} …" if known else "no `Bearer`")


def start_of_key(key: str) -> str:
    """The first characters of a key: at most six, and at most a quarter of it."""
    return f"{key[: min(_SHOWN_OF_KEY, len(key) // 4)]}…"


def basic_as_bearer(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The same headers, with the password of Basic authentication as the Bearer key.

    Only for the path that Langfuse SDKs export to: they send `Basic base64(public:secret)` and can be
    configured in no other way. Everywhere else Basic is no authentication.
    """
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return headers
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return headers
    return {**headers, "authorization": f"Bearer {pair.partition(':')[2]}"}
