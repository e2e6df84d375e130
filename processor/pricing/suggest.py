"""Writes parts of a pricing map: entries for unpriced models, and frozen prices of the past."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from processor.calls.dates import ALWAYS, NEVER
from processor.pricing.nearest import Nearest
from processor.pricing.vectors import Interval, Prices, PriceVector, Rates


class UnpricedModel(NamedTuple):
    """A model of the queue, as the snippet needs it.

    Attributes:
        own: the price that it has, though not for everything that was used.
    """

    provider: str
    model: str
    first_seen: datetime
    calls: int
    nearest: Nearest | None = None
    own: PriceVector | None = None


def snippet(unpriced: Sequence[UnpricedModel]) -> str:
    """A `prices.yaml` with an entry per unpriced model, to be corrected; a file of yours takes its entries.

    Filled in with the nearest known price, which the comment names; a model without one is a comment, since
    no price can be made up. What comes out loads.
    """
    lines = ["version: 1", "models:"]
    for model in unpriced:
        lines += _suggestion(model)
    return "\n".join(lines) + "\n"


def _suggestion(model: UnpricedModel) -> Iterator[str]:
    first = f"{model.first_seen.astimezone(UTC):%Y-%m-%d}"
    yield f"  # {model.calls} calls since {first}"
    nearest = model.nearest
    if model.own is not None:
        yield "  # it has a price, but not for a class or a tier that was used (`spanledger explain`):"
        yield "  # add what is missing (output_audio, service_tier, ...) and remove the #"
        yield from (f"  # {line}" for line in _entry(model, first, _flow(model.own.rates)))
        return
    if nearest is None:
        yield "  # no known price is near: fill in and remove the #"
        yield from (f"  # {line}" for line in _entry(model, first, '{input: "?", output: "?"}'))
        return
    near = nearest.vector
    like = f"{_plain(near.provider)} {_plain(near.model)}"
    yield f"  # CHECK: this is the price of {like}, whose name is {nearest.likeness:.0%} alike"
    yield from (f"  {line}" for line in _entry(model, first, _flow(near.rates)))


def _entry(model: UnpricedModel, first: str, table: str) -> Iterator[str]:
    yield f"- provider: {_quoted(model.provider)}"
    yield f"  model: {_quoted(model.model)}"
    yield f"  prices: [{{from: {first}, usd_per_mtok: {table}}}]"


def frozen_section(frozen: Iterable[tuple[str, str, str | None, Prices]]) -> str:
    """A `frozen:` section of (provider, model, tier, prices): what holds until each price's end."""
    lines = ["frozen:"]
    for provider, model, tier, prices in frozen:
        lines += [f"  - provider: {_quoted(provider)}", f"    model: {_quoted(model)}"]
        lines += [f"    service_tier: {_quoted(tier)}"] if tier else []
        lines += ["    prices:", *map(_frozen_price, sorted(prices))]
    return "\n".join(lines) + "\n"


def _frozen_price(interval: Interval) -> str:
    parts = [] if interval.from_ns == ALWAYS else [f"from: {_day(interval.from_ns)}"]
    parts += [] if interval.to_ns == NEVER else [f"to: {_day(interval.to_ns)}"]
    base, *higher = interval.vectors
    parts.append(f"usd_per_mtok: {_flow(base.rates)}")
    if higher:
        bands = ", ".join(
            f"{{input_tokens_gt: {v.input_tokens_gt}, usd_per_mtok: {_flow(v.rates)}}}" for v in higher
        )
        parts.append(f"above: [{bands}]")
    if base.rates.call:
        parts.append(f'usd_per_call: "{_decimal(Decimal(base.rates.call).scaleb(-12))}"')
    parts.append(f"note: {_quoted(base.source)}")
    return f"      - {{{', '.join(parts)}}}"


def _flow(rates: Rates) -> str:
    """`{input: "1.25", output: "10"}`: pico-USD per token back in USD per million tokens."""
    known = ((name, rate) for name, rate in rates.as_json().items() if name != "call")
    return "{" + ", ".join(f'{name}: "{_decimal(Decimal(rate).scaleb(-6))}"' for name, rate in known) + "}"


def _decimal(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _day(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%d}"


def _quoted(text: str) -> str:
    """A YAML double-quoted scalar, whatever the text holds."""
    return json.dumps(text)


def _plain(text: str) -> str:
    """Text for a comment: without line breaks."""
    return "".join(char if char.isprintable() else " " for char in text)
