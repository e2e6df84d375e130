"""The format of the pricing map: YAML to price layers, strictly.

Source:
    DESIGN §5; the format is described in `docs/pricing.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple

from processor.calls.dates import ALWAYS, NEVER, midnight_ns
from processor.calls.model_ids import library_provider
from processor.calls.service_tiers import standard_tier
from processor.calls.strict_yaml import Value, read_yaml
from processor.calls.vocabulary import provider_name
from processor.pricing.resolve import Alias, Discount, Free, ModelKey, Pattern, PriceLayers
from processor.pricing.sources.billing_facts import gaps_of
from processor.pricing.vectors import Interval, Prices, Rates, Rounded, pico_per_token, price_vector

_PACKAGE: Final = "genai-prices"
_SECTIONS: Final = ("version", "base", "aliases", "models", "discounts", "ignore", "frozen")
_RATE_NAMES: Final = tuple(name for name in Rates._fields if name != "call")
_PICO_PER_USD: Final = 10**12

_TierKey = tuple[ModelKey, str | None]


class PriceMap(NamedTuple):
    """A pricing map as read: its layers, and what had to be rounded in it."""

    layers: PriceLayers
    rounded: list[Rounded]
    counts: dict[str, int]


def read_price_map(content: bytes, file: str, base_version: str, base_sha256: str) -> PriceMap:
    """Compile a pricing map.

    Args:
        file: its name, for errors and sources.
        base_version, base_sha256: of the built-in list that is installed, for the section `base`.

    Raises:
        ConfigError: with file, line and reason.
    """
    root = read_yaml(content, file)
    if root is None:
        return PriceMap(PriceLayers(), [], {})
    sections = root.section(*_SECTIONS, required=("version",))
    sections["version"].whole()
    if "base" in sections:
        _check_base(sections["base"], base_version, base_sha256)
    reader = _Reader()
    layers = PriceLayers(
        aliases=reader.aliases(sections.get("aliases")),
        own=reader.models(sections.get("models")),
        frozen=reader.models(sections.get("frozen"), gaps=True),
        free=reader.free(sections.get("ignore")),
        discounts=reader.discounts(sections.get("discounts")),
    )
    counts = {
        "aliases": sum(map(len, layers.aliases.values())),
        "own_models": len(layers.own),
        "frozen_models": len(layers.frozen),
        "free": len(layers.free),
        "discounts": len(layers.discounts),
    }
    return PriceMap(layers, reader.rounded, counts)


def _check_base(base: Value, installed: str, installed_sha256: str) -> None:
    values = base.section("package", "version", "sha256", required=("package", "version"))
    values["package"].choice(_PACKAGE)
    if values["version"].text() != installed:
        raise values["version"].error(
            f"the map was made for {_PACKAGE} {values['version'].text()}, installed is {installed}: "
            "look at `spanledger check` for what the new list changes, then change this line"
        )
    if "sha256" in values and values["sha256"].text().lower() != installed_sha256:
        raise values["sha256"].error(f"the installed list has the hash {installed_sha256}")


class _Reader:
    """Reads the sections of one map and remembers what was rounded."""

    def __init__(self) -> None:
        self.rounded: list[Rounded] = []

    def aliases(self, section: Value | None) -> Mapping[ModelKey, list[Alias]]:
        aliases: dict[ModelKey, list[Alias]] = {}
        for entry in section.items() if section else ():
            values = entry.section(
                "provider", "model", "to", "from", "until", "note", required=("provider", "model", "to")
            )
            from_ns, to_ns = _span(entry, values.get("from"), values.get("until"))
            target = _key(values["to"].section(*_KEY, required=_KEY))
            alias = Alias(target, from_ns, to_ns, f"{entry.file}:{entry.line}")
            known = aliases.setdefault(_key(values), [])
            if any(other.from_ns < to_ns and from_ns < other.to_ns for other in known):
                raise entry.error("overlaps another alias of the same name")
            known.append(alias)
        return aliases

    def models(self, section: Value | None, gaps: bool = False) -> Mapping[_TierKey, Prices]:
        models: dict[_TierKey, Prices] = {}
        for entry in section.items() if section else ():
            values = entry.section("provider", "model", "service_tier", "prices", required=(*_KEY, "prices"))
            tier = standard_tier(values["service_tier"].text()) if "service_tier" in values else None
            key = (_key(values), tier)
            if key in models:
                raise entry.error("this model is given twice; put its prices into one entry")
            models[key] = self._prices(*key, values["prices"], gaps)
        return models

    def free(self, section: Value | None) -> list[Free]:
        entries = section.items() if section else ()
        return [_free(entry) for entry in entries]

    def discounts(self, section: Value | None) -> list[Discount]:
        entries = section.items() if section else ()
        return [_discount(entry) for entry in entries]

    def _prices(self, key: ModelKey, tier: str | None, prices: Value, gaps: bool) -> Prices:
        entries = [(entry, entry.section(*_PRICE_KEYS)) for entry in prices.items()]
        if not entries:
            raise prices.error("at least one price is needed")
        starts = [_start(entry, values, index) for index, (entry, values) in enumerate(entries)]
        spans = _spans(entries, starts, gaps)
        intervals = [
            self._interval(key, tier, entry, values, span)
            for (entry, values), span in zip(entries, spans, strict=True)
        ]
        return tuple(reversed(intervals))

    def _interval(
        self, key: ModelKey, tier: str | None, entry: Value, values: dict[str, Value], span: tuple[int, int]
    ) -> Interval:
        if "usd_per_mtok" not in values:
            raise entry.error("usd_per_mtok is missing")
        bands = [(-1, self._rates(key, values["usd_per_mtok"], values.get("usd_per_call")))]
        bands += self._above(key, values)
        gaps = gaps_of(library_provider(key.provider), key.model)
        vectors = tuple(
            price_vector(
                *key,
                rates,
                service_tier=tier,
                span=span,
                input_tokens_gt=above,
                gaps=gaps,
                origin=_origin(entry, values),
            )
            for above, rates in bands
        )
        return Interval(*span, vectors)

    def _above(self, key: ModelKey, values: dict[str, Value]) -> list[tuple[int, Rates]]:
        if "above" not in values:
            return []
        fee = values.get("usd_per_call")
        bands = [self._band(key, band, fee) for band in values["above"].one_or_more()]
        if any(later <= earlier for (earlier, _), (later, _) in pairwise(bands)):
            raise values["above"].error("thresholds are in ascending order")
        return bands

    def _band(self, key: ModelKey, band: Value, fee: Value | None) -> tuple[int, Rates]:
        above = band.section(
            "input_tokens_gt", "input_tokens_gte", "usd_per_mtok", required=("usd_per_mtok",)
        )
        if ("input_tokens_gt" in above) == ("input_tokens_gte" in above):
            raise band.error("expected one of input_tokens_gt and input_tokens_gte")
        threshold = (
            above["input_tokens_gt"].whole()
            if "input_tokens_gt" in above
            else above["input_tokens_gte"].whole() - 1
        )
        return threshold, self._rates(key, above["usd_per_mtok"], fee)

    def _rates(self, key: ModelKey, table: Value, fee: Value | None) -> Rates:
        values = table.section(*_RATE_NAMES)
        amounts = {name: value.amount() for name, value in values.items()}
        if not amounts.get("input") and not amounts.get("output"):
            raise table.error("a price for input or output above zero is needed (for free, see `ignore`)")
        for name, usd in amounts.items():
            if usd * 10**6 != pico_per_token(usd):
                self.rounded.append(Rounded(*key, name, usd, pico_per_token(usd)))
        rates: dict[str, Any] = {name: pico_per_token(usd) for name, usd in amounts.items()}
        return Rates(**rates, call=int(fee.amount() * _PICO_PER_USD) if fee else 0)


_KEY: Final = ("provider", "model")
_PRICE_KEYS: Final = ("from", "to", "usd_per_mtok", "above", "usd_per_call", "note", "url", "checked")


def _key(values: Mapping[str, Value]) -> ModelKey:
    provider = provider_name(values["provider"].text())
    if provider is None:
        raise values["provider"].error("a framework is not a provider")
    return ModelKey(provider, values["model"].text().lower())


def _origin(entry: Value, values: Mapping[str, Value]) -> dict[str, Any]:
    return {
        "source": f"{entry.file}:{entry.line}",
        "source_url": values["url"].text() if "url" in values else None,
        "checked_at": values["checked"].day() if "checked" in values else None,
        "note": values["note"].text() if "note" in values else None,
    }


def _span(entry: Value, start: Value | None, end: Value | None) -> tuple[int, int]:
    from_ns = midnight_ns(start.day()) if start else ALWAYS
    to_ns = midnight_ns(end.day()) if end else NEVER
    if from_ns >= to_ns:
        raise entry.error("ends before it begins")
    return from_ns, to_ns


def _start(entry: Value, values: Mapping[str, Value], index: int) -> int:
    if "from" in values:
        return midnight_ns(values["from"].day())
    if index:
        raise entry.error("from is missing: only the first price of a model may hold for all time before")
    return ALWAYS


def _spans(
    entries: list[tuple[Value, dict[str, Value]]], starts: list[int], gaps: bool
) -> list[tuple[int, int]]:
    """[from, to) of each price; a price ends where the next begins, and an own `to` must say the same."""
    for (entry, _), (earlier, later) in zip(entries[1:], pairwise(starts), strict=True):
        if later <= earlier:
            raise entry.error("prices of a model are in order of from, each day once")
    ends = [*starts[1:], NEVER]
    for index, (entry, values) in enumerate(entries):
        if "to" not in values:
            continue
        own = midnight_ns(values["to"].day())
        if own <= starts[index]:
            raise entry.error("ends before it begins")
        if own > ends[index]:
            raise values["to"].error("overlaps the next price")
        if own < ends[index] < NEVER and not gaps:
            raise values["to"].error("leaves a gap to the next price")
        ends[index] = own
    return list(zip(starts, ends, strict=True))


def _free(entry: Value) -> Free:
    values = entry.section("provider", "model", "treat_as", "note", required=(*_KEY, "treat_as"))
    values["treat_as"].choice("free")
    return Free(Pattern(*_key(values)), f"{entry.file}:{entry.line}")


def _discount(entry: Value) -> Discount:
    values = entry.section(
        "match", "multiply", "from", "to", "contract", "note", required=("match", "multiply")
    )
    match = values["match"].section("provider", "model", required=("provider",))
    provider = "*" if match["provider"].text() == "*" else provider_name(match["provider"].text())
    if provider is None:
        raise match["provider"].error("a framework is not a provider")
    model = match["model"].text().lower() if "model" in match else "*"
    multiply = values["multiply"].amount()
    if not Decimal(0) < multiply <= Decimal(10):
        raise values["multiply"].error("expected a factor above 0 and at most 10")
    contract = f", {values['contract'].text()}" if "contract" in values else ""
    span = _span(entry, values.get("from"), values.get("to"))
    return Discount(Pattern(provider, model), multiply, *span, f"{entry.file}:{entry.line}{contract}")
