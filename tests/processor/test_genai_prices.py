"""The compiled list says what the package itself says."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider, Usage

from processor.calls.call import ModelCall
from processor.calls.errors import ConfigError
from processor.calls.model_ids import providers_of, sells
from processor.pricing.charge import price_call
from processor.pricing.sources.genai_prices import REVIEWED
from processor.pricing.sources.genai_records import Records, read_records
from tests.processor.pricing_cases import a_call, at, default_book, library

MOMENTS = ["2024-06-01T12:00:00", "2025-07-01T00:00:00", "2026-03-01T00:00:00", "2026-11-20T12:00:00"]
MODALITIES = ("input_audio_tokens", "input_image_tokens", "output_audio_tokens", "output_image_tokens")
"""Said to be none, so that every token is text."""
USAGES = [(1000, 0, 0, 100), (60_000, 20_000, 10_000, 500), (300_000, 200_000, 50_000, 1000)]


def test_the_pinned_version_is_one_that_we_reviewed() -> None:
    assert library().version in REVIEWED


def _listed() -> list[tuple[Provider, ModelInfo]]:
    """Every model that has an exact price here."""
    inexact = {*library().excluded(), *(f"{r.provider}/{r.model}" for r in library().rounded())}
    return [(p, m) for p in providers for m in p.models if f"{p.id}/{m.id}" not in inexact]


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_model_costs_what_the_package_calculates(moment: str) -> None:
    wrong, compared = [], 0
    for provider, model in _listed():
        for counts in USAGES:
            compared += 1
            ours, theirs = _both(provider, model, moment, counts)
            if ours != theirs:
                wrong.append((provider.id, model.id, counts, ours, theirs))
    assert wrong == []
    assert compared > 6000


@pytest.mark.parametrize(
    ("tier", "context"),
    [
        ("batch", {"processing": "batch"}),
        ("priority", {"service_tier": "priority"}),
        ("flex", {"service_tier": "flex"}),
        ("fast", {"service_tier": "fast"}),
        ("fast", {"speed": "fast"}),
    ],
)
def test_every_tier_costs_what_the_package_calculates(tier: str, context: dict[str, str]) -> None:
    wrong, compared = [], 0
    for provider, model in _listed():
        if not any(variant.when == context for variant in model.price_variants or ()):
            continue
        for counts in USAGES:
            compared += 1
            ours, theirs = _both(provider, model, MOMENTS[-1], counts, tier, context)
            if ours != theirs:
                wrong.append((provider.id, model.id, counts, ours, theirs))
    assert wrong == []
    assert compared > 10


def _both(
    provider: Provider,
    model: ModelInfo,
    moment: str,
    counts: tuple[int, int, int, int],
    tier: str | None = None,
    context: dict[str, str] | None = None,
) -> tuple[Decimal | None, Decimal]:
    """Our cost and the package's, in USD, for the same usage; no output where it has no price for it."""
    when = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    total, read, write, output = counts
    if model.get_prices(when, context).output_mtok is None:
        output = 0
    usage = Usage(input_tokens=total, cache_read_tokens=read, cache_write_tokens=write, output_tokens=output)
    theirs = model.calc_price(usage, provider, genai_request_timestamp=when, price_context=context)
    call = _call(provider.id, model.id, moment, total, read, write, output)
    call.service_tier = tier
    cost = price_call(call, default_book()).cost
    return (None if cost is None else Decimal(cost).scaleb(-12)), theirs.total_price


def _call(
    provider: str, model: str, moment: str, total: int, read: int, write: int, output: int
) -> ModelCall:
    return a_call(
        next(ours for ours in providers_of(provider) if sells(ours, model.lower())),
        model,
        total,
        output,
        at(moment),
        cache_read_tokens=read,
        cache_write_tokens=write,
        **dict.fromkeys(MODALITIES, 0),
    )


def test_reading_the_list_needs_none_of_the_package_itself() -> None:
    code = (
        "import sys; from processor.pricing.load import load_price_book; load_price_book().every_vector();"
        "sys.exit('genai_prices' in sys.modules or 'pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "source",
    [
        "",
        "providers = []\n",
        "\nproviders: list[Provider] = [\n    Provider(\n        id='a',\n    ),\n]\nprint()\n",
    ],
)
def test_a_list_of_another_shape_is_refused(source: str) -> None:
    with pytest.raises(ConfigError, match=r"data\.py"):
        Records("0", source.encode(), "data.py")


@pytest.mark.parametrize(
    "field", ["models=[NewKind()]", "models=[__import__('os')]", "models=[ModelInfo(id='x')]"]
)
def test_a_record_of_another_kind_is_refused(field: str) -> None:
    source = f"\nproviders: list[Provider] = [\n    Provider(\n        id='a',\n        {field},\n    ),\n]\n"
    records = Records("0", source.encode(), "data.py")
    with pytest.raises(ConfigError, match=r"data\.py"):
        records.provider("a")


def test_what_cannot_be_priced_exactly_is_named() -> None:
    excluded = library().excluded()
    assert excluded["deepseek/deepseek-chat"] == "the price depends on the hour of the day"
    assert sum(reason == "no price for tokens" for reason in excluded.values()) >= 179


def test_prices_that_are_no_whole_pico_dollars_are_listed() -> None:
    rounded = library().rounded()
    assert len(rounded) == 28
    assert all(entry.usd_per_mtok * 10**6 != entry.pico_usd_per_token for entry in rounded)


def test_the_list_is_read_by_provider() -> None:
    records = read_records()
    assert records.provider("openai") is records.provider("openai")
    assert records.provider("nobody") is None
