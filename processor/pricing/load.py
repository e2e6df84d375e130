"""The price book: the built-in price list with a pricing map on top.

Source:
    DESIGN §5; how prices are chosen is described in `docs/pricing.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from processor.calls.errors import ConfigError
from processor.pricing.book import MapSummary, PriceBook
from processor.pricing.price_map import PriceMap, read_price_map
from processor.pricing.resolve import PriceLayers, Resolver
from processor.pricing.sources.genai_prices import GenaiPrices

__all__ = ["PriceBook", "load_price_book"]

COMPILER_VERSION: Final = 2
"""Part of the map's hash: to be raised when the same files compile to other prices."""


def load_price_book(path: Path | None = None, library: GenaiPrices | None = None) -> PriceBook:
    """The price book of the built-in list with a pricing map on top.

    Args:
        path: `prices.yaml`; None for the built-in list alone.
        library: another version of the list, for comparisons.

    Raises:
        ConfigError: the map is wrong; the text holds file, line and reason.
    """
    listed = library if library is not None else GenaiPrices()
    content = _content(path)
    price_map = read_price_map(content, path.name if path else "", listed.version, listed.sha256)
    resolve = Resolver(price_map.layers, listed)
    _hold_aliases_to_prices(price_map.layers, resolve)
    file_hash = sha256(content).hexdigest() if path else None
    parts = [str(COMPILER_VERSION), listed.name, listed.sha256, file_hash or ""]
    return PriceBook(
        resolve,
        resolve.every,
        _summary(price_map, listed, resolve, path, file_hash),
        sha256("\n".join(parts).encode()).hexdigest(),
        listed.checked_at,
        listed.name,
        file_hash,
    )


def _content(path: Path | None) -> bytes:
    try:
        return path.read_bytes() if path else b""
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _hold_aliases_to_prices(layers: PriceLayers, resolve: Resolver) -> None:
    for key, aliases in layers.aliases.items():
        for alias in aliases:
            if not resolve(*alias.target, None):
                raise ConfigError(
                    f"{alias.source}: {key.provider}/{key.model} stands for "
                    f"{alias.target.provider}/{alias.target.model}, which has no price"
                )


def _summary(
    price_map: PriceMap, library: GenaiPrices, resolve: Resolver, path: Path | None, file_hash: str | None
) -> Callable[[], MapSummary]:
    def summarise() -> MapSummary:
        prices = (resolve(*key) for key in resolve.every())
        vectors = {vector.id: vector for each in prices for i in each for vector in i.vectors}
        models = {(vector.provider, vector.model) for vector in vectors.values()}
        return MapSummary(
            base=library.name,
            base_sha256=library.sha256,
            file=str(path) if path else None,
            file_sha256=file_hash,
            counts={"models": len(models), "vectors": len(vectors), **price_map.counts},
            excluded=library.excluded(),
            rounded=[*library.rounded(), *price_map.rounded],
            checked_at=library.checked_at,
        )

    return summarise
