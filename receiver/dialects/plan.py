"""Plans: for each shape of span (emitter and set of attribute keys) where every field stands, worked out once.

An instrumentation writes the same keys on every span, so a span of a known shape costs one lookup of its keys,
one read per field, and shares the tuple that says where its fields came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from processor.call import Source
from processor.vocabulary import provider_name
from receiver import attributes
from receiver.attributes import INVALID, Read
from receiver.dialects import DIALECTS
from receiver.dialects.conventions import convention
from receiver.dialects.table import (
    ApplicationKeys,
    Convention,
    Judge,
    Key,
    Origin,
    Path,
    Values,
)
from receiver.wire import Value

MAX_PLANS = 4096
"""Shapes kept; a sender that invents keys can only make the cache start over."""

MAX_SHAPE = 256
"""A span with more attributes than this is planned by its known keys alone (20 000 keys are no shape)."""

COUNT_FIELDS = frozenset(
    {
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "reasoning_tokens",
        "input_audio_tokens",
        "output_audio_tokens",
        "input_image_tokens",
        "output_image_tokens",
    }
)
RARE_COUNTS = frozenset(
    {
        "cache_write_1h_tokens",
        "input_audio_tokens",
        "output_audio_tokens",
        "input_image_tokens",
        "output_image_tokens",
    }
)
IDENTIFIERS = frozenset({"response_id", "raw_response_id", "external_request_id", "attempt", "reported_cost"})
_OTHER_COUNTS = frozenset({"total_tokens", "uncached_tokens", "http_status", "attempt"})
_TAGS = frozenset(
    {
        "user_id",
        "tenant_id",
        "conversation_id",
        "prompt_version",
        "endpoint_tag",
        "external_request_id",
        "data_mode",
        "environment",
        "service_name",
        "http_route",
        "workflow",
        "service_tier",
    }
)
_LABELS = frozenset({"endpoint_label", "root_label"})
_NUMBERS = frozenset({"first_token", "first_chunk_seconds", "first_chunk_ms", "stream_seconds"})
SHOWN_AS = {
    "otel_operation": "operation",
    "request_type": "operation",
    "oi_kind": "operation",
    "vercel_operation": "operation",
    "langfuse_type": "operation",
    "langsmith_kind": "operation",
    "langfuse_level": "status",
    "first_token": "time_to_first_token_us",
    "first_chunk_seconds": "time_to_first_token_us",
    "first_chunk_ms": "time_to_first_token_us",
    "stream_seconds": "latency_us",
    "reported_cost": "reported_cost_pico_usd",
    "raw_response_id": "response_id",
}
"""Marks and parts → the field of `ModelCall` they decide."""

_CONSTANT_LABELS = frozenset({"OpenAI Agent"})
"""OpenLLMetry writes this agent name on every span of the OpenAI Agents SDK."""


def _label(found: object) -> str | None:
    name = attributes.as_tag(found)
    return None if name in _CONSTANT_LABELS else name


def _provider(found: object) -> str | None:
    return provider_name(attributes.as_tag(found))


_provider_cache: dict[bytes, str | None] = {}


def _read_provider(value: Value) -> str | None:
    raw = value.text
    try:
        return _provider_cache[raw]
    except KeyError:
        name = _provider(attributes.plain(value))
        if raw and len(_provider_cache) < MAX_PLANS:
            _provider_cache[raw] = name
        return name


class Kind(NamedTuple):
    """How a field's value is read from an attribute, and how from inside a JSON value."""

    read: Read
    convert: Callable[[object], object | None]


def _of(convert: Callable[[object], object | None]) -> Kind:
    return Kind(lambda value: convert(attributes.plain(value)), convert)


_TEXT = Kind(attributes.text, attributes.as_text)
_TAG = Kind(attributes.tag, attributes.as_tag)
_COUNT = Kind(attributes.count, attributes.as_count)
_KINDS: dict[str, Kind] = {
    "provider": Kind(_read_provider, _provider),
    "streaming": _of(attributes.as_truth),
    "reported_cost": _of(attributes.as_pico_usd),
    "agent_run": _of(lambda found: True),
    **dict.fromkeys(COUNT_FIELDS | _OTHER_COUNTS, _COUNT),
    **dict.fromkeys(_TAGS, _TAG),
    **dict.fromkeys(_LABELS, _of(_label)),
    **dict.fromkeys(_NUMBERS, _of(lambda found: found if isinstance(found, int | float) else None)),
}


class Candidate(NamedTuple):
    """One place of this shape where a field may stand."""

    attribute: str
    read: Read
    convert: Callable[[object], object | None]
    path: Path
    key: Key


Step = tuple[str, str, Read, bool, tuple[Candidate, ...]]
"""Field, first attribute, its reader, whether it lies inside a JSON value, all candidates."""


class Reading(NamedTuple):
    """What a span says, before it is judged.

    Attributes:
        chosen: field → the key that its value came from, where it was not the plan's first.
        invalid: a usage count was sent that is none.
    """

    values: Values
    chosen: Mapping[str, Key | None]
    invalid: bool


class Plan:
    """How to read spans of one shape."""

    __slots__ = (
        "_sources",
        "convention",
        "dialect",
        "first",
        "has_identifiers",
        "judges",
        "origin",
        "rare_counts",
        "steps",
    )

    def __init__(self, origin: Origin, keys: Mapping[str, list[Key]]) -> None:
        self.origin = origin
        self.convention: Convention = convention(origin)
        self.steps: tuple[Step, ...] = tuple(_step(name, places) for name, places in keys.items())
        self.first: dict[str, Key] = {step[0]: step[4][0].key for step in self.steps}
        self.judges = _judges(origin, keys)
        self.has_identifiers = not IDENTIFIERS.isdisjoint(keys)
        self.rare_counts = not RARE_COUNTS.isdisjoint(keys)
        self.dialect = _dialect_name(origin, keys)
        self._sources: dict[tuple[object, ...], tuple[Source, ...]] = {}

    def read(self, attributes_of: Mapping[str, Value]) -> Reading:
        """One pass over the fields of this shape."""
        values: Values = {}
        chosen: dict[str, Key | None] = {}
        documents: dict[str, object] = {}
        for name, attribute, read, nested, candidates in self.steps:
            value = None if nested else read(attributes_of[attribute])
            if value is None:
                value, key = _search(candidates, attributes_of, documents)
                if key is not candidates[0].key:
                    chosen[name] = key
                if value is None:
                    continue
            values[name] = value
        invalid = INVALID in values.values()
        if invalid:
            invalid = any(values[name] == INVALID for name in COUNT_FIELDS if name in values)
            for name in [name for name, value in values.items() if value == INVALID]:
                del values[name]
        return Reading(values, chosen, invalid)

    def key_of(self, reading: Reading, name: str) -> Key | None:
        """Where a field's value came from."""
        return reading.chosen[name] if name in reading.chosen else self.first.get(name)

    def sources(self, reading: Reading, usage_rank: int) -> tuple[Source, ...]:
        """One entry per field that was read; the same tuple for the same answer."""
        answer = (usage_rank, *reading.values, *reading.chosen.values())
        known = self._sources.get(answer)
        if known is None:
            known = self._make_sources(reading, usage_rank)
            if len(self._sources) < MAX_PLANS:
                self._sources[answer] = known
        return known

    def _make_sources(self, reading: Reading, usage_rank: int) -> tuple[Source, ...]:
        found: dict[str, Source] = {}
        for name in reading.values:
            key = self.key_of(reading, name)
            shown = SHOWN_AS.get(name, name)
            if key is None or shown in found or shown not in SOURCED:
                continue
            rank = usage_rank if name in COUNT_FIELDS else key.rank
            found[shown] = Source(shown, key.shown, rank)
        return tuple(found.values())


SOURCED = (
    (_TAGS | COUNT_FIELDS | set(SHOWN_AS.values()) | {"provider", "model", "request_model", "response_id"})
    | {"error_type", "http_status", "streaming", "attempt", "operation"}
) - {"http_route", "workflow"}
"""Fields of `ModelCall` whose origin is worth a line."""


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


def _step(name: str, places: list[Key]) -> Step:
    kind = _KINDS.get(name, _TEXT)
    candidates = tuple(
        Candidate(key.attribute, kind.read, kind.convert, key.path, key)
        for key in sorted(places, key=lambda key: key.order)
    )
    first = candidates[0]
    return name, first.attribute, first.read, bool(first.path), candidates


def _judges(origin: Origin, keys: Mapping[str, list[Key]]) -> tuple[tuple[str, Judge], ...]:
    return tuple(
        (dialect.mark, dialect.judge)
        for dialect in DIALECTS
        if dialect.judge is not None
        and (dialect.mark in keys if dialect.mark else origin.scope.startswith(dialect.scopes))
    )


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
        self._by_shape: dict[tuple[object, ...], Plan] = {}
        self._by_known: dict[tuple[Origin, frozenset[str]], Plan] = {}

    def plan(self, origin: Origin, keys: Iterable[str]) -> Plan:
        """The plan for a span of this emitter with these attribute keys."""
        shape = (origin, *keys)
        try:
            return self._by_shape[shape]
        except KeyError:
            return self._plan_of(origin, shape)

    def _plan_of(self, origin: Origin, shape: tuple[object, ...]) -> Plan:
        known = frozenset(key for key in shape[1:] if key in self._table)
        plan = self._by_known.get((origin, known))
        if plan is None:
            plan = Plan(origin, self._fields(origin, known))
            _bounded(self._by_known)[origin, known] = plan
        if len(shape) <= MAX_SHAPE:
            _bounded(self._by_shape)[shape] = plan
        return plan

    def _fields(self, origin: Origin, known: Iterable[str]) -> dict[str, list[Key]]:
        fields: dict[str, list[Key]] = {}
        for attribute in sorted(known):
            for key in self._table[attribute]:
                if origin.scope.startswith(key.only):
                    fields.setdefault(key.field, []).append(key)
        return fields


def _bounded(cache: dict) -> dict:  # type: ignore[type-arg]
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
