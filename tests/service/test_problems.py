"""Problems of senders: counted in bounded memory, one log line per cause and minute, kept in the ledger."""

from __future__ import annotations

import json
import logging
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from processor.calls.call import Batch
from receiver.diagnosis.causes import CAUSES
from receiver.reports.reports import read_report
from service import problems
from service.problems import Lines, ProblemKeeper
from service.tally import News, Problem, Tally, remedy
from tests.running import ROOT
from tests.service.test_commands import REPORT, consume
from tests.service.test_ops import AWAY, get, status

ENDPOINTS = {"grpc": "127.0.0.1:4317", "http": "127.0.0.1:4318", "ops": "127.0.0.1:4319"}


def news_of(tally: Tally) -> News:
    """What a worker's tally is for the service: through JSON, as heartbeats are."""
    return News.of(json.loads(json.dumps(tally.drain())))


def noted(*causes: str, service: str = "") -> Tally:
    tally = Tally()
    for cause in causes:
        tally.note(cause, "http", detail="/x", sender="curl/8 on this machine", service=service)
    return tally


def connector(dsn: str) -> Any:
    def connect() -> AbstractContextManager[psycopg.Connection[Any]]:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=2, options="-c timezone=UTC")

    return connect


def stored(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        query = "SELECT cause, requests, service_name FROM genai.sender_problem ORDER BY cause"
        return connection.execute(query).fetchall()


def test_the_same_problem_of_the_same_sender_is_counted_up() -> None:
    tally = noted("no_key", "no_key", "wrong_path")

    assert {(one.cause, one.requests) for one in tally.listed()} == {("no_key", 2), ("wrong_path", 1)}


def test_what_a_worker_drained_adds_up_in_the_service_and_is_forgotten_by_the_worker() -> None:
    worker, service = noted("no_key", "no_key"), noted("no_key")

    service.add(news_of(worker))

    assert [problem.requests for problem in service.listed()] == [3]
    assert worker.listed() == []


def test_many_senders_of_one_cause_take_bounded_memory_and_lose_no_count() -> None:
    tally = Tally()
    for number in range(1000):
        tally.note("wrong_path", "http", detail=f"/{number}", sender=f"scanner {number}")
    tally.note("no_key", "grpc")

    listed = tally.listed()
    assert len(listed) < 30
    assert sum(problem.requests for problem in listed) == 1001
    assert {problem.sender for problem in listed} >= {"other senders", "scanner 0", ""}


def test_problems_of_yesterday_are_forgotten() -> None:
    tally = Tally()
    day_ago = time.time() - 25 * 3600
    tally.add(News([Problem("no_key", "http", "", "", "", 1, day_ago, day_ago)], [], False))

    assert tally.listed() == []


def test_spans_without_calls_are_no_problem_of_a_service_whose_calls_are_counted() -> None:
    tally = noted("no_genai", "no_key", service="shop")
    tally.counted(["shop"])

    assert [problem.cause for problem in tally.listed()] == ["no_key"]
    assert [problem.cause for problem in news_of(tally).problems] == ["no_key"]


def test_an_address_of_every_interface_is_no_address_to_send_to() -> None:
    everywhere = {"grpc": "0.0.0.0:4317", "http": "[::]:4318"}

    assert remedy("grpc_on_http_port", everywhere).startswith("Send gRPC to HOST:4317,")
    assert remedy("wrong_method", everywhere) == "Send POST to http://HOST:4318/v1/traces"


def test_one_line_per_cause_and_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(problems.time, "monotonic", lambda: clock[0])
    caplog.set_level(logging.INFO, "spanledger.senders")
    lines = Lines(ENDPOINTS)
    for second in range(59):
        clock[0] = 1000.0 + second
        lines.add(noted("no_key", "no_key", "wrong_path").drain())

    assert [record.message.split(":")[0] for record in caplog.records] == [
        CAUSES["no_key"].title, CAUSES["wrong_path"].title,
    ]  # fmt: skip
    clock[0] = 1060.5
    lines.add(Tally().drain())
    later = [record.message for record in caplog.records[2:]]
    assert [line.split(" (")[0] for line in later] == [
        "Requests without an API key: 116", "Requests to an unknown path: 58",
    ]  # fmt: skip
    assert 'OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20sl_…"' in later[0]
    assert "http, /x, curl/8 on this machine" in later[0]


def test_what_is_not_refused_is_logged_once_an_hour_while_calls_are_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(problems.time, "monotonic", lambda: clock[0])
    caplog.set_level(logging.INFO, "spanledger.senders")
    lines = Lines(ENDPOINTS)
    for minute in range(61):
        clock[0] = 1000.0 + 60 * minute
        tally = noted("metrics")
        tally.counted(["shop"])
        lines.add(tally.drain())

    lines_of_metrics = [record for record in caplog.records if "OTLP metrics" in record.message]
    assert len(lines_of_metrics) == 2
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_each_new_sender_has_a_line_and_a_flood_of_names_fills_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "spanledger.senders")
    lines, tally = Lines(ENDPOINTS), Tally()
    for services in (
        ["shop", ""],
        ["shop"],
        ["bot"],
        [f"s{number}" for number in range(990)],
        ["one", "more"],
    ):
        tally.counted(services)
        lines.add(tally.drain())
    tally.counted([f"flood {number}" for number in range(500)])
    lines.add(tally.drain())
    tally.counted(["late"])
    lines.add(tally.drain())

    said = [record.message.removeprefix("first calls since the start from ") for record in caplog.records]
    assert said[:2] == ["shop, a service without a name", "bot"]
    assert said[2].startswith("s0, s1, ")
    assert said[2].endswith("s9 and 980 more")
    assert len(said) == 5


def test_each_reason_of_rejected_spans_has_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally()
    for reason in ("too_late", "bad_ids"):
        tally.note("rejected_spans", "grpc", detail=reason)
    Lines(ENDPOINTS).add(tally.drain())
    assert len(caplog.records) == 2


def test_problems_are_kept_in_the_ledger_and_counted_on(migrated_database: str) -> None:
    keeper = ProblemKeeper(Tally(), connector(migrated_database), ENDPOINTS)
    for _ in range(2):
        keeper.noted.note("no_key", "grpc", sender="curl/8 on this machine")
        keeper.keep()

    assert stored(migrated_database) == [("no_key", 2, "")]


def test_while_the_database_is_away_problems_wait_in_memory(migrated_database: str) -> None:
    keeper = ProblemKeeper(noted("no_key"), connector(AWAY), ENDPOINTS)
    keeper.keep()
    assert [problem.cause for problem in keeper.totals.listed()] == ["no_key"]

    keeper._connect = connector(migrated_database)
    keeper.keep()

    assert stored(migrated_database) == [("no_key", 1, "")]


def test_a_service_whose_first_call_came_later_is_taken_off_the_list(migrated_database: str) -> None:
    keeper = ProblemKeeper(noted("no_genai", service="shop"), connector(migrated_database), ENDPOINTS)
    keeper.keep()
    assert stored(migrated_database) == [("no_genai", 1, "shop")]

    keeper.noted.counted(["shop"])
    keeper.keep()

    assert stored(migrated_database) == []
    assert keeper.totals.listed() == []


async def test_calls_that_are_all_elsewhere_are_said_to_be_outside_of_the_default_selection(
    migrated_database: str,
) -> None:
    minute_ago = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    elsewhere = REPORT | {"dataMode": "test", "environment": "staging", "time": minute_ago}
    await consume(migrated_database, Batch([read_report(elsewhere, time.time_ns(), "")], spans=1))
    keeper = ProblemKeeper(Tally(), connector(migrated_database), ENDPOINTS)
    keeper._looked -= timedelta(minutes=2)
    keeper.keep()

    [problem] = keeper.totals.listed()
    assert (problem.cause, problem.detail) == ("other_selection", "environment staging, data mode test")

    usual = read_report(REPORT | {"attempt": 2, "time": minute_ago}, time.time_ns(), "")
    await consume(migrated_database, Batch([usual], spans=1))
    keeper._looked -= timedelta(minutes=2)
    keeper.keep()
    assert keeper.totals.listed()[0].requests == 1, "prod and real calls are there now"


async def test_the_page_of_the_service_and_the_diagnostics_show_problems_with_the_remedy(
    migrated_database: str,
) -> None:
    hostile = "<script>alert(1)</script>"
    tally = Tally()
    tally.note("no_key", "grpc", sender=f"{hostile} on this machine")
    of = status(migrated_database)._replace(problems=tally.listed)

    page = await get(of, "/service", {"accept": "text/html"})
    told = (await get(of, "/diagnostics")).json()["senderProblems"]

    assert "Requests without an API key" in page.text
    assert "authorization=Bearer%20sl_…" in page.text
    assert hostile not in page.text
    assert [(one["cause"], one["requests"], one["isRefused"]) for one in told] == [("no_key", 1, True)]
    assert told[0]["remedy"].startswith("Create a key with `spanledger keys create NAME`")


def test_every_cause_is_in_the_documentation() -> None:
    document = (ROOT / "docs/instrumenting.md").read_text()

    assert [name for name, cause in CAUSES.items() if f"| {cause.title} (`{name}`) |" not in document] == []


async def test_the_first_page_says_why_nothing_arrives_by_cause_at_its_busiest_sender(
    migrated_database: str,
) -> None:
    keeper = ProblemKeeper(Tally(), connector(migrated_database), ENDPOINTS)
    for sender, times in (("quiet", 1), ("busy", 3), ("alike", 1)):
        for _ in range(times):
            keeper.noted.note("wrong_path", "http", detail=f"/{sender}", sender=f"<{sender}>/1")
    keeper.keep()

    page = (await get(status(migrated_database), "/", {"accept": "text/html"})).text

    assert '<b class="bad">Requests to an unknown path</b> (5): <bdi>/busy</bdi>' in page
    assert "&lt;busy&gt;/1" in page
    assert "and 2 more" in page
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 without a path" in page


async def test_the_first_page_names_what_was_refused_beside_the_calls(migrated_database: str) -> None:
    await consume(migrated_database, Batch([read_report(REPORT, time.time_ns(), "")], spans=1))
    ProblemKeeper(noted("no_key", "metrics"), connector(migrated_database), ENDPOINTS).keep()

    page = (await get(status(migrated_database), "/", {"accept": "text/html"})).text

    assert "Not counted in this window: Requests without an API key (1)." in page
    assert "OTLP metrics, which are not counted" not in page, "as it may be intended"
    assert "Why nothing arrives" not in page
