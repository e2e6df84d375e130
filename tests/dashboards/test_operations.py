"""Freshness and Tracking quality show what the ledger and the commands say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboards.pages import quality as page
from operations.quality.advice import ADVICE
from operations.quality.model import Selection, in_tenths, quality
from tests.dashboards.files import DEFAULTS
from tests.dashboards.shop import ANCHOR, BREACH
from tests.dashboards.test_values import Reader, click, rows

pytestmark = pytest.mark.both_servers

DAY = (ANCHOR - timedelta(hours=24), ANCHOR)
AROUND = (BREACH - timedelta(minutes=2), BREACH + timedelta(minutes=8))


def test_the_course_of_freshness_has_its_lines_and_the_breach_while_it_lasted(reader: Reader) -> None:
    course = rows(reader, "freshness", "How soon were calls visible?", window=AROUND)
    shown = {row["time"]: row for row in course}
    calm, slow = shown[BREACH - timedelta(minutes=1)], shown[BREACH + timedelta(minutes=1)]
    assert (calm["p50"], calm["p95"], calm["breach"]) == (0.032, 0.032, None)
    assert (calm["target"], calm["objective"]) == (1, 300)
    assert (slow["p50"], slow["p95"], slow["breach"]) == (0.032, 3600, 1800)


def test_the_breach_is_listed_with_its_cause_and_its_note(reader: Reader) -> None:
    (shown,) = rows(reader, "freshness", "When was the contract broken?", window=DAY)
    assert (shown["opened"], shown["state"], shown["lasted"]) == (BREACH, "closed", 300)
    assert (shown["cause"], shown["note"]) == ("queue waits", "a forgotten lock (ada)")


def test_the_probe_is_shown_over_time_and_by_the_stage_that_failed(reader: Reader) -> None:
    course = rows(reader, "freshness", "How long did the probe take?", window=AROUND)
    assert {row["visible"] for row in course} == {0.06, None}
    through, failed = rows(reader, "freshness", "What came of its requests?", window=DAY)
    assert (through["stage"], through["requests"]) == ("came through", 24 * 60 - 5)
    assert (failed["stage"], failed["requests"]) == ("summaries", 5)
    assert "within 30 s" in failed["detail"]


def test_a_late_sender_and_a_wrong_clock_are_shown_by_service(reader: Reader) -> None:
    late, quick = rows(reader, "freshness", "Which sender is late, or has a wrong clock?", window=DAY)
    assert (late["service"], late["worst"], late["ahead"]) == ("shop-api", 240, 7)
    assert (quick["service"], quick["worst"], quick["ahead"]) == ("support-bot", 2.5, 0)
    course = rows(reader, "freshness", "How late do senders deliver?", window=AROUND)
    assert {(row["segment"], row["seconds"]) for row in course} == {("shop-api", 240), ("support-bot", 2.5)}


def test_a_day_shows_what_it_took_of_the_error_budget(reader: Reader) -> None:
    shown = rows(reader, "freshness", "How was each day?", window=DAY)
    assert shown[0]["late"] == 250
    assert shown[0]["used"] == pytest.approx(250 / (0.05 * shown[0]["calls"]))


def test_the_score_is_that_of_the_command(reader: Reader) -> None:
    found = quality(reader, Selection(*DAY))
    assert found.score is not None
    (shown,) = rows(reader, "quality", "How good is the tracking?", window=DAY)
    assert shown["score"] == float(in_tenths(found.score))
    listed = rows(reader, "quality", "What do calls lack?", window=DAY)
    assert [(row["item"], row["calls"], row["failed"]) for row in listed] == [
        (item.name, item.calls, item.failed) for item in found.items
    ]
    assert shown["failing"] == sum(item.failed > 0 for item in found.items)


def test_an_offender_leads_to_calls_like_it(reader: Reader) -> None:
    offenders = rows(reader, "quality", "Where?", window=DAY)
    assert offenders
    for row in offenders[:3]:
        dashboard, values, _ = click("quality", "Where?", "item", row, DEFAULTS)
        assert dashboard == "requests"
        assert values["endpoint"] == row["endpoint"]
        assert rows(reader, "requests", "Which calls?", values, DAY)


def test_items_are_called_as_the_command_calls_them() -> None:
    assert {name: advice.title for name, advice in ADVICE.items()} == page.TITLES
    assert page.REMEDIES.keys() == page.TITLES.keys()
