"""Plans: for each shape of span (emitter, set of attribute keys) where every field stands, worked out once.

An instrumentation writes the same keys on every span, so a span of a known shape costs one lookup of its
keys, one read per field, and shares the tuple that says where its fields came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from processor.call import Source
from receiver import attributes
from receiver.attributes import ABSENT_WORDS, BRACKET, INT_FIELD, INVALID, SPACE, TEXT_FIELD, Read
from receiver.dialects import DIALECTS
from receiver.dialects.conventions import convention
from receiver.dialects.kinds import (
    COUNT,
    COUNT_FIELDS,
    IDENTIFIERS,
    KINDS,
    PARTS,
    RARE_COUNTS,
    SHOWN_AS,
    SOURCED,
    TAG,
    TEXT,
    TIMINGS,
    WORDS,
)
from receiver.dialects.table import Convention, Judge, Key, Origin, Path, Values

MAX_PLANS = 1024
"""Shapes kept; a sender that invents keys can only make the cache start over."""


class Candidate(NamedTuple):
    """One place of this shape where a field may stand."""

    attribute: str
    read: Read
    convert: Callable[[object], object | None]
    path: Path
    key: Key


class Reading(NamedTuple):
    """What a span says, before it is judged.

    Attributes:
        chosen: field → the key that its value came from, where it was not the plan's first.
        invalid: a usage count was sent that is none.
    """

    values: Values
    chosen: Mapping[str, Key | None]
    invalid: bool


_NOTHING_CHOSEN: Mapping[str, Key | None] = MappingProxyType({})


class Plan:
    """How to read spans of one shape.

    The plain kinds (text, tags, counts) are read in loops of their own: most of a span's fields are their
    first candidate, and a call per field would cost more than the reading.
    """

    __slots__ = (
        "_candidates",
        "_counts",
        "_fetch",
        "_known",
        "_others",
        "_sources",
        "_texts",
        "_words",
        "convention",
        "dialect",
        "first",
        "has_identifiers",
        "has_parts",
        "has_streaming",
        "has_timings",
        "is_logfire",
        "judges",
        "origin",
        "rare_counts",
        "size",
        "unconventional",
    )

    def __init__(self, origin: Origin, keys: Mapping[str, list[Key]]) -> None:
        self.origin = origin
        self.convention: Convention = convention(origin)
        self._candidates = {name: _candidates(name, places) for name, places in keys.items()}
        self.first: dict[str, Key] = {name: found[0].key for name, found in self._candidates.items()}
        self.size = len(self.first)
        direct = {name: key.attribute for name, key in self.first.items() if not key.path}
        self._words = tuple(name for name in direct if name in WORDS)
        self._texts = tuple(n for n in direct if n not in WORDS and KINDS.get(n, TEXT) in (TEXT, TAG))
        self._counts = tuple(name for name in direct if KINDS.get(name) is COUNT)
        plain = (*self._words, *self._texts, *self._counts)
        self._others = tuple(name for name in self.first if name not in plain)
        self._known = tuple(_known_words[name].get for name in self._words)
        self._fetch = _getter([direct[name] for name in plain])
        self.judges = _judges(keys)
        self.has_identifiers = not IDENTIFIERS.isdisjoint(keys)
        self.has_parts = not PARTS.isdisjoint(keys)
        self.unconventional = self.convention.loses_cache or self.convention.thoughts_outside
        self.unconventional = self.unconventional or bool(self.convention.estimates)
        self.has_streaming = "streaming" in keys or "vercel_operation" in keys
        self.has_timings = not TIMINGS.isdisjoint(keys)
        self.rare_counts = not RARE_COUNTS.isdisjoint(keys)
        self.is_logfire = origin.scope.startswith("logfire")
        self.dialect = _dialect_name(origin, keys)
        self._sources: dict[tuple[object, ...], tuple[Source, ...]] = {}

    def read(self, span: Mapping[str, bytes]) -> Reading:
        """One pass over the fields of this shape."""
        raws = self._fetch(span)
        found = [known(raw) for known, raw in zip(self._known, raws, strict=False)]
        values: Values = dict(zip(self._words, found, strict=True))
        rest = list(self._others)
        if None in found:
            rest += [name for name in self._words if values[name] is None]
            for name in rest[len(self._others) :]:
                del values[name]
        place = len(found)
        for name, raw in zip(self._texts, raws[place:], strict=False):
            # A short text that is a tag as it stands.
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
                    text = "None"
                if text not in ABSENT_WORDS:
                    values[name] = text
                    continue
            rest.append(name)
        for name, raw in zip(self._counts, raws[place + len(self._texts) :], strict=False):
            # Integers of one or two bytes on the wire, 1 to 16 383: most counts of tokens.
            size = len(raw)
            if size == 3 and raw[0] == INT_FIELD and raw[1] >= 128 > raw[2]:
                values[name] = raw[1] - 128 | raw[2] << 7
            elif size == 2 and raw[0] == INT_FIELD and raw[1] < 128:
                values[name] = raw[1]
            else:
                rest.append(name)
        return self._read_rest(span, values, rest) if rest else Reading(values, _NOTHING_CHOSEN, False)

    def _read_rest(self, span: Mapping[str, bytes], values: Values, rest: list[str]) -> Reading:
        """The fields that need more than one look."""
        chosen: dict[str, Key | None] = {}
        documents: dict[str, object] = {}
        invalid = False
        for name in rest:
            candidates = self._candidates[name]
            value, key = _search(candidates, span, documents)
            if key is not candidates[0].key:
                chosen[name] = key
            if value == INVALID and KINDS.get(name) is COUNT:
                invalid = invalid or name in COUNT_FIELDS
            elif value is not None:
                values[name] = value
                if name in WORDS and not candidates[0].path:
                    _remember(name, span[candidates[0].attribute], value, key is candidates[0].key)
        return Reading(values, chosen or _NOTHING_CHOSEN, invalid)

    def key_of(self, reading: Reading, name: str) -> Key | None:
        """Where a field's value came from."""
        chosen = reading.chosen
        return chosen[name] if chosen and name in chosen else self.first.get(name)

    def sources(self, reading: Reading, usage_rank: int) -> tuple[Source, ...]:
        """One entry per field that was read; the same tuple for the same answer."""
        values, chosen = reading.values, reading.chosen
        all_first = not chosen and len(values) == self.size
        answer = (usage_rank,) if all_first else (usage_rank, *values, None, *chosen.items())
        known = self._sources.get(answer)
        if known is None:
            known = self._make_sources(reading, usage_rank)
            if len(self._sources) < MAX_PLANS:
                self._sources[answer] = known
        return known

    def _make_sources(self, reading: Reading, usage_rank: int) -> tuple[Source, ...]:
        found: dict[str, Source] = {}
        for name in sorted(reading.values):
            key = self.key_of(reading, name)
            shown = SHOWN_AS.get(name, name)
            if key is None or shown in found or shown not in SOURCED:
                continue
            rank = usage_rank if name in COUNT_FIELDS else key.rank
            found[shown] = Source(shown, key.shown, rank)
        return tuple(found.values())


def _getter(keys: list[str]) -> Callable[[Mapping[str, bytes]], tuple[bytes, ...]]:
    """Several attributes in one call: what costs is not the lookup but the way there."""
    if len(keys) > 1:
        return itemgetter(*keys)
    if not keys:
        return lambda span: ()
    return lambda span, key=keys[0]: (span[key],)  # type: ignore[misc]


_known_words: dict[str, dict[bytes, object]] = {name: {} for name in WORDS}
"""Field → value as sent → value as read, for fields of few values."""

_MAX_WORDS = 2048
_MAX_WORD_BYTES = 256


def _remember(name: str, raw: bytes, value: object, is_first: bool) -> None:
    if is_first and len(raw) <= _MAX_WORD_BYTES:
        known = _known_words[name]
        if len(known) >= _MAX_WORDS:
            known.clear()
        known[raw] = value


def _search(
    candidates: tuple[Candidate, ...], attributes_of: Mapping[str, bytes], documents: dict[str, object]
) -> tuple[object | None, Key | None]:
    for candidate in candidates:
        value = _value(candidate, attributes_of, documents)
        if value is not None:
            return value, candidate.key
    return None, None


def _value(
    candidate: Candidate, attributes_of: Mapping[str, bytes], documents: dict[str, object]
) -> object | None:
    value = attributes_of[candidate.attribute]
    if not candidate.path:
        return candidate.read(value)
    if candidate.path == ("id",) and candidate.attribute not in documents:
        leading = attributes.leading_id(attributes.content(value))
        if leading is not None:
            return leading
    if candidate.attribute not in documents:
        documents[candidate.attribute] = attributes.document(attributes.content(value))
    return candidate.convert(attributes.inside(documents[candidate.attribute], candidate.path))


def _candidates(name: str, places: list[Key]) -> tuple[Candidate, ...]:
    kind = KINDS.get(name, TEXT)
    return tuple(
        Candidate(key.attribute, kind.read, kind.convert, key.path, key)
        for key in sorted(places, key=lambda key: key.order)
    )


def _judges(keys: Mapping[str, list[Key]]) -> tuple[tuple[str, Judge], ...]:
    return tuple((d.mark, d.judge) for d in DIALECTS if d.judge is not None and d.mark in keys)


def _dialect_name(origin: Origin, keys: Mapping[str, list[Key]]) -> str:
    by_mark = next(
        (d.name for d in DIALECTS if d.mark in keys and d.name not in ("otel_genai", "logfire")), None
    )
    if by_mark is not None:
        return by_mark
    matching = [(len(s), d.name) for d in DIALECTS for s in d.scopes if _matches(origin.scope, s)]
    return max(matching)[1] if matching else "otel_genai"


def _matches(scope: str, beginning: str) -> bool:
    return scope == beginning if len(beginning) < 7 and "." not in beginning else scope.startswith(beginning)
