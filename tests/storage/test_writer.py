"""The ingest transaction on real servers; every rule with the example that it is for."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from processor.calls.call import CANCELLED, ERROR, MISSING, Batch, Flag
from processor.pricing.charge import Charge
from storage.ingest.writer import Writer
from tests.storage.ledger import (
    NOON_NS,
    PRICED,
    SECOND_NS,
    UNPRICED,
    assert_rollups_equal_rows,
    call,
    rows,
    totals,
    value,
    write,
)

pytestmark = pytest.mark.both_servers

STRONG = "resp_67ccd2bed1ec8190b14f964abc054267"


def test_a_call_is_stored_as_the_schema_names_its_fields(migrated_database: str, writer: Writer) -> None:
    stored = call(
        "a",
        parent_span_id=b"\0" * 7 + b"\x2a",
        external_request_id="req_1",
        request_id_given=True,
        attempt=2,
        request_model="gpt-4o",
        conversation_id="conv",
        cache_read_tokens=40,
        cache_write_tokens=7,
        reasoning_tokens=12,
        time_to_first_token_us=123_456,
        streaming=True,
        service_tier="flex",
        http_status=200,
        reported_cost_pico_usd=5,
        response_id=STRONG,
        flags=int(Flag.TEXT_CUT),
    )
    write(writer, [stored], PRICED._replace(flags=int(Flag.CACHE_PRICE_ASSUMED)))
    with psycopg.connect(migrated_database, row_factory=psycopg.rows.dict_row) as connection:
        row = connection.execute("SELECT * FROM genai.model_call").fetchone()
    assert row is not None
    expected = {
        "trace_id": stored.trace_id.hex(),
        "span_id": stored.span_id.hex(),
        "parent_span_id": "000000000000002a",
        "time": datetime.fromtimestamp(NOON_NS / 1e9, UTC),
        "received_at": datetime.fromtimestamp(NOON_NS / 1e9 + 3, UTC),
        "external_request_id": "req_1",
        "response_id": STRONG,
        "conversation_id": "conv",
        "attempt": 2,
        "provider": "openai",
        "model": "gpt-4o-mini",
        "request_model": "gpt-4o",
        "operation": "chat",
        "endpoint_tag": "checkout.ai_summary",
        "prompt_version": "summary_v3",
        "user_id": "h:0011223344556677",
        "tenant_id": "acme",
        "environment": "prod",
        "data_mode": "real",
        "service_name": "shop",
        "input_tokens": 540,
        "output_tokens": 180,
        "cache_read_tokens": 40,
        "cache_write_tokens": 7,
        "cache_write_1h_tokens": None,
        "reasoning_tokens": 12,
        "usage_source": "provider",
        "latency_ms": 900.0,
        "time_to_first_token_ms": 123.456,
        "status": "success",
        "http_status": 200,
        "streaming": True,
        "service_tier": "flex",
        "requests": 1,
        "cost_pico_usd": 600,
        "input_cost_pico_usd": 100,
        "cache_read_cost_pico_usd": 20,
        "cache_write_cost_pico_usd": 30,
        "output_cost_pico_usd": 400,
        "other_cost_pico_usd": 50,
        "first_cost_pico_usd": 600,
        "price_status": "priced",
        "price_vector_id": 7,
        "flags": ["text_cut", "cache_price_assumed"],
        "dialect": "otel_genai",
        "sources": [
            ["model", "gen_ai.response.model", 10],
            ["input_tokens", "gen_ai.usage.input_tokens", 10],
        ],
    }
    assert {name: row[name] for name in expected} == expected
    assert row["cost_usd"] == Decimal("6.00E-10")


def test_a_missing_tag_is_unknown_and_a_missing_count_is_null(migrated_database: str, writer: Writer) -> None:
    bare = call("a", endpoint_tag=None, prompt_version="", tenant_id=None, input_tokens=None, latency_us=None)
    write(writer, [bare])
    query = "SELECT endpoint_tag, prompt_version, tenant_id, input_tokens, latency_ms FROM genai.model_call"
    assert rows(migrated_database, query) == [("unknown", "unknown", "unknown", None, None)]
    assert value(migrated_database, "SELECT latency_calls FROM genai.usage_hour") == 0
    assert_rollups_equal_rows(migrated_database)


# The same span again


def test_a_resend_changes_nothing(migrated_database: str, writer: Writer) -> None:
    calls = [call(str(i), response_id=None if i % 2 else f"{STRONG}{i}") for i in range(50)]
    assert write(writer, calls)[:2] == (50, 0)
    before = totals(migrated_database)
    random.Random(1).shuffle(calls)
    assert write(writer, calls[:30])[:2] == (0, 30)
    assert write(writer, [*calls, call("new")])[:2] == (1, 50)
    assert totals(migrated_database) == tuple(a + b for a, b in zip(before, (1, 1, 540, 600), strict=True))
    assert_rollups_equal_rows(migrated_database)


def test_a_client_retry_beside_its_original_in_one_batch_counts_once(
    migrated_database: str, writer: Writer
) -> None:
    calls = [call(str(i)) for i in range(20)]
    request = Batch(calls=calls)
    outcomes = writer.write([(request, [PRICED] * 20), (Batch(calls=list(calls)), [PRICED] * 20)])
    assert [o[:2] for o in outcomes] == [(20, 0), (0, 20)]
    assert totals(migrated_database) == (20, 20, 20 * 540, 20 * 600)
    assert_rollups_equal_rows(migrated_database)


def test_a_resend_by_another_writer_changes_nothing(migrated_database: str, writer: Writer) -> None:
    calls = [call(str(i), response_id=f"{STRONG}{i}") for i in range(20)]
    write(writer, calls)
    other = Writer(migrated_database)
    assert write(other, calls)[:2] == (0, 20)
    other.close()
    assert totals(migrated_database)[0] == 20


def test_a_moved_clock_makes_no_second_call_of_a_resend(migrated_database: str, writer: Writer) -> None:
    moved = {"claimed_time_ns": 12, "flags": int(Flag.CLOCK_MOVED)}
    write(writer, [call("a", **moved)])
    assert write(writer, [call("a", **moved | {"time_ns": NOON_NS + SECOND_NS})])[:2] == (0, 1)
    query = "SELECT time > '2026-01-01', claimed_time, flags FROM genai.model_call"
    assert rows(migrated_database, query) == [(True, datetime(1970, 1, 1, tzinfo=UTC), ["clock_moved"])]


# The same call seen by two instrumentations (LEDGER §1)


@pytest.mark.parametrize("together", [True, False])
def test_two_spans_of_one_response_id_that_overlap_are_one_call(
    migrated_database: str, writer: Writer, together: bool
) -> None:
    inner, outer = (
        call("inner", response_id=STRONG),
        call("outer", response_id=STRONG, time_ns=NOON_NS - SECOND_NS),
    )
    if together:
        assert write(writer, [inner, outer])[:2] == (1, 1)
    else:
        assert write(writer, [inner])[:2] == (1, 0)
        assert write(writer, [outer])[:2] == (0, 1)
        assert write(writer, [outer])[:2] == (0, 1)
    assert totals(migrated_database) == (1, 1, 540, 600)
    assert_rollups_equal_rows(migrated_database)


def test_a_duplicate_is_kept_as_a_sighting_beside_its_call(migrated_database: str, writer: Writer) -> None:
    write(writer, [call("inner", response_id=STRONG)])
    write(writer, [call("outer", response_id=STRONG, conversation_id="c\0\ud800")])
    ((of_call, of_time, document),) = rows(
        migrated_database, "SELECT of_call, of_time, call FROM _genai.sighting WHERE of_call IS NOT NULL"
    )
    found = "SELECT count(*) FROM genai.model_call WHERE call_key = %s AND time = %s"
    assert value(migrated_database, found, of_call, of_time) == 1
    assert document["conversation_id"] == "c�?"
    assert document["span_id"] == call("outer").span_id.hex()
    assert document["input_tokens"] == 540


def test_of_two_readings_in_one_batch_the_one_with_the_providers_usage_counts(
    migrated_database: str, writer: Writer
) -> None:
    lost = call("lost", response_id=STRONG, input_tokens=None, output_tokens=None, usage_source=MISSING)
    write(writer, [lost, call("whole", response_id=STRONG)])
    assert rows(migrated_database, "SELECT span_id, input_tokens FROM genai.model_call") == [
        (call("whole").span_id.hex(), 540)
    ]
    assert write(writer, [lost])[:2] == (0, 1)


def test_a_span_without_length_reaches_back_by_its_latency(migrated_database: str, writer: Writer) -> None:
    """One instrumentation reports at the end of a two-minute call, with the latency as an attribute."""
    whole = call("whole", response_id=STRONG, latency_us=120_000_000)
    at_end = call(
        "end",
        response_id=STRONG,
        time_ns=NOON_NS + 120 * SECOND_NS,
        latency_us=100_000_000,
        flags=int(Flag.LATENCY_UNKNOWN),
    )
    write(writer, [at_end])
    assert write(writer, [whole])[:2] == (0, 1)
    assert totals(migrated_database)[0] == 1


@pytest.mark.parametrize("together", [True, False])
def test_a_strong_id_that_comes_again_without_overlap_is_a_further_call(
    migrated_database: str, writer: Writer, together: bool
) -> None:
    """A gateway cache answers with the stored response, id included."""
    first, cached = (
        call("a", response_id=STRONG),
        call("b", response_id=STRONG, time_ns=NOON_NS + 60 * SECOND_NS),
    )
    if together:
        write(writer, [first, cached])
    else:
        write(writer, [first])
        write(writer, [cached])
    assert write(writer, [cached, first])[:2] == (0, 2)
    query = "SELECT flags FROM genai.model_call ORDER BY time"
    assert rows(migrated_database, query) == [([],), (["response_repeated"],)]
    assert_rollups_equal_rows(migrated_database)


def test_a_second_reading_of_a_further_call_counts_once(migrated_database: str, writer: Writer) -> None:
    """Two instrumentations on a call that the gateway's cache answered."""
    later = NOON_NS + 90 * SECOND_NS
    write(writer, [call("a", response_id=STRONG)])
    write(writer, [call("b", response_id=STRONG, time_ns=later)])
    twin = call("b2", response_id=STRONG, time_ns=later + SECOND_NS // 10)
    assert write(writer, [twin])[:2] == (0, 1)
    assert write(writer, [twin])[:2] == (0, 1)
    assert totals(migrated_database)[0] == 2


def test_a_batch_whose_further_call_duplicates_a_stored_one_counts_it_once(
    migrated_database: str, writer: Writer
) -> None:
    write(writer, [call("a", response_id=STRONG)])
    later = call("b", response_id=STRONG, time_ns=NOON_NS + 300 * SECOND_NS)
    twin = call("a2", response_id=STRONG, time_ns=NOON_NS + SECOND_NS // 2)
    assert write(writer, [later, twin])[:2] == (1, 1)
    assert totals(migrated_database)[0] == 2


def test_a_key_that_a_duplicate_claimed_leads_to_the_counted_call(
    migrated_database: str, writer: Writer
) -> None:
    """A duplicate near a bucket's end claims the next one too; what meets it there must find the call."""
    hour = 3600 * SECOND_NS
    start = NOON_NS // hour * hour + 49 * 60 * SECOND_NS  # claims one bucket only
    long_call = call("a", response_id=STRONG, time_ns=start, latency_us=1_800_000_000)
    write(writer, [long_call])
    write(
        writer, [call("b", response_id=STRONG, time_ns=start + 120 * SECOND_NS)]
    )  # claims the next hour as well
    assert write(writer, [call("c", response_id=STRONG, time_ns=start + 1260 * SECOND_NS)])[:2] == (0, 1)
    assert totals(migrated_database)[0] == 1


def test_a_weak_id_joins_in_one_trace_with_equal_tokens_only(migrated_database: str, writer: Writer) -> None:
    weak = {"response_id": "chatcmpl-123", "trace_id": b"t" * 16}
    write(writer, [call("a", **weak)])
    assert write(writer, [call("b", **weak)])[:2] == (0, 1)
    assert write(writer, [call("c", **weak, input_tokens=541)])[:2] == (1, 0)
    assert write(writer, [call("d", response_id="chatcmpl-123")])[:2] == (1, 0)
    assert value(migrated_database, "SELECT count(*) FROM genai.model_call WHERE flags <> '{}'") == 0


# Direct reports (LEDGER §4)


def test_three_attempts_of_a_report_count_their_tokens_and_one_request(
    migrated_database: str, writer: Writer
) -> None:
    """Tries of 0, 0 and 720 tokens under one id are three attempts, and the 720 count."""
    common = {"trace_id": b"", "span_id": b"", "external_request_id": "req_1", "request_id_given": True}
    tries = [
        call("x", **common, report_key=bytes([n]) * 16, attempt=n, input_tokens=tokens)
        for n, tokens in ((1, 0), (2, 0), (3, 720))
    ]
    for one in tries:
        write(writer, [one])
    assert write(writer, tries)[:2] == (0, 3)
    assert totals(migrated_database) == (3, 1, 720, 1800)
    assert rows(migrated_database, "SELECT DISTINCT trace_id, span_id FROM genai.model_call") == [
        (None, None)
    ]


# Requests and attempts (LEDGER §5)


@pytest.mark.parametrize("together", [True, False])
def test_eight_calls_under_one_application_id_are_one_request(
    migrated_database: str, writer: Writer, together: bool
) -> None:
    given = {"external_request_id": "req_1", "request_id_given": True}
    calls = [call(str(i), **given, time_ns=NOON_NS + i * SECOND_NS) for i in range(8)]
    for batch in [calls] if together else [[c] for c in calls]:
        write(writer, batch)
    write(writer, calls)
    assert totals(migrated_database) == (8, 1, 8 * 540, 8 * 600)
    query = "SELECT span_id FROM genai.model_call WHERE requests = 1"
    assert rows(migrated_database, query) == [(calls[0].span_id.hex(),)]
    assert_rollups_equal_rows(migrated_database)


def test_a_label_that_the_application_did_not_give_groups_nothing(
    migrated_database: str, writer: Writer
) -> None:
    write(writer, [call(str(i), external_request_id="chatcmpl-1") for i in range(3)])
    assert totals(migrated_database)[:2] == (3, 3)


def test_the_request_counts_on_the_reading_that_is_chosen(migrated_database: str, writer: Writer) -> None:
    given = {"external_request_id": "r", "request_id_given": True, "response_id": STRONG}
    lost = call("lost", **given, usage_source=MISSING, input_tokens=None)
    write(writer, [lost, call("whole", **given)])
    assert totals(migrated_database)[:2] == (1, 1)


# Rollups (LEDGER §9)


def test_every_measure_of_the_rollups_equals_the_rows(migrated_database: str, writer: Writer) -> None:
    rng = random.Random(7)
    calls = [
        call(
            str(i),
            time_ns=NOON_NS - rng.randrange(20 * 86_400) * SECOND_NS,
            latency_us=rng.choice([None, 0, 99_999, 100_000, 100_001, 141_421, 204_800_000, 10**9]),
            status=rng.choice(["success", ERROR, CANCELLED]),
            input_tokens=rng.choice([None, 0, 5, 10**9]),
            output_image_tokens=rng.choice([None, 3]),
            cache_write_1h_tokens=rng.choice([None, 4]),
            endpoint_tag=rng.choice([None, "a", "b"]),
            user_id=rng.choice([None, "u", "v"]),
        )
        for i in range(300)
    ]
    free, guess = Charge("free", 0, 0, 0, 0, 0, 0), Charge("estimated", 6, 1, 1, 1, 1, 2)
    doubtful = PRICED._replace(flags=int(Flag.COST_UNCERTAIN | Flag.RATE_MISSING))
    without_cost = map(Charge, ("no_usage", "bad_usage", "error_without_usage"))
    kinds = [PRICED, doubtful, UNPRICED, *without_cost, free, guess]
    charges = [rng.choice(kinds) for _ in calls]
    writer.write([(Batch(calls=calls), charges)])
    assert_rollups_equal_rows(migrated_database)
    wasted = "SELECT sum(cost_pico_usd) FROM genai.model_call WHERE status <> 'success'"
    assert value(migrated_database, "SELECT sum(wasted_cost_pico_usd) FROM genai.usage_minute") == value(
        migrated_database, wasted
    )
    for view in ("genai.usage_minute", "genai.usage_hour", "genai.usage_identity"):
        assert totals(migrated_database, view) == totals(migrated_database)
        uncertain = value(migrated_database, f"SELECT sum(uncertain_calls) FROM {view}")  # noqa: S608
        assert uncertain == sum(
            c is doubtful or c.status in ("no_usage", "bad_usage", "estimated") for c in charges
        )


def test_the_checker_names_the_first_difference(migrated_database: str, writer: Writer) -> None:
    write(writer, [call("a")])
    with psycopg.connect(migrated_database) as connection:
        connection.execute("UPDATE _genai.usage_hour SET output_tokens = 181, latency_b05 = 4")
    found = rows(
        migrated_database,
        "SELECT level, difference FROM _genai.rollup_difference('2015-01-01', '2100-01-01')",
    )
    assert found == [("hour", {"output_tokens": -1, "latency_b05": -4})]


def test_an_unpriced_model_is_in_the_queue_with_its_first_call(
    migrated_database: str, writer: Writer
) -> None:
    write(writer, [call("a", model="acme-7b")], UNPRICED)
    query = "SELECT provider, model, calls FROM genai.unpriced_model"
    assert rows(migrated_database, query) == [("openai", "acme-7b", 1)]


def test_the_outcome_holds_the_new_calls_themselves(writer: Writer) -> None:
    write(writer, [call("a"), call("b")])
    repeated, new = call("b"), call("c")
    outcome = write(writer, [repeated, new])
    assert [id(each) for each in outcome.new] == [id(new)]
    assert outcome.duplicates == 1
