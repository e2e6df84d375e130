"""Faults, injected into a running service: a breach opens with its cause, closes, and nothing is lost."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from service.postgres.server import EmbeddedPostgres
from tests.patience import until
from tests.running import RunningService
from tests.service.test_serve import REPORT, get, post, rows

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

STRICT = {
    "SPANLEDGER_FRESHNESS__OBJECTIVE": "3s",
    "SPANLEDGER_FRESHNESS__WINDOW": "1m",
    "SPANLEDGER_PROBE__ENABLED": "true",
    "SPANLEDGER_PROBE__EVERY": "2s",
    "SPANLEDGER_PROBE__TIMEOUT": "5s",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of our own, for it is locked and stopped."""
    folder = tmp_path_factory.mktemp("database")
    with EmbeddedPostgres(folder, settings={"fsync": "off"}, stop_signal=signal.SIGQUIT) as running:
        yield running


@pytest.fixture(scope="module")
def service(server: EmbeddedPostgres) -> Iterator[RunningService]:
    with RunningService(server.dsn, environment=STRICT) as running:
        yield running


def send(service: RunningService, name: str) -> None:
    """Send a report as a client does: again, until it is accepted."""

    def is_accepted() -> bool:
        try:
            return post(service.http, {**REPORT, "externalRequestId": name})[0] == 200
        except OSError:  # no answer in time
            return False

    until(is_accepted)


def real_calls(dsn: str) -> int:
    return int(rows(dsn, "SELECT count(*) FROM genai.model_call WHERE data_mode = 'real'")[0][0])


def breaches(dsn: str) -> list[tuple[str, bool]]:
    """Cause, and whether it is open."""
    query = "SELECT cause, closed_at IS NULL FROM genai.freshness_breach ORDER BY opened_at"
    return rows(dsn, query)  # type: ignore[return-value]


def later(dsn: str) -> None:
    """The calls that came late are no longer among those of the last minute."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM _genai.freshness_minute")


def test_a_lock_in_the_database_is_a_breach_by_waiting_requests(
    service: RunningService, server: EmbeddedPostgres
) -> None:
    with psycopg.connect(server.dsn) as blocker:
        blocker.execute("LOCK TABLE _genai.call_key IN SHARE MODE")
        sender = threading.Thread(target=send, args=(service, "behind a lock"))
        sender.start()
        until(lambda: ("queue_waits", True) in breaches(server.dsn))
        found: dict[str, Any] = json.loads(get(service.ops, "/diagnostics")[1])
        assert found["contract"]["isBreach"] is True
        assert found["contract"]["breachCause"] == "queue_waits"
        blocker.rollback()
        sender.join()
    later(server.dsn)
    until(lambda: not any(is_open for _, is_open in breaches(server.dsn)))
    assert real_calls(server.dsn) == 1, "however often it was sent"


def test_a_database_that_was_away_is_a_breach_and_nothing_is_lost(
    service: RunningService, server: EmbeddedPostgres
) -> None:
    dsn, before, counted = server.dsn, len(breaches(server.dsn)), real_calls(server.dsn)
    server.stop()
    try:
        until(lambda: get(service.ops, "/readyz")[0] == 503)
        found = json.loads(get(service.ops, "/diagnostics")[1])
        assert "database_away" in {trouble["cause"] for trouble in found["troubles"]}
        threading.Event().wait(4)
    finally:
        server.start()
    until(lambda: get(service.ops, "/readyz")[0] == 200)
    send(service, "after")
    until(lambda: "database_away" in [cause for cause, _ in breaches(dsn)[before:]])
    later(dsn)
    until(lambda: not any(is_open for _, is_open in breaches(dsn)))
    assert real_calls(dsn) == counted + 1
    failed = rows(dsn, "SELECT count(*) FROM genai.probe WHERE failure = 'database'")
    assert failed[0][0] >= 1, "what the probe saw meanwhile is recorded too"
