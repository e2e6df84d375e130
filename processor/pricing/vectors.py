"""Compiled prices: whole pico-USD per token, dated, by tier; and the book that finds them again quickly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, NamedTuple

from processor.calls.dates import ALWAYS, NEVER

PICO_PER_USD: Final = 10**12
_PICO_PER_TOKEN: Final = 10**6
"""Pico-USD per token of one USD per million tokens."""


class Rates(NamedTuple):
    """Whole pico-USD per token of each class; None where the price list is silent.

    Attributes:
        input: fresh input tokens that are text.
        call: fee per call, whatever its tokens.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    input_audio: int | None = None
    output_audio: int | None = None
    input_image: int | None = None
    output_image: int | None = None
    cache_read_audio: int | None = None
    cache_read_image: int | None = None
    call: int = 0

    def as_json(self) -> dict[str, int]:
        """Class → pico-USD per token, silent classes left out."""
        rates = self._asdict()
        if not self.call:
            del rates["call"]
        return {name: rate for name, rate in rates.items() if rate is not None}

    def map(self, change: Callable[[int], int]) -> Rates:
        """The same classes with every rate changed."""
        return Rates(*(None if rate is None else change(rate) for rate in self))  # type: ignore[arg-type]

    def times(self, factor: int) -> Rates:
        """The same classes with every rate so many times as high."""
        return self if factor == 1 else self.map(lambda rate: rate * factor)


class Gaps(NamedTuple):
    """Gaps of a price, beside the classes it does not mention.

    Attributes:
        flags: bits of `processor.calls.call.Flag` that every cost at these rates carries.
        included: classes that the vendor bills at the rate of input or output: silence is no gap there.
        borrowed: classes whose rate is the standard tier's.
        assumed: classes that all fresh input is taken to be of where a span does not say.
        priced: False where the rates are known to be of another order than the price: then there is none.
        lacking: classes that the model is made for, while the list may have its price of text alone.
    """

    flags: int = 0
    included: frozenset[str] = frozenset()
    borrowed: frozenset[str] = frozenset()
    assumed: frozenset[str] = frozenset()
    priced: bool = True
    lacking: frozenset[str] = frozenset()


NO_GAPS: Final = Gaps()
_CACHE_CLASSES: Final = ("cache_read", "cache_write", "cache_write_1h")


class Weights(NamedTuple):
    """Rates ready to multiply: silent cache classes filled in, the common classes first.

    Attributes:
        assumed: bits of the cache classes that have no rate of their own, so that the next costlier known
            rate stands for them: 1 reads, 2 writes, 4 writes kept for an hour.
        thinks: whether reasoning has a rate of its own.
        special: whether a call without audio, images and reasoning needs a closer look too.
    """

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_1h: int
    call: int
    assumed: int
    thinks: bool
    special: bool


def weights_of(rates: Rates, gaps: Gaps = NO_GAPS) -> Weights:
    """Fill in what the price list is silent about: a missing cache price is the input price, never 0."""
    fresh = rates.input or 0
    write = fresh if rates.cache_write is None else rates.cache_write
    assumed = (getattr(rates, name) is None or name in gaps.borrowed for name in _CACHE_CLASSES)
    return Weights(
        input=fresh,
        output=rates.output or 0,
        cache_read=fresh if rates.cache_read is None else rates.cache_read,
        cache_write=write,
        cache_write_1h=write if rates.cache_write_1h is None else rates.cache_write_1h,
        call=rates.call,
        assumed=sum(bit << position for position, bit in enumerate(assumed)),
        thinks=rates.reasoning is not None,
        special=_is_special(rates, gaps),
    )


def _is_special(rates: Rates, gaps: Gaps) -> bool:
    """Whether text alone has a gap, or it is not certain of an untold token that it is text."""
    speaks = rates.output_audio not in (None, rates.output)
    draws = rates.output_image not in (None, rates.output)
    sees = rates.output_image is not None or "output_image" in gaps.included
    is_seen_apart = sees and rates.input_image not in (None, rates.input)
    has_gaps = bool(gaps.flags or gaps.assumed or {"input", "output"} & gaps.borrowed) or not gaps.priced
    has_gaps = has_gaps or any(getattr(rates, name) is None for name in gaps.lacking)
    return speaks or draws or is_seen_apart or has_gaps


@dataclass(frozen=True, slots=True)
class PriceVector:
    """One price of one model: valid in [from, to), for calls above a number of input tokens.

    Attributes:
        id: 63 bits of the hash of everything that decides a cost (not of the source).
        provider: in our spelling.
        service_tier: None for the standard tier.
        from_ns, to_ns: nanoseconds since 1970, UTC; `ALWAYS` and `NEVER` where open.
        input_tokens_gt: the vector holds for calls with more input tokens than this; -1 for all.
        free: an explicit zero of the pricing map.
        source: package and version, or file and line of the pricing map.
        checked_at: the day it was last compared with the vendor's page, where known.
    """

    id: int
    provider: str
    model: str
    service_tier: str | None
    from_ns: int
    to_ns: int
    input_tokens_gt: int
    rates: Rates
    weights: Weights
    free: bool = False
    source: str = ""
    source_url: str | None = None
    checked_at: date | None = None
    note: str | None = None
    gaps: Gaps = NO_GAPS

    def coefficients(self) -> dict[str, int]:
        """Class → pico-USD per token as they were multiplied, with every silent cache class filled in.

        Enough to recompute a cost outside: fresh input × `input` + reads × `cache_read` + 5-minute writes ×
        `cache_write` + one-hour writes × `cache_write_1h` + output × `output` + `call`; where `reasoning`,
        `input_audio`, `cache_read_audio`, … are present, their tokens leave input, reads or output first.
        `assumes_input_audio`: input counts as audio if a call does not report its audio.
        """
        filled = self.weights._asdict()
        del filled["assumed"], filled["thinks"], filled["special"]
        assumed = {f"assumes_{name}": 1 for name in sorted(self.gaps.assumed)}
        return {**self.rates.as_json(), **filled, **assumed}


class Interval(NamedTuple):
    """The vectors of one span of time, by ascending `input_tokens_gt`: the last that applies is the price."""

    from_ns: int
    to_ns: int
    vectors: tuple[PriceVector, ...]


Prices = tuple[Interval, ...]
"""Intervals of one (provider, model, tier), disjoint, newest first: most calls are young."""
PriceKey = tuple[str, str, str | None]
"""(provider, model, service tier)."""


class Rounded(NamedTuple):
    """A price that is not a whole number of pico-USD per token, and what it became."""

    provider: str
    model: str
    price_class: str
    usd_per_mtok: Decimal
    pico_usd_per_token: int


def pico_per_token(usd_per_mtok: Decimal) -> int:
    """USD per million tokens as whole pico-USD per token, half to even: the only rounding there is."""
    return int((usd_per_mtok * _PICO_PER_TOKEN).to_integral_value(ROUND_HALF_EVEN))


def price_vector(
    provider: str,
    model: str,
    rates: Rates,
    *,
    service_tier: str | None = None,
    span: tuple[int, int] = (ALWAYS, NEVER),
    input_tokens_gt: int = -1,
    free: bool = False,
    gaps: Gaps = NO_GAPS,
    origin: Mapping[str, Any] | None = None,
) -> PriceVector:
    """Build a vector with the id of its content.

    Args:
        span: validity [from, to) in nanoseconds.
        origin: `source`, `source_url`, `checked_at`, `note`; no part of the id.
    """
    content = [provider, model, service_tier, *span, input_tokens_gt, free, rates.as_json()]
    content += sorted(gaps.assumed)
    digest = sha256(json.dumps(content, sort_keys=True).encode()).digest()
    number = int.from_bytes(digest[:8], "big") >> 1
    return PriceVector(
        number,
        provider,
        model,
        service_tier,
        *span,
        input_tokens_gt,
        rates,
        weights_of(rates, gaps),
        free,
        gaps=gaps,
        **(origin or {}),
    )


def flagged(prices: Iterable[Interval], flags: int, priced: bool = True) -> Prices:
    """The same prices, with flags on every cost at them, or without a cost; what is free stays as it is."""
    return tuple(
        i._replace(vectors=tuple(_flagged(vector, flags, priced) for vector in i.vectors)) for i in prices
    )


def _flagged(vector: PriceVector, flags: int, priced: bool) -> PriceVector:
    if vector.free:
        return vector
    gaps = vector.gaps._replace(flags=vector.gaps.flags | flags, priced=vector.gaps.priced and priced)
    return replace(vector, gaps=gaps, weights=weights_of(vector.rates, gaps))


def clip(prices: Iterable[Interval], from_ns: int, to_ns: int = NEVER) -> Prices:
    """The parts of the intervals inside [from, to)."""
    cut = (Interval(max(i.from_ns, from_ns), min(i.to_ns, to_ns), i.vectors) for i in prices)
    return tuple(interval for interval in cut if interval.from_ns < interval.to_ns)


def overlay(top: Prices, bottom: Prices) -> Prices:
    """Both layers: where the upper one has a price it wins, elsewhere the lower one shows through."""
    edges = sorted({edge for i in (*top, *bottom) for edge in (i.from_ns, i.to_ns)})
    pieces = []
    for start, end in pairwise(edges):
        source = _covering(top, start) or _covering(bottom, start)
        if source is not None:
            pieces.append(Interval(start, end, source.vectors))
    return _joined(pieces)


def _covering(prices: Prices, time_ns: int) -> Interval | None:
    return next((i for i in prices if i.from_ns <= time_ns < i.to_ns), None)


def _joined(pieces: Sequence[Interval]) -> Prices:
    """Neighbours with the same vectors become one; newest first."""
    joined: list[Interval] = []
    for piece in pieces:
        if joined and joined[-1].to_ns == piece.from_ns and joined[-1].vectors == piece.vectors:
            piece = Interval(joined.pop().from_ns, piece.to_ns, piece.vectors)
        joined.append(piece)
    return tuple(reversed(joined))
