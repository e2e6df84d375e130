"""The built-in evaluation as the service runs it, and `alerts` and `simulate` on the same ledger."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from service.alerting import Evaluator, channels, is_builtin
from service.config import Config, load_config
from tests.service.test_commands import run, run_json
from tests.storage.ledger import rows

MINUTE = timedelta(minutes=1)


class Receiver:
    """A webhook that keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.beats = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def do_GET(self) -> None:
                outer.beats += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on standard error."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def config(**alerting: object) -> Config:
    return load_config(None, {("alerting", name): ("", value) for name, value in alerting.items()}, {})


def test_a_service_with_its_own_database_evaluates_and_another_leaves_it_to_grafana() -> None:
    assert is_builtin(config())
    assert not is_builtin(config(evaluate="off"))
    elsewhere = {("database", "url"): ("", "postgresql://db/x")}
    assert not is_builtin(load_config(None, elsewhere, {}))
    assert is_builtin(load_config(None, elsewhere | {("alerting", "evaluate"): ("", "builtin")}, {}))


def test_observing_tells_no_channel() -> None:
    assert [c.name for c in channels(config(slack_url="http://s", webhook_url="http://w"))] == [
        "webhook",
        "slack",
    ]
    assert channels(config(slack_url="http://s", observe=True)) == []


def test_a_simulated_deploy_reaches_the_inbox_and_demo_data_wake_nobody(
    migrated_database: str, receiver: Receiver
) -> None:
    ledger = "--database-url", migrated_database
    told = run_json("simulate", "deploy", "--seed", "3", "--days", "2", "--rate", "2000", *ledger)
    said = run("alerts", "check", "--everywhere", "--json", *ledger)
    fired = {each["rule"]: each for each in json.loads(said.stdout) if each["state"] == "fires"}
    assert set(told["rules"]) <= set(fired)
    assert fired["cost_drift_prompt"]["severity"] == "info"
    assert told["truth"]["prompt_version"] in fired["cost_drift_prompt"]["query"]

    evaluator = Evaluator(config(webhook_url=receiver.url), migrated_database)
    now = datetime.now(UTC)
    for minute in (
        0,
        6,
    ):  # an evaluation of all rules takes seconds: when they begin to hold, and once they fire
        evaluator.run(now + minute * MINUTE)
    episodes = rows(migrated_database, "SELECT rule, severity, data_mode FROM _genai.alert_episode")
    assert ("cost_drift_prompt", "info", "demo") in episodes
    heard = {alert["labels"]["rule"] for document in receiver.got for alert in document["alerts"]}
    assert heard == set()


def test_only_one_process_evaluates(migrated_database: str) -> None:
    one, other = (Evaluator(config(), migrated_database) for _ in range(2))
    other.lease.holder = "another machine"
    assert one.run(datetime.now(UTC)) is not None
    assert other.run(datetime.now(UTC)) is None


def test_a_database_that_is_away_is_told_past_the_inbox_and_its_end_after_a_restart(
    migrated_database: str, receiver: Receiver, tmp_path: Path
) -> None:
    settings = config(webhook_url=receiver.url).model_copy(update={"data_dir": tmp_path})
    away, now = "postgresql://x:y@127.0.0.1:1/none", datetime.now(UTC)
    evaluator = Evaluator(settings, away)
    for minute in range(4):
        evaluator.run(now + minute * MINUTE)
    restarted = Evaluator(settings, away)
    for minute in range(4, 8):
        restarted.run(now + minute * MINUTE)
    assert [told["title"] for told in receiver.got] == ["[FIRING:1] Ledger cannot be read"]

    back = Evaluator(settings, migrated_database)
    for minute in range(8, 10):
        back.run(now + minute * MINUTE)
    assert [told["title"] for told in receiver.got[1:]] == ["[RESOLVED:1] Ledger cannot be read"]
    (fired,), (ended,) = (told["alerts"] for told in receiver.got)
    assert (ended["fingerprint"], ended["startsAt"]) == (fired["fingerprint"], fired["startsAt"])
    query = (
        "SELECT starts_at, ended_at, state FROM _genai.alert_episode"
        " WHERE rule = 'ledger_unreadable' AND has_fired"
    )
    assert rows(migrated_database, query) == [(now + 2 * MINUTE, now + 8 * MINUTE, "resolved")]


def test_every_evaluation_beats(migrated_database: str, receiver: Receiver) -> None:
    Evaluator(config(heartbeat_url=receiver.url), migrated_database).run(datetime.now(UTC))
    assert receiver.beats == 1
