"""Vocabularies that a user maps (`receiver.dialects`), compiled to ordinary dialects."""

from __future__ import annotations

import re
from collections.abc import Iterable

from receiver.dialects.config import FIELDS, CallsConfig, DialectConfig, parts_of
from receiver.dialects.table import COUNTS, Dialect, Emitters, Judge, Key, Values, Verdict
from receiver.otlp.fields import COUNT_FIELDS

_FIRST = -1_000
"""Before every other place: the user knows better."""
MARK = "mapped_mark"
SPAN_NAME = "span_name"


def compile_dialects(configured: Iterable[DialectConfig]) -> tuple[Dialect, ...]:
    """The dialects of a configuration, in its order; the first that fits an emitter reads it first."""
    return tuple(_compile(one, place) for place, one in enumerate(configured))


def _compile(config: DialectConfig, place: int) -> Dialect:
    keys = [key for name, places in config.fields.items() for key in _keys(name, places, place)]
    if config.input_includes_cache is not None:
        # An input count that is also the count with, or without, the cache: arithmetic then knows the other.
        meant = "whole_input_tokens" if config.input_includes_cache else "uncached_tokens"
        keys += [key._replace(field=meant) for key in keys if key.field == "input_tokens"]
    calls = config.calls
    if calls is not None and calls.attribute is not None:
        keys.append(Key(MARK, _FIRST, calls.attribute))
    return Dialect(
        name=config.name,
        keys=tuple(keys),
        judge=_judge(config.name, calls),
        emitters=Emitters(_pattern(config.scope), _pattern(config.version)),
        by_span_name=calls is not None and calls.span_name is not None,
    )


def _keys(name: str, places: Iterable[str], order: int) -> Iterable[Key]:
    for offset, place in enumerate(places):
        attribute, *path = parts_of(place)
        yield Key(FIELDS[name], _FIRST + order * 10 + offset, attribute, tuple(path))


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)


def _judge(name: str, calls: CallsConfig | None) -> Judge:
    """Step 1 by the user's own condition; without one, what has a count is a call."""
    if calls is None:
        return _has_count
    values, attribute = frozenset(calls.values), calls.attribute
    names = _pattern(calls.span_name) if calls.span_name is not None else None
    refusal = Verdict(False, f"{name}: not a call, as receiver.dialects says")

    def judge(found: Values, failed: bool) -> Verdict | None:
        if attribute is not None and (MARK not in found or (values and found[MARK] not in values)):
            return refusal
        if names is not None and not names.fullmatch(str(found.get(SPAN_NAME, ""))):
            return refusal
        return COUNTS

    return judge


def _has_count(values: Values, failed: bool) -> Verdict | None:
    return COUNTS if "input_tokens" in values or "output_tokens" in values else None


def looked_for(dialects: Iterable[Dialect]) -> tuple[str, ...]:
    """The attributes of these dialects of which one alone makes a span worth reading."""
    wanted = COUNT_FIELDS | {MARK}
    return tuple(sorted({key.attribute for one in dialects for key in one.keys if key.field in wanted}))
