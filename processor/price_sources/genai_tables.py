"""Compiles one model's entry of the genai-prices list: which table holds when, and its rates in pico-USD."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from processor.price_sources.genai_records import (
    TIME_OF_DAY,
    Conditional,
    ModelRecord,
    Price,
    PriceTable,
    Tiered,
    Variant,
)
from processor.prices import ALWAYS, NEVER, Rates, Rounded, midnight_ns, pico_per_token

_CLASSES: Final[dict[str, tuple[str, ...]]] = {
    "input": ("input_mtok",),
    "output": ("output_mtok",),
    "cache_read": ("cache_read_mtok",),
    "cache_write": ("cache_write_5m_mtok", "cache_write_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok",),
    "reasoning": ("output_reasoning_mtok",),
    "input_audio": ("input_audio_mtok",),
    "output_audio": ("output_audio_mtok",),
    "input_image": ("input_image_mtok",),
    "output_image": ("output_image_mtok",),
}
"""Our classes of tokens → the list's price keys, the first present counts."""
_CALL_FEE: Final = "requests_kcount"
_PICO_PER_CALL: Final = 10**9
"""Pico-USD per call of one USD per thousand calls."""


class Dated(NamedTuple):
    """The table of prices of one span of time."""

    from_ns: int
    to_ns: int
    table: PriceTable


def timeline(record: ModelRecord, contexts: Sequence[tuple[str, str]]) -> Iterator[Dated]:
    """The record's tables in order of time, each from its first day to the next one's."""
    if _hangs_on_the_hour(record):
        return
    variants = [v for v in record.variants if len(v.when) == 1 and next(iter(v.when.items())) in contexts]
    dates = [*(c.start for c in record.prices), *(v.start for v in variants)]
    days = sorted({day for day in dates if isinstance(day, date)})
    starts = [None, *days]
    tables = [_table_on(day, record.prices, variants) for day in starts]
    edges = [ALWAYS, *map(midnight_ns, days), NEVER]
    last = 0
    for index in range(1, len(tables) + 1):
        if index == len(tables) or tables[index] != tables[last]:
            yield Dated(edges[last], edges[index], tables[last])
            last = index


def _table_on(day: date | None, prices: Sequence[Conditional], variants: Iterable[Variant]) -> PriceTable:
    active = [c for c in prices if _is_active(c.start, day)]
    table = dict((active[-1] if active else prices[0]).prices) if prices else {}
    replaced: PriceTable = {}
    for variant in variants:
        if _is_active(variant.start, day):
            replaced = {**variant.prices, **replaced}  # the first variant that names a key wins
    return {**table, **replaced}


def _is_active(start: date | str | None, day: date | None) -> bool:
    return start is None or (day is not None and isinstance(start, date) and start <= day)


def all_prices(record: ModelRecord) -> list[Conditional | Variant]:
    """Every table of a model, whatever it depends on."""
    return [*record.prices, *record.variants]


def _hangs_on_the_hour(record: ModelRecord) -> bool:
    return any(dated.start == TIME_OF_DAY for dated in all_prices(record))


def _token_prices(table: PriceTable) -> Iterator[tuple[str, Price]]:
    for price_class, keys in _CLASSES.items():
        key = next((key for key in keys if key in table), None)
        if key is not None:
            yield price_class, table[key]


def thresholds(table: PriceTable) -> list[int]:
    """Numbers of input tokens above which other rates hold, ascending from -1."""
    tiered = (price for _, price in _token_prices(table) if isinstance(price, Tiered))
    return [-1, *sorted({start for price in tiered for start, _ in price.tiers})]


def _above(price: Price, input_tokens_gt: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    reached = [usd for start, usd in price.tiers if start <= input_tokens_gt]
    return reached[-1] if reached else price.base


def rates_above(table: PriceTable, input_tokens_gt: int) -> Rates:
    """The rates of a table for calls just above a number of input tokens."""
    rates = {name: pico_per_token(_above(price, input_tokens_gt)) for name, price in _token_prices(table)}
    fee = _above(table[_CALL_FEE], input_tokens_gt) if _CALL_FEE in table else Decimal(0)
    return Rates(**rates, call=int(fee * _PICO_PER_CALL))


def says_something(table: PriceTable) -> bool:
    """Whether the table prices tokens at all; a list's zero is a gap, only the pricing map says free."""
    rates = rates_above(table, -1)
    return bool(rates.input or rates.output)


def why_excluded(record: ModelRecord) -> str:
    """Why a model gives no price here; empty when it gives one."""
    if _hangs_on_the_hour(record):
        return "the price depends on the hour of the day"
    if not any(says_something(dated.table) for dated in timeline(record, ())):
        return "no price for tokens"
    return ""


def roundings(provider: str, model: str, table: PriceTable) -> Iterator[Rounded]:
    """The prices of a table that are no whole pico-USD per token."""
    for price_class, price in _token_prices(table):
        for usd in {_above(price, above) for above in thresholds(table)}:
            if usd * 10**6 != pico_per_token(usd):
                yield Rounded(provider, model, price_class, usd, pico_per_token(usd))
