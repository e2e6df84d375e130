"""What a call costs."""

from __future__ import annotations

import csv
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.calls.call import CANCELLED, ERROR, ESTIMATED, MISSING, Flag
from processor.calls.dates import ALWAYS, NEVER
from processor.pricing.book import PriceBook
from processor.pricing.charge import PRICE_FLAGS, UNCERTAIN, Charge, price_call
from processor.pricing.vectors import Interval, Rates, price_vector
from tests.processor.pricing_cases import FIXTURES, NOW, a_call, at, book_of, default_book

with (FIXTURES / "examples.csv").open(encoding="utf-8") as file:
    EXAMPLES = list(csv.DictReader(file))


def test_all_examples_are_here() -> None:
    assert len(EXAMPLES) == 62


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: f"{row['model']} {row['timestamp']}")
def test_an_example_is_exact_to_the_last_digit(row: dict[str, str]) -> None:
    call = a_call(
        row["provider"],
        row["model"],
        int(row["input_tokens"]),
        int(row["output_tokens"]),
        at(row["timestamp"]),
        cache_read_tokens=int(row["cache_read_tokens"]),
        cache_write_tokens=int(row["cache_write_tokens"]),
        reasoning_tokens=int(row["reasoning_tokens"]),
    )
    charge = price_call(call, default_book())
    assert charge.status == "priced"
    assert charge.cost == Decimal(row["expected_cost_usd"]) * 10**12


# Which price


BOOK_YAML = """
version: 1
models:
  - provider: acme
    model: tiered
    prices:
      - {from: 2026-01-01, to: 2026-02-01, usd_per_mtok: {input: "1", output: "2"}}
  - provider: acme
    model: long
    prices:
      - usd_per_mtok: {input: "1", cache_read: "0.5", output: "2"}
        above: {input_tokens_gt: 1000, usd_per_mtok: {input: "3", cache_read: "1.5", output: "4"}}
  - provider: acme
    model: long-at
    prices:
      - usd_per_mtok: {input: "1", output: "2"}
        above: {input_tokens_gte: 1000, usd_per_mtok: {input: "3", output: "4"}}
  - provider: acme
    model: plain
    prices:
      - usd_per_mtok: {input: "1", output: "2"}
  - provider: acme
    model: cached
    prices:
      - usd_per_mtok: {input: "10", cache_read: "1", cache_write: "12.5", cache_write_1h: "20", output: "50"}
  - provider: acme
    model: media
    prices:
      - usd_per_mtok:
          {input: "1", output: "2", reasoning: "3", input_audio: "10", output_audio: "20", input_image: "5",
           output_image: "40"}
        usd_per_call: "0.005"
  - provider: acme
    model: input-only
    prices:
      - usd_per_mtok: {input: "1"}
ignore:
  - {provider: ollama, model: "*", treat_as: free}
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> PriceBook:
    return book_of(tmp_path_factory.mktemp("map"), BOOK_YAML)


@pytest.mark.parametrize(
    ("moment", "priced"),
    [
        ("2025-12-31T23:59:59", False),
        ("2026-01-01T00:00:00", True),
        ("2026-01-31T23:59:59", True),
        ("2026-02-01T00:00:00", False),
    ],
)
def test_a_price_holds_from_its_first_midnight_to_before_its_last(
    book: PriceBook, moment: str, priced: bool
) -> None:
    charge = price_call(a_call("acme", "tiered", time_ns=at(moment)), book)
    assert charge.status == ("priced" if priced else "unpriced_model")


@pytest.mark.parametrize(("tokens", "micro_usd"), [(1000, 1200), (1001, 3403)])
def test_a_tier_is_a_cliff_on_the_total_input_and_covers_the_output(
    book: PriceBook, tokens: int, micro_usd: int
) -> None:
    charge = price_call(a_call("acme", "long", tokens), book)
    assert charge.cost == micro_usd * 10**6


def test_cached_tokens_count_into_the_threshold(book: PriceBook) -> None:
    charge = price_call(a_call("acme", "long", 1001, 0, cache_read_tokens=1000), book)
    assert charge[1:6] == (1503 * 10**6, 3 * 10**6, 1500 * 10**6, 0, 0)


@pytest.mark.parametrize(("tokens", "micro_usd"), [(999, 1199), (1000, 3400)])
def test_a_threshold_may_be_at_the_number_itself(book: PriceBook, tokens: int, micro_usd: int) -> None:
    assert price_call(a_call("acme", "long-at", tokens), book).cost == micro_usd * 10**6


def test_every_cache_class_has_its_own_price(book: PriceBook) -> None:
    call = a_call(
        "acme", "cached", 1000, 10, cache_read_tokens=100, cache_write_tokens=200, cache_write_1h_tokens=50
    )
    charge = price_call(call, book)
    million = 10**6
    assert charge.input_cost == 700 * 10 * million
    assert charge.cache_read_cost == 100 * million
    assert charge.cache_write_cost == (150 * 12_500_000) + 50 * 20 * million
    assert charge.output_cost == 10 * 50 * million
    assert charge.flags == 0


@pytest.mark.parametrize(
    "parts",
    [
        {"cache_read_tokens": 400},
        {"cache_write_tokens": 400},
        {"cache_write_tokens": 400, "cache_write_1h_tokens": 400},
    ],
)
def test_a_missing_cache_price_is_the_input_price_and_says_so(book: PriceBook, parts: dict[str, int]) -> None:
    charge = price_call(a_call("acme", "plain", **parts), book)
    assert charge.cost == (1000 + 200) * 10**6
    assert charge.flags == Flag.CACHE_PRICE_ASSUMED | Flag.COST_UNCERTAIN


@pytest.mark.parametrize("reason", [flag for flag in Flag if flag & UNCERTAIN & ~PRICE_FLAGS])
def test_a_call_that_may_be_misread_has_a_cost_that_is_uncertain(book: PriceBook, reason: Flag) -> None:
    charge = price_call(a_call("acme", "plain", flags=int(reason)), book)
    assert (charge.cost, charge.flags) == (
        price_call(a_call("acme", "plain"), book).cost,
        Flag.COST_UNCERTAIN,
    )


def test_what_is_free_is_never_uncertain(book: PriceBook) -> None:
    charge = price_call(a_call("ollama", "llama3.1", flags=UNCERTAIN), book)
    assert (charge.status, charge.flags) == ("free", 0)


@pytest.mark.parametrize("flag", [flag for flag in Flag if not flag & (UNCERTAIN | PRICE_FLAGS)])
def test_other_flags_leave_a_cost_certain(book: PriceBook, flag: Flag) -> None:
    if flag is not Flag.USAGE_INVALID:
        assert price_call(a_call("acme", "plain", flags=int(flag)), book).flags == 0


def test_no_cache_no_assumption(book: PriceBook) -> None:
    assert price_call(a_call("acme", "plain"), book).flags == 0


def test_audio_images_reasoning_and_call_fees_have_their_own_prices(book: PriceBook) -> None:
    call = a_call(
        "acme",
        "media",
        1000,
        1000,
        input_audio_tokens=100,
        input_image_tokens=200,
        output_audio_tokens=300,
        output_image_tokens=50,
        reasoning_tokens=150,
    )
    charge = price_call(call, book)
    assert charge.input_cost == (700 * 1 + 100 * 10 + 200 * 5) * 10**6
    assert charge.output_cost == (500 * 2 + 300 * 20 + 50 * 40 + 150 * 3) * 10**6
    assert charge.other_cost == 5 * 10**9
    assert charge.cost == charge.input_cost + charge.output_cost + charge.other_cost


def test_audio_that_is_cached_is_never_counted_below_zero(book: PriceBook) -> None:
    charge = price_call(a_call("acme", "media", 1000, 0, cache_read_tokens=950, input_audio_tokens=900), book)
    assert charge.input_cost == 50 * 10 * 10**6


def test_a_context_suffix_is_the_same_model() -> None:
    cache = {"cache_read_tokens": 24_880, "cache_write_tokens": 1240}
    call = a_call("anthropic", "claude-opus-4-7[1m]", 26_132, 412, **cache)
    assert price_call(call, default_book()).cost == 30_550 * 10**6


def test_the_gemini_api_sells_no_claude_but_vertex_ai_does() -> None:
    assert price_call(a_call("gcp.gemini", "claude-sonnet-4-5"), default_book()).status == "unpriced_model"
    assert price_call(a_call("gcp.vertex_ai", "claude-sonnet-4-5"), default_book()).cost == 4500 * 10**6


# Statuses (LEDGER §14)


def test_an_unknown_model_has_no_cost(book: PriceBook) -> None:
    assert price_call(a_call("openai", "gpt-99"), book) == Charge("unpriced_model")


def test_a_model_without_an_output_price_is_unpriced_once_it_writes(book: PriceBook) -> None:
    assert price_call(a_call("acme", "input-only", 10, 1), book).status == "unpriced_model"
    assert price_call(a_call("acme", "input-only", 10, 0), book).cost == 10 * 10**6


def test_free_is_an_explicit_zero(book: PriceBook) -> None:
    charge = price_call(a_call("ollama", "llama3.1"), book)
    assert (charge.status, charge.cost) == ("free", 0)
    assert charge.vector_id in book.vectors()


def test_free_stays_free_without_usage(book: PriceBook) -> None:
    assert price_call(a_call("ollama", "llama3.1", None, None), book).status == "free"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"tokens_in": None, "tokens_out": None, "usage_source": MISSING}, "no_usage"),
        ({"tokens_in": None, "tokens_out": 5}, "no_usage"),
        ({"tokens_in": 5, "tokens_out": None}, "no_usage"),
        ({"tokens_in": None, "tokens_out": None, "status": ERROR}, "error_without_usage"),
        ({"tokens_in": 5, "tokens_out": None, "status": ERROR}, "no_usage"),
        ({"tokens_in": None, "tokens_out": None, "status": CANCELLED}, "no_usage"),
        ({"tokens_in": None, "flags": int(Flag.USAGE_INVALID)}, "bad_usage"),
        ({"tokens_in": None, "tokens_out": None, "flags": 8, "status": ERROR}, "bad_usage"),
        ({"tokens_in": 10, "cache_read_tokens": 11}, "bad_usage"),
        ({"cache_write_tokens": 1, "cache_write_1h_tokens": 2}, "bad_usage"),
    ],
)
def test_unknown_usage_is_never_priced(values: dict[str, int], status: str) -> None:
    assert price_call(a_call(**values), default_book()) == Charge(status)  # type: ignore[arg-type]


def test_a_failed_call_costs_what_its_usage_says() -> None:
    failed, fine = a_call(status=ERROR), a_call()
    assert price_call(failed, default_book()) == price_call(fine, default_book())


def test_an_error_of_an_unknown_model_without_usage_is_no_unpriced_model() -> None:
    assert price_call(a_call("openai", "gpt-99", None, None, status=ERROR), default_book()).status == (
        "error_without_usage"
    )


def test_an_estimate_is_marked() -> None:
    charge = price_call(a_call(usage_source=ESTIMATED), default_book())
    assert charge.status == "estimated"
    assert charge.cost


def test_embeddings_have_no_output() -> None:
    call = a_call("openai", "text-embedding-3-small", 1000, None, operation="embeddings")
    assert price_call(call, default_book()).cost == 20_000 * 1000


def test_a_cost_that_no_column_holds_is_bad_usage() -> None:
    call = a_call("acme", "any", 10**9, 0)
    assert price_call(call, _book_with(Rates(9_223_372_036, 1))).cost == 9_223_372_036 * 10**9
    assert price_call(call, _book_with(Rates(9_223_372_037, 1))) == Charge("bad_usage")


def test_zero_tokens_cost_zero_and_are_priced() -> None:
    charge = price_call(a_call(tokens_in=0, tokens_out=0), default_book())
    assert (charge.status, charge.cost) == ("priced", 0)


# Service tiers


def test_a_batch_call_has_the_batch_price() -> None:
    standard = price_call(a_call("openai", "gpt-4.1", time_ns=NOW), default_book())
    batch = price_call(a_call("openai", "gpt-4.1", time_ns=NOW, service_tier="batch"), default_book())
    assert standard.cost is not None
    assert batch.cost == standard.cost // 2


@pytest.mark.parametrize("tier", [None, "default", "standard", "auto", "Default", "a-tier-nobody-knows"])
def test_other_tiers_have_the_standard_price(tier: str | None) -> None:
    assert (
        price_call(a_call(service_tier=tier), default_book()).cost
        == price_call(a_call(), default_book()).cost
    )


# Exactness

MODALITIES = (
    *("input_audio", "output_audio", "input_image", "output_image"),
    *("cache_read_audio", "cache_read_image"),
)
RATE = st.none() | st.integers(0, 10**9)
RATES = st.builds(
    Rates,
    input=st.integers(1, 10**9),
    output=st.integers(1, 10**9),
    cache_read=RATE,
    cache_write=RATE,
    cache_write_1h=RATE,
    reasoning=st.none(),
    **dict.fromkeys(MODALITIES, st.none()),
    call=st.integers(0, 10**10),
)
USAGE = st.tuples(*[st.integers(0, 10**6)] * 4, st.integers(0, 10**6))


@given(RATES, USAGE)
def test_integers_agree_with_decimals_and_parts_sum_to_the_cost(
    rates: Rates, usage: tuple[int, int, int, int, int]
) -> None:
    fresh, read, five, hour, output = usage
    call = a_call(
        "acme",
        "any",
        fresh + read + five + hour,
        output,
        cache_read_tokens=read,
        cache_write_tokens=five + hour,
        cache_write_1h_tokens=hour,
    )
    charge = price_call(call, _book_with(rates))
    write = rates.input if rates.cache_write is None else rates.cache_write
    with localcontext() as context:
        context.prec = 60
        usd = sum(
            Decimal(count) * Decimal(rate or 0).scaleb(-12)
            for count, rate in [
                (fresh, rates.input),
                (read, rates.input if rates.cache_read is None else rates.cache_read),
                (five, write),
                (hour, write if rates.cache_write_1h is None else rates.cache_write_1h),
                (output, rates.output),
                (1, rates.call),
            ]
        )
    assert charge.cost is not None
    assert Decimal(charge.cost).scaleb(-12) == usd
    assert charge.cost == sum(part or 0 for part in charge[2:7])


@given(
    st.permutations(
        [a_call(model=model, tokens_in=n) for n, model in enumerate(["gpt-4o", "o1", "gpt-5"] * 3)]
    )
)
def test_the_order_of_calls_does_not_matter(calls: list[object]) -> None:
    total = sum(price_call(call, default_book()).cost or 0 for call in calls)  # type: ignore[arg-type]
    assert total == sum(
        price_call(a_call(model=m, tokens_in=n), default_book()).cost or 0
        for n, m in enumerate(["gpt-4o", "o1", "gpt-5"] * 3)
    )


def test_the_charge_names_the_vector_that_explains_it(tmp_path: Path) -> None:
    charge = price_call(a_call("openai", "gpt-5.4", 300_000, 10), default_book())
    assert charge.vector_id is not None
    vector = default_book().vectors()[charge.vector_id]
    assert (vector.provider, vector.model, vector.input_tokens_gt) == ("openai", "gpt-5.4", 272_000)
    assert vector.source.startswith("genai-prices ")
    assert vector.source_url is not None
    assert charge.cost == (vector.rates.input or 0) * 300_000 + (vector.rates.output or 0) * 10


def _book_with(rates: Rates) -> PriceBook:
    vector = price_vector("acme", "any", rates)
    return PriceBook(lambda *_: (Interval(ALWAYS, NEVER, (vector,)),), list, _no_summary, "")


def _no_summary() -> object:  # pragma: no cover
    raise AssertionError("not asked for")
