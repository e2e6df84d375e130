"""How soon calls are visible: by minute, hour and day, as a command and as a gate."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from operations.diagnosis.database import lag
from operations.freshness.model import Answer, Freshness, bound, freshness, missed
from operations.query import call_json
from storage.upkeep.retention import Periods, keep

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = TODAY - timedelta(days=1)
OLD = TODAY - timedelta(days=40)


@pytest.fixture
def ledger(migrated_database: str) -> str:
    """Yesterday 90 calls within 16 ms and 10 within 1024 ms; forty days ago one that took 23 s."""
    rows = [(YESTERDAY, 8, 60), (YESTERDAY + timedelta(minutes=61), 8, 30), (YESTERDAY, 20, 10), (OLD, 29, 1)]
    with psycopg.connect(migrated_database) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO _genai.freshness_minute VALUES (%s, %s, %s)", rows)
    return migrated_database


def ask(dsn: str, start: datetime, step: str) -> Answer:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return freshness(connection, start, TODAY, step)  # type: ignore[arg-type]


def test_each_step_has_its_bounds_and_the_whole_range_its_own(ledger: str) -> None:
    steps, whole = ask(ledger, YESTERDAY, "hour")
    first, second = YESTERDAY, YESTERDAY + timedelta(hours=1)
    assert steps == [Freshness(first, 70, 0.016, 1.024, 1.024), Freshness(second, 30, 0.016, 0.016, 0.016)]
    assert whole == Freshness(None, 100, 0.016, 1.024, 1.024)
    assert [step.calls for step in ask(ledger, YESTERDAY, "minute").steps] == [70, 30]


def test_days_are_the_same_after_their_minutes_are_gone(ledger: str) -> None:
    before = ask(ledger, OLD, "day")
    assert [(step.time, step.calls) for step in before.steps] == [(OLD, 1), (YESTERDAY, 100)]
    keep(ledger, Periods(traces=35))
    with psycopg.connect(ledger) as connection:
        kept = connection.execute("SELECT min(minute) FROM _genai.freshness_minute").fetchone()
    assert kept == (YESTERDAY,)
    assert ask(ledger, OLD, "day") == before
    keep(ledger, Periods(traces=35))
    assert ask(ledger, OLD, "day") == before


def test_the_gate_fails_a_window_that_is_too_slow_or_empty(ledger: str) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(
            build(), ["freshness", "--database-url", ledger, "--to", str(TODAY.date()), *arguments]
        )
        return done.exit_code, done.output

    assert run("--last", "24h", "--gate", "--objective", "2s")[0] == 0
    code, shown = run("--last", "24h", "--gate", "--objective", "1s")
    assert code == 1
    assert "Missed: 95 of 100 calls were visible within 1.024 s, not within 1 s." in shown
    assert run("--last", "1h", "--gate")[0] == 1
    assert run("--last", "1h")[0] == 0
    slow = json.loads(run("--from", str(OLD.date()), "--by", "day", "--json")[1])["steps"]
    assert [step["p50Seconds"] for step in slow] == [23.170475005920792, 0.016]
    code, shown = run("--last", "24h", "--json")
    assert (code, json.loads(shown)["whole"]["p95Seconds"]) == (0, 1.024)


def test_a_call_beyond_the_last_bound_is_a_number_that_json_has(migrated_database: str) -> None:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        connection.execute("INSERT INTO _genai.freshness_minute VALUES (date_trunc('minute', now()), 39, 5)")
        found = lag(connection)
    assert (found["p50_ms_below"], found["p95_ms_below"]) == (3.6e6, 3.6e6)
    json.dumps(call_json(found), allow_nan=False)


def test_a_bound_is_worded_for_people() -> None:
    assert [bound(seconds) for seconds in (0.0028, 0.5, 1.448, float("inf"))] == [
        "3 ms", "500 ms", "1.4 s", "over 12 min",
    ]  # fmt: skip
    assert missed(Answer([], None), 300) == "no calls became visible in this window"
