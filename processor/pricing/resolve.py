"""The order of the price look-up: alias, own price, explicit free, price list; then the discount.

Source:
    DESIGN §5. Pure: the pricing map and the price list are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fnmatch import fnmatchcase
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

from processor.calls.call import Flag
from processor.calls.dates import ALWAYS, NEVER
from processor.calls.model_ids import spellings
from processor.calls.regions import is_elsewhere
from processor.calls.service_tiers import is_near_standard, standard_tier
from processor.pricing.sources.genai_prices import Found, GenaiPrices
from processor.pricing.vectors import (
    Interval,
    PriceKey,
    Prices,
    PriceVector,
    Rates,
    clip,
    flagged,
    overlay,
    price_vector,
)


class ModelKey(NamedTuple):
    """A model as the pricing map names it: provider in our spelling, id in lower case."""

    provider: str
    model: str


class Alias(NamedTuple):
    """A name that stands for a priced model during [from, to)."""

    target: ModelKey
    from_ns: int
    to_ns: int
    source: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which calls a discount or a free price is for; `*` in `model` stands for anything."""

    provider: str
    model: str = "*"

    def fits(self, key: ModelKey) -> bool:
        """Whether the pattern covers the model."""
        return self.provider in ("*", key.provider) and fnmatchcase(key.model, self.model)


@dataclass(frozen=True, slots=True)
class Discount:
    """A factor on every rate of what it fits, during [from, to)."""

    pattern: Pattern
    multiply: Decimal
    from_ns: int
    to_ns: int
    source: str


@dataclass(frozen=True, slots=True)
class Free:
    """An explicit zero: the only way to a cost of 0."""

    pattern: Pattern
    source: str


@dataclass(frozen=True, slots=True)
class PriceLayers:
    """A compiled pricing map. Prices are keyed by model and tier (None: standard)."""

    aliases: Mapping[ModelKey, Sequence[Alias]] = field(default_factory=dict)
    own: Mapping[tuple[ModelKey, str | None], Prices] = field(default_factory=dict)
    frozen: Mapping[tuple[ModelKey, str | None], Prices] = field(default_factory=dict)
    free: Sequence[Free] = ()
    discounts: Sequence[Discount] = ()


class Resolver:
    """Finds every price of a model through all layers."""

    def __init__(self, layers: PriceLayers, library: GenaiPrices) -> None:
        self._layers = layers
        self._library = library

    def __call__(self, provider: str, model: str, service_tier: str | None) -> Prices:
        """Every price that the model ever had on the tier, newest first; empty when it has none."""
        tier = standard_tier(service_tier, provider)
        keys = [ModelKey(provider, name) for name in spellings(provider, model)]
        aliased = (self._aliased(alias, tier) for key in keys for alias in self._layers.aliases.get(key, ()))
        prices = _stacked([*aliased, self._priced(keys, tier)])
        return _discounted(prices, keys, self._layers.discounts)

    def every(self) -> Iterator[PriceKey]:
        """Every model and tier that some layer knows; a pattern of free models by its pattern."""
        for key, tier in (*self._layers.own, *self._layers.frozen):
            yield *key, tier
        for free in self._layers.free:
            yield free.pattern.provider, free.pattern.model, None
        for found, tier in self._library.every():
            yield found.provider, found.record.id.lower(), tier

    def _aliased(self, alias: Alias, tier: str | None) -> Prices:
        keys = [ModelKey(alias.target.provider, name) for name in spellings(*alias.target)]
        return clip(self._priced(keys, tier), alias.from_ns, alias.to_ns)

    def _priced(self, keys: Sequence[ModelKey], tier: str | None) -> Prices:
        own = (_of_tier(self._layers.own, key, tier) for key in keys)
        free = (_free_prices(f) for f in self._layers.free if any(f.pattern.fits(key) for key in keys))
        found = next(filter(None, (self._library.find(*key) for key in keys)), None)
        listed = clip(self._listed(found, tier), found.from_ns) if found is not None else ()
        if found is not None and any(is_elsewhere(found.record.id.lower(), *key) for key in keys):
            listed = flagged(listed, Flag.RATE_MISSING)
        frozen = (_of_tier(self._layers.frozen, key, tier) for key in keys)
        return _stacked([*own, *free, *frozen, listed])

    def _listed(self, found: Found, tier: str | None) -> Prices:
        """The list's prices of a model, below what was frozen for it before a new version of the list."""
        frozen = _of_tier(self._layers.frozen, ModelKey(found.provider, found.record.id.lower()), tier)
        return overlay(frozen, self._library.prices(found, tier))


def _stacked(layers: Iterable[Prices]) -> Prices:
    filled = [layer for layer in layers if layer]
    return reduce(overlay, filled) if filled else ()


def _of_tier(prices: Mapping[tuple[ModelKey, str | None], Prices], key: ModelKey, tier: str | None) -> Prices:
    """The prices of a tier, else the standard ones, marked."""
    own = prices.get((key, tier))
    if own or tier is None:
        return own or ()
    return flagged(prices.get((key, None), ()), Flag.RATE_MISSING, is_near_standard(tier))


def _free_prices(free: Free) -> Prices:
    vector = price_vector(
        free.pattern.provider, free.pattern.model, Rates(0, 0), free=True, origin={"source": free.source}
    )
    return (Interval(ALWAYS, NEVER, (vector,)),)


def _discounted(prices: Prices, keys: Sequence[ModelKey], discounts: Sequence[Discount]) -> Prices:
    if not discounts:
        return prices
    pieces = [piece for interval in prices for piece in _split(interval, discounts)]
    return tuple(_with_discount(piece, keys, discounts) for piece in pieces)


def _split(interval: Interval, discounts: Sequence[Discount]) -> list[Interval]:
    """The interval cut at every edge of a discount, newest first."""
    inside = {edge for d in discounts for edge in (d.from_ns, d.to_ns)}
    edges = sorted(
        {interval.from_ns, interval.to_ns} | {e for e in inside if interval.from_ns < e < interval.to_ns}
    )
    return [Interval(start, end, interval.vectors) for start, end in reversed(list(pairwise(edges)))]


def _with_discount(piece: Interval, keys: Sequence[ModelKey], discounts: Sequence[Discount]) -> Interval:
    vectors = tuple(_vector_with_discount(vector, piece, keys, discounts) for vector in piece.vectors)
    return piece._replace(vectors=vectors)


def _vector_with_discount(
    vector: PriceVector, piece: Interval, keys: Sequence[ModelKey], discounts: Sequence[Discount]
) -> PriceVector:
    names = [*keys, ModelKey(vector.provider, vector.model.lower())]
    discount = next((d for d in discounts if _applies(d, names, piece.from_ns)), None)
    if discount is None or vector.free:
        return vector
    return price_vector(
        vector.provider,
        vector.model,
        vector.rates.map(lambda rate: discounted_rate(rate, discount.multiply)),
        service_tier=vector.service_tier,
        gaps=vector.gaps,
        span=(max(vector.from_ns, discount.from_ns), min(vector.to_ns, discount.to_ns)),
        input_tokens_gt=vector.input_tokens_gt,
        origin={
            "source": f"{vector.source} × {discount.multiply} ({discount.source})",
            "source_url": vector.source_url,
            "checked_at": vector.checked_at,
            "note": vector.note,
        },
    )


def _applies(discount: Discount, names: Sequence[ModelKey], time_ns: int) -> bool:
    return discount.from_ns <= time_ns < discount.to_ns and any(map(discount.pattern.fits, names))


def discounted_rate(rate: int, multiply: Decimal) -> int:
    """The rate times the factor, as whole pico-USD, half to even."""
    return int((rate * multiply).to_integral_value(ROUND_HALF_EVEN))
