"""Which plan reads a span: one per emitter and set of attribute keys, made for the first such span."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from receiver.dialects import DIALECTS
from receiver.dialects.plan import MAX_PLANS, Plan
from receiver.dialects.table import ApplicationKeys, Key, Origin, Path

MAX_SHAPE = 128
"""A span with more attributes than this is planned by its known keys alone (20 000 keys are no shape)."""

_Key = TypeVar("_Key")


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
