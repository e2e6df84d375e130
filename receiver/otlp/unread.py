"""Spans and log records whose usage no rule reads: recognised by the names of their keys.

    keys = unread_keys(attributes, scope)    # empty: nothing here speaks of a model call

A count is a positive whole number (also as digits, also inside a small JSON object or a map) under a name
that says tokens of a call: `promptTokens`, `usage.output_tokens`, `llm.token_count.total`. Limits, rates,
credentials and prices are no usage: `max_tokens`, `tokens_per_second`, `csrf_token`. A bare `tokens` counts
only where something else names a model. Names leave here, values never.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from google.protobuf.message import DecodeError

from processor.calls.call import UNREAD as WORD
from processor.calls.vocabulary import PROVIDERS, provider_of_model
from receiver.dialects.table import Verdict
from receiver.otlp import attributes
from receiver.otlp.wire import parse_event, parse_resource, parse_value

MAX_KEYS: Final = 16
"""Names kept of one span: a usage object has some ten counts, and a model and a provider beside them."""
MAX_KEY_LENGTH: Final = 100
_SHOWN: Final = 4
_MAX_SHAPE: Final = 128
"""The keys of a span with more attributes than this are no shape to remember."""
_MAX_EVENTS: Final = 16
_MAX_DOCUMENT_BYTES: Final = 4096
_MAX_DEPTH: Final = 4
_MAP: Final = b"2"
"""First byte of an `AnyValue` that holds a map."""

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_PLACE: Final = re.compile(r"(?<=[.\[])\d+(?=[.\]]|$)")
_MODEL_KEY: Final = re.compile(r"model(?:[._]?(?:name|id))?$", re.IGNORECASE)
_PROVIDER_KEY: Final = re.compile(r"(?:provider|vendor|system)(?:[._]?(?:name|id))?$", re.IGNORECASE)
_HINT: Final = re.compile(r"token|usage|model|provider|vendor|system", re.IGNORECASE)
"""Every key that may speak of a call holds one of these; of 20 000 keys few do."""
_THINGS: Final = frozenset({"car", "device", "hardware", "host", "product", "vehicle"})
"""Words of what has a model that is none of language."""
_DIRECTIONS: Final = frozenset(
    {
        "accepted", "audio", "billed", "cache", "cached", "candidates", "completion", "consumed",
        "creation", "embedding", "generated", "image", "in", "input", "out", "output", "prompt", "query",
        "read", "reasoning", "received", "request", "response", "sent", "thinking", "thought", "thoughts",
        "total", "usage", "used", "write", "written",
    }
)  # fmt: skip
"""Words that make `tokens` the tokens of a call."""
_NUMBER_WORDS: Final = frozenset(
    {"count", "counts", "details", "num", "number", "sum", "total", "usage", "used"}
)
_NO_USAGE: Final = frozenset(
    {
        "access", "allowed", "auth", "authorization", "available", "avg", "average", "bearer", "bucket",
        "budget", "chunk", "cost", "cpu", "csrf", "csrftoken", "disk", "expires", "expiry", "id", "ids",
        "jwt", "left", "limit", "limits", "logprob", "max", "maximum", "memory", "min", "minimum", "ms",
        "network", "oauth", "per", "price", "quota", "rate", "ratelimit", "refresh", "remaining", "reset",
        "saved", "secret", "seconds", "threshold", "ttl", "usd", "window", "xsrf",
    }
)  # fmt: skip
"""Words that make `tokens` something else than what a call used."""
_CACHE: Final = frozenset({"cache", "cached", "caching"})
_LIMITS: Final = frozenset({"max", "maximum", "limit", "limits", "budget"})
_SIDES: Final = frozenset({"input", "output", "prompt", "completion"})
_GENAI: Final = frozenset({"genai", "llm", "llms", "openai", "anthropic", "gpt", "claude", "gemini"})
_NAMES_PROVIDER: Final = frozenset({"gen_ai.provider.name", "gen_ai.system"})
"""Keys whose value is a provider, whether we know it or not (Cartesia, Deepgram)."""
_COUNT, _WEAK, _MODEL, _PROVIDER, _OBJECT, _NOTHING = range(1, 7)


def unread_keys(attributes_of: Mapping[str, bytes], scope: str = "") -> tuple[str, ...]:
    """Names of what speaks of a model call: token counts, or a model with its provider; empty without either.

    Args:
        attributes_of: attribute key → `AnyValue` as bytes, as `receiver.otlp.wire` parses them.
        scope: name of the instrumentation scope.

    Returns:
        At most `MAX_KEYS` names, sorted; `→` before a path inside a JSON value, `*` for a place in a list.
    """
    keys = tuple(attributes_of)
    suspects = _suspects(keys) if len(keys) <= _MAX_SHAPE else _find_suspects(keys)
    suspects += _objects(attributes_of, dict(suspects))
    return _judged(suspects, attributes_of, scope) if suspects else ()


UNREAD: Final = Verdict(False, f"{WORD}: usage that no rule reads", known=False)
"""The verdict of a span with `unread_keys` around and inside of which no call counts."""


def repeats(span_id: bytes) -> Verdict:
    """The verdict of one that lies around or inside of a call: most likely it is the same usage again."""
    where = f"around or inside of span {span_id.hex()}, which is counted"
    return Verdict(False, f"usage that no rule reads, {where}")


def unread_reason(keys: tuple[str, ...]) -> str:
    """`unread: no rule reads llm.tokens.in, llm.tokens.out`."""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{WORD}: no rule reads {', '.join(keys[:_SHOWN])}{more}"


def names_usage(key: str) -> bool:
    """Whether a key speaks of tokens or usage by its name; limits such as `max_tokens` do not."""
    return ("token" in key.lower() or "usage" in key.lower()) and _words(key).isdisjoint(_LIMITS)


@lru_cache(maxsize=8192)
def counts_cache(key: str) -> bool:
    """Whether a key is by its name a count of tokens that a cache had a part in."""
    words = _words(key)
    return not _CACHE.isdisjoint(words) and _count_kind(words) != _NOTHING


def cache_counts(attributes_of: Mapping[str, bytes], is_read: Callable[[str], bool]) -> Iterator[int]:
    """The positive counts under such keys of one span that its plan does not read."""
    for key, raw in attributes_of.items():
        if counts_cache(key) and not is_read(key) and _is_positive(found := attributes.plain(raw)):
            yield int(str(found).partition(".")[0])


def may_be_unread(raw: bytes) -> bool:
    """Whether the bytes of a span may hold `unread_keys`: most that reach here hold tags alone (0.15 µs)."""
    return b"oken" in raw or b"odel" in raw or b"usage" in raw


def unread_in_events(events: Sequence[bytes], scope: str = "") -> tuple[str, ...]:
    """The same of a span's last events, where the span itself says nothing; `event→` before each name."""
    for raw in events[-_MAX_EVENTS:]:
        try:
            keys = unread_keys(parse_event(raw).attributes, scope)
        except DecodeError:
            continue
        if keys:
            return tuple(f"event→{key}" for key in keys)
    return ()


def _judged(
    suspects: tuple[tuple[str, int], ...], attributes_of: Mapping[str, bytes], scope: str
) -> tuple[str, ...]:
    counts: list[str] = []
    weak: list[str] = []
    models: list[str] = []
    providers: list[str] = []
    speaks = not _GENAI.isdisjoint(_words(scope))
    known = False
    for key, kind in suspects:
        value = attributes_of[key]
        if kind in (_COUNT, _WEAK, _OBJECT):
            for found, is_weak in _counted(key, kind, value):
                (weak if is_weak else counts).append(found)
        elif (text := attributes.tag(value)) is None:
            continue
        elif kind == _MODEL:
            models.append(key)
            known = known or provider_of_model(text) is not None
        elif text.lower() in PROVIDERS or key in _NAMES_PROVIDER:
            providers.append(key)
    if models or speaks:
        counts += weak
    if counts or (models and providers and (known or _are_genai(models + providers))):
        return tuple(sorted({_fit(key) for key in counts + models + providers})[:MAX_KEYS])
    return ()


def _are_genai(keys: list[str]) -> bool:
    return any(not _GENAI.isdisjoint(_words(key)) or key.startswith(("gen_ai", "ai.")) for key in keys)


def _fit(key: str) -> str:
    """Names are data of the sender: places in lists are one name, and what is long is cut."""
    return _PLACE.sub("*", key)[:MAX_KEY_LENGTH]


def _find_suspects(keys: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """The keys of a shape that may speak of a call, with what each may be."""
    found = ((key, _kind(key)) for key in keys if _HINT.search(key))
    suspects = tuple((key, kind) for key, kind in found if kind != _NOTHING)
    return suspects if any(kind != _PROVIDER for _, kind in suspects) else ()


def _objects(attributes_of: Mapping[str, bytes], known: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Small objects that speak of tokens under another name, such as Braintrust's `braintrust.metrics`."""
    return tuple(
        (key, _OBJECT)
        for key, raw in attributes_of.items()
        if b"oken" in raw and len(raw) <= _MAX_DOCUMENT_BYTES and key not in known
        if raw[:1] == _MAP or b"{" in raw[:6]
    )


_suspects = lru_cache(maxsize=1024)(_find_suspects)


@lru_cache(maxsize=8192)
def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text[: 2 * MAX_KEY_LENGTH]))


def _kind(key: str) -> int:
    words = _words(key)
    if _MODEL_KEY.search(key) and words.isdisjoint(_THINGS):
        return _MODEL
    if _PROVIDER_KEY.search(key):
        return _PROVIDER
    return _count_kind(words)


def _count_kind(words: frozenset[str]) -> int:
    if not _NO_USAGE.isdisjoint(words):
        return _NOTHING
    if "usage" in words and not _SIDES.isdisjoint(words):
        return _COUNT
    if "tokens" in words or ("token" in words and not _NUMBER_WORDS.isdisjoint(words)):
        return _WEAK if _DIRECTIONS.isdisjoint(words) else _COUNT
    return _WEAK if "usage" in words else _NOTHING


def _counted(key: str, kind: int, raw: bytes) -> Iterator[tuple[str, bool]]:
    """The counts that stand under a key: itself, or leaves of its object; True with those of a bare name."""
    found = attributes.plain(raw)
    if _is_positive(found):
        bare = kind == _WEAK and _words(key).isdisjoint({"token", "tokens", "total"})
        if not bare:  # `cpu.usage`, `plan.usage`: a number under `usage` alone says nothing
            yield key, kind == _WEAK
        return
    for path, leaf in _leaves(raw, found):
        words = _words(".".join(path if kind == _OBJECT else (key, *path)))
        leaf_kind = _count_kind(words) if words & {"token", "tokens", "usage"} else _NOTHING
        if leaf_kind == _WEAK and kind == _OBJECT:
            continue  # a bare `tokens` in a body is anything
        if leaf_kind in (_COUNT, _WEAK) and _is_positive(leaf):
            yield "→".join((key, *path)), leaf_kind == _WEAK


def _leaves(raw: bytes, found: object) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(found, str) and found[:1] in ("{", "[") and len(found) <= _MAX_DOCUMENT_BYTES:
        yield from _inside(attributes.document(attributes.content(raw)), ())
    elif found is None and 2 < len(raw) <= _MAX_DOCUMENT_BYTES:
        yield from _inside_map(raw, ())


def _inside(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict) and len(path) < _MAX_DEPTH:
        for name, below in value.items():
            yield from _inside(below, (*path, str(name)))
    elif isinstance(value, list) and len(path) < _MAX_DEPTH:
        for below in value[:_MAX_DEPTH]:
            yield from _inside(below, (*path, "*"))
    elif path:
        yield path, value


def _inside_map(raw: bytes, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """The leaves of an `AnyValue` that is a map."""
    try:
        value = parse_value(raw)
        if value.WhichOneof("value") != "kvlist" or len(path) >= _MAX_DEPTH:
            return
        entries = parse_resource(value.kvlist).attributes  # a KeyValueList and a Resource begin alike
    except DecodeError:
        return
    for name, below in entries.items():
        found = attributes.plain(below)
        if found is None:
            yield from _inside_map(below, (*path, name))
        else:
            yield (*path, name), found


def _is_positive(found: object) -> bool:
    """A whole number above zero, also as a float or in digits."""
    if isinstance(found, bool):
        return False
    if isinstance(found, int):
        return found > 0
    if isinstance(found, float):
        return found > 0 and found.is_integer()
    if not isinstance(found, str) or len(found) > 12:
        return False
    return found.isascii() and found.isdigit() and int(found) > 0
