"""What a new price list changes about the past, and the frozen prices that keep the past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from processor.calls.dates import ALWAYS
from processor.pricing.suggest import frozen_section
from processor.pricing.vectors import Interval, PriceKey, Prices, PriceVector, Rates, clip

Timelines = Mapping[PriceKey, Prices]


class Change(NamedTuple):
    """A span of the past over which two lists disagree about a price.

    Attributes:
        before: rates of the old list; None where it had no price.
        after: rates of the new list; None where it has none.
    """

    provider: str
    model: str
    service_tier: str | None
    input_tokens_gt: int
    from_ns: int
    to_ns: int
    before: Rates | None
    after: Rates | None


def price_changes(old: Timelines, new: Timelines, until_ns: int) -> list[Change]:
    """Every disagreement about the time before `until_ns`, by model and time.

    Args:
        old, new: `PriceBook.timelines()`, or `stored_timelines` of what the database kept.

    A model that the old list did not know is no change: its calls were not priced by it.
    """
    return [
        change
        for key, prices in sorted(old.items(), key=str)
        for change in _changes(key, prices, new.get(key, ()), until_ns)
    ]


def frozen_prices(old: Timelines, changes: Iterable[Change], until_ns: int) -> str:
    """The `frozen:` section that keeps the old prices of what changed, up to `until_ns`."""
    changed = {(change.provider, change.model, change.service_tier) for change in changes}
    return frozen_section((*key, clip(old[key], ALWAYS, until_ns)) for key in sorted(changed, key=str))


def stored_timelines(vectors: Iterable[PriceVector]) -> Timelines:
    """Vectors of one map joined to the intervals of each model and tier, newest first."""
    spans: dict[PriceKey, dict[tuple[int, int], list[PriceVector]]] = {}
    for vector in vectors:
        key = (vector.provider, vector.model.lower(), vector.service_tier)
        spans.setdefault(key, {}).setdefault((vector.from_ns, vector.to_ns), []).append(vector)
    return {key: tuple(_intervals(by_span)) for key, by_span in spans.items()}


def _intervals(by_span: Mapping[tuple[int, int], list[PriceVector]]) -> Iterator[Interval]:
    for span, vectors in sorted(by_span.items(), reverse=True):
        yield Interval(*span, tuple(sorted(vectors, key=lambda vector: vector.input_tokens_gt)))


def _changes(key: PriceKey, before: Prices, after: Prices, until_ns: int) -> Iterable[Change]:
    for old, from_ns, to_ns in _pieces(before, after, until_ns):
        new = _rates_at(after, from_ns)
        for threshold, rates in old.items():
            if rates != _band(new, threshold):
                yield Change(*key, threshold, from_ns, to_ns, rates, _band(new, threshold))
        for threshold in new.keys() - old.keys():
            if new[threshold] != _band(old, threshold):
                yield Change(*key, threshold, from_ns, to_ns, _band(old, threshold), new[threshold])


def _pieces(before: Prices, after: Prices, until_ns: int) -> Iterable[tuple[dict[int, Rates], int, int]]:
    edges = sorted({edge for i in (*before, *after) for edge in (i.from_ns, i.to_ns)} | {until_ns})
    for from_ns, to_ns in pairwise(edges):
        old = _rates_at(before, from_ns)
        if to_ns <= until_ns and old:
            yield old, from_ns, to_ns


def _rates_at(prices: Prices, time_ns: int) -> dict[int, Rates]:
    for interval in prices:
        if interval.from_ns <= time_ns < interval.to_ns:
            return {vector.input_tokens_gt: vector.rates for vector in interval.vectors}
    return {}


def _band(rates: Mapping[int, Rates], threshold: int) -> Rates | None:
    """The rates that hold just above a number of input tokens."""
    reached = [above for above in rates if above <= threshold]
    return rates[max(reached)] if reached else None
