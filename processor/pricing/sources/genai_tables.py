"""Compiles one model's entry of the genai-prices list: which table holds when, and its rates in pico-USD."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from processor.calls.call import Flag
from processor.calls.dates import ALWAYS, NEVER, midnight_ns
from processor.pricing.sources.genai_records import (
    TIME_OF_DAY,
    Conditional,
    ModelRecord,
    Price,
    PriceTable,
    Tiered,
    Variant,
)
from processor.pricing.vectors import Gaps, Rates, Rounded, pico_per_token

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
    "cache_read_audio": ("cache_audio_read_mtok",),
    "cache_read_image": ("cache_image_read_mtok",),
}
"""Our classes of tokens → the list's price keys, the first present counts."""
_OF_TEXT: Final = (*_CLASSES["input"], *_CLASSES["output"])
_CALL_FEE: Final = "requests_kcount"
_PICO_PER_CALL: Final = 10**9
"""Pico-USD per call of one USD per thousand calls."""


_UNTOLD: Final[dict[str, Flag]] = {
    "output_video_mtok": Flag.MODALITY_UNKNOWN,
    "output_citation_mtok": Flag.RATE_MISSING,
}
"""Price keys of tokens that no span reports → the flag of a cost without them."""


class Dated(NamedTuple):
    """The table of prices of one span of time.

    Attributes:
        standard: the table of the standard tier; the same where none was asked for.
        own: the keys that the tier asked for gives itself; None for the standard tier.
    """

    from_ns: int
    to_ns: int
    table: PriceTable
    standard: PriceTable
    own: frozenset[str] | None = None

    def gaps(self, included: frozenset[str], assumed: frozenset[str]) -> Gaps:
        """Gaps of the table: the tier as a whole, or the classes taken from the standard tier."""
        flags = reduce(or_, (flag for key, flag in _UNTOLD.items() if key in self.table), 0)
        if self.own is None:
            return Gaps(flags, included, frozenset(), assumed)
        keys = {name: _key_of(keys, self.table) for name, keys in _CLASSES.items()}
        borrowed = frozenset(name for name, key in keys.items() if key and key not in self.own)
        has_rates = borrowed != {name for name, key in keys.items() if key}
        if not has_rates:
            return Gaps(flags | Flag.RATE_MISSING, included, frozenset(), assumed)
        return Gaps(flags, included, borrowed, assumed)

    def lost_steps(self) -> list[int]:
        """Thresholds that the standard tier has, where the tier asked for has none."""
        if self.own is None or thresholds(self.table) != [-1]:
            return []
        return thresholds(self.standard)[1:]


def timeline(record: ModelRecord, contexts: Sequence[tuple[str, str]]) -> Iterator[Dated]:
    """The record's tables in order of time, each from its first day to the next one's."""
    if _hangs_on_the_hour(record):
        return
    variants = [v for v in record.variants if len(v.when) == 1 and next(iter(v.when.items())) in contexts]
    dates = [*(c.start for c in record.prices), *(v.start for v in variants)]
    days = sorted({day for day in dates if isinstance(day, date)})
    edges = [ALWAYS, *map(midnight_ns, days), NEVER]
    tables = [_on(day, record.prices, variants if contexts else None) for day in (None, *days)]
    last = 0
    for index in range(1, len(tables) + 1):
        if index == len(tables) or tables[index] != tables[last]:
            yield Dated(edges[last], edges[index], *tables[last])
            last = index


def _on(
    day: date | None, prices: Sequence[Conditional], variants: Sequence[Variant] | None
) -> tuple[PriceTable, PriceTable, frozenset[str] | None]:
    """The table that holds on a day, the standard tier's, and the keys that the variants give."""
    active = [c for c in prices if _is_active(c.start, day)]
    table = dict((active[-1] if active else prices[0]).prices) if prices else {}
    replaced: PriceTable = {}
    for variant in variants or ():
        if _is_active(variant.start, day):
            replaced = {**variant.prices, **replaced}  # the first variant that names a key wins
    return {**table, **replaced}, table, None if variants is None else frozenset(replaced)


def _is_active(start: date | str | None, day: date | None) -> bool:
    return start is None or (day is not None and isinstance(start, date) and start <= day)


def all_prices(record: ModelRecord) -> list[Conditional | Variant]:
    """Every table of a model, whatever it depends on."""
    return [*record.prices, *record.variants]


def _hangs_on_the_hour(record: ModelRecord) -> bool:
    return any(dated.start == TIME_OF_DAY for dated in all_prices(record))


def _token_prices(table: PriceTable) -> Iterator[tuple[str, Price]]:
    for price_class, keys in _CLASSES.items():
        key = _key_of(keys, table)
        if key is not None:
            yield price_class, table[key]


def _key_of(keys: Sequence[str], table: PriceTable) -> str | None:
    for key in keys:
        if key in table:
            return key
    return None


def thresholds(table: PriceTable) -> list[int]:
    """Numbers of input tokens above which other rates hold, ascending from -1."""
    if not any(isinstance(price, Tiered) for price in table.values()):
        return [-1]
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
    return not _is_timed(table) and any(
        pico_per_token(_above(table[key], -1)) for key in _OF_TEXT if key in table
    )


def _is_timed(table: PriceTable) -> bool:
    """Whether time of audio is billed beside the tokens of every call; some text models hear as well."""
    return "audio_hours" in table and "input_audio_hours" not in table


def why_excluded(record: ModelRecord) -> str:
    """Why a model gives no price here; empty when it gives one."""
    if _hangs_on_the_hour(record):
        return "the price depends on the hour of the day"
    tables = [dated.table for dated in timeline(record, ())]
    if any(says_something(table) for table in tables):
        return ""
    return "time of audio is billed as well" if any(map(_is_timed, tables)) else "no price for tokens"


def roundings(provider: str, model: str, table: PriceTable) -> Iterator[Rounded]:
    """The prices of a table that are no whole pico-USD per token."""
    for price_class, price in _token_prices(table):
        for usd in {_above(price, above) for above in thresholds(table)}:
            if usd * 10**6 != pico_per_token(usd):
                yield Rounded(provider, model, price_class, usd, pico_per_token(usd))
