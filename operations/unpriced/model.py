"""The unpriced queue: what calls without a price may have cost, and the entry that would price them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from processor.calls.call import UNKNOWN
from processor.pricing.book import PriceBook
from processor.pricing.nearest import Nearest, NearestPrices, missing_money
from processor.pricing.suggest import UnpricedModel, snippet
from processor.pricing.vectors import PriceVector
from storage.dimensions.cardinality import OTHER


class Unpriced(NamedTuple):
    """One model of the queue in one environment and data mode: a row of `genai.unpriced_usage`.

    Attributes:
        tokens_at_most: calls with a price are among the tokens, since single calls are gone.
    """

    provider: str
    model: str
    environment: str
    data_mode: str
    calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    tokens_at_most: bool
    first_seen: datetime
    last_seen: datetime

    @property
    def is_nameable(self) -> bool:
        """Whether a price map can name it: what came without a model, or beyond a day's cap, has no name."""
        return self.model not in (UNKNOWN, OTHER) and self.provider not in (UNKNOWN, OTHER)


class Suggestion(NamedTuple):
    """A row with the nearest known price.

    Attributes:
        about_pico_usd: what the tokens would have cost at that price: an estimate, never spend; None where no
            known price is near.
        own: the price that the model has, though not for a class, a tier or a region that was used.
    """

    row: Unpriced
    nearest: Nearest | None
    about_pico_usd: int | None
    own: PriceVector | None = None


def suggest(rows: Iterable[Unpriced], book: PriceBook) -> list[Suggestion]:
    """The nearest known price of each row; half a second, since the whole list is searched."""
    prices = NearestPrices(book)
    return [_suggestion(row, prices, book) for row in rows]


def _suggestion(row: Unpriced, prices: NearestPrices, book: PriceBook) -> Suggestion:
    own = book.lookup(row.provider, row.model, None, int(row.last_seen.timestamp()) * 10**9)
    if own is not None:
        return Suggestion(row, None, None, own[0])
    nearest = prices.find(row.provider, row.model) if row.is_nameable else None
    if nearest is None:
        return Suggestion(row, None, None)
    about = missing_money(nearest, row.input_tokens, row.output_tokens, row.cache_read_tokens, row.calls)
    return Suggestion(row, nearest, about)


def entries(suggestions: Sequence[Suggestion]) -> str:
    """The part of `prices.yaml` that would price the queue; empty when no row of it can be named."""
    models: dict[tuple[str, str], UnpricedModel] = {}
    for row, nearest, _, own in suggestions:
        if not row.is_nameable:
            continue
        known = models.get((row.provider, row.model))
        first = min(known.first_seen, row.first_seen) if known else row.first_seen
        calls = row.calls + (known.calls if known else 0)
        models[row.provider, row.model] = UnpricedModel(row.provider, row.model, first, calls, nearest, own)
    return snippet(list(models.values())) if models else ""
