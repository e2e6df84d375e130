"""Reads the data file of the genai-prices package as data: its records, without importing its API.

The file is Python that builds one list of records. Importing it costs 1.0 s and 105 MB, nearly all of it
pydantic models of an API that is not used here. Here each provider's part of the text is evaluated when it is
first asked for, with stand-ins for the record types and nothing else in reach. A part that does not look as
expected, or a record type that is not known here, is an error.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from processor.calls.errors import ConfigError

PACKAGE: Final = "genai-prices"
_MODULE: Final = "genai_prices"
_PROVIDER: Final = re.compile(r"(    Provider\(\n        id='([^'\n]+)',\n(?:(?!    \),\n).*\n)*    \),\n)")


@dataclass(frozen=True, slots=True)
class Clause:
    """A test of a model id in lower case.

    Attributes:
        literals: every name that the test is made of, whole or part of an id.
        names: those that are whole ids.
        is_exact: True when the test is nothing but its names.
    """

    matches: Callable[[str], bool]
    literals: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_exact: bool = False


class Tiered(NamedTuple):
    """A price by the total of input tokens: `tiers` holds (more input tokens than, price), ascending."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...]


Price = Decimal | Tiered
PriceTable = dict[str, Price]
"""Price key of the package (`input_mtok`, ...) → USD per million tokens (`_mtok`) or thousand (`_kcount`)."""
TIME_OF_DAY: Final = "time of day"


class Conditional(NamedTuple):
    """Prices from a day on; `start` is None for all time and `TIME_OF_DAY` for an hour of every day."""

    start: date | str | None
    prices: PriceTable


class Variant(NamedTuple):
    """Prices that replace single keys where the request says `when` (`{"service_tier": "flex"}`)."""

    when: dict[str, str]
    start: date | str | None
    prices: PriceTable


class ModelRecord(NamedTuple):
    """One model of one provider, as the package lists it."""

    id: str
    clause: Clause
    prices: tuple[Conditional, ...]
    variants: tuple[Variant, ...]


class ProviderRecord(NamedTuple):
    """One provider, as the package lists it; `fallbacks` are providers whose models it sells too."""

    id: str
    url: str | None
    fallbacks: tuple[str, ...]
    models: tuple[ModelRecord, ...]


class Records:
    """The whole list; a provider's records are read when they are first asked for.

    Attributes:
        version: of the installed package.
        sha256: of its data file.
    """

    __slots__ = ("_parts", "_providers", "_where", "sha256", "version")

    def __init__(self, version: str, source: bytes, where: str) -> None:
        self.version = version
        self.sha256 = sha256(source).hexdigest()
        self._where = where
        self._parts = _parts_by_provider(source.decode(), where)
        self._providers: dict[str, ProviderRecord] = {}

    def provider(self, id: str) -> ProviderRecord | None:
        """One provider's records, None when the list does not know it.

        Raises:
            ConfigError: its part of the data file is not of the shape that this module knows.
        """
        if id not in self._providers and id in self._parts:
            self._providers[id] = _evaluated(self._parts[id], self._where)
        return self._providers.get(id)

    def __iter__(self) -> Iterator[ProviderRecord]:
        for id in self._parts:
            record = self.provider(id)
            if record is not None:
                yield record


def read_records() -> Records:
    """Open the installed package's list: 10 ms and 3 MB.

    Raises:
        ConfigError: the package is missing, or its data file is not of the shape that this module knows.
    """
    path = _data_file()
    return Records(version(PACKAGE), path.read_bytes(), str(path))


def _data_file() -> Path:
    try:
        spec = find_spec(_MODULE)
        version(PACKAGE)
    except (PackageNotFoundError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"the package {PACKAGE} with the default prices is not installed")
    return Path(spec.submodule_search_locations[0]) / "data.py"


def _parts_by_provider(text: str, where: str) -> dict[str, str]:
    _, start, body = text.partition("\nproviders: list[Provider] = [\n")
    parts = _PROVIDER.findall(body)
    if not start or "".join(part for part, _ in parts) + "]\n" != body:
        raise ConfigError(f"{where}: not in the layout of the price list that this version reads")
    return {id: part for part, id in parts}


def _evaluated(part: str, where: str) -> ProviderRecord:
    names = {**_STAND_INS, "Decimal": Decimal, "datetime": datetime, "__builtins__": {}}
    try:
        record = eval(part.strip().rstrip(","), names)  # the pinned package's own text, without builtins
    except Exception as error:
        raise ConfigError(f"{where}: not the price list that this version reads: {error!r}") from error
    if not isinstance(record, ProviderRecord):
        raise ConfigError(f"{where}: an entry of the price list is not a provider")
    return record


def _provider(
    *,
    id: str,
    pricing_urls: Sequence[str] = (),
    fallback_model_providers: Sequence[str] = (),
    models: Sequence[ModelRecord] = (),
    **_: object,
) -> ProviderRecord:
    url = pricing_urls[0] if pricing_urls else None
    return ProviderRecord(id, url, tuple(fallback_model_providers), tuple(models))


def _model(
    *,
    id: str,
    match: Clause,
    prices: PriceTable | Sequence[Conditional] = (),
    price_variants: Sequence[Variant] = (),
    **_: object,
) -> ModelRecord:
    dated = (Conditional(None, prices),) if isinstance(prices, dict) else tuple(prices)
    return ModelRecord(id, match, dated, tuple(price_variants))


def _prices(**prices: Price | None) -> PriceTable:
    return {key: price for key, price in prices.items() if price is not None}


def _tiered(*, base: Decimal, tiers: Sequence[tuple[int, Decimal]]) -> Tiered:
    return Tiered(base, tuple(sorted(tiers)))


def _variant(*, when: dict[str, str], prices: PriceTable, constraint: date | str | None = None) -> Variant:
    return Variant(when, constraint, prices)


def _literal(test: Callable[[str, str], bool]) -> Callable[[str], Clause]:
    def clause(literal: str) -> Clause:
        lower = literal.lower()
        return Clause(lambda text: test(text, lower), (lower,))

    return clause


def _equals(literal: str) -> Clause:
    lower = literal.lower()
    return Clause(lambda text: text == lower, (lower,), (lower,), is_exact=True)


_starts_with = _literal(str.startswith)
_ends_with = _literal(str.endswith)
_contains = _literal(str.__contains__)


def _regex(pattern: str) -> Clause:
    return Clause(lambda text: re.search(pattern, text) is not None)


def _either(clauses: Sequence[Clause]) -> Clause:
    literals = tuple(literal for clause in clauses for literal in clause.literals)
    names = tuple(name for clause in clauses for name in clause.names)
    is_exact = all(clause.is_exact for clause in clauses)
    return Clause(lambda text: any(clause.matches(text) for clause in clauses), literals, names, is_exact)


def _all(clauses: Sequence[Clause]) -> Clause:
    literals = tuple(literal for clause in clauses for literal in clause.literals)
    return Clause(lambda text: all(clause.matches(text) for clause in clauses), literals)


def _ignored(**_: object) -> None:
    """A record about reading usage from responses: not needed here."""


_STAND_INS: Final[dict[str, Callable[..., object]]] = {
    "Provider": _provider,
    "ModelInfo": _model,
    "ModelPrice": _prices,
    "TieredPrices": _tiered,
    "Tier": lambda *, start, price: (start, price),
    "ConditionalPrice": lambda *, prices, constraint=None: Conditional(constraint, prices),
    "PriceVariant": _variant,
    "StartDateConstraint": lambda *, start_date: start_date,
    "TimeOfDateConstraint": lambda **_: TIME_OF_DAY,
    "ClauseEquals": lambda *, equals: _equals(equals),
    "ClauseStartsWith": lambda *, starts_with: _starts_with(starts_with),
    "ClauseEndsWith": lambda *, ends_with: _ends_with(ends_with),
    "ClauseContains": lambda *, contains: _contains(contains),
    "ClauseRegex": lambda *, regex: _regex(regex),
    "ClauseOr": lambda *, or_: _either(or_),
    "ClauseAnd": lambda *, and_: _all(and_),
    "UsageExtractor": _ignored,
    "UsageExtractorMapping": _ignored,
    "ArrayMatch": _ignored,
}
