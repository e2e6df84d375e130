"""Attribute values read before, by their bytes: the same words, users and counts come again.

A table answers what is known at the speed of a dictionary (0.06 µs) and reads only what is new (0.4 to 1 µs).
Calls then share their strings, and a string that is shared remembers its hash.
"""

from __future__ import annotations

from receiver.otlp import attributes
from receiver.otlp.attributes import ABSENT_WORDS, BRACKET, INT_FIELD, INVALID, SPACE, TEXT_FIELD, Read
from receiver.otlp.fields import COUNT, KINDS, TAG, TEXT, UNIQUE

_LIMIT = 16_384
"""Values kept per field; some 3 MB of users at worst, and one that is forgotten costs its reading."""
_LONGEST = 256


class ValueCache(dict[bytes, object]):
    """Value as sent → value as read, None when it says nothing. `table[raw]` reads and remembers.

    Args:
        read: how the field's values are read.
        limit: values remembered, then it starts over; 0 for ids, of which each comes once.
    """

    def __init__(self, read: Read, limit: int = _LIMIT) -> None:
        super().__init__()
        self._read = read
        self._limit = limit

    def __missing__(self, raw: bytes) -> object | None:
        value = self._read(raw)
        return value if value is None else self._remember(raw, value)

    def _remember(self, raw: bytes, value: object) -> object:
        if self._limit and len(raw) <= _LONGEST:
            if len(self) >= self._limit:
                self.clear()
            self[raw] = value
        return value


class _TextCache(ValueCache):
    """The same for texts, which are read faster when they are short and a tag as they stand: most are."""

    def __missing__(self, raw: bytes) -> object | None:
        size = len(raw)
        if (
            size > 2
            and raw[0] == TEXT_FIELD
            and raw[1] == size - 2
            and BRACKET < raw[2] < 128 > raw[-1] > SPACE
        ):
            try:
                text = raw[2:].decode()
            except UnicodeDecodeError:
                return ValueCache.__missing__(self, raw)
            if text not in ABSENT_WORDS:
                return self._remember(raw, text) if self._limit else text
        return ValueCache.__missing__(self, raw)


def _count(raw: bytes) -> int | None:
    """A count; None for an invalid one, so that it is looked at again and reported."""
    size = len(raw)
    if size == 3 and raw[0] == INT_FIELD and raw[1] >= 128 > raw[2]:
        return raw[1] - 128 | raw[2] << 7
    if size == 4 and raw[0] == INT_FIELD and raw[1] >= 128 <= raw[2] and raw[3] < 128:
        return raw[1] - 128 | (raw[2] - 128) << 7 | raw[3] << 14
    value = attributes.count(raw)
    return None if value == INVALID else value


def _table(name: str) -> ValueCache:
    kind = KINDS.get(name, TEXT)
    if kind in (TEXT, TAG):
        return _TextCache(kind.read, 0 if name in UNIQUE else _LIMIT)
    return ValueCache(kind.read, 0 if name in UNIQUE else _LIMIT)


_COUNTS = ValueCache(_count, 2 * _LIMIT)
_tables: dict[str, ValueCache] = {}


def known_values(name: str) -> ValueCache:
    """The values of a field; all counts share one table."""
    if KINDS.get(name) is COUNT:
        return _COUNTS
    table = _tables.get(name)
    if table is None:
        table = _tables[name] = _table(name)
    return table
