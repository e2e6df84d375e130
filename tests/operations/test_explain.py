"""A call's bill, computed in SQL from its row and its price alone, against what pricing booked."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.__main__ import build
from processor.calls.call import ESTIMATED, PROVIDER, Batch, ModelCall, Source
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from processor.pricing.load import load_price_book
from service.price_records import VectorKeeper, register
from storage.ingest.writer import Writer
from tests.sizes import examples
from tests.storage.ledger import call, rows

# One model per way a price can be built.
MAP = """version: 1
models:
  - {provider: acme, model: plain, prices: [{usd_per_mtok: {input: "1.25", output: "10"}}]}
  - {provider: acme, model: cached, prices: [{usd_per_mtok:
      {input: "3", output: "15", cache_read: "0.3", cache_write: "3.75", cache_write_1h: "6"}}]}
  - {provider: acme, model: audio, prices: [{usd_per_mtok:
      {input: "0.15", output: "0.6", input_audio: "10", output_audio: "20", input_image: "0.2",
       output_image: "30", reasoning: "0.9"}}]}
  - {provider: acme, model: fee, prices: [{usd_per_mtok: {input: "1", output: "2"}, usd_per_call: "0.005"}]}
  - {provider: acme, model: tiers, prices: [{usd_per_mtok: {input: "1.25", output: "10", cache_read: "0.31"},
      above: [{input_tokens_gt: 200000, usd_per_mtok: {input: "2.5", output: "15", cache_read: "0.625"}}]}]}
ignore:
  - {provider: acme, model: free, treat_as: free}
"""
MODELS = (
    "plain",
    "cached",
    "audio",
    "fee",
    "free",
    "tiers",
    "gpt-4o-mini",
    "claude-sonnet-4-5",
    "gemini-2.5-pro",
    "gpt-realtime",
    "gemini-2.5-flash-image",
    "gpt-4o-transcribe",
)
PROVIDERS = {
    "gpt-4o-mini": "openai",
    "claude-sonnet-4-5": "anthropic",
    "gemini-2.5-pro": "gcp.gemini",
    "gpt-realtime": "openai",
    "gemini-2.5-flash-image": "gcp.gemini",
    "gpt-4o-transcribe": "openai",
}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> PriceBook:
    path = tmp_path_factory.mktemp("prices") / "prices.yaml"
    path.write_text(MAP)
    return load_price_book(path)


def store(dsn: str, book: PriceBook, calls: list[ModelCall]) -> None:
    """Write calls at the book's prices, and the prices beside them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        map_id = register(connection, book)
        writer = Writer(dsn, price_map_id=map_id)
        writer.write([(Batch(calls=calls), [price_call(c, book) for c in calls])])
        writer.close()
        VectorKeeper(book, map_id).store(connection)


small = st.integers(0, 400_000)
part = st.one_of(st.none(), small)


@st.composite
def usage(draw: st.DrawFn) -> dict[str, Any]:
    """Token counts as the door admits them: parts within their totals, most of the time."""
    tokens_in, tokens_out = draw(small), draw(small)
    read = draw(st.one_of(st.none(), st.integers(0, tokens_in)))
    write = draw(st.one_of(st.none(), st.integers(0, tokens_in - (read or 0))))
    hour = draw(st.one_of(st.none(), st.integers(0, write))) if write else None
    return {
        "model": draw(st.sampled_from(MODELS)),
        "input_tokens": tokens_in,
        "output_tokens": draw(st.one_of(st.just(tokens_out), st.none())),
        "cache_read_tokens": read,
        "cache_write_tokens": write,
        "cache_write_1h_tokens": hour,
        "reasoning_tokens": draw(part),
        "input_audio_tokens": draw(part),
        "output_audio_tokens": draw(part),
        "input_image_tokens": draw(part),
        "output_image_tokens": draw(part),
        "input_cached_audio_tokens": draw(part),
        "input_cached_image_tokens": draw(part),
        "operation": draw(st.sampled_from(["chat", "embeddings"])),
        "usage_source": draw(st.sampled_from([PROVIDER, ESTIMATED])),
    }


@settings(max_examples=examples(6), suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(usage(), min_size=60, max_size=120))
def test_every_bill_agrees_with_what_was_booked_to_the_last_digit(
    migrated_database: str, book: PriceBook, drawn: list[dict[str, Any]]
) -> None:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("TRUNCATE _genai.model_call, _genai.call_key")
    calls = [
        call(f"{number}", provider=PROVIDERS.get(fields["model"], "acme"), **fields)
        for number, fields in enumerate(drawn)
    ]
    store(migrated_database, book, calls)
    query = """
        SELECT m.model, m.price_status, x.* FROM genai.model_call m, genai.explained(m.call_key, m.time) x
        WHERE NOT x.agrees OR (m.cost_pico_usd > 0 AND x.recomputed_pico_usd = 0)
    """
    assert rows(migrated_database, query) == []
    assert rows(migrated_database, "SELECT count(*) FROM genai.model_call")[0][0] == len(drawn)


def test_a_bill_that_was_tampered_with_is_seen(migrated_database: str, book: PriceBook) -> None:
    store(migrated_database, book, [call("one", provider="acme", model="cached")])
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute(
            "UPDATE _genai.model_call SET input_cost_pico_usd = input_cost_pico_usd + 1,"
            " cost_pico_usd = cost_pico_usd + 1"
        )
    query = "SELECT x.agrees FROM genai.model_call m, genai.explained(m.call_key, m.time) x"
    assert rows(migrated_database, query) == [(False,)]


def explain(dsn: str, identifier: str, *more: str) -> str:
    done = CliRunner().invoke(
        build(),
        ["explain", identifier, "--from", "2026-09-01", "--to", "2026-10-01", "--database-url", dsn, *more],
        catch_exceptions=False,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_shows_the_bill_with_the_attribute_of_every_field(
    migrated_database: str, book: PriceBook
) -> None:
    read = Source("input_tokens", "gen_ai.usage.input_tokens", 10), Source("output_tokens", "llm.out", 10)
    tokens = {"input_tokens": 300_000, "cache_read_tokens": 100_000, "output_tokens": 50}
    made = call("one", provider="acme", model="tiers", external_request_id="req_1", sources=read, **tokens)
    store(migrated_database, book, [made])
    (told,) = json.loads(explain(migrated_database, "req_1", "--json"))
    assert told["costUsd"] == told["recomputedUsd"] == "0.56325"
    assert told["agrees"] is True
    assert told["thresholdTokens"] == 200_000
    assert [
        (line["part"], line["tokens"], line["picoUsdPerToken"], line["attribute"]) for line in told["bill"]
    ] == [
        ("input", 200_000, 2_500_000, "gen_ai.usage.input_tokens"),
        ("cache read", 100_000, 625_000, None),
        ("output", 50, 15_000_000, "llm.out"),
    ]
    shown = explain(migrated_database, made.span_id.hex())
    for part_of_page in (
        "0.56325",
        "to the last digit",
        "above 200,000 input tokens",
        "llm.out",
        "prices.yaml",
    ):
        assert part_of_page in shown


def test_a_call_without_a_price_says_why(migrated_database: str, book: PriceBook) -> None:
    made = call("one", provider="acme", model="never heard of")
    store(migrated_database, book, [made])
    assert "unknown, not zero" in explain(migrated_database, made.trace_id.hex())


def test_an_id_that_is_not_there_is_told_with_the_window(migrated_database: str) -> None:
    from processor.calls.errors import BadData

    with pytest.raises(BadData, match="no call of 'nothing' started between 2026-09-01"):
        explain(migrated_database, "nothing")


def test_the_command_says_why_a_cost_is_uncertain_or_missing(migrated_database: str, book: PriceBook) -> None:
    calls = [
        call("cached", provider="acme", model="plain", external_request_id="req_cached", cache_read_tokens=5),
        call("tier", provider="acme", model="plain", external_request_id="req_tier", service_tier="priority"),
        call("said", provider="acme", model="audio", external_request_id="req_said"),
        call("sure", provider="acme", model="plain", external_request_id="req_sure"),
    ]
    store(migrated_database, book, calls)
    assert "no price for these cached tokens" in explain(migrated_database, "req_cached")
    assert "the tier" in explain(migrated_database, "req_tier")
    assert "which tokens are images or audio" in explain(migrated_database, "req_said")
    assert "≥" not in explain(migrated_database, "req_sure")
    counted = "SELECT sum(uncertain_calls)::bigint, sum(unpriced_calls)::bigint FROM genai.usage_hour"
    assert rows(migrated_database, counted) == [(2, 1)]
    top = ["top", "model", "--from", "2026-09-01", "--to", "2026-10-01", "--database-url", migrated_database]
    shown = CliRunner().invoke(build(), top, catch_exceptions=False).stdout
    assert "≥ $" in shown.replace("\u00a0", " ")
    assert "2 calls without certain usage or price" in shown
