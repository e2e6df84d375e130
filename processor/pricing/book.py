"""The price book: finds the price of a call again quickly, and says what its map holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from processor.calls.dates import midnight_ns
from processor.pricing.vectors import PriceKey, Prices, PriceVector, Rounded

_KNOWN_LIMIT: Final = 8_192
"""Priced (provider, model, tier) remembered; the price list knows 2 400 models."""
_UNKNOWN_LIMIT: Final = 8_192
"""Unpriced ones remembered apart, so that invented names cannot push out the known."""


def stale_vectors(vectors: Iterable[PriceVector], today: date, max_age_days: int = 90) -> list[PriceVector]:
    """Vectors in force whose price was not checked for longer than the age, or never; oldest first."""
    return sorted(
        (v for v in vectors if v.to_ns > midnight_ns(today) and not v.free and _age(v, today) > max_age_days),
        key=lambda v: (-_age(v, today), v.provider, v.model),
    )


def _age(vector: PriceVector, today: date) -> float:
    return (today - vector.checked_at).days if vector.checked_at else float("inf")


class MapSummary(NamedTuple):
    """Summary of a price map, for `spanledger check` and the table of price maps.

    Attributes:
        base: package and version of the built-in list.
        base_sha256: hash of its data file.
        file, file_sha256: the pricing map on top, None without one.
        counts: entries by kind (`models`, `vectors`, `own_models`, `aliases`, `discounts`, ...).
        excluded: models of the built-in list that have no exact price here, with the reason.
        rounded: prices that are no whole pico-USD per token.
        checked_at: the day the built-in list was last reviewed, where known.
    """

    base: str
    base_sha256: str
    file: str | None
    file_sha256: str | None
    counts: Mapping[str, int]
    excluded: Mapping[str, str]
    rounded: Sequence[Rounded]
    checked_at: date | None


Resolve = Callable[[str, str, str | None], Prices]
"""(provider, model, service tier) → every price it ever had; empty when it has none."""


class PriceBook:
    """Finds the price of a call: resolved once per (provider, model, tier), then one dictionary look-up.

    Nothing is read and no clock is asked. Memory is bounded; an unknown model costs its search once.
    """

    __slots__ = (
        "_every",
        "_known",
        "_resolve",
        "_summarise",
        "_summary",
        "_unknown",
        "_vectors",
        "base",
        "checked_at",
        "file_sha256",
        "map_hash",
    )

    def __init__(
        self,
        resolve: Resolve,
        every: Callable[[], Iterable[PriceKey]],
        summarise: Callable[[], MapSummary],
        map_hash: str,
        checked_at: date | None = None,
        base: str = "",
        file_sha256: str | None = None,
    ) -> None:
        self.checked_at = checked_at
        """The day the built-in list was last reviewed, where known."""
        self.base, self.file_sha256 = base, file_sha256
        """As in `MapSummary`, without the work of a summary."""
        self.map_hash = map_hash
        """SHA-256 over everything that decides a price; equal hashes give equal costs."""
        self._resolve = resolve
        self._every = every
        self._summarise = summarise
        self._summary: MapSummary | None = None
        self._known: dict[PriceKey, Prices] = {}
        self._unknown: set[PriceKey] = set()
        self._vectors: dict[int, PriceVector] = {}

    def lookup(
        self, provider: str, model: str, service_tier: str | None, time_ns: int
    ) -> tuple[PriceVector, ...] | None:
        """The vectors that hold at a moment, by ascending `input_tokens_gt`; None when there is no price."""
        key = (provider, model, service_tier)
        prices = self._known.get(key)
        if prices is None:
            prices = self._search(key)
        for interval in prices:
            if interval.from_ns <= time_ns < interval.to_ns:
                return interval.vectors
        return None

    def vectors(self) -> Mapping[int, PriceVector]:
        """Every vector that a `lookup` may have handed out so far, by id; grows, never shrinks.

        A charge's `vector_id` is always in it: who stores charges stores the new entries beside them.
        """
        return self._vectors

    def every_vector(self) -> dict[int, PriceVector]:
        """All vectors of the map by id, used or not: the whole compiled list, half a second of work."""
        listed = (vector for prices in self.timelines().values() for i in prices for vector in i.vectors)
        return {vector.id: vector for vector in listed} | self._vectors

    def timelines(self) -> dict[PriceKey, Prices]:
        """Every price that every model of the map ever had, as `lookup` would find it."""
        return {key: self._resolve(*key) for key in self._every()}

    def keys(self) -> list[PriceKey]:
        """Every provider, model and tier of the map that has a price; quicker than what needs the prices."""
        return list(self._every())

    def timeline(self, key: PriceKey) -> Prices:
        """Every price that one model of the map ever had."""
        return self._resolve(*key)

    def summary(self) -> MapSummary:
        """Summary of the map; the first call reads the whole list, which takes half a second."""
        if self._summary is None:
            self._summary = self._summarise()
        return self._summary

    def _search(self, key: PriceKey) -> Prices:
        if key in self._unknown:
            return ()
        prices = self._resolve(*key)
        if not prices:
            if len(self._unknown) >= _UNKNOWN_LIMIT:
                self._unknown.clear()
            self._unknown.add(key)
            return ()
        if len(self._known) >= _KNOWN_LIMIT:
            self._known.clear()
        self._known[key] = prices
        self._vectors.update((vector.id, vector) for interval in prices for vector in interval.vectors)
        return prices
