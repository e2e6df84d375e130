"""What a writer refuses, folds or survives: bad data, floors, day caps, a database in trouble."""

from __future__ import annotations

import psycopg
import pytest

from processor.calls.call import Batch, Rejection, UncountedSpan
from processor.calls.errors import StorageUnavailable
from processor.pricing.charge import Charge
from storage.ingest.writer import Writer
from storage.postings.folder import Folder
from tests.storage.ledger import (
    NOON_NS,
    PRICED,
    SECOND_NS,
    assert_rollups_equal_rows,
    call,
    rows,
    totals,
    value,
    write,
)

pytestmark = pytest.mark.both_servers

STRONG = "resp_67ccd2bed1ec8190b14f964abc054267"


# Bad data costs only itself (LEDGER §15)


@pytest.mark.parametrize(
    "poison",
    [
        {"conversation_id": "nul\0"},
        {"conversation_id": "lone \ud800"},
        {"endpoint_tag": "nul\0"},
        {"model": "lone \ud800"},
        {"response_id": "lone \ud800 resp_abcdefghijklmnop"},
        {"input_tokens": 2**31},
        {"latency_us": 2**63},
        {"attempt": 40_000},
        {"trace_id": b"short"},
        {"status": "odd"},
    ],
    ids=str,
)
def test_a_poison_call_costs_only_itself(
    migrated_database: str, writer: Writer, poison: dict[str, object]
) -> None:
    calls = [call(str(i)) for i in range(40)]
    calls[17] = call("17", **poison)
    outcome = write(writer, calls)
    assert (outcome.accepted, outcome.duplicates) == (39, 0)
    assert [(r.span_id, r.reason) for r in outcome.rejections] == [(calls[17].span_id, "refused_by_ledger")]
    assert (
        value(migrated_database, "SELECT count(*) FROM genai.quarantine WHERE reason = 'refused_by_ledger'")
        == 1
    )
    assert totals(migrated_database)[0] == 39
    assert write(writer, calls[:17] + calls[18:])[:2] == (0, 39)
    assert_rollups_equal_rows(migrated_database)


def test_a_poison_call_does_not_hurt_the_other_requests_of_its_batch(
    migrated_database: str, writer: Writer
) -> None:
    good, bad = Batch(calls=[call("a"), call("b")]), Batch(calls=[call("c", conversation_id="\0"), call("d")])
    outcomes = writer.write([(good, [PRICED] * 2), (bad, [PRICED] * 2)])
    assert [(o.accepted, len(o.rejections)) for o in outcomes] == [(2, 0), (1, 1)]


def test_four_tags_of_200_bytes_fit_every_index(migrated_database: str, writer: Writer) -> None:
    long = {name: (name * 200)[:200] for name in ("endpoint_tag", "prompt_version", "model", "service_name")}
    ids = {"tenant_id": "t" * 200, "user_id": "ü" * 100}
    assert (
        write(writer, [call("a", **long, **ids, response_id="r" * 200, external_request_id="x" * 200)])[0]
        == 1
    )
    assert_rollups_equal_rows(migrated_database)


def test_nothing_of_a_refused_value_is_told(migrated_database: str, writer: Writer) -> None:
    outcome = write(writer, [call("a", conversation_id="secret\0words")])
    assert "secret" not in repr(outcome)


@pytest.mark.parametrize(
    ("status", "cost"), [("priced", None), ("unpriced_model", 5), ("no_usage", 0), ("free", None)]
)
def test_a_status_has_a_cost_or_has_none(
    migrated_database: str, writer: Writer, status: str, cost: int | None
) -> None:
    outcome = write(writer, [call("a")], Charge(status, cost, cost, 0, 0, 0, 0))
    assert "a_cost_exactly_when_the_status_has_one" in outcome.rejections[0].detail


def test_a_cost_that_is_not_the_sum_of_its_classes_is_refused(migrated_database: str, writer: Writer) -> None:
    outcome = write(writer, [call("a")], PRICED._replace(cost=601))
    assert "cost_is_the_sum_of_its_classes" in outcome.rejections[0].detail


# What is not counted


def test_sightings_and_rejections_are_stored_with_their_request(
    migrated_database: str, writer: Writer
) -> None:
    seen = UncountedSpan(
        b"t" * 16,
        b"s" * 8,
        b"",
        "agent\0",
        "an agent",
        (("endpoint_tag", "x\0\\u0000"),),
        True,
        call("inner"),
    )
    refused = Rejection(b"bad", b"", "name\ud800", "bad_span_id", "spanId: 8 bytes expected")
    (outcome,) = writer.write([(Batch(sightings=[seen], rejections=[refused]), [])])
    assert outcome == (0, 0, [refused], [])
    query = "SELECT name, wrapper, tags, call->>'model' FROM _genai.sighting"
    assert rows(migrated_database, query) == [("agent�", True, {"endpoint_tag": "x�\\u0000"}, "gpt-4o-mini")]
    assert rows(migrated_database, "SELECT trace_id, reason FROM genai.quarantine") == [
        ("626164", "bad_span_id")
    ]


def test_an_empty_request_is_a_success(migrated_database: str, writer: Writer) -> None:
    assert writer.write([(Batch(), [])]) == [(0, 0, [], [])]


# Floors (LEDGER §11), freshness (§22), cardinality (§12)


def test_nothing_is_written_below_a_floor(migrated_database: str, writer: Writer) -> None:
    with psycopg.connect(migrated_database) as connection:
        connection.execute("UPDATE _genai.floor SET time = '2026-09-21 13:00' WHERE level = 'minute'")
        connection.execute("UPDATE _genai.floor SET time = '2026-09-21 00:00' WHERE level = 'identity_hour'")
        connection.execute("UPDATE _genai.floor SET time = '2026-09-01 00:00' WHERE level = 'raw'")
    day = 86_400 * SECOND_NS
    times = {
        "now": NOON_NS,
        "hour": NOON_NS - 2 * 3600 * SECOND_NS,
        "day": NOON_NS - 2 * day,
        "gone": NOON_NS - 40 * day,
    }
    outcome = write(writer, [call(name, time_ns=at) for name, at in times.items()])
    assert [r.reason for r in outcome.rejections] == ["too_late"]
    assert totals(migrated_database)[0] == 3
    assert value(migrated_database, "SELECT sum(calls) FROM _genai.usage_minute") == 1
    assert value(migrated_database, "SELECT sum(calls) FROM genai.usage_hour") == 3
    assert value(migrated_database, "SELECT sum(calls) FROM _genai.usage_identity_hour") == 2
    assert value(migrated_database, "SELECT sum(calls) FROM genai.usage_identity_day") == 1
    assert_rollups_equal_rows(migrated_database)


def test_a_writer_shows_that_it_lives_and_alone_says_nothing_of_freshness(
    migrated_database: str, writer: Writer
) -> None:
    write(writer, [call(str(i)) for i in range(5)])
    writer.flush()
    assert value(migrated_database, "SELECT live_writers FROM genai.watermark") == 1
    folder = Folder(migrated_database)
    folder.run()
    folder.close()
    assert rows(migrated_database, "SELECT * FROM genai.freshness_minute") == []


def test_values_beyond_the_cap_of_a_day_are_booked_as_other_at_exact_cost(migrated_database: str) -> None:
    small = Writer(migrated_database, caps={3: 2, 8: 1})  # endpoints, users
    write(small, [call(str(i), endpoint_tag=f"e{i}", user_id=f"u{i}") for i in range(6)])
    write(small, [call(f"again{i}", endpoint_tag=f"e{i}", user_id=f"u{i}") for i in range(6)])
    tomorrow = NOON_NS + 86_400 * SECOND_NS
    write(small, [call("next day", endpoint_tag="e5", user_id="u5", time_ns=tomorrow)])
    small.close()
    query = "SELECT endpoint_tag, sum(calls), sum(cost_pico_usd) FROM genai.usage_hour GROUP BY 1 ORDER BY 1"
    assert [(e, int(n), int(c)) for e, n, c in rows(migrated_database, query)] == [
        ("__other__", 8, 4800),
        ("e0", 2, 1200),
        ("e1", 2, 1200),
        ("e5", 1, 600),
    ]
    users = "SELECT user_id, sum(calls) FROM genai.usage_identity GROUP BY 1 ORDER BY 1"
    assert [(u, int(n)) for u, n in rows(migrated_database, users)] == [
        ("__other__", 10),
        ("u0", 2),
        ("u5", 1),
    ]
    assert value(migrated_database, "SELECT count(DISTINCT endpoint_tag) FROM genai.model_call") == 6
    assert_rollups_equal_rows(migrated_database)


def test_a_value_that_another_writer_admitted_stands_for_itself(migrated_database: str) -> None:
    one, two = (Writer(migrated_database, caps={3: 1}) for _ in range(2))
    write(one, [call("a", endpoint_tag="first")])
    write(two, [call("b", endpoint_tag="second"), call("c", endpoint_tag="first")])
    one.close()
    two.close()
    query = "SELECT endpoint_tag, calls FROM genai.usage_hour ORDER BY 1"
    assert rows(migrated_database, query) == [("__other__", 1), ("first", 2)]
    assert_rollups_equal_rows(migrated_database)


# Trouble with the database


def test_a_failed_transaction_leaves_no_dictionary_entry_behind(
    migrated_database: str, writer: Writer
) -> None:
    write(writer, [call("bad", endpoint_tag="new", conversation_id="\0")])
    write(writer, [call("good", endpoint_tag="new")])
    assert rows(migrated_database, "SELECT endpoint_tag FROM genai.model_call") == [("new",)]


def test_a_cut_connection_is_made_anew_and_nothing_counts_twice(
    migrated_database: str, writer: Writer
) -> None:
    write(writer, [call("a")])
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'spanledger writer'"
        )
    assert write(writer, [call("a"), call("b")])[:2] == (1, 1)


def test_without_a_database_the_answer_is_retryable_and_comes_in_time() -> None:
    nowhere = Writer("host=127.0.0.1 port=1 dbname=x user=x", patience_seconds=0.3)
    with pytest.raises(StorageUnavailable):
        write(nowhere, [call("a")])
