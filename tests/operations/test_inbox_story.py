"""What explains an alert stays as it was that night; today's figures stand beside it with their reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from operations.compare.cause import cause_of, name_of, unlisted_cause
from operations.compare.model import Comparison, Focus, Question, compare
from operations.inbox.frozen import from_document, to_document
from operations.inbox.page import alert_page
from operations.inbox.receive import receive, rows
from operations.inbox.story import explain_due, question_of, stored, tell, today, told_of, worth_telling
from operations.web.parameters import Links
from tests.operations.alert_documents import alert, alertmanager, button_alert, grafana, milliseconds
from tests.operations.ledger import book, fill
from tests.operations.test_classify import BEFORE, CALL, NOW, V2, tokens, traffic

HOUR = timedelta(hours=1)
CHECKOUT = Focus(endpoint=CALL.endpoint)


@pytest.fixture
def connection(migrated_database: str) -> Any:
    fill(migrated_database, [*traffic(BEFORE, 200), *traffic(NOW, 220, tokens(1.6, like=V2))])
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as found:
        yield found


def drifted(**labels: str) -> dict[str, Any]:
    """The alert of the planted incident."""
    told = alert(starts_at=NOW + HOUR + timedelta(minutes=3), **{"endpoint": CALL.endpoint} | labels)
    told["values"] |= {"WFROM": milliseconds(NOW), "WTO": milliseconds(NOW + HOUR), "BASE": 0}
    return told


def arrive(connection: psycopg.Connection[Any], *alerts: dict[str, Any]) -> list[int]:
    return [each.episode_id for each in receive(connection, grafana(*alerts)).deliveries]


def test_an_alert_is_explained_by_its_own_window_selection_and_focus(
    connection: psycopg.Connection[Any],
) -> None:
    (number,) = arrive(connection, drifted())

    assert explain_due(connection) == "explained 1 alert"
    assert explain_due(connection) is None

    story = stored(connection, number)
    assert story is not None
    question = Question(NOW, NOW + HOUR, focus=CHECKOUT)
    assert story.answer == compare(connection, question, 10)
    assert story.answer.spike is not None
    assert story.answer.drivers
    assert len(story.calls) == 10
    shown = rows(connection, "story", id=number)[0]["document"]
    assert shown["total"]["cost_usd"] == f"{story.answer.total.cost_usd:f}"  # type: ignore[union-attr]


def test_a_driver_that_reads_as_nothing_is_left_out_beside_one_that_does_not(
    connection: psycopg.Connection[Any],
) -> None:
    (driver, *_) = tell(connection, Question(NOW, NOW + HOUR)).answer.drivers
    small, large = (replace(driver, excess_usd=Decimal(usd)) for usd in ("0.0049", "-3"))
    assert worth_telling([large, small]) == [large]
    assert worth_telling([small]) == [small]


def test_the_cause_is_what_the_class_names_unless_a_part_of_it_makes_most_of_the_change(
    connection: psycopg.Connection[Any],
) -> None:
    answer = tell(connection, Question(NOW, NOW + HOUR)).answer
    version = {"endpoint": CALL.endpoint, "prompt_version": "v2"}
    part = {"endpoint": CALL.endpoint, "prompt_version": "v2", "tenant": "acme"}

    def of(share: float) -> Comparison:
        driver = replace(answer.drivers[0], **part, model=None, provider=None, share_of_change=share)
        return answer._replace(drivers=[driver])

    assert cause_of(of(0.1)) == unlisted_cause(of(0.1), Focus()) == version
    assert cause_of(of(0.9)) == part
    assert unlisted_cause(of(0.9), Focus()) == {}
    assert unlisted_cause(of(0.1), Focus(**version)) == {}
    assert name_of(cause_of(of(0.1))) == f"{CALL.endpoint} · v2"


def test_a_story_read_back_is_the_story(connection: psycopg.Connection[Any]) -> None:
    told = tell(connection, Question(NOW, NOW + HOUR))
    document = connection.execute(
        "SELECT %s::jsonb", [psycopg.types.json.Jsonb(to_document(told))]
    ).fetchone()

    assert document is not None
    again = from_document(document[0])
    assert again == told
    assert from_document(document[0] | {"segments": [{}]}).answer.segments[0].cost_usd is None


def test_without_new_facts_today_is_the_night(connection: psycopg.Connection[Any]) -> None:
    question = Question(NOW, NOW + HOUR)
    story = tell(connection, question)

    beside = today(connection, question, story)

    assert beside.answer == story.answer
    assert (beside.differences, beside.changes) == ([], [])


def test_late_calls_are_the_reason_to_the_last_digit(connection: psycopg.Connection[Any]) -> None:
    question = Question(NOW, NOW + HOUR)
    story = tell(connection, question)
    late = [replace(CALL, time=NOW + timedelta(minutes=n)) for n in range(3)]
    early = [replace(CALL, time=BEFORE + timedelta(minutes=5))]
    _book_late(connection, [*late, *early])

    beside = today(connection, question, story)

    cost = Decimal(CALL.cost).scaleb(-12)
    assert [(each.side, each.late_calls, each.late_usd, each.other_usd) for each in beside.differences] == [
        ("this window", 3, 3 * cost, 0),
        ("its baseline", 1, cost, 0),
    ]
    assert stored(connection, 1) is None


def test_what_the_journal_changed_is_named_with_its_run(connection: psycopg.Connection[Any]) -> None:
    question = Question(NOW, NOW + HOUR)
    story = tell(connection, question)
    _reprice(connection, story.as_of + timedelta(seconds=1))

    beside = today(connection, question, story)

    assert [(each.side, each.late_calls) for each in beside.differences] == [("this window", 0)]
    assert beside.differences[0].other_usd == beside.differences[0].delta_usd > 0
    assert [(row["kind"], row["started_by"], row["why"]) for row in beside.changes] == [
        ("reprice", "ada", "new list")
    ]


def test_tests_ends_and_foreign_alerts(connection: psycopg.Connection[Any]) -> None:
    ended = drifted(endpoint="other") | {"status": "resolved", "endsAt": "2026-05-04T13:30:00Z"}
    arrive(connection, button_alert(), ended)
    receive(connection, alertmanager(alertname="DiskFull", rule="", endpoint="", env="", severity="page"))

    assert explain_due(connection) == "explained 1 alert"  # the foreign one, by its own two hours
    assert explain_due(connection) is None


def test_an_alert_is_asked_by_its_labels() -> None:
    episode = {
        "focus": {"tenant": "acme", "endpoint": "checkout"}, "window_from": BEFORE, "window_to": NOW,
        "baseline": "168h", "environment": "dev", "data_mode": "demo",
    }  # fmt: skip

    assert question_of(episode) == Question(
        BEFORE, NOW, "168h", "dev", "demo", "endpoint", Focus(tenant="acme", endpoint="checkout")
    )


def test_a_prompt_version_is_told_as_its_endpoint_for_only_there_a_new_one_has_a_past(
    connection: psycopg.Connection[Any],
) -> None:
    (number,) = arrive(connection, drifted(rule="cost_drift_prompt", prompt_version="v2"))
    explain_due(connection)

    story = stored(connection, number)

    assert story is not None
    assert story.answer.spike is not None
    assert (story.answer.spike.name, story.answer.spike.subject) == ("deploy", "v2")
    assert story.answer.total is not None
    assert story.answer.total.baseline_requests == 200


def test_who_was_hardly_there_before_is_told_in_the_words_of_the_alert(
    connection: psycopg.Connection[Any],
) -> None:
    """The alert's own sentence is of the whole: of the user alone there is too little data."""
    told = drifted(rule="concentration_user", endpoint="", user="user-0")
    told["annotations"]["sentence"] = "User user-0 is 94% of the change."
    (number,) = arrive(connection, told)
    explain_due(connection)

    night = stored(connection, number)
    page = alert_page(connection, number, Links("./"), None)

    assert night is not None
    assert night.answer.spike is not None
    assert night.answer.spike.name == "too_little_data"
    assert page is not None
    assert "User user-0 is 94% of the change." in page
    assert "no cause is named" not in page
    del told["annotations"]["sentence"]
    assert told_of({"annotations": told["annotations"]}, night) == night.answer.spike.sentence


def _book_late(connection: psycopg.Connection[Any], calls: list[Any]) -> None:
    """Calls received a minute from now: after the story, whatever the clock."""
    received = connection.execute("SELECT now() + interval '1 minute'").fetchone()
    query = """INSERT INTO _genai.model_call (time, received_at, call_key, series_id, identity_id, shape_id,
            flags, folded, status, usage_source, price_status, requests, input_tokens, output_tokens,
            cost_pico_usd, first_cost_pico_usd, input_cost_pico_usd, cache_read_cost_pico_usd,
            cache_write_cost_pico_usd, output_cost_pico_usd, other_cost_pico_usd)
        SELECT %s, %s, gen_random_uuid(), s.id, 1, 0, 0, 0, 1, 1, 1, 1, 1000, 100, %s, %s, %s, %s, %s, %s, %s
        FROM _genai.series s WHERE s.endpoint_tag = %s ORDER BY s.id LIMIT 1"""
    assert received is not None
    for call in calls:
        values = [call.time, received[0], call.cost, call.cost, *call.costs, call.endpoint]
        connection.execute(query, values)
    _book_again(connection)


def _reprice(connection: psycopg.Connection[Any], at: Any) -> None:
    """A repricing of the window's calls by one micro-dollar each, with its line in the journal."""
    connection.execute(
        "UPDATE _genai.model_call SET cost_pico_usd = cost_pico_usd + 1000000,"
        " input_cost_pico_usd = input_cost_pico_usd + 1000000 WHERE time >= %s AND time < %s",
        (NOW, NOW + HOUR),
    )
    run = connection.execute(
        "INSERT INTO _genai.ledger_run (kind, started_by, why) VALUES ('reprice', 'ada', 'new list')"
        " RETURNING id"
    ).fetchone()
    assert run is not None
    connection.execute(
        "INSERT INTO _genai.ledger_line (run_id, at, kind, day, environment, data_mode, provider, model,"
        " calls, cost_pico_usd) VALUES (%s, %s, 'reprice', %s, 'prod', 'real', 'openai', 'small', 0,"
        " 220000000)",
        (run[0], at, NOW.date()),
    )
    _book_again(connection)


def _book_again(connection: psycopg.Connection[Any]) -> None:
    connection.execute("TRUNCATE _genai.usage_minute, _genai.usage_hour, _genai.usage_identity_hour")
    book(connection)
