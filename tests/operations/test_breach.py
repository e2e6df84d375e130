"""Breaches of the freshness contract: opened, worsened, explained, closed; the budget that they use up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from operations.freshness import breach
from operations.freshness.breach import Known, judge
from operations.probe.model import Outcome, Stage, record

Connection = psycopg.Connection[Any]
LOCKED = "worker 0: the oldest request waits for 40 s"


@pytest.fixture
def connection(migrated_database: str) -> Iterator[Connection]:
    """A ledger whose receiver is up to date, with an objective of ten seconds and a probe every minute."""
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as opened:
        opened.execute(
            "INSERT INTO _genai.setting (key, value) VALUES ('freshness_objective_seconds', '10'),"
            " ('freshness_window_seconds', '60'), ('probe_every_seconds', '60')"
        )
        opened.execute("INSERT INTO _genai.writer_mark VALUES (gen_random_uuid(), now(), NULL)")
        probed(opened)
        yield opened


def probed(connection: Connection, ago_seconds: float = 1, failure: Stage | None = None) -> None:
    sent = datetime.now(UTC) - timedelta(seconds=ago_seconds)
    detail = "gave no OK" if failure else None
    record(connection, Outcome(sent, "http://x:1", failure=failure, detail=detail), "test")


def held(connection: Connection, seconds: float | None) -> None:
    """A receiver holds a request that long."""
    connection.execute(
        "UPDATE _genai.writer_mark SET seen_at = now(), holds_from = now() - make_interval(secs => %s)",
        (seconds,),
    )


def recorded(connection: Connection) -> list[tuple[Any, ...]]:
    query = "SELECT cause, round(peak_seconds), closed_at IS NULL FROM genai.freshness_breach ORDER BY id"
    return connection.execute(query).fetchall()


def test_while_all_is_well_nothing_is_recorded(connection: Connection) -> None:
    assert judge(connection, []) is None
    assert breach.contract(connection)["is_breach"] is False
    assert recorded(connection) == []


def test_what_waits_in_a_receiver_opens_worsens_and_closes_a_breach_with_its_cause(
    connection: Connection,
) -> None:
    held(connection, 30)
    said = judge(connection, []) or ""
    assert said.endswith("is broken: behind: what was received is counted up to 30 s ago only")
    held(connection, 40)
    queue = Known("queue_waits", LOCKED, datetime.now(UTC))
    assert judge(connection, [queue]) is None
    assert recorded(connection) == [("queue_waits", 40, True)]
    held(connection, 20)
    judge(connection, [])
    assert recorded(connection) == [("queue_waits", 40, True)]
    held(connection, None)
    assert judge(connection, []) == "breach 1 of the freshness contract is over"
    assert recorded(connection) == [("queue_waits", 40, False)]
    (lasted,) = connection.execute("SELECT lasted_seconds FROM genai.freshness_breach").fetchone() or (0,)
    assert lasted > 19, "it was open since the objective was missed"


def test_a_symptom_that_was_seen_first_gives_way_to_its_cause_and_not_back(connection: Connection) -> None:
    held(connection, 30)
    late = Known("counted_late", "what was received is counted up to 30 s ago only", datetime.now(UTC))
    queue = Known("queue_waits", LOCKED, datetime.now(UTC))
    for known, cause in (([late], "counted_late"), ([late, queue], "queue_waits"), ([late], "queue_waits")):
        judge(connection, known)
        assert recorded(connection)[0][0] == cause


@pytest.mark.parametrize("failure", ["receiver", "price", "grafana"])
def test_a_probe_that_fails_is_a_breach_until_one_comes_through(
    connection: Connection, failure: Stage
) -> None:
    probed(connection, 0.5, failure)
    judge(connection, [])
    ((cause, _, is_open),) = recorded(connection)
    assert (cause, is_open) == (f"probe_{failure}", True)
    probed(connection, 0)
    judge(connection, [])
    assert [is_open for *_, is_open in recorded(connection)] == [False]


def test_a_probe_that_is_missing_is_a_breach_and_one_that_is_switched_off_is_none(
    connection: Connection,
) -> None:
    connection.execute("DELETE FROM _genai.probe_run")
    probed(connection, 200)
    judge(connection, [])
    assert recorded(connection) == [("probe_missing", 200, True)]
    connection.execute("UPDATE _genai.setting SET value = '' WHERE key = 'probe_every_seconds'")
    judge(connection, [])
    assert [is_open for *_, is_open in recorded(connection)] == [False]


def test_calls_that_took_too_long_are_a_breach(connection: Connection) -> None:
    connection.execute("INSERT INTO _genai.freshness_minute VALUES (date_trunc('minute', now()), 30, 5)")
    judge(connection, [])
    ((cause, _, is_open),) = recorded(connection)
    assert (cause, is_open) == ("p95", True)


def test_spans_that_are_rejected_never_become_visible_and_more_than_five_of_100_are_a_breach(
    connection: Connection,
) -> None:
    connection.execute("INSERT INTO _genai.freshness_minute VALUES (date_trunc('minute', now()), 5, 200)")
    row = "INSERT INTO _genai.quarantine SELECT now(), NULL, NULL, '', 'bad_id', ''"
    reject = f"{row} FROM generate_series(1, %s)"
    connection.execute(reject, (10,))
    assert judge(connection, []) is None, "ten of 210 are less than five of 100"
    connection.execute(reject, (1,))
    rejected = Known("spans_rejected", "11 in the last minutes: bad_id", datetime.now(UTC))
    assert (judge(connection, [rejected]) or "").endswith("spans_rejected: 11 in the last minutes: bad_id")
    connection.execute("UPDATE _genai.quarantine SET received_at = received_at - interval '1 minute'")
    judge(connection, [])
    assert [(cause, is_open) for cause, _, is_open in recorded(connection)] == [("spans_rejected", False)]


def test_an_outage_in_which_nothing_could_be_recorded_is_recorded_afterwards_once(
    connection: Connection,
) -> None:
    now = datetime.now(UTC)
    long = Known("database_away", "refused", now - timedelta(seconds=90), now - timedelta(seconds=30))
    short = Known("database_away", "refused", now - timedelta(seconds=9), now - timedelta(seconds=2))
    for _ in range(2):
        judge(connection, [long, short])
    assert recorded(connection) == [("database_away", 60, False)]


def test_the_budget_is_used_up_by_late_calls(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO _genai.freshness_minute VALUES (date_trunc('minute', now()), 8, 980),"
        " (date_trunc('minute', now()), 30, 20)"
    )
    found = breach.budget(connection)
    assert (found["calls"], found["late"], found["objective_seconds"]) == (1000, 20, 10)
    assert (found["used"], found["burn_1h"]) == (pytest.approx(0.4), pytest.approx(0.4))


def test_breaches_are_listed_and_noted_from_the_command_line(
    connection: Connection, migrated_database: str
) -> None:
    held(connection, 30)
    judge(connection, [])

    def run(*arguments: str) -> tuple[int, str]:
        given = ["freshness", "breach", *arguments, "--database-url", migrated_database]
        done = CliRunner().invoke(build(), given, env={"COLUMNS": "160"})
        return done.exit_code, done.output

    assert run("note", "1", "a forgotten lock", "--by", "alice") == (0, "Breach 1: noted.\n")
    assert run("note", "2", "what?")[0] == 2
    (shown,) = json.loads(run("list", "--json")[1])
    assert (shown["cause"], shown["note"], shown["notedBy"]) == ("behind", "a forgotten lock", "alice")
    assert "a forgotten lock" in run("list")[1]
