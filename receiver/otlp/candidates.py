"""The places where a field of one shape of span may stand, and the search through them.

A usage object may spell its dozen counts in a hundred ways, and holds five of them. Which of the hundred
places
can hold something follows from the keys that the object has, and objects of one emitter have the same keys:
it
is worked out once for each set of keys (`Routes`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from receiver.dialects.table import Key, Path
from receiver.otlp import attributes
from receiver.otlp.attributes import Read
from receiver.otlp.fields import KINDS, TEXT

_MANY_PLACES = 12
"""An attribute that may hold more values than this is a usage object, or holds one."""
_MAX_ROUTES = 256
"""Sets of keys kept per plan; a sender that invents keys can only make them start over."""

Trie: TypeAlias = "dict[str | int, Trie]"
Documents: TypeAlias = dict[str, object]
"""Attribute → the parsed value of its text, for the time of one span."""


class Candidate(NamedTuple):
    """One place of this shape where a field may stand."""

    attribute: str
    read: Read
    convert: Callable[[object], object | None]
    path: Path
    key: Key
    word: bytes = b""
    """Bytes a value must contain for the path to exist: searching is far cheaper than parsing."""


Candidates: TypeAlias = Mapping[str, tuple[Candidate, ...]]


def candidates(name: str, places: list[Key]) -> tuple[Candidate, ...]:
    """The places of one field, in order."""
    kind = KINDS.get(name, TEXT)
    return tuple(
        Candidate(key.attribute, kind.read, kind.convert, key.path, key, _word(key.path))
        for key in sorted(places, key=lambda key: key.order)
    )


def _word(path: Path) -> bytes:
    last = path[-1] if path else ""
    return last.encode() if isinstance(last, str) else b""


def search(
    places: tuple[Candidate, ...], attributes_of: Mapping[str, bytes], documents: Documents
) -> tuple[object | None, Key | None]:
    """The first value that a field has in a span, and the key that it stands under."""
    for candidate in places:
        value = _value(candidate, attributes_of, documents)
        if value is not None:
            return value, candidate.key
    return None, None


def _value(candidate: Candidate, attributes_of: Mapping[str, bytes], documents: Documents) -> object | None:
    value = attributes_of[candidate.attribute]
    if not candidate.path:
        return candidate.read(value)
    if candidate.path == ("id",) and candidate.attribute not in documents:
        leading = attributes.leading_id(attributes.content(value))
        if leading is not None:
            return leading
    if candidate.attribute not in documents:
        if candidate.word not in value:
            return None
        documents[candidate.attribute] = attributes.parsed(value)
    return candidate.convert(attributes.inside(documents[candidate.attribute], candidate.path))


class Route(NamedTuple):
    """Where to look for the fields of spans whose usage objects have the same keys.

    Attributes:
        searched: place in the row, field and its candidates, for those that have any.
        absent: the other fields: no key gives them a value.
    """

    searched: tuple[tuple[int, str, tuple[Candidate, ...]], ...]
    absent: Mapping[str, None]


class Routes:
    """Which candidates can have a value, by the keys of the usage objects on a span.

    Args:
        fields: in the order of the row.
    """

    __slots__ = ("_candidates", "_fields", "_only", "_routes", "_tries")

    def __init__(self, of_fields: Candidates, fields: Sequence[str]) -> None:
        self._candidates = of_fields
        self._fields = fields
        every = [candidate for places in of_fields.values() for candidate in places if candidate.path]
        places = Counter(candidate.attribute for candidate in every)
        self._tries: dict[str, Trie] = {name: {} for name, count in places.items() if count > _MANY_PLACES}
        self._routes: dict[tuple[object, ...], Route] = {}
        for candidate in every:
            below = self._tries.get(candidate.attribute)
            for step in candidate.path if below is not None else ():
                below = below.setdefault(step, {})  # type: ignore[union-attr]
        self._only = None if self._tries else self._make({})

    def of(self, span: Mapping[str, bytes], documents: Documents) -> Route:
        """The fields to look for in this span; its usage objects are parsed into `documents`."""
        if self._only is not None:
            return self._only
        for name in self._tries:
            documents[name] = attributes.parsed(span[name])
        keys = tuple([_keys(documents[name], trie) for name, trie in self._tries.items()])
        route = self._routes.get(keys)
        if route is None:
            if len(self._routes) >= _MAX_ROUTES:
                self._routes.clear()
            route = self._routes[keys] = self._make(documents)
        return route

    def _make(self, documents: Documents) -> Route:
        places = [
            tuple(
                candidate
                for candidate in self._candidates[name]
                if candidate.attribute not in self._tries
                or _has(documents[candidate.attribute], candidate.path)
            )
            for name in self._fields
        ]
        named = tuple(zip(range(len(places)), self._fields, places, strict=True))
        absent = dict.fromkeys(name for _, name, found in named if not found)
        return Route(tuple(field for field in named if field[2]), absent)


def _keys(value: object, trie: Trie) -> object:
    """The known keys that a parsed value has, and those of the objects under them."""
    if not isinstance(value, dict):
        return isinstance(value, list)  # a place inside a list is looked for in every list
    return tuple([(key, _keys(value[key], trie[key])) if trie[key] else key for key in value if key in trie])


def _has(value: object, path: Path) -> bool:
    for step in path:
        if isinstance(value, list):
            return True
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True
