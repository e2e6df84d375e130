"""Plans: for each shape of span (emitter, set of attribute keys), where every field is, worked out once.

An instrumentation writes the same keys on every span, so a span of a known shape costs one lookup of its
keys, one read per field, and shares the tuple that says where its fields came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import getitem, itemgetter
from types import MappingProxyType
from typing import Any, TypeAlias

from processor.calls.call import Source
from receiver.dialects import DIALECTS
from receiver.dialects.conventions import convention, whole_shapes
from receiver.dialects.table import DIALECT as DIALECT_RANK
from receiver.dialects.table import LABELS, OFFERED, Convention, Dialect, Judge, Key, Origin, Values
from receiver.otlp.attributes import INVALID
from receiver.otlp.candidates import Documents, Routes, candidates, search
from receiver.otlp.fields import (
    COUNT,
    COUNT_FIELDS,
    IDENTIFIERS,
    KINDS,
    LIFETIMES,
    PARTS,
    RARE_COUNTS,
    SHOWN_AS,
    SOURCED,
    TIMINGS,
)
from receiver.otlp.value_cache import known_values

MAX_PLANS = 1024
"""Shapes kept; a sender that invents keys can only make the cache start over."""


CALL_TEXTS = (
    "endpoint_tag", "prompt_version", "user_id", "tenant_id", "service_tier", "conversation_id",
    "response_id", "http_status", "place",
)  # fmt: skip
CALL_USAGE = (
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
    "total_tokens",
)  # fmt: skip
DECISIVE = frozenset(
    {
        "otel_operation", "vercel_operation", "traceloop_kind", "request_type", "provider", "model",
        "request_model", "streaming", "mapped_mark", "host",
        *(dialect.mark for dialect in DIALECTS if dialect.calls),
        "claude_code_kind", "codex_event", "codex_kind", "codex_endpoint", "gemini_cli_kind",
        "inference_event", "agent_sdk",
    }
)  # fmt: skip
"""Fields whose values decide whether a span is a call and what it is called; of all others it only matters
whether they are there. The judges of the dialects keep to that."""
_WHOLES = frozenset({"uncached_tokens", "whole_input_tokens"})
_UNPLAIN = _WHOLES | {"tool_prompt_tokens"}
"""Counts that say how the totals of their span are to be understood."""


Form: TypeAlias = tuple[object, ...]


class FieldValues:
    """What a span says, before it is judged.

    Attributes:
        row: a value per field of the plan, in the order of `Plan.fields`, and one None behind them.
        chosen: field → the key that its value came from, where it was not the plan's first.
        invalid: a usage count was sent that is none.
        is_whole: every field has a value, each from the plan's first key.
    """

    __slots__ = ("_fields", "_form", "_values", "chosen", "invalid", "is_whole", "row")

    def __init__(self, fields: tuple[str, ...], row: list[Any]) -> None:
        self.row = row
        self.chosen = _NOTHING_CHOSEN
        self.invalid = False
        self.is_whole = True
        self._fields = fields
        self._form: Form | None = None
        self._values: Values | None = None

    @property
    def values(self) -> Values:
        """Field → value of what was sent; made when it is asked for, which for most calls is never."""
        values = self._values
        if values is None:
            pairs = zip(self._fields, self.row, strict=False)
            values = self._values = {name: value for name, value in pairs if value is not None}
        return values

    @property
    def form(self) -> Form:
        """Equal for readings of one plan that found the same fields under the same keys."""
        if self.is_whole:
            return ()
        if self._form is None:
            self._form = (*self.values, *map(id, self.chosen.values()))  # the plan's own keys
        return self._form


_NOTHING_CHOSEN: Mapping[str, Key | None] = MappingProxyType({})


class ReadPlan:
    """How to read spans of one shape.

    Most fields of a span are an attribute of their own: the values of all of them are looked up in one step
    (`receiver.otlp.value_cache`), since a call per field would cost more than the reading.

    Attributes:
        attributes: those that `read` wants the values of, in its order.
        fetch: a span's attributes → those values.
        fields: those attributes' fields, then those inside of JSON values.
        call_texts, call_usage: what most calls carry, out of a row.
        words: the values of the fields in `DECISIVE`, out of a row.
        unread_cache: spans of this shape have a count of the cache that no rule reads.
    """

    __slots__ = (
        "_candidates",
        "_nowhere",
        "_read",
        "_routes",
        "_says_more",
        "_sources",
        "_tables",
        "_telling",
        "attributes",
        "biller",
        "by_span_name",
        "call_kinds",
        "call_texts",
        "call_usage",
        "convention",
        "dialect",
        "fetch",
        "fields",
        "first",
        "has_identifiers",
        "has_lifetimes",
        "has_only_endpoint",
        "has_outside",
        "has_parts",
        "has_streaming",
        "has_timings",
        "has_wholes",
        "is_logfire",
        "is_plain",
        "is_timed",
        "judges",
        "may_fail",
        "offered",
        "origin",
        "rare_counts",
        "serves",
        "sketches",
        "unconventional",
        "unread_cache",
        "whole_shapes",
        "words",
    )

    def __init__(
        self,
        origin: Origin,
        keys: Mapping[str, list[Key]],
        mapped: tuple[Dialect, ...] = (),
        unread_cache: bool = False,
    ) -> None:
        self.origin = origin
        self.unread_cache = unread_cache
        self._read = frozenset(key.attribute for places in keys.values() for key in places)
        self.convention: Convention = convention(origin)
        self._candidates = {name: candidates(name, places) for name, places in keys.items()}
        self.first: dict[str, Key] = {name: found[0].key for name, found in self._candidates.items()}
        direct = {name: key.attribute for name, key in self.first.items() if not key.path}
        self.attributes = tuple(direct.values())
        self.fetch = getter(self.attributes)
        self._tables = tuple(map(known_values, direct))
        inside = [name for name in self.first if name not in direct]
        self._nowhere: list[Any] = [None] * len(inside)
        self.fields = (*direct, *inside)
        self._routes = Routes(self._candidates, self.fields)
        self.call_texts = self._out_of_row(CALL_TEXTS)
        self.call_usage = self._out_of_row(CALL_USAGE)
        self.words = getter([place for place, name in enumerate(self.fields) if name in DECISIVE])
        labels = (name for name in LABELS if name in keys)
        self.offered = *(name for name in self.fields if name in OFFERED), *labels
        self.judges = (*(("", d.judge) for d in mapped if d.judge is not None), *_judges(keys))
        self.by_span_name = any(dialect.by_span_name for dialect in mapped)
        self.sketches: dict[tuple[object, ...], Any] = {}
        self.has_identifiers = not IDENTIFIERS.isdisjoint(keys)
        self.has_only_endpoint = "endpoint_tag" in keys and {"environment", "data_mode"}.isdisjoint(keys)
        self.has_parts = not PARTS.isdisjoint(keys)
        self.has_lifetimes = not LIFETIMES.isdisjoint(keys)
        self.has_outside = any(key.outside for places in keys.values() for key in places)
        self.has_wholes = not _WHOLES.isdisjoint(keys)
        outside = {name for name, places in keys.items() if any(key.outside for key in places)}
        self._telling = tuple(name for name in keys if name in outside or name in _UNPLAIN)
        self._says_more = self._out_of_row(self._telling)
        self.is_plain = not self._telling
        self.whole_shapes = whole_shapes(self.convention)
        told = self.convention
        self.unconventional = (
            told.loses_cache
            or told.loses_reasoning
            or told.mixes_reasoning
            or bool(told.estimates)
            or unread_cache
        )
        self.has_streaming = "streaming" in keys or "vercel_operation" in keys
        self.has_timings = not TIMINGS.isdisjoint(keys)
        self.rare_counts = not RARE_COUNTS.isdisjoint(keys)
        self.may_fail = "error_type" in keys or "langfuse_level" in keys
        self.is_logfire = origin.scope.startswith("logfire")
        dialect = mapped[0] if mapped else _dialect_of(origin, keys)
        self.dialect = dialect.name if dialect is not None else "otel_genai"
        self.biller = dialect.biller if dialect is not None else ""
        self.is_timed = not self.convention.handles
        self.serves = dialect is not None and dialect.serves
        self.call_kinds = tuple((d.mark, d.calls) for d in DIALECTS if d.calls and d.mark in keys)
        self._sources: dict[object, tuple[Source, ...]] = {}

    def _out_of_row(self, names: Sequence[str]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
        """These fields' values out of a row; None, which stands at its end, for those of other shapes."""
        places = {name: place for place, name in enumerate(self.fields)}
        return getter([places.get(name, len(places)) for name in names])

    def read(self, span: Mapping[str, bytes], raws: Iterable[bytes]) -> FieldValues:
        """One pass over the fields of this shape.

        Args:
            span: the span's attributes.
            raws: the values of `attributes` in it; more may follow.
        """
        row: list[Any] = list(map(getitem, self._tables, raws))
        if self._nowhere or None in row:
            row += self._nowhere
            reading = self._read_rest(span, row)
        else:
            reading = FieldValues(self.fields, row)
        row.append(None)
        return reading

    def _read_rest(self, span: Mapping[str, bytes], row: list[Any]) -> FieldValues:
        """The fields that need more than one look."""
        reading = FieldValues(self.fields, row)
        documents: Documents = {}
        route = self._routes.of(span, documents)
        chosen: dict[str, Key | None] = {**route.absent}
        for place, name, places in route.searched:
            if row[place] is not None:
                continue
            value, key = search(places, span, documents)
            if key is not self.first[name]:
                chosen[name] = key
            if value == INVALID and KINDS.get(name) is COUNT:
                reading.invalid = reading.invalid or name in COUNT_FIELDS
            else:
                row[place] = value
        reading.chosen = chosen or _NOTHING_CHOSEN
        reading.is_whole = not chosen and None not in row
        return reading

    def reads(self, attribute: str) -> bool:
        """Whether a field of this plan may stand in an attribute."""
        return attribute in self._read

    def counts_of(self, span: Mapping[str, bytes], name: str) -> tuple[int, ...]:
        """Every count that a span gives for a field, where it has more than one place for it."""
        places = self._candidates.get(name, ())
        if len(places) < 2:
            return ()
        documents: Documents = {}
        found = (search((place,), span, documents)[0] for place in places)
        return tuple(value for value in found if isinstance(value, int) and value >= 0)

    def key_of(self, reading: FieldValues, name: str) -> Key | None:
        """Where a field's value came from."""
        chosen = reading.chosen
        return chosen[name] if chosen and name in chosen else self.first.get(name)

    def counts_plainly(self, reading: FieldValues) -> bool:
        """Whether no count of a span says how its totals are to be understood."""
        if self.is_plain:
            return True
        told = zip(self._telling, self._says_more(reading.row), strict=True)
        return not any(value is not None and self._tells(reading, name) for name, value in told)

    def _tells(self, reading: FieldValues, name: str) -> bool:
        key = self.key_of(reading, name)
        return name in _UNPLAIN or (key is not None and key.outside)

    def sources(self, reading: FieldValues, usage_rank: int) -> tuple[Source, ...]:
        """One entry per field that was read; the same tuple for the same answer."""
        answer = usage_rank if reading.is_whole else (usage_rank, reading.form)
        known = self._sources.get(answer)
        if known is None:
            known = self._make_sources(reading, usage_rank)
            if len(self._sources) < MAX_PLANS:
                self._sources[answer] = known
        return known

    def _make_sources(self, reading: FieldValues, usage_rank: int) -> tuple[Source, ...]:
        found: dict[str, Source] = {}
        if self.biller:
            found["provider"] = Source("provider", "<emitter>", DIALECT_RANK)
        for name in sorted(reading.values):
            key = self.key_of(reading, name)
            shown = SHOWN_AS.get(name, name)
            if key is None or shown in found or shown not in SOURCED:
                continue
            rank = usage_rank if name in COUNT_FIELDS else key.rank
            found[shown] = Source(shown, key.shown, rank)
        return tuple(found.values())


def getter(keys: Sequence[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Several items in one call: what costs is not the lookup but the way there."""
    if len(keys) > 1:
        return itemgetter(*keys)
    if not keys:
        return lambda container: ()
    return lambda container, key=keys[0]: (container[key],)  # type: ignore[misc]


def _judges(keys: Mapping[str, list[Key]]) -> tuple[tuple[str, Judge], ...]:
    every = (pair for d in DIALECTS for pair in ((d.mark, d.judge), *d.more_judges))
    return tuple((mark, judge) for mark, judge in every if judge is not None and mark in keys)


def _dialect_of(origin: Origin, keys: Mapping[str, list[Key]]) -> Dialect | None:
    """The vocabulary that a shape speaks: by its mark, else by the emitter with the longest name that
    fits."""
    by_mark = next((d for d in DIALECTS if d.mark in keys and d.name not in ("otel_genai", "logfire")), None)
    if by_mark is not None:
        return by_mark
    matching = [(len(s), d.name, d) for d in DIALECTS for s in d.scopes if _matches(origin.scope, s)]
    return max(matching)[2] if matching else None


def _matches(scope: str, beginning: str) -> bool:
    return scope == beginning if len(beginning) < 7 and "." not in beginning else scope.startswith(beginning)
