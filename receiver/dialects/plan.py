"""Plans: for each shape of span (emitter and set of attribute keys) where every field stands, worked out once.

An instrumentation writes the same keys on every span, so a span of a known shape costs one lookup of its keys,
one read per field, and shares the tuple that says where its fields came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from processor.call import Source
from receiver import attributes
from receiver.attributes import ABSENT, BRACKET, INVALID, MAX_COUNT, QUOTE, SPACE, Read
from receiver.dialects import DIALECTS
from receiver.dialects.conventions import convention
from receiver.dialects.kinds import (
    COUNT,
    COUNT_FIELDS,
    IDENTIFIERS,
    KINDS,
    RARE_COUNTS,
    SHOWN_AS,
    SOURCED,
    TAG,
    TEXT,
    TIMINGS,
    Kind,
)
from receiver.dialects.table import ApplicationKeys, Convention, Judge, Key, Origin, Path, Values
from receiver.wire import Value

MAX_PLANS = 1024
"""Shapes kept; a sender that invents keys can only make the cache start over."""

MAX_SHAPE = 128
"""A span with more attributes than this is planned by its known keys alone (20 000 keys are no shape)."""


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
        "_others",
        "_sources",
        "_tags",
        "_texts",
        "convention",
        "dialect",
        "first",
        "has_identifiers",
        "has_timings",
        "judges",
        "origin",
        "rare_counts",
        "size",
    )

    def __init__(self, origin: Origin, keys: Mapping[str, list[Key]]) -> None:
        self.origin = origin
        self.convention: Convention = convention(origin)
        self._candidates = {name: _candidates(name, places) for name, places in keys.items()}
        self.first: dict[str, Key] = {name: found[0].key for name, found in self._candidates.items()}
        self.size = len(self.first)
        self._texts = self._plain(TEXT)
        self._tags = self._plain(TAG)
        self._counts = self._plain(COUNT)
        plain = {name for name, _ in (*self._texts, *self._tags, *self._counts)}
        self._others = tuple(name for name in self.first if name not in plain)
        self.judges = _judges(keys)
        self.has_identifiers = not IDENTIFIERS.isdisjoint(keys)
        self.has_timings = not TIMINGS.isdisjoint(keys)
        self.rare_counts = not RARE_COUNTS.isdisjoint(keys)
        self.dialect = _dialect_name(origin, keys)
        self._sources: dict[tuple[object, ...], tuple[Source, ...]] = {}

    def _plain(self, kind: Kind) -> tuple[tuple[str, str], ...]:
        """Fields of this kind whose first candidate is an attribute itself."""
        return tuple(
            (name, key.attribute)
            for name, key in self.first.items()
            if KINDS.get(name, TEXT) is kind and not key.path
        )

    def read(self, span: Mapping[str, Value]) -> Reading:
        """One pass over the fields of this shape."""
        values: Values = {}
        rest = list(self._others)
        try:
            for name, attribute in self._texts:
                raw = span[attribute].text
                if raw and raw[0] != QUOTE:
                    values[name] = raw.decode()
                else:
                    rest.append(name)
            for name, attribute in self._tags:
                raw = span[attribute].text
                if raw and raw[0] > QUOTE and raw[0] != BRACKET and raw[-1] > SPACE and raw not in ABSENT:
                    values[name] = raw.decode()
                else:
                    rest.append(name)
        except UnicodeDecodeError:
            values, rest = {}, [name for name in self.first if KINDS.get(name, TEXT) is not COUNT]
        for name, attribute in self._counts:
            whole = span[attribute].whole
            if 0 < whole <= MAX_COUNT:
                values[name] = whole
            else:
                rest.append(name)
        return self._read_rest(span, values, rest) if rest else Reading(values, _NOTHING_CHOSEN, False)

    def _read_rest(self, span: Mapping[str, Value], values: Values, rest: list[str]) -> Reading:
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
        return Reading(values, chosen, invalid)

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


def _search(
    candidates: tuple[Candidate, ...], attributes_of: Mapping[str, Value], documents: dict[str, object]
) -> tuple[object | None, Key | None]:
    for candidate in candidates:
        value = _value(candidate, attributes_of, documents)
        if value is not None:
            return value, candidate.key
    return None, None


def _value(
    candidate: Candidate, attributes_of: Mapping[str, Value], documents: dict[str, object]
) -> object | None:
    value = attributes_of[candidate.attribute]
    if not candidate.path:
        return candidate.read(value)
    if candidate.path == ("id",) and candidate.attribute not in documents:
        leading = attributes.leading_id(value.text)
        if leading is not None:
            return leading
    if candidate.attribute not in documents:
        documents[candidate.attribute] = attributes.document(value.text)
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


class Plans:
    """All plans of one set of application keys; filled as shapes arrive."""

    def __init__(self, application: ApplicationKeys) -> None:
        self._table: dict[str, list[Key]] = {}
        for key in _all_keys(application):
            self._table.setdefault(key.attribute, []).append(key)
        self._emitters: dict[Origin, Emitter] = {}

    def emitter(self, origin: Origin) -> Emitter:
        """The plans for one emitter's spans."""
        known = self._emitters.get(origin)
        if known is None:
            if len(self._emitters) >= MAX_PLANS:
                self._emitters.clear()
            known = self._emitters[origin] = Emitter(origin, self._table)
        return known


class Emitter:
    """The plans for the spans of one scope and version."""

    def __init__(self, origin: Origin, table: Mapping[str, list[Key]]) -> None:
        self.origin = origin
        self._table = table
        self._by_shape: dict[tuple[str, ...], Plan] = {}
        self._by_known: dict[frozenset[str], Plan] = {}

    def plan(self, keys: Iterable[str]) -> Plan:
        """The plan for a span with these attribute keys."""
        shape = tuple(keys)
        plan = self._by_shape.get(shape)
        return plan if plan is not None else self._plan_of(shape)

    def _plan_of(self, shape: tuple[str, ...]) -> Plan:
        known = frozenset(key for key in shape if key in self._table)
        plan = self._by_known.get(known)
        if plan is None:
            plan = Plan(self.origin, self._fields(known))
            _bounded(self._by_known)[known] = plan
        if len(shape) <= MAX_SHAPE:
            _bounded(self._by_shape)[shape] = plan
        return plan

    def _fields(self, known: Iterable[str]) -> dict[str, list[Key]]:
        fields: dict[str, list[Key]] = {}
        for attribute in sorted(known):
            for key in self._table[attribute]:
                if self.origin.scope.startswith(key.only):
                    fields.setdefault(key.field, []).append(key)
        return fields


_Key = TypeVar("_Key")


def _bounded(cache: dict[_Key, Plan]) -> dict[_Key, Plan]:
    if len(cache) >= MAX_PLANS:
        cache.clear()
    return cache


def _all_keys(application: ApplicationKeys) -> Iterable[Key]:
    seen: set[tuple[str, str, Path, str]] = set()
    for key in (*application.keys(), *(key for dialect in DIALECTS for key in dialect.keys)):
        place = (key.field, key.attribute, key.path, key.only)
        if place not in seen:
            seen.add(place)
            yield key
