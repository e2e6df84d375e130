"""How a user or tenant is stored: plain, as presented, or as a keyed hash; a person never in the clear.

Source:
    DESIGN §9. HMAC: RFC 2104 with SHA-256 under a deployment key.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence, Set
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

from processor.calls.errors import ConfigError

ERASED: Final = "__erased__"
"""The value of every erased person (LEDGER §20)."""
HASH_PREFIX: Final = "h:"
HASH_HEX_DIGITS: Final = 20
"""80 bits: among 100 million identities the chance of one collision is below 10^-8."""
MIN_KEY_BYTES: Final = 16
_CACHE_LIMIT: Final = 32_768
"""Values remembered per kind; about 10 MB at worst, and a miss costs 5 µs."""
_LONGEST_CACHED: Final = 200

_ABSENT: Final = frozenset({"", "none", "null", "undefined", "unknown", "n/a", "nan"})
_HASH_MARKS: Final = ("sha256:", "hmac:", HASH_PREFIX)
_HEX_DIGEST: Final = re.compile(r"[0-9a-fA-F]{32,128}")
_SHORT_DIGEST: Final = re.compile(r"[0-9a-fA-F]{8,}")
_EMAIL: Final = re.compile(r"[^\s@](?:@|%40)[^\s@]+\.[^\s@]{2}", re.IGNORECASE)
_PHONE: Final = re.compile(
    r"""(?:tel:)?(?:
        \+[\d\s().\-/]{7,24}                            # +49 170 1234567
      | 00[1-9][\d\s().\-/]{7,22}                       # 0049 170 1234567
      | (?:1[\s.\-])?\(?\d{3}\)?[\s.\-]\d{3}[\s.\-]\d{4}  # (555) 123-4567
      | 0\d{1,4}[\s./\-]\d[\d\s.\-]{4,12}               # 0170 1234567
    )""",
    re.VERBOSE,
)
_WORD: Final = r"[^\W\d_][^\W\d_]*(?:['’.\-][^\W\d_]*)*"
_FULL_NAME: Final = re.compile(rf"{_WORD}(?:,?\s+{_WORD}){{1,3}}")
_LOGIN_NAME: Final = re.compile(r"[^\W\d_]{2,20}\.[^\W\d_]{2,20}")
_COMPANY_NAMES: Final = """
ag bank bv capital co company corp corporation foundation gmbh group health holding holdings inc
insurance international kg labs limited llc llp ltd media ministry oy partners plc pty sa sarl school se
services software solutions spa studio studios systems team technologies university
"""
_COMPANY_WORDS: Final = frozenset(_COMPANY_NAMES.split())
"""A tenant with one of these words is an organisation and not a person."""


class Mode(StrEnum):
    """How a kind of identity is stored; what looks like a person is hashed in every mode."""

    HASH = "hash"
    """Every value that is not a hash already becomes a keyed hash."""
    PLAIN = "plain"
    """As sent."""
    PRESENTED = "presented"
    """The sender hashes: a hash is kept as sent; anything else is hashed here and flagged."""


class Kind(StrEnum):
    """Kind of identity: user or tenant."""

    USER = "user"
    TENANT = "tenant"


class Protected(NamedTuple):
    """The stored form of one identity.

    Attributes:
        stored: None when the value says nothing (`""`, `null`, scrubbed by the sender).
        raw: True when a person's e-mail, phone number or name, or an unhashed value where hashes were
            promised, had to be hashed here.
    """

    stored: str | None
    raw: bool


def is_hashed(value: str) -> bool:
    """Whether the value says of itself that it is a hash already (DESIGN §9)."""
    return (
        value.startswith(_HASH_MARKS) or value.endswith("_hash") or _HEX_DIGEST.fullmatch(value) is not None
    )


def looks_like_person(value: str, kind: Kind) -> bool:
    """Whether the value reads as an e-mail address, a phone number or a person's name."""
    bare = _without_mark(value)
    if bare != value and _SHORT_DIGEST.fullmatch(bare):
        return False
    if _EMAIL.search(bare) or _PHONE.fullmatch(bare):
        return True
    return _is_name(bare[:_LONGEST_CACHED]) or (kind is Kind.USER and _LOGIN_NAME.fullmatch(bare) is not None)


def _without_mark(value: str) -> str:
    for mark in _HASH_MARKS:
        value = value.removeprefix(mark)
    return value.removesuffix("_hash").strip()


def _is_name(text: str) -> bool:
    if not _FULL_NAME.fullmatch(text):
        return False
    words = text.replace(",", " ").split()
    return words[0][0].isupper() and words[-1][0].isupper() and not _names_company(words)


def _names_company(words: Sequence[str]) -> bool:
    return any(word.rstrip(".").lower() in _COMPANY_WORDS for word in words)


def keyed_hash(value: str, key: bytes) -> str:
    """`h:` and the first 20 hex digits of HMAC-SHA-256; the case of an e-mail address does not matter."""
    text = value.lower() if "@" in value else value
    digest = hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()
    return HASH_PREFIX + digest[:HASH_HEX_DIGITS]


def value_hash(kind: Kind, stored: str) -> bytes:
    """Under what a stored value stands in the list of erased ones; SQL computes the same."""
    return sha256(f"{kind}:{stored}".encode("utf-8", "surrogatepass")).digest()


class Protector:
    """Turns the values of one kind of identity into their stored forms, and remembers them.

    Keys are ordered newest first: the newest signs, the older ones only serve `stored_forms`.
    """

    __slots__ = ("_erased", "_keys", "_kind", "_known", "mode")

    def __init__(self, kind: Kind, mode: Mode, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ConfigError("identity.keys: at least one key is needed, raw identities are always hashed")
        if any(len(key) < MIN_KEY_BYTES for key in keys):
            raise ConfigError(f"identity.keys: a key has at least {MIN_KEY_BYTES} bytes")
        self.mode = mode
        self._kind = kind
        self._keys = tuple(keys)
        self._known: dict[str, Protected] = {}
        self._erased: Set[bytes] = frozenset()

    def erase(self, hashes: Set[bytes]) -> None:
        """From now on values with one of these hashes (`value_hash` of any stored form) are `__erased__`."""
        if hashes != self._erased:
            self._erased = hashes
            self._known = {}

    def __call__(self, value: str) -> Protected:
        """The stored form of a value; 0.1 µs when it was seen lately."""
        known = self._known.get(value)
        return known if known is not None else self._learn(value)

    def stored_forms(self, value: str) -> tuple[str, ...]:
        """Every form under which the value may have been stored so far, the current one first.

        For erasure, labels and filters: the form of today's mode, then the hash under each key, then plain.
        """
        text = value.strip()
        return self._forms(text, self._protect(text).stored)

    def _learn(self, value: str) -> Protected:
        known = self._known  # what a changed list of erased values makes obsolete goes into the old cache
        protected = self._protect(value)
        if self._erased and self._is_erased(value, protected):
            protected = Protected(ERASED, False)
        if len(value) <= _LONGEST_CACHED:
            if len(known) >= _CACHE_LIMIT:
                known.clear()
            known[value] = protected
        return protected

    def _is_erased(self, value: str, protected: Protected) -> bool:
        """Also after the key was rotated: the older keys are kept for this."""
        forms = self._forms(value.strip(), protected.stored) if protected.stored else ()
        return any(value_hash(self._kind, form) in self._erased for form in forms)

    def _forms(self, text: str, today: str | None) -> tuple[str, ...]:
        hashed = [keyed_hash(text, key) for key in self._keys]
        plain = [] if looks_like_person(text, self._kind) else [text]
        return tuple(dict.fromkeys(form for form in (today, *hashed, *plain) if form))

    def _protect(self, value: str) -> Protected:
        text = value.strip()
        if text.lower() in _ABSENT or text.startswith("[Scrubbed"):
            return Protected(None, False)
        if looks_like_person(text, self._kind):
            return Protected(keyed_hash(text, self._keys[0]), True)
        if self.mode is Mode.PLAIN or is_hashed(text):
            return Protected(text, False)
        return Protected(keyed_hash(text, self._keys[0]), self.mode is Mode.PRESENTED)


class IdentityRules(NamedTuple):
    """One protector per kind of identity."""

    user: Protector
    tenant: Protector


def identity_rules(keys: Sequence[bytes], user: Mode = Mode.HASH, tenant: Mode = Mode.PLAIN) -> IdentityRules:
    """The rules of DESIGN §9: users hashed and tenants plain unless configured otherwise.

    Args:
        keys: deployment keys, newest first, each at least 16 bytes.

    Raises:
        ConfigError: no key, or one that is too short.
    """
    return IdentityRules(Protector(Kind.USER, user, keys), Protector(Kind.TENANT, tenant, keys))
