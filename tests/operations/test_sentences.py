"""The sentences that a change is told in, word for word, each from calls that are so (LEDGER §25)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from operations.compare.model import Focus, Question, Spike, compare
from tests.operations.ledger import UNPRICED, Call, fill

NOW = datetime(2026, 11, 4, 18, 0, tzinfo=UTC)
V7 = Call(
    NOW, endpoint="support.answer", prompt_version="answer_v7", model="gpt-4.1",
    input_tokens=2_400, output_tokens=162, costs=(4_800_000_000, 0, 0, 1_300_000_000, 0),
)  # fmt: skip
V8 = replace(V7, prompt_version="answer_v8", output_tokens=324, costs=(4_800_000_000, 0, 0, 2_600_000_000, 0))


def spread(like: Call, count: int, start: datetime, over: timedelta = timedelta(hours=1)) -> list[Call]:
    """Calls over a window and over forty users of four tenants."""
    return [
        replace(like, time=start + over * i / count, user=f"u{i % 40}", tenant=f"tenant-{i % 4}")
        for i in range(count)
    ]


def told(dsn: str, calls: Sequence[Call], start: datetime, over: timedelta = timedelta(hours=1)) -> Spike:
    """What is said about the window that begins at `start`."""
    fill(dsn, calls)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")
        spike = compare(connection, Question(start, start + over)).spike
    assert spike is not None
    return spike


def test_a_costlier_deploy_on_a_falling_evening(migrated_database: str) -> None:
    calls = spread(V7, 464, NOW - timedelta(hours=1)) + spread(V8, 217, NOW)
    spike = told(migrated_database, calls, NOW)
    assert (spike.name, spike.subject) == ("deploy", "answer_v8")
    assert spike.sentence == (
        "Requests fell 53% (464 → 217), saving $1.67. Each request costs 21% more ($0.0061 → $0.0074), "
        "because answer_v8 writes twice as much."
    )


def test_the_same_deploy_asked_for_its_endpoint_alone(migrated_database: str) -> None:
    calls = [
        replace(call, tenant="acme", user="ada")
        for call in spread(V7, 464, NOW - timedelta(hours=1)) + spread(V8, 217, NOW)
    ]
    assert told(migrated_database, calls, NOW).sentence.endswith("because answer_v8 writes twice as much.")


def test_nothing_happened(migrated_database: str) -> None:
    spike = told(migrated_database, spread(V7, 300, NOW - timedelta(hours=1)) + spread(V7, 301, NOW), NOW)
    assert spike.name == "steady"
    assert spike.sentence == (
        "Steady. Requests barely changed (300 → 301). Each request costs what it did ($0.0061)."
    )


def test_a_change_of_few_requests_is_noise(migrated_database: str) -> None:
    spike = told(migrated_database, spread(V7, 60, NOW - timedelta(hours=1)) + spread(V7, 75, NOW), NOW)
    assert spike.sentence == (
        "Steady. Requests rose 25% (60 → 75), within the noise of so few. "
        "Each request costs what it did ($0.0061)."
    )


@pytest.mark.parametrize(
    ("before", "now", "sentence"),
    [
        (200, 20, "Too little data (20 of 50 requests): no cause is named."),
        (20, 200, "Too little data (20 of 50 requests in the baseline): no cause is named."),
    ],
)
def test_too_few_requests_to_say_anything(
    migrated_database: str, before: int, now: int, sentence: str
) -> None:
    calls = spread(V7, before, NOW - timedelta(hours=1)) + spread(V7, now, NOW)
    assert told(migrated_database, calls, NOW).sentence == sentence


@pytest.mark.parametrize(
    ("first", "over", "sentence"),
    [
        (datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=3), "No data before 1 November: no baseline."),
        (
            datetime(2026, 11, 1, 14, 20, tzinfo=UTC),
            timedelta(hours=4),
            "No data before 1 November, 14:00 UTC: no baseline.",
        ),
    ],
)
def test_data_that_begin_with_the_window_have_no_baseline(
    migrated_database: str, first: datetime, over: timedelta, sentence: str
) -> None:
    assert told(migrated_database, spread(V7, 300, first, over), first, over).sentence == sentence


RISING = {
    "cost_per_request_usd": 0.008, "baseline_cost_per_request_usd": 0.006, "output_tokens_usd": 0.2,
    "output_tokens_per_call": 300, "baseline_output_tokens_per_call": 200,
}  # fmt: skip


@pytest.mark.parametrize(
    ("driver", "reason"),
    [
        (RISING, "writes 50% more"),
        (RISING | {"input_tokens_usd": 0.3, "input_tokens_per_call": 5, "baseline_input_tokens_per_call": 9},
         "writes 50% more"),
        (RISING | {"output_tokens_usd": -0.2}, "costs 33% more a request"),
        (RISING | {"baseline_cost_per_request_usd": None}, None),
    ],
    ids=["what it does", "not what points the other way", "no term points its way", "without a past"],
)  # fmt: skip
def test_a_reason_never_points_against_the_change(
    migrated_database: str, driver: dict[str, object], reason: str | None
) -> None:
    with psycopg.connect(migrated_database) as connection:
        found = connection.execute("SELECT genai.unit_reason(%s)", [Jsonb(driver)]).fetchone()
    assert found == (reason,)


def test_calls_without_a_price_are_weighed_by_the_usual_cost_of_a_call(migrated_database: str) -> None:
    calls = [
        replace(call, model="own", costs=None, price_status=UNPRICED)
        for call in spread(V7, 100, NOW - timedelta(hours=1)) + spread(V7, 300, NOW)
    ]
    priced_before = spread(V7, 300, NOW - timedelta(hours=1))
    spike = told(migrated_database, [*priced_before, *calls], NOW)
    assert (spike.name, spike.subject) == ("unknown_model", "openai/own")
    assert spike.sentence == (
        "100% of the calls have no price (25% before), all of them openai/own: their cost is in no total "
        "(about $1.83 at the usual cost of a call). Requests fell 25% (400 → 300)."
    )


OWN = replace(V7, model="own", costs=None, price_status=UNPRICED)


@pytest.mark.parametrize(
    ("before", "now", "sentence"),
    [
        (0, 60, "100% of the calls have no price (no calls before), all of them openai/own: their cost is in"
                " no total."),
        (2, 3, "100% of the calls have no price (100% before), all of them openai/own: their cost is in"
               " no total. Calls rose 50% (2 → 3)."),
        (200, 200, "100% of the calls have no price (100% before), all of them openai/own: their cost is in"
                   " no total. Calls barely changed (200 → 200)."),
    ],
    ids=["a new one", "few calls", "one of long ago"],
)  # fmt: skip
def test_a_model_without_a_price_is_its_own_cause(
    migrated_database: str, before: int, now: int, sentence: str
) -> None:
    """Its alert asks for the model alone: nothing in its window has a cost."""
    earlier = NOW - timedelta(hours=1)
    calls = spread(V7, 300, earlier) + spread(OWN, before, earlier) + spread(V7, 300, NOW)
    fill(migrated_database, calls + spread(OWN, now, NOW))
    question = Question(NOW, NOW + timedelta(hours=1), focus=Focus(model="own"))
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("ANALYZE")
        answer = compare(connection, question)
        lines = connection.execute(
            "SELECT s.sentence FROM genai.story(%s, %s, 'previous', 'prod', 'real', NULL, NULL, NULL, NULL,"
            " 'own', NULL) s ORDER BY s.place",
            (question.start, question.end),
        ).fetchall()
    assert answer.spike is not None
    assert (answer.spike.name, answer.spike.subject) == ("unknown_model", "openai/own")
    assert answer.spike.sentence == sentence
    assert " ".join(line for (line,) in lines) == sentence


def test_calls_without_a_price_of_several_models(migrated_database: str) -> None:
    calls = spread(V7, 300, NOW - timedelta(hours=1)) + spread(OWN, 60, NOW)
    spike = told(migrated_database, calls + spread(replace(OWN, model="other"), 40, NOW), NOW)
    assert spike.sentence.startswith("100% of the calls have no price (0% before), most of them openai/own: ")
