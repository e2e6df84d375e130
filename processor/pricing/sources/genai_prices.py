"""The default prices: the pinned genai-prices list, compiled model by model into price vectors.

What the list cannot say exactly is left unpriced and named in `excluded`: entries without any price (179 that
would cost 0), and models whose price depends on the hour of the day (their hours carry no date).

Source:
    https://github.com/pydantic/genai-prices (MIT), read as data by `genai_records`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final, NamedTuple

from processor.calls.call import Flag
from processor.calls.dates import ALWAYS
from processor.calls.model_ids import (
    dashed_date,
    fine_tune_base,
    is_version,
    library_provider,
    providers_of,
    sells,
    unqualified,
    version_of,
)
from processor.calls.service_tiers import is_near_standard
from processor.calls.vocabulary import provider_of_model
from processor.pricing.sources.billing_facts import (
    assumed,
    has_untold_fees,
    has_untold_media,
    has_vendors_tier,
    included,
    lacking,
    tier_factor,
)
from processor.pricing.sources.genai_records import (
    PACKAGE,
    ModelRecord,
    ProviderRecord,
    Records,
    read_records,
)
from processor.pricing.sources.genai_tables import (
    Dated,
    all_prices,
    rates_above,
    roundings,
    says_something,
    thresholds,
    timeline,
    why_excluded,
)
from processor.pricing.vectors import Interval, Prices, Rounded, flagged, price_vector

REVIEWED: Final[dict[str, date]] = {"0.2.3": date(2026, 11, 21)}
"""The day on which each pinned version was compared with other public lists by us."""

_UNTOLD_MEDIA: Final = Flag.MODALITY_UNKNOWN | Flag.RATE_MISSING
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
        if own is None or not sells(provider, name):
            return None
        for record in (own, *filter(None, map(self._records.provider, own.fallbacks))):
            seller = self._seller(record)
            found = _exact(provider, seller, name) or _by_pattern(provider, seller, name)
            if found is not None:
                return found._replace(borrowed=record is not own)
        return None

    def prices(self, found: Found, service_tier: str | None) -> Prices:
        """Every price that the model ever had on a tier (None: standard), newest first; may be empty.

        A tier without rates has the standard ones, marked. A seller of another vendor's model has the
        vendor's tiers, marked unless it is known to have their prices.
        """
        contexts, model = _contexts(service_tier), found.record.id.lower()
        factor = tier_factor(found.seller.id, service_tier, model)
        known = any(pair in contexts for v in found.record.variants for pair in v.when.items())
        tier = service_tier if known or factor else None
        tables = timeline(found.record, () if factor else contexts)
        pieces = [self._interval(found, tier, dated, factor or 1) for dated in tables]
        prices = tuple(reversed([piece for piece in pieces if piece is not None]))
        if service_tier is None or factor or (known and not found.borrowed):
            return prices
        if known:
            same = has_vendors_tier(library_provider(found.provider), tier, model)
            return prices if same else flagged(prices, Flag.RATE_MISSING)
        return flagged(prices, Flag.RATE_MISSING, is_near_standard(service_tier))

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
            f"{seller.id}/{record.id}": why_excluded(record)
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
            for dated in all_prices(record)
            for rounded in roundings(seller.id, record.id, dated.prices)
        ]

    def _vendor_steps(self, found: Found, dated: Dated) -> list[int]:
        """Steps of the vendor's own price for long context, where the seller's entry has none at all."""
        name = unqualified(found.record.id.lower())
        vendor = provider_of_model(name)
        if vendor is None or library_provider(vendor) == found.seller.id or len(thresholds(dated.table)) > 1:
            return []
        own = self.find(vendor, name)
        listed = timeline(own.record, ()) if own is not None and not own.borrowed else ()
        return next((steps for d in listed if (steps := thresholds(d.table)[1:])), [])

    def _seller(self, record: ProviderRecord) -> _Seller:
        if record.id not in self._sellers:
            self._sellers[record.id] = _seller(record)
        return self._sellers[record.id]

    def _interval(self, found: Found, tier: str | None, dated: Dated, factor: int) -> Interval | None:
        if not says_something(dated.table):
            return None
        origin: dict[str, Any] = {
            "source": self.name,
            "source_url": found.seller.url,
            "checked_at": self.checked_at,
        }
        model = found.record.id.lower()
        gaps = dated.gaps(included(found.seller.id, model), assumed(found.seller.id, model))
        fees = Flag.RATE_MISSING if has_untold_fees(found.seller.id, model) else 0
        fees |= _UNTOLD_MEDIA if has_untold_media(found.seller.id, model) else 0
        gaps = gaps._replace(flags=gaps.flags | fees, lacking=lacking(found.seller.id, model))
        lost = dated.lost_steps() or self._vendor_steps(found, dated)
        vectors = tuple(
            price_vector(
                found.provider,
                found.record.id,
                rates_above(dated.table, above).times(factor),
                service_tier=tier,
                span=(dated.from_ns, dated.to_ns),
                input_tokens_gt=above,
                gaps=gaps._replace(flags=gaps.flags | Flag.RATE_MISSING) if above in lost else gaps,
                origin=origin,
            )
            for above in sorted({*thresholds(dated.table), *lost})
        )
        return Interval(dated.from_ns, dated.to_ns, vectors)


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
        if not sells(provider, record.id.lower()):
            continue
        found = Found(provider, record, source, borrowed=borrowed)
        yield found, None
        if not borrowed:
            yield from ((found, tier) for tier in _tiers(record))


def _tiers(record: ModelRecord) -> set[str]:
    """Tiers of one word: a price that depends on anything else cannot be read from a span."""
    said = (next(iter(v.when.items())) for v in record.variants if len(v.when) == 1)
    return {value for key, value in said if key in {"service_tier", "processing", "speed"}} - {"default"}
