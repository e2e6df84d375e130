"""Faults, injected into a running service: each is in `/diagnostics` with its cause.

Within ten seconds: `test_ten_seconds` adds that up.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import psycopg
import pytest

from service.postgres.server import EmbeddedPostgres
from tests.patience import until
from tests.receiver.spans import CHAT, Made
from tests.running import RunningService
from tests.service.test_late_binding import send
from tests.service.test_serve import REPORT, get, post

Found = dict[str, Any]


@pytest.fixture(scope="module")
def service(server: EmbeddedPostgres) -> Iterator[RunningService]:
    with RunningService(server.dsn, workers=2) as running:
        yield running


def diagnostics(service: RunningService) -> Found:
    found: Found = json.loads(get(service.ops, "/diagnostics")[1])
    return found


def troubles(service: RunningService) -> dict[str, Found]:
    return {trouble["cause"]: trouble for trouble in diagnostics(service)["troubles"]}


def seen(service: RunningService, cause: str) -> Found:
    """The trouble once it is there. The watch looks every five seconds, and whenever it is asked."""
    found: dict[str, Found] = {}
    until(lambda: found.update(troubles(service)) or cause in found, cause)
    return found[cause]


def over(service: RunningService, cause: str) -> Found:
    """The trouble once it is over."""
    until(lambda: cause not in troubles(service), f"the end of {cause}")
    past: list[Found] = diagnostics(service)["pastTroubles"]
    return next(trouble for trouble in past if trouble["cause"] == cause)


@contextmanager
def changed(dsn: str, statement: str, back: str) -> Iterator[None]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())
        try:
            yield
        finally:
            connection.execute(back.encode())


pytestmark = pytest.mark.postgres


def test_a_sound_service_says_so_with_its_processes_its_lag_and_its_sizes(service: RunningService) -> None:
    assert post(service.http, REPORT)[0] == 200
    until(lambda: diagnostics(service)["lastCommit"])
    until(lambda: diagnostics(service)["database"]["tasks"])
    found = diagnostics(service)
    assert found["troubles"] == []
    assert [worker["restarts"] for worker in found["workers"]] == [0, 0]
    assert all(worker["silentSeconds"] < 5 for worker in found["workers"])
    database = found["database"]
    assert abs(database["clockAheadSeconds"]) < 1
    assert database["size"]["bytes"] > 1_000_000
    assert database["size"]["diskFreeBytes"] is None, "its disk is not ours to look at"
    assert [table["name"] for table in database["tables"] if table["bytes"] > 100_000]
    assert {job["job"] for job in database["jobs"]} >= {"housekeeping", "binding"}
    assert get(service.ops, "/readyz")[0] == 200


def test_the_page_shows_the_same(service: RunningService) -> None:
    status, page = get(service.ops, "/diagnostics", {"accept": "text/html"})
    assert status == 200
    assert all(part in page for part in ("What is wrong", "Workers", "Maintenance", "PostgreSQL"))


def test_a_view_that_cannot_be_read_is_never_ready(service: RunningService, server: EmbeddedPostgres) -> None:
    away, back = "usage_hour RENAME TO hidden", "hidden RENAME TO usage_hour"
    with changed(server.dsn, f"ALTER VIEW genai.{away}", f"ALTER VIEW genai.{back}"):
        found = seen(service, "summaries_unreadable")
        assert get(service.ops, "/readyz") == (503, "summaries cannot be read\n")
        assert post(service.http, {**REPORT, "externalRequestId": "meanwhile"})[0] == 200
    assert (found["severity"], "usage_hour" in found["detail"]) == ("critical", True)
    assert over(service, "summaries_unreadable")["until"] >= found["since"]
    assert get(service.ops, "/readyz") == (200, "ready\n")


def test_a_database_that_takes_no_commits_is_not_ready(
    service: RunningService, server: EmbeddedPostgres
) -> None:
    read_only, dsn = "default_transaction_read_only", server.dsn
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'spanledger pages'"
    back = f"SET {read_only} = off; ALTER DATABASE spanledger RESET {read_only}"
    with changed(dsn, f"ALTER DATABASE spanledger SET {read_only} = on", back):
        with psycopg.connect(dsn) as connection:
            connection.execute(cut.encode())
        found = seen(service, "database_cannot_commit")
        assert get(service.ops, "/readyz") == (503, "the database cannot commit\n")
    assert "read-only" in found["detail"]
    with psycopg.connect(dsn) as connection:
        connection.execute(cut.encode())
    over(service, "database_cannot_commit")


@pytest.mark.slow
def test_a_database_that_is_away_is_named_and_nothing_is_lost(
    service: RunningService, server: EmbeddedPostgres
) -> None:
    with psycopg.connect(server.dsn) as connection:
        (postmaster,) = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        ).fetchone() or (0,)
    server = psutil.Process(postmaster).parent()
    assert server is not None
    frozen = [server, *server.children(recursive=True)]
    for process in frozen:
        with suppress(psutil.NoSuchProcess):  # a connection that ended just now
            process.suspend()
    try:
        found = seen(service, "database_away")
        assert get(service.ops, "/healthz") == (200, "alive\n")
        assert get(service.ops, "/readyz") == (503, "the database does not answer\n")
    finally:
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.resume()
    assert "spanledger check" in found["remedy"]
    over(service, "database_away")
    assert post(service.http, {**REPORT, "externalRequestId": "after"})[0] == 200


def test_a_worker_that_keeps_ending_is_shown_as_a_crash_loop(service: RunningService) -> None:
    for number in range(1, 4):
        until(lambda: len(diagnostics(service)["workers"]) == 2)
        os.kill(int(diagnostics(service)["workers"][0]["pid"]), signal.SIGKILL)
        until(lambda n=number: restarts(service) == n)  # type: ignore[misc]
    found = seen(service, "worker_crash_loop")
    assert found["detail"] == "worker 0 ended 3 times in five minutes, last with signal SIGKILL"
    assert 'spanledger_troubles{cause="worker_crash_loop"} 1.0' in get(service.ops, "/metrics")[1]


def restarts(service: RunningService) -> int:
    found = diagnostics(service)
    return sum(worker["restarts"] for worker in found["workers"] + found["deadWorkers"])


def test_a_frozen_worker_is_named(service: RunningService) -> None:
    until(lambda: len(diagnostics(service)["workers"]) == 2)
    worker = psutil.Process(diagnostics(service)["workers"][1]["pid"])
    worker.suspend()
    try:
        assert seen(service, "worker_silent")["detail"].startswith("worker 1 has been silent for 1")
    finally:
        worker.resume()
    over(service, "worker_silent")


def test_requests_that_wait_behind_a_lock_are_counted_with_their_age(
    service: RunningService, server: EmbeddedPostgres
) -> None:
    with psycopg.connect(server.dsn) as blocker:
        blocker.execute("LOCK TABLE _genai.call_key IN ACCESS EXCLUSIVE MODE")
        sender = threading.Thread(
            target=post, args=(service.http, {**REPORT, "externalRequestId": "behind a lock"})
        )
        sender.start()
        found = seen(service, "queue_waits")
        until(lambda: diagnostics(service)["contract"])
        blocker.rollback()
        sender.join()
    assert "the oldest request waits" in found["detail"]
    over(service, "queue_waits")


def test_a_sender_whose_clock_is_ahead_is_named(service: RunningService) -> None:
    answer = {**CHAT, "gen_ai.response.id": "chatcmpl-Ahead0000001"}
    send(service, Made(answer, start=60_000, end=61_000, resource={"service.name": "early-bird"}))
    assert seen(service, "sender_clock")["detail"].startswith("early-bird: ")


def test_what_goes_wrong_is_in_the_log_once_with_its_remedy(service: RunningService) -> None:
    assert service.log.count("A worker keeps ending: worker 0 ended 3 times") == 1
    assert "To fix: " in service.log
