"""The nearest known price of an unpriced model: a hint for people, never a price of a call.

What it says is marked wherever it is shown: "about", with the model that it was taken from.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Final, NamedTuple

from processor.calls.dates import ALWAYS, NEVER
from processor.calls.model_ids import spellings, version_of
from processor.calls.vocabulary import provider_of_model
from processor.pricing.book import PriceBook
from processor.pricing.vectors import PriceKey, PriceVector

_WORDS: Final = re.compile(r"[a-z]+|\d+(?:\.\d+)?b?")
_LEAST_LIKENESS: Final = 0.5
"""Half of the words, the first one always: `claude-sonnet-9` is near `claude-sonnet-4-5` (0.57)."""


class Nearest(NamedTuple):
    """A known price that may be near.

    Attributes:
        likeness: 0.5 to 1: how much of the two names is alike.
    """

    vector: PriceVector
    likeness: float


class _Name(NamedTuple):
    """A model's name without directory and version, in words: `("claude", "sonnet", "4", "5")`.

    Attributes:
        dated_ns: the date in its version, `ALWAYS` without one.
    """

    words: tuple[str, ...]
    letters: tuple[str, ...]
    dated_ns: int


class NearestPrices:
    """The current standard prices of a book, searched by likeness of names.

    Only names are read at first, which takes a tenth of a second; prices when a name is near enough.
    """

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._by_family: dict[str, list[tuple[_Name, PriceKey]]] = {}
        for key in book.keys():  # noqa: SIM118 - a book is no mapping
            provider, model, tier = key
            name = _name(provider, model)
            if name.words and tier is None:
                self._by_family.setdefault(name.words[0], []).append((name, key))

    def find(self, provider: str, model: str) -> Nearest | None:
        """The price of the model whose name is most alike, or None; the provider's own list is preferred."""
        name = _name(provider, model)
        candidates = self._by_family.get(name.words[0], ()) if name.words else ()
        rated = [
            (_preference(name, other, vector, provider, model), Nearest(vector, likeness))
            for other, key in candidates
            if (likeness := _likeness(name.words, other.words)) >= _LEAST_LIKENESS
            for vector in self._current(key)
        ]
        return max(rated, key=lambda pair: pair[0])[1] if rated else None

    def _current(self, key: PriceKey) -> list[PriceVector]:
        return [v for prices in self._book.timeline(key) for v in prices.vectors if _is_current(v)]


def missing_money(
    nearest: Nearest, input_tokens: int, output_tokens: int, cache_read_tokens: int = 0, calls: int = 0
) -> int:
    """About how many pico-USD the tokens would have cost at the nearest known price."""
    weights = nearest.vector.weights
    fresh = max(input_tokens - cache_read_tokens, 0)
    tokens = weights.input * fresh + weights.cache_read * cache_read_tokens + weights.output * output_tokens
    return tokens + weights.call * calls


def _is_current(vector: PriceVector) -> bool:
    return (
        vector.to_ns == NEVER
        and vector.service_tier is None
        and vector.input_tokens_gt < 0
        and not vector.free
        and bool(vector.rates.input)
    )


def _name(provider: str, model: str) -> _Name:
    *_, spelling = spellings(provider, model)
    base = spelling.rpartition("/")[2]
    version = version_of(base)
    words = tuple(_WORDS.findall(base[: version.start]))
    return _Name(words, tuple(word for word in words if word.isalpha()), version.from_ns)


def _likeness(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _preference(
    name: _Name, other: _Name, vector: PriceVector, provider: str, model: str
) -> tuple[object, ...]:
    """Words before numbers, same beginning, same provider, whole name, vendor, date, and the costlier.

    An undated name is what the vendor sells today; a dated one is the older, the earlier its date. The
    costlier comes last: an estimate of missing spend should err high.
    """
    same_start = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name.words, other.words, strict=False))
    )
    return (
        _likeness(name.letters, other.letters),
        same_start,
        vector.provider == provider,
        _likeness(name.words, other.words),
        vector.provider == provider_of_model(model),
        other.dated_ns == ALWAYS,
        other.dated_ns,
        (vector.rates.input or 0) + (vector.rates.output or 0),
        vector.id,
    )
