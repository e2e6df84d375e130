"""Classes of tokens that may have rates of their own: never the nearest rate without saying so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.calls.call import Flag
from processor.calls.dates import ALWAYS, NEVER
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from processor.pricing.classes import class_costs
from processor.pricing.vectors import Gaps, Interval, PriceVector, Rates, price_vector
from tests.processor.pricing_cases import a_call, book_of, default_book

MILLION = 10**6


def charged(
    provider: str, model: str, tokens_in: int, tokens_out: int, **values: Any
) -> tuple[int | None, set[str]]:
    """Cost in millionths of a USD and the names of the flags."""
    charge = price_call(a_call(provider, model, tokens_in, tokens_out, **values), default_book())
    names = {flag.name.lower() for flag in Flag if charge.flags & flag}
    return (None if charge.cost is None else charge.cost // MILLION), names


def test_cached_audio_comes_off_the_audio_and_has_its_own_rate() -> None:
    usage = {"cache_read_tokens": 1000, "input_audio_tokens": 1000, "output_audio_tokens": 240}
    assert charged("openai", "gpt-realtime", 1200, 300, **usage, input_cached_audio_tokens=900) == (
        20_320,
        set(),
    )


def test_cached_audio_that_is_not_told_is_assumed_and_marked() -> None:
    usage = {"cache_read_tokens": 1000, "input_audio_tokens": 1000, "output_audio_tokens": 240}
    _, flags = charged("openai", "gpt-realtime", 1200, 300, **usage)
    assert flags == {"modality_unknown", "cost_uncertain"}


def test_cached_audio_that_follows_from_the_totals_is_certain() -> None:
    usage = {"cache_read_tokens": 1000, "input_audio_tokens": 1000, "output_audio_tokens": 0}
    assert charged("openai", "gpt-realtime", 1000, 0, **usage) == (400, set())


def test_a_model_that_speaks_has_no_price_where_nobody_says_what_it_spoke() -> None:
    assert charged("openai", "gpt-realtime", 1200, 300) == (None, {"modality_unknown"})
    assert (
        charged("openai", "gpt-realtime", 1200, 300, input_audio_tokens=0, output_audio_tokens=0)[0] == 9600
    )


def test_all_output_of_a_model_that_draws_is_assumed_to_be_images() -> None:
    drawn = charged("gcp.gemini", "gemini-2.5-flash-image", 20, 1290)
    assert drawn == (38_706, {"modality_unknown", "cost_uncertain"})
    told = charged("gcp.gemini", "gemini-2.5-flash-image", 20, 1290, output_image_tokens=1290)
    assert told == (38_706, set())
    assert charged("gcp.gemini", "gemini-2.5-flash-image", 20, 100, output_image_tokens=0) == (256, set())


def test_thoughts_of_a_model_that_draws_are_text() -> None:
    cost, _ = charged("gcp.gemini", "gemini-3-pro-image-preview", 0, 1220, reasoning_tokens=100)
    assert cost == 1120 * 120 + 100 * 12


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [
        ("openai", "gpt-4o", {"output_audio_tokens": 10}),
        ("openai", "gpt-4o", {"input_audio_tokens": 10}),
        ("openai", "gpt-4o", {"output_image_tokens": 10}),
        ("anthropic", "claude-sonnet-4-5", {"input_audio_tokens": 10}),
        ("gcp.gemini", "gemini-2.5-pro", {"output_audio_tokens": 10}),
    ],
)
def test_a_class_whose_price_may_be_of_another_order_has_none(
    provider: str, model: str, usage: dict[str, int]
) -> None:
    assert charged(provider, model, 1000, 100, **usage) == (None, {"rate_missing"})


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [
        ("openai", "gpt-4o", {"input_image_tokens": 500}),
        ("azure.ai.openai", "gpt-4o", {"input_image_tokens": 500}),
        ("anthropic", "claude-sonnet-4-5", {"input_image_tokens": 500}),
        ("aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0", {"input_image_tokens": 500}),
        ("gcp.gemini", "gemini-2.5-pro", {"input_image_tokens": 500, "input_audio_tokens": 500}),
        ("gcp.gemini", "gemini-2.5-flash-preview-tts", {"output_audio_tokens": 100}),
        ("openai", "gpt-image-1", {"output_image_tokens": 100, "input_image_tokens": 0}),
    ],
)
def test_a_class_that_the_vendor_bills_as_input_or_output_is_certain(
    provider: str, model: str, usage: dict[str, int]
) -> None:
    cost, flags = charged(provider, model, 1000, 100, **usage)
    assert cost
    assert flags == set()


def test_images_of_a_vendor_who_is_silent_about_them_are_marked() -> None:
    cost, flags = charged("mistral_ai", "mistral-small-latest", 1000, 100, input_image_tokens=500)
    assert cost == charged("mistral_ai", "mistral-small-latest", 1000, 100)[0]
    assert flags == {"rate_missing", "cost_uncertain"}


def test_the_input_of_a_transcription_is_assumed_to_be_audio() -> None:
    assert charged("openai", "gpt-4o-transcribe", 1000, 100) == (7000, {"modality_unknown", "cost_uncertain"})
    assert charged("openai", "gpt-4o-transcribe", 1000, 100, input_audio_tokens=900) == (6650, set())


def test_video_that_no_span_tells_makes_the_cost_uncertain() -> None:
    assert charged("gcp.gemini", "gemini-omni-1.1-flash", 1000, 100)[1] == {
        "modality_unknown",
        "cost_uncertain",
    }


def test_what_a_vendor_includes_holds_for_an_own_price_too(tmp_path: Path) -> None:
    price = '{usd_per_mtok: {input: "1", output: "2"}}'
    book = book_of(
        tmp_path, f"version: 1\nmodels:\n  - {{provider: openai, model: gpt-4o, prices: [{price}]}}\n"
    )
    seen = price_call(a_call("openai", "gpt-4o", 1000, 0, input_image_tokens=500), book)
    assert (seen.cost, seen.flags) == (1000 * MILLION, 0)
    assert price_call(a_call("openai", "gpt-4o", 1000, 0, input_audio_tokens=500), book).cost is None


def test_what_is_free_stays_free() -> None:
    rates = Rates(0, 0)
    book = book_of_vector(rates, free=True)
    charge = price_call(a_call("acme", "any", 10, 10, input_audio_tokens=5, output_image_tokens=5), book)
    assert (charge.status, charge.cost, charge.flags) == ("free", 0, 0)


# Whatever the list holds: an own rate, a flag, or no price

RATE = st.none() | st.integers(0, 10**6)
RATES = st.builds(Rates, st.integers(1, 10**6), st.integers(1, 10**6), *[RATE] * 10, st.just(0))
COUNT = st.none() | st.integers(0, 1000)
CLASSES = ("input_audio", "input_image", "output_audio", "output_image")
USAGE = st.fixed_dictionaries(
    {f"{name}_tokens": COUNT for name in CLASSES}
    | dict.fromkeys(("reasoning_tokens", "input_cached_audio_tokens", "input_cached_image_tokens"), COUNT)
)
NAMES = st.frozensets(st.sampled_from(Rates._fields[:-1]))
LACKING = st.frozensets(st.sampled_from(("input_audio", "output_audio", "output_image")))
GAPS = st.builds(
    Gaps, st.sampled_from((0, int(Flag.RATE_MISSING))), NAMES, NAMES, NAMES, st.booleans(), LACKING
)
MARKED = int(Flag.RATE_MISSING | Flag.MODALITY_UNKNOWN | Flag.CACHE_PRICE_ASSUMED)


@given(RATES, USAGE, st.integers(0, 1000), st.integers(0, 1000))
def test_a_class_that_was_used_has_its_own_rate_or_a_mark_or_no_price(
    rates: Rates, usage: dict[str, int | None], text: int, read: int
) -> None:
    read, total, tokens_out = within(usage, text, read)
    call = a_call("acme", "any", total, tokens_out, cache_read_tokens=read, **usage)
    charge = price_call(call, book_of_vector(rates))
    used = {name for name in CLASSES if usage[f"{name}_tokens"]} | ({"cache_read"} if read else set())
    silent = {name for name in used if getattr(rates, name) is None}
    if silent:
        assert charge.cost is None or charge.flags & Flag.COST_UNCERTAIN
        assert charge.flags & MARKED
    if charge.cost is not None:
        assert charge.cost == sum(part or 0 for part in charge[2:7])
        assert bool(charge.flags & MARKED) == bool(charge.flags & Flag.COST_UNCERTAIN)


@given(USAGE, st.integers(0, 1000), st.integers(0, 1000))
def test_every_token_is_billed_exactly_once(usage: dict[str, int | None], text: int, read: int) -> None:
    flat = Rates(*[7] * 12, 0)
    usage |= {f"{name}_tokens": usage[f"{name}_tokens"] or 0 for name in CLASSES}
    read, total, tokens_out = within(usage, text, read)
    call = a_call("acme", "any", total, tokens_out, cache_read_tokens=read, **usage)
    vector = price_vector("acme", "any", flat, gaps=Gaps(included=frozenset(CLASSES)))
    costs = class_costs(call, vector, total - read, tokens_out)
    assert costs.priced
    assert costs[:3] == (7 * (total - read), 7 * read, 7 * tokens_out)


@given(RATES, GAPS, USAGE, st.integers(0, 1000), st.integers(0, 1000))
def test_a_call_that_gets_no_closer_look_would_cost_the_same_with_one(
    rates: Rates, gaps: Gaps, usage: dict[str, int | None], text: int, read: int
) -> None:
    read, total, tokens_out = within(usage, text, read)
    call = a_call("acme", "any", total, tokens_out, cache_read_tokens=read, **usage)
    vector = price_vector("acme", "any", rates, gaps=gaps)
    looked_at = replace(vector, weights=vector.weights._replace(special=True))
    assert price_call(call, book_with(vector)) == price_call(call, book_with(looked_at))


def within(usage: dict[str, int | None], text: int, read: int) -> tuple[int, int, int]:
    """Reads, input and output that fit the parts, as the door admits them; `usage` is made to fit as well."""
    for name in ("audio", "image"):
        part, cached = usage[f"input_{name}_tokens"], usage[f"input_cached_{name}_tokens"]
        usage[f"input_cached_{name}_tokens"] = None if cached is None else min(cached, part or 0)
    cached_parts = sum(usage[f"input_cached_{name}_tokens"] or 0 for name in ("audio", "image"))
    total = text + sum(usage[f"input_{name}_tokens"] or 0 for name in ("audio", "image"))
    parts_out = sum(usage[f"output_{name}_tokens"] or 0 for name in ("audio", "image"))
    return min(max(read, cached_parts), total), total, parts_out + (usage["reasoning_tokens"] or 0) + text


def book_of_vector(rates: Rates, free: bool = False) -> PriceBook:
    """A book that holds one price."""
    return book_with(price_vector("acme", "any", rates, free=free))


def book_with(vector: PriceVector) -> PriceBook:
    return PriceBook(lambda *_: (Interval(ALWAYS, NEVER, (vector,)),), list, lambda: None, "")  # type: ignore[arg-type,return-value]
