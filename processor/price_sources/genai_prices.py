"""The default prices: the pinned genai-prices list, compiled model by model into our own vectors.

What the list cannot say exactly is left unpriced and named in `excluded`: entries without any price (179 that
would cost 0), and models whose price depends on the hour of the day (their hours carry no date).

Source:
    https://github.com/pydantic/genai-prices (MIT), read as data by `genai_records`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from processor.models import (
    dashed_date,
    fine_tune_base,
    is_version,
    library_provider,
    providers_of,
    version_of,
)
from processor.price_sources.genai_records import (
    PACKAGE,
    TIME_OF_DAY,
    Conditional,
    ModelRecord,
    Price,
    PriceTable,
    ProviderRecord,
    Records,
    Tiered,
    Variant,
    read_records,
)
from processor.prices import (
    ALWAYS,
    NEVER,
    Interval,
    Prices,
    Rates,
    Rounded,
    midnight_ns,
    pico_per_token,
    price_vector,
)

REVIEWED: Final[dict[str, date]] = {"0.2.3": date(2026, 11, 21)}
"""The day on which each pinned version was compared with other public lists by us."""

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
_TIER_CONTEXTS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "batch": (("processing", "batch"), ("service_tier", "batch")),
    "fast": (("service_tier", "fast"), ("speed", "fast")),
}
"""Service tiers that the list spells in other ways than `service_tier = <name>`."""


class Found(NamedTuple):
    """A model of the list that a span's id stands for.

    Attributes:
        provider: of the call, in our spelling.
        from_ns: the first moment at which the id can have existed (its version date).
        borrowed: True when another provider's list has the model (Azure sells OpenAI's).
    """

    provider: str
    record: ModelRecord
    seller: ProviderRecord
    from_ns: int = ALWAYS
    borrowed: bool = False


@dataclass(frozen=True, slots=True)
class _Dated:
    """The table of prices of one span of time."""

    from_ns: int
    to_ns: int
    table: PriceTable


class GenaiPrices:
    """The installed list; a provider is read and a model compiled when first asked for."""

    def __init__(self, records: Records | None = None) -> None:
        self._records = records if records is not None else read_records()
        self.name = f"{PACKAGE} {self._records.version}"
        self.version = self._records.version
        self.sha256 = self._records.sha256
        self.checked_at = REVIEWED.get(self._records.version)
        self._sellers: dict[str, _Seller] = {}

    def find(self, provider: str, name: str) -> Found | None:
        """The model that an id in lower case stands for: an exact id, or a pattern that leaves a version."""
        own = self._records.provider(library_provider(provider))
        if own is None:
            return None
        for record in (own, *filter(None, map(self._records.provider, own.fallbacks))):
            seller = self._seller(record)
            found = _exact(provider, seller, name) or _by_pattern(provider, seller, name)
            if found is not None:
                return found._replace(borrowed=record is not own)
        return None

    def prices(self, found: Found, service_tier: str | None) -> Prices:
        """Every price that the model ever had on a tier (None: standard), newest first; may be empty."""
        contexts = () if found.borrowed else _contexts(service_tier)
        known = any(pair in contexts for v in found.record.variants for pair in v.when.items())
        tier = service_tier if known else None
        pieces = [self._interval(found, tier, dated) for dated in _timeline(found.record, contexts)]
        return tuple(reversed([piece for piece in pieces if piece is not None]))

    def every(self) -> Iterator[tuple[Found, str | None]]:
        """Every model of the list under every provider and tier that can sell it."""
        for seller in self._records:
            for provider in providers_of(seller.id):
                yield from _each_tier(provider, seller, seller, borrowed=False)
                for other in filter(None, map(self._records.provider, seller.fallbacks)):
                    yield from _each_tier(provider, other, seller, borrowed=True)

    def excluded(self) -> dict[str, str]:
        """`provider/model` → why the list's entry gives no price here."""
        reasons = {
            f"{seller.id}/{record.id}": _why_excluded(record)
            for seller in self._records
            for record in seller.models
        }
        return {name: reason for name, reason in reasons.items() if reason}

    def rounded(self) -> list[Rounded]:
        """Every price that is no whole number of pico-USD per token, with what it became."""
        return [
            rounded
            for seller in self._records
            for record in seller.models
            for dated in _all_prices(record)
            for rounded in _roundings(seller.id, record.id, dated.prices)
        ]

    def _seller(self, record: ProviderRecord) -> _Seller:
        if record.id not in self._sellers:
            self._sellers[record.id] = _seller(record)
        return self._sellers[record.id]

    def _interval(self, found: Found, tier: str | None, dated: _Dated) -> Interval | None:
        origin: dict[str, Any] = {
            "source": self.name,
            "source_url": found.seller.url,
            "checked_at": self.checked_at,
        }
        vectors = tuple(
            price_vector(
                found.provider,
                found.record.id,
                _rates(dated.table, above),
                service_tier=tier,
                span=(dated.from_ns, dated.to_ns),
                input_tokens_gt=above,
                origin=origin,
            )
            for above in _thresholds(dated.table)
        )
        return Interval(dated.from_ns, dated.to_ns, vectors) if _says_something(dated.table) else None


class _Seller(NamedTuple):
    """A provider's models ready to be searched: by whole id, and those that have patterns, in order."""

    provider: ProviderRecord
    names: dict[str, ModelRecord]
    patterned: tuple[ModelRecord, ...]


def _seller(provider: ProviderRecord) -> _Seller:
    names: dict[str, ModelRecord] = {}
    for record in provider.models:
        for name in (record.id.lower(), *record.clause.names):
            names.setdefault(name, record)
    patterned = tuple(record for record in provider.models if not record.clause.is_exact)
    return _Seller(provider, names, patterned)


def _exact(provider: str, seller: _Seller, name: str) -> Found | None:
    record = seller.names.get(name) or seller.names.get(dashed_date(name))
    return Found(provider, record, seller.provider) if record is not None else None


def _by_pattern(provider: str, seller: _Seller, name: str) -> Found | None:
    record = next((record for record in seller.patterned if record.clause.matches(name)), None)
    if record is None:
        return None
    core = fine_tune_base(name)
    version = version_of(core)
    literals = (record.id.lower(), *record.clause.literals)
    if not any(is_version(core, literal, version) for literal in literals):
        return None
    return Found(provider, record, seller.provider, version.from_ns)


def _contexts(service_tier: str | None) -> tuple[tuple[str, str], ...]:
    if service_tier is None:
        return ()
    return _TIER_CONTEXTS.get(service_tier, (("service_tier", service_tier),))


def _each_tier(
    provider: str, source: ProviderRecord, seller: ProviderRecord, *, borrowed: bool
) -> Iterator[tuple[Found, str | None]]:
    for record in source.models:
        found = Found(provider, record, source, borrowed=borrowed)
        yield found, None
        if not borrowed:
            yield from ((found, tier) for tier in _tiers(record))


def _tiers(record: ModelRecord) -> set[str]:
    """Tiers of one word: a price that also hangs on something else cannot be told from a span."""
    said = (next(iter(v.when.items())) for v in record.variants if len(v.when) == 1)
    return {value for key, value in said if key in {"service_tier", "processing", "speed"}} - {"default"}


def _timeline(record: ModelRecord, contexts: Sequence[tuple[str, str]]) -> Iterator[_Dated]:
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
            yield _Dated(edges[last], edges[index], tables[last])
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


def _all_prices(record: ModelRecord) -> list[Conditional | Variant]:
    return [*record.prices, *record.variants]


def _hangs_on_the_hour(record: ModelRecord) -> bool:
    return any(dated.start == TIME_OF_DAY for dated in _all_prices(record))


def _token_prices(table: PriceTable) -> Iterator[tuple[str, Price]]:
    for price_class, keys in _CLASSES.items():
        key = next((key for key in keys if key in table), None)
        if key is not None:
            yield price_class, table[key]


def _thresholds(table: PriceTable) -> list[int]:
    tiered = (price for _, price in _token_prices(table) if isinstance(price, Tiered))
    return [-1, *sorted({start for price in tiered for start, _ in price.tiers})]


def _above(price: Price, input_tokens_gt: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    reached = [usd for start, usd in price.tiers if start <= input_tokens_gt]
    return reached[-1] if reached else price.base


def _rates(table: PriceTable, input_tokens_gt: int) -> Rates:
    rates = {name: pico_per_token(_above(price, input_tokens_gt)) for name, price in _token_prices(table)}
    fee = _above(table[_CALL_FEE], input_tokens_gt) if _CALL_FEE in table else Decimal(0)
    return Rates(**rates, call=int(fee * _PICO_PER_CALL))


def _says_something(table: PriceTable) -> bool:
    """Whether the table prices tokens at all; a list's zero is a gap, only the pricing map says free."""
    rates = _rates(table, -1)
    return bool(rates.input or rates.output)


def _why_excluded(record: ModelRecord) -> str:
    if _hangs_on_the_hour(record):
        return "the price depends on the hour of the day"
    if not any(_says_something(dated.table) for dated in _timeline(record, ())):
        return "no price for tokens"
    return ""


def _roundings(provider: str, model: str, table: PriceTable) -> Iterator[Rounded]:
    for price_class, price in _token_prices(table):
        for usd in {_above(price, above) for above in _thresholds(table)}:
            if usd * 10**6 != pico_per_token(usd):
                yield Rounded(provider, model, price_class, usd, pico_per_token(usd))
