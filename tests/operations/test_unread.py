"""Usage that no rule reads makes every total of its service and window say "at least", and no other one."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from operations.compare.model import Focus, Question, compare
from operations.compare.page import compare_page
from operations.exactness import at_least, reasons
from operations.query import rows
from operations.spend.page import home_page
from operations.web.parameters import Links
from operations.web.render import Service
from processor.calls.call import Batch, UncountedSpan, Unread
from storage.ingest.writer import Writer
from tests.operations.ledger import Call, fill

NOW = datetime.fromisoformat("2026-09-21T13:00:00+00:00")
HOUR = timedelta(hours=1)
KEYS = ("acme.tokens.completion", "acme.tokens.prompt")
QUESTION = Question(NOW, NOW + HOUR)
PANEL = "SELECT u.exactness, u.unread_spans FROM genai.uncounted(%s, %s, %s, %s, p_service => %s) u"
MONTH = "SELECT m.unread_spans FROM genai.month_state(%s, 'prod', 'real') m"


@pytest.fixture
def ledger(migrated_database: str) -> str:
    """Priced calls of two services, and two spans of one of them that nobody can read."""
    fill(migrated_database, [Call(NOW + HOUR / 2, service=name) for name in ("shop", "desk")])
    writer = Writer(migrated_database)
    start_ns = int((NOW + HOUR / 4).timestamp()) * 10**9
    sightings = [
        UncountedSpan(
            bytes([n]) * 16, bytes([n]) * 8, b"", "work", "unread",
            unread=Unread(bytes([n]) * 24, start_ns, "acme.llm", "3.1", KEYS, "shop"),
        )
        for n in (1, 2)
    ]  # fmt: skip
    writer.write([(Batch(sightings=sightings, received_ns=start_ns), [])])
    writer.close()
    return migrated_database


def connected(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC")


def run(dsn: str, *arguments: str) -> str:
    result = CliRunner().invoke(build(), [*arguments, "--database-url", dsn], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


WINDOW = ("--from", "2026-09-21T13:00", "--to", "2026-09-21T14:00")


def test_the_rule_is_one() -> None:
    assert [at_least(*counts) for counts in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))] == [
        False, True, True, True,
    ]  # fmt: skip
    assert reasons({"unpriced_calls": 1, "unread_spans": 2000}) == [
        "1 call without a price (`spanledger unpriced`)",
        "2,000 spans with usage that no rule reads (`spanledger unread`)",
    ]
    assert reasons({"unpriced_calls": 0}) == []


def test_a_comparison_is_at_least_for_the_service_and_window_alone(ledger: str) -> None:
    with connected(ledger) as connection:
        total = compare(connection, QUESTION).total
        assert total is not None
        assert (total.at_least, total.unread_spans, total.baseline_at_least) == (True, 2, False)
        after = compare(connection, QUESTION._replace(start=NOW + HOUR, end=NOW + 2 * HOUR)).total
        assert after is not None
        assert (after.at_least, after.baseline_at_least, after.baseline_unread_spans) == (False, True, 2)
        by_service = compare(connection, QUESTION._replace(dimension="service"))
        assert {row.segment: row.at_least for row in by_service.segments} == {"shop": True, "desk": False}
        desk = compare(connection, QUESTION._replace(focus=Focus(service="desk"))).total
        assert desk is not None
        assert not desk.at_least
        by_endpoint = compare(connection, QUESTION)
        assert [row.at_least for row in by_endpoint.segments] == [False]


@pytest.mark.parametrize(
    ("env", "mode", "service", "said"),
    [
        ("prod", "real", None, ("at least", 2)),
        ("prod,dev", "*", "shop", ("at least", 2)),
        ("prod", "real", "desk", ("exact", 0)),
        ("dev", "real", None, ("no calls", 0)),
    ],
)
def test_panels_say_at_least(
    ledger: str, env: str, mode: str, service: str | None, said: tuple[str, int]
) -> None:
    with connected(ledger) as connection:
        assert connection.execute(PANEL, (NOW, NOW + HOUR, env, mode, service)).fetchone() == said
        assert connection.execute(MONTH, (NOW + HOUR,)).fetchone() == (2,)
        assert connection.execute(MONTH, (NOW,)).fetchone() == (0,)


def test_a_window_without_a_call_is_no_zero(ledger: str) -> None:
    empty = ("--from", "2026-09-21T13:10", "--to", "2026-09-21T13:20", "--baseline", "5m")
    assert "2 spans with usage that no rule reads" in run(ledger, "compare", *empty)
    assert "2 spans with usage that no rule reads" in run(ledger, "top", "endpoint", *empty[:4])
    with connected(ledger) as connection:
        asked = Question(NOW + HOUR / 6, NOW + HOUR / 3, "5m")
        assert "The spend is unknown" in compare_page(connection, asked, Links("./"))
        assert "The spend is unknown" in home(connection, asked)


def home(connection: psycopg.Connection[Any], question: Question) -> str:
    return home_page(
        connection, question, Links("./"), Service("0", None, {"grpc": "a:1", "http": "a:2"}), NOW, True
    )


def test_pages_name_the_emitter_and_mark_the_spend(ledger: str) -> None:
    with connected(ledger) as connection:
        page = home(connection, QUESTION)
        assert "acme.llm 3.1" in page
        assert "spanledger unread" in page
        story = compare_page(connection, QUESTION, Links("./"))
    assert "≥ $0.00" in story
    assert "usage that no rule reads" in story


def test_top_marks_the_total_and_no_row(ledger: str) -> None:
    found = json.loads(run(ledger, "top", "endpoint", *WINDOW, "--json"))
    assert (found["total"]["atLeast"], found["total"]["unreadSpans"]) == (True, 2)
    assert [row["atLeast"] for row in found["rows"]] == [False]
    shown = run(ledger, "top", "endpoint", *WINDOW)
    assert "≥ means at least: 2 spans with usage that no rule reads (`spanledger unread`)." in shown


def test_the_day_of_the_running_service_tells_it_also_where_nothing_was_counted(ledger: str) -> None:
    writer = Writer(ledger)
    start_ns = int(NOW.timestamp()) * 10**9
    unread = Unread(b"alone", start_ns, "acme.llm", "3.1", KEYS, "shop", "staging", "test")
    sightings = [UncountedSpan(b"", b"", b"", "", "", unread=unread)]
    writer.write([(Batch(sightings=sightings, received_ns=start_ns), [])])
    writer.close()
    with connected(ledger) as connection:
        found = rows(connection, "day", **{"from": NOW})
    told = {row["environment"]: (row["calls"], row["unread_spans"], row["at_least"]) for row in found}
    assert told == {"prod": (2, 2, True), "staging": (0, 1, True)}


def test_unread_lists_emitters_with_a_mapping_to_paste(ledger: str) -> None:
    (row,) = json.loads(run(ledger, "unread", "--json"))
    assert (row["scope"], row["version"], row["serviceName"], row["spans"]) == ("acme.llm", "3.1", "shop", 2)
    assert row["keys"] == list(KEYS)
    assert row["mapping"]["fields"] == {
        "input_tokens": "acme.tokens.prompt",
        "output_tokens": "acme.tokens.completion",
    }
    shown = run(ledger, "unread")
    assert "Usage that no rule reads" in shown
    assert 'scope: "acme.llm"' in shown
    assert run(ledger, "unread", "--yaml").startswith("receiver:\n  dialects:\n    - name: acme_llm\n")


def test_a_ledger_that_read_everything_says_so(migrated_database: str) -> None:
    assert run(migrated_database, "unread") == "Every count that came in was read.\n"
    assert json.loads(run(migrated_database, "unread", "--json")) == []
