"""Which plan reads a span: one per emitter and set of attribute keys, made for the first such span."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from receiver.dialects import DIALECTS
from receiver.dialects.table import ApplicationKeys, Dialect, Key, Origin, Path
from receiver.otlp.read_plan import MAX_PLANS, FieldValues, ReadPlan, getter
from receiver.otlp.unread import counts_cache
from receiver.otlp.wire import Span, parse_span

MAX_SHAPE = 128
"""A span with more attributes than this is planned by its known keys alone (20 000 keys are no shape)."""

_MAX_FETCHED_BYTES = 16_384
"""In a larger span lies content, and fetching it only to see that it is there would copy it."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class ReadPlans:
    """All plans of one set of application keys and mapped dialects; filled as shapes arrive."""

    def __init__(self, application: ApplicationKeys, mapped: tuple[Dialect, ...] = ()) -> None:
        self._mapped = mapped
        self._table: dict[str, list[Key]] = {}
        for key in _all_keys(application):
            self._table.setdefault(key.attribute, []).append(key)
        self._emitters: dict[Origin, Emitter] = {}

    def reads(self, attribute: str) -> bool:
        """Whether any rule reads an attribute of this name."""
        return attribute in self._table or any(k.attribute == attribute for d in self._mapped for k in d.keys)

    def maps(self, origin: Origin) -> bool:
        """Whether the user maps the vocabulary of this emitter."""
        return any(d.emitters is not None and d.emitters.fit(origin) for d in self._mapped)

    def emitter(self, origin: Origin) -> Emitter:
        """The plans for one emitter's spans."""
        known = self._emitters.get(origin)
        if known is None:
            if len(self._emitters) >= MAX_PLANS:
                self._emitters.clear()
            mapped = tuple(d for d in self._mapped if d.emitters is not None and d.emitters.fit(origin))
            known = self._emitters[origin] = Emitter(origin, _with(self._table, mapped), mapped)
        return known


def _with(table: dict[str, list[Key]], mapped: tuple[Dialect, ...]) -> dict[str, list[Key]]:
    """The table with the keys of dialects that fit an emitter; most have none."""
    if not mapped:
        return table
    own = dict(table)
    for key in (key for dialect in mapped for key in dialect.keys):
        own[key.attribute] = [*own.get(key.attribute, ()), key]
    return own


class Shape(NamedTuple):
    """One set of attribute keys.

    Attributes:
        fetch: a span's attributes → the values of `plan.attributes`, then those of all others.
    """

    plan: ReadPlan
    size: int
    fetch: Callable[[Mapping[str, bytes]], tuple[bytes, ...]]


class Emitter:
    """The plans for the spans of one scope and version."""

    def __init__(
        self, origin: Origin, table: Mapping[str, list[Key]], mapped: tuple[Dialect, ...] = ()
    ) -> None:
        self.origin = origin
        self._mapped = mapped
        self._table = table
        self._by_shape: dict[tuple[str, ...], Shape] = {}
        self._by_known: dict[tuple[frozenset[str], bool], ReadPlan] = {}
        self._latest: dict[tuple[int, int], Shape] = {}

    def read(self, raw: bytes) -> tuple[Span, ReadPlan, FieldValues]:
        """Parse a span and read it by the plan of its shape.

        The shape is guessed: the latest of that kind with as many attributes. A fetch shows whether that was
        right, since a map adds what is asked for and missing in it; that costs a third of looking up keys.

        Raises:
            DecodeError: `raw` is no span.
        """
        span = parse_span(raw)
        attributes_of = span.attributes
        place = len(attributes_of), span.kind
        guess = self._latest.get(place)
        if guess is not None and len(raw) <= _MAX_FETCHED_BYTES:
            values = guess.fetch(attributes_of)
            if len(attributes_of) == guess.size:
                return span, guess.plan, guess.plan.read(attributes_of, values)
            span = parse_span(raw)
            attributes_of = span.attributes
        shape = self.shape(attributes_of)
        if shape.size <= MAX_SHAPE:
            _bounded(self._latest)[place] = shape
        return span, shape.plan, shape.plan.read(attributes_of, shape.plan.fetch(attributes_of))

    def read_attributes(self, attributes_of: Mapping[str, bytes]) -> tuple[ReadPlan, FieldValues]:
        """Read attributes that are no span's: a log record's."""
        plan = self.shape(attributes_of).plan
        return plan, plan.read(attributes_of, plan.fetch(attributes_of))

    def shape(self, keys: Iterable[str]) -> Shape:
        """The shape that these attribute keys make."""
        key = tuple(keys)
        known = self._by_shape.get(key)
        return known if known is not None else self._shape_of(key)

    def _shape_of(self, keys: tuple[str, ...]) -> Shape:
        known = frozenset(key for key in keys if key in self._table)
        fields = self._fields(known)
        read = {place.attribute for places in fields.values() for place in places}
        unread_cache = any("ach" in key and counts_cache(key) and key not in read for key in keys)
        plan = self._by_known.get((known, unread_cache))
        if plan is None:
            plan = ReadPlan(self.origin, fields, self._mapped, unread_cache)
            _bounded(self._by_known)[known, unread_cache] = plan
        shape = Shape(
            plan, len(keys), getter([*plan.attributes, *(k for k in keys if k not in plan.attributes)])
        )
        if len(keys) <= MAX_SHAPE:
            _bounded(self._by_shape)[keys] = shape
        return shape

    def _fields(self, known: Iterable[str]) -> dict[str, list[Key]]:
        fields: dict[str, list[Key]] = {}
        for attribute in sorted(known):
            for key in self._table[attribute]:
                if self.origin.scope.startswith(key.only) and not self.origin.scope.startswith(key.never):
                    fields.setdefault(key.field, []).append(key)
        return fields


def _bounded(cache: dict[_Key, _Value]) -> dict[_Key, _Value]:
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
