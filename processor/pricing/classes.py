"""Costs of special token classes: audio, images and reasoning, and gaps in a price (docs/pricing.md).

A class that was used and has no rate of its own is never priced silently: where the rate that stands for it
may be of another order there is no price, else the cost is flagged.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from processor.calls.call import Flag, ModelCall
from processor.pricing.vectors import PriceVector, Rates

_RATE_MISSING: Final = int(Flag.RATE_MISSING)
_CACHE_PRICE_ASSUMED: Final = int(Flag.CACHE_PRICE_ASSUMED)
_MODALITY_UNKNOWN: Final = int(Flag.MODALITY_UNKNOWN)


class ClassCosts(NamedTuple):
    """Costs in pico-USD of fresh input, of cache reads and of output.

    Attributes:
        priced: False where a class has no price; the flags then say why, and the costs mean nothing.
    """

    input: int
    cache_read: int
    output: int
    flags: int = 0
    priced: bool = True


def class_costs(call: ModelCall, vector: PriceVector, fresh: int, tokens_out: int) -> ClassCosts:
    """Price the classes of one call that may have rates of their own.

    Args:
        fresh: input tokens that were neither read from a cache nor written to one.
        tokens_out: all output tokens.
    """
    if not vector.gaps.priced:
        return _without_price(vector.gaps.flags)
    unknown = _unknown_modality(call, vector.rates, fresh, tokens_out) or _lacking(
        call, vector, fresh, tokens_out
    )
    if unknown:
        return _without_price(unknown)
    sent = _input_costs(call, vector, fresh)
    if not sent.priced:
        return sent
    answered = _output_costs(call, vector, tokens_out)
    if not answered.priced:
        return answered
    flags = vector.gaps.flags | sent.flags | answered.flags
    return ClassCosts(sent.input, sent.cache_read, answered.output, flags)


def _without_price(flags: int) -> ClassCosts:
    return ClassCosts(0, 0, 0, flags, False)


def _unknown_modality(call: ModelCall, rates: Rates, fresh: int, tokens_out: int) -> int:
    """The flag for speech whose audio tokens are not reported: audio costs up to 13 times as much."""
    if rates.output_audio is None or rates.output_audio == rates.output:
        return 0
    untold_input = call.input_audio_tokens is None and fresh and rates.input_audio is not None
    untold_output = call.output_audio_tokens is None and tokens_out
    return _MODALITY_UNKNOWN if untold_input or untold_output else 0


def _lacking(call: ModelCall, vector: PriceVector, fresh: int, tokens_out: int) -> int:
    """The flag where the list has only the price of text for a model that draws or speaks."""
    told = {
        "input_audio": (call.input_audio_tokens, fresh),
        "output_audio": (call.output_audio_tokens, tokens_out),
        "output_image": (call.output_image_tokens, tokens_out),
    }
    untold = (name for name in vector.gaps.lacking if told[name][0] is None and told[name][1])
    return _MODALITY_UNKNOWN if any(getattr(vector.rates, name) is None for name in untold) else 0


class _Part(NamedTuple):
    """Tokens of one modality of the input: fresh, and read from a cache."""

    fresh: int
    read: int


def _input_costs(call: ModelCall, vector: PriceVector, fresh: int) -> ClassCosts:
    rates, gaps = vector.rates, vector.gaps
    flags = _untold_input(call, vector, fresh)
    told_audio = fresh if _is_assumed_audio(call, vector) else call.input_audio_tokens or 0
    read = call.cache_read_tokens or 0
    audio = _part(told_audio, call.input_cached_audio_tokens, fresh, read)
    image = _part(
        call.input_image_tokens or 0, call.input_cached_image_tokens, fresh - audio.fresh, read - audio.read
    )
    if told_audio and rates.input_audio is None and "input_audio" not in gaps.included:
        return _without_price(_RATE_MISSING)
    if call.input_image_tokens and rates.input_image is None and "input_image" not in gaps.included:
        flags |= _RATE_MISSING
    text = _Part(fresh - audio.fresh - image.fresh, read - audio.read - image.read)
    used = {"input": text.fresh, "input_audio": audio.fresh, "input_image": image.fresh}
    if any(used[name] for name in gaps.borrowed.intersection(used)):
        flags |= _RATE_MISSING
    base = rates.input or 0
    input_cost = text.fresh * base
    input_cost += audio.fresh * (base if rates.input_audio is None else rates.input_audio)
    input_cost += image.fresh * (base if rates.input_image is None else rates.input_image)
    read_cost = text.read * vector.weights.cache_read
    for part, own, fresh_rate in (
        (audio, rates.cache_read_audio, rates.input_audio),
        (image, rates.cache_read_image, rates.input_image),
    ):
        rate, is_assumed = _read_rate(vector, own, fresh_rate)
        read_cost += part.read * rate
        flags |= _CACHE_PRICE_ASSUMED if is_assumed and part.read else 0
    return ClassCosts(input_cost, read_cost, 0, flags)


def _is_assumed_audio(call: ModelCall, vector: PriceVector) -> bool:
    return call.input_audio_tokens is None and "input_audio" in vector.gaps.assumed


def _untold_input(call: ModelCall, vector: PriceVector, fresh: int) -> int:
    """The flag where the split of the input into modalities is assumed."""
    rates, read = vector.rates, call.cache_read_tokens or 0
    if fresh and _is_assumed_audio(call, vector):
        return _MODALITY_UNKNOWN
    draws = rates.output_image is not None or "output_image" in vector.gaps.included
    if fresh and draws and call.input_image_tokens is None and rates.input_image not in (None, rates.input):
        return _MODALITY_UNKNOWN
    untold = (
        (call.input_audio_tokens, call.input_cached_audio_tokens, rates.input_audio, rates.cache_read_audio),
        (call.input_image_tokens, call.input_cached_image_tokens, rates.input_image, rates.cache_read_image),
    )
    for count, cached, own_fresh, own_read in untold:
        has_rates = own_fresh is not None or own_read is not None
        if has_rates and count and cached is None and max(0, count - fresh) < min(read, count):
            return _MODALITY_UNKNOWN
    return 0


def _part(count: int, cached: int | None, fresh: int, read: int) -> _Part:
    """Where a modality's tokens are; what a span does not say of them is fresh as far as there is room."""
    from_cache = min(count, cached or 0, read)
    left = min(count - from_cache, fresh)
    if cached is None:
        from_cache = min(count - left, read)
    return _Part(left, from_cache)


def _read_rate(vector: PriceVector, own: int | None, fresh_rate: int | None) -> tuple[int, bool]:
    """The cost of a cached token of a modality, and whether the price of a fresh one is used for it."""
    if own is not None:
        return own, False
    if fresh_rate is None:
        return vector.weights.cache_read, False
    return fresh_rate, True


def _output_costs(call: ModelCall, vector: PriceVector, tokens_out: int) -> ClassCosts:
    rates, gaps = vector.rates, vector.gaps
    audio = min(call.output_audio_tokens or 0, tokens_out)
    image, flags = _drawn(call, rates, tokens_out - audio)
    thought = call.reasoning_tokens if rates.reasoning is not None else 0
    reasoning = min(thought or 0, tokens_out - audio - image)
    text = tokens_out - audio - image - reasoning
    for name, count, own in (
        ("output_audio", audio, rates.output_audio),
        ("output_image", image, rates.output_image),
    ):
        if count and own is None and name not in gaps.included:
            return _without_price(_RATE_MISSING)
    used = {"output": text, "output_audio": audio, "output_image": image, "reasoning": reasoning}
    if any(used[name] for name in gaps.borrowed.intersection(used)):
        flags |= _RATE_MISSING
    base = rates.output or 0
    cost = text * base + reasoning * (rates.reasoning or 0)
    cost += audio * (base if rates.output_audio is None else rates.output_audio)
    cost += image * (base if rates.output_image is None else rates.output_image)
    return ClassCosts(0, 0, cost, flags)


def _drawn(call: ModelCall, rates: Rates, tokens_out: int) -> tuple[int, int]:
    """Image tokens of the output, with the flag where they are assumed: a model that draws mostly draws."""
    told = call.output_image_tokens
    if told is not None:
        return min(told, tokens_out), 0
    if rates.output_image is None or rates.output_image == rates.output:
        return 0, 0
    image = tokens_out - min(call.reasoning_tokens or 0, tokens_out)
    return image, _MODALITY_UNKNOWN if image else 0
