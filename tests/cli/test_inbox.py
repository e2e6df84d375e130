"""`spanledger inbox` and `incidents`: the same path as the pages, in the terminal."""

from __future__ import annotations

import json
from datetime import timedelta

import psycopg

from operations.inbox.receive import forget, receive
from operations.inbox.story import explain_due
from tests.operations.alert_documents import START, alert, grafana, later
from tests.operations.ledger import fill
from tests.operations.test_classify import BEFORE, NOW, V2, tokens, traffic
from tests.operations.test_inbox_story import drifted
from tests.service.test_commands import run


def test_one_walks_from_the_alert_to_the_closed_incident(migrated_database: str) -> None:
    fill(migrated_database, [*traffic(BEFORE, 200), *traffic(NOW, 220, tokens(1.6, like=V2))])
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        receive(connection, grafana(drifted()))
        explain_due(connection)

    def said(*words: str, code: int = 0) -> str:
        done = run(*words, "--database-url", migrated_database)
        assert done.exit_code == code, done.output
        return " ".join(done.output.split())

    assert "+$0.000304" in said("inbox", "list")
    assert "deploy: Requests barely changed" in said("inbox", "show", "1")
    shown = json.loads(run("inbox", "show", "1", "--json", "--database-url", migrated_database).output)
    assert (shown["class"], shown["total"]["requests"], shown["differences"]) == ("deploy", 220, [])
    assert "Alert 1 is acknowledged." in said("inbox", "ack", "1", "--by", "ada")
    assert "the alert is acknowledged already" in said("inbox", "ack", "1", code=1)
    assert "incident 1" in said("incidents", "open", "1", "--by", "ada")
    assert "Roll checkout back" in said("incidents", "show", "1")
    assert "the containment, a guardrail are missing" in said("incidents", "close", "1", code=1)
    assert "is contained" in said("incidents", "contain", "1", "rolled back to v1", "--by", "ada")
    assert "contained" in said("incidents", "list")
    assert "is closed" in said(
        "incidents", "close", "1", "--guardrail", "budgets.yaml: checkout", "--by", "ada"
    )
    assert "No incident matches" in said("incidents", "list")
    assert "There is no alert 9" in said("inbox", "show", "9", code=1)
    with psycopg.connect(migrated_database) as connection:
        actors = connection.execute("SELECT DISTINCT actor FROM genai.audit").fetchall()
    assert actors == [("ada",)]


def test_old_deliveries_and_resolved_alerts_go_and_incidents_keep_theirs(migrated_database: str) -> None:
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        told = [
            alert("1"),
            alert("2", endpoint="b", ended_at=later(9)),
            alert("3", endpoint="c", ended_at=later(9)),
        ]
        receive(connection, grafana(*told), now=START)
        run("incidents", "open", "3", "--database-url", migrated_database)

        assert forget(connection, START, START) == (0, 0)
        assert forget(connection, START + timedelta(days=1), START + timedelta(days=1)) == (3, 1)

        left = connection.execute("SELECT id FROM genai.alert_episode ORDER BY id").fetchall()
        assert left == [(1,), (3,)]  # one still fires, one is part of an incident
