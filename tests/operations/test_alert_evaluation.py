"""The built-in evaluation: states live in the database, firings reach the inbox and the channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from operations.alerts.evaluate import Channel, Evaluated, deliver, evaluate
from operations.inbox.receive import receive
from processor.alerting.catalogue import BY_ID, Severity
from tests.operations.ledger import fill
from tests.operations.test_alert_rules import NOW, dearer, traffic, usual
from tests.storage.ledger import rows

MINUTE = timedelta(minutes=1)
RULES = [BY_ID["cost_drift_endpoint"], BY_ID["burst_failing"], BY_ID["watchdog"]]
CHANNELS = [Channel("webhook", Severity.WARNING), Channel("pager", Severity.CRITICAL)]


@pytest.fixture
def connection(migrated_database: str) -> Iterator[psycopg.Connection[Any]]:
    """A ledger with a costly hour in prod, and the same in staging."""
    calls = usual() + traffic(like=dearer(2))
    fill(migrated_database, calls + [replace(call, environment="staging") for call in calls])
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        yield connection


def play(connection: psycopg.Connection[Any], minutes: int, start: datetime = NOW) -> list[Evaluated]:
    def tell(connection: psycopg.Connection[Any], document: dict[str, Any]) -> object:
        return receive(connection, document, source="builtin", now=start)

    return [
        evaluate(
            connection, start + n * MINUTE, tell, channels=CHANNELS, public_url="http://pages", rules=RULES
        )
        for n in range(minutes)
    ]


def test_an_alert_fires_once_with_its_sentence_and_frozen_link(connection: psycopg.Connection[Any]) -> None:
    told = play(connection, 8)

    fired = [
        alert for each in told for alert in each.fired if alert["labels"]["rule"] == "cost_drift_endpoint"
    ]
    assert [(a["labels"]["env"], a["labels"]["severity"]) for a in fired] == [
        ("prod", "warning"), ("staging", "info"),
    ]  # fmt: skip
    prod = fired[0]
    assert "checkout: a request costs 2.0" in prod["annotations"]["summary"]
    assert "twice as much" in prod["annotations"]["sentence"]
    url = prod["annotations"]["investigate_url"]
    assert url.startswith(
        f"http://pages/compare?from={prod['values']['WFROM']:.0f}&to={prod['values']['WTO']:.0f}&"
    )
    assert "var-env=prod&var-data_mode=real&var-baseline=" in url
    assert url.endswith("&var-endpoint=checkout")


def test_states_outlive_the_process(connection: psycopg.Connection[Any], migrated_database: str) -> None:
    play(connection, 3)
    states = (
        "SELECT labels ->> 'env', state FROM genai.alert_state WHERE rule = 'cost_drift_endpoint' ORDER BY 1"
    )
    assert rows(migrated_database, states) == [("prod", "pending"), ("staging", "pending")]
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as another:
        told = play(another, 3, NOW + 3 * MINUTE)
    assert len([a for each in told for a in each.fired]) == 2


def test_it_resolves_when_the_cost_is_as_before(
    connection: psycopg.Connection[Any], migrated_database: str
) -> None:
    play(connection, 7)
    # The costly hour leaves the window, and nothing comes after it: the rule no longer returns the endpoint.
    told = play(connection, 6, NOW + timedelta(hours=2))
    resolved = [alert for each in told for alert in each.resolved]
    assert {(a["labels"]["env"], a["status"]) for a in resolved} == {
        ("prod", "resolved"),
        ("staging", "resolved"),
    }
    episodes = (
        "SELECT environment, ended_at IS NOT NULL FROM _genai.alert_episode"
        " WHERE rule <> 'watchdog' ORDER BY 1"
    )
    assert rows(migrated_database, episodes) == [("prod", True), ("staging", True)]


def test_a_channel_hears_what_is_severe_enough_for_it(
    connection: psycopg.Connection[Any], migrated_database: str
) -> None:
    play(connection, 8)
    waiting = rows(
        migrated_database, "SELECT channel, document -> 'alerts' FROM _genai.alert_outbox ORDER BY id"
    )
    heard = {(channel, alert["labels"]["rule"]) for channel, alerts in waiting for alert in alerts}
    assert heard == {("webhook", "cost_drift_endpoint")}


def test_a_channel_that_is_away_gets_everything_later_in_order(
    connection: psycopg.Connection[Any], migrated_database: str
) -> None:
    play(connection, 7)
    sent: list[str] = []

    def away(channel: str, document: dict[str, Any]) -> None:
        raise OSError("connection refused")

    def there(channel: str, document: dict[str, Any]) -> None:
        sent.append(document["title"])

    assert deliver(connection, NOW + 7 * MINUTE, away) == ["webhook: connection refused"]
    assert deliver(connection, NOW + 8 * MINUTE, there) == []
    assert sent == []
    deliver(connection, NOW + 10 * MINUTE, there)
    assert sent == ["[FIRING:1] Cost per request drift by endpoint"]
    assert rows(migrated_database, "SELECT * FROM _genai.alert_outbox") == []


def test_a_failure_between_changes_nothing(
    connection: psycopg.Connection[Any], migrated_database: str
) -> None:
    def broken(connection: psycopg.Connection[Any], document: dict[str, Any]) -> object:
        raise RuntimeError("the inbox is away")

    with pytest.raises(RuntimeError):
        evaluate(connection, NOW, broken, channels=CHANNELS, rules=RULES)
    assert rows(migrated_database, "SELECT * FROM genai.alert_state") == []
