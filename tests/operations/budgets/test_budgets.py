"""Budgets as people and alert rules see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import psycopg.rows
import pytest
from typer.testing import CliRunner, Result

from cli.__main__ import build
from operations.alerts.model import Row
from operations.budgets.page import budgets_page
from operations.web.parameters import Links
from storage.budgets.judge import acknowledge, judge
from storage.schema.grafana_role import READER
from tests.operations.ledger import UNPRICED, Call, fill
from tests.storage.test_budgets import CALL, CENT, NOON, Ledger

MINUTE = timedelta(minutes=1)
BUDGETS = """
- {name: all, owner: platform, daily: "0.05", monthly: "9"}
- {name: acme, scope: {tenant: acme}, environment: [prod, dev], daily: "0.02",
   spend_alerts: [{hourly: "0.01"}]}
- {name: search, scope: {endpoint: search}, daily: "1"}
"""


class Today(Ledger):
    """A ledger of calls of this moment: not of the moment when the tests were collected, an hour before."""

    now: datetime


@pytest.fixture(scope="module")
def ledger(module_database: str) -> Iterator[Today]:
    """Four cents of today: `all` warns, `acme` is exceeded, and search has a call without a price."""
    with psycopg.connect(module_database, autocommit=True) as connection:
        ledger = Today(module_database, connection)
        ledger.now = datetime.now(UTC).replace(microsecond=0)
        call = Call(ledger.now, tenant="acme", costs=(CENT, 0, 0, 0, 0))
        ledger.load(BUDGETS, at=ledger.now - timedelta(days=3))
        unpriced = replace(call, endpoint="search", tenant="zebra", costs=None, price_status=UNPRICED)
        fill(module_database, [call, call, call, replace(call, tenant="zebra"), unpriced])
        ledger.judge(ledger.now)
        yield ledger


def run(ledger: Today, *arguments: str) -> Result:
    given = [*arguments, "--database-url", ledger.dsn]
    return CliRunner().invoke(build(), ["budgets", *given], catch_exceptions=False)


def test_list_shows_every_limit_with_its_state(ledger: Today) -> None:
    told = json.loads(run(ledger, "list", "--json").stdout)

    assert told["state"] == "exceeded"
    assert [(row["budget"], row["period"], row["state"], row["atLeast"]) for row in told["budgets"]] == [
        ("acme", "day", "exceeded", False), ("all", "day", "warning", True), ("all", "month", "ok", True),
        ("search", "day", "ok", True),
    ]  # fmt: skip
    assert "3 limits not shown" in run(ledger, "list", "--limit", "1").stdout
    shown = run(ledger, "list").stdout
    assert "≥ $0.04" in shown
    assert "unknown" in shown, "nothing is known of what search spent"
    assert "acme: spend-alert, $0.03 in the hour" in shown


def test_check_judges_and_fails_where_a_budget_is_exceeded(ledger: Today) -> None:
    assert run(ledger, "check").exit_code == 1
    assert run(ledger, "check", "--fail-on", "nothing").exit_code == 2


def test_check_tells_what_is_wrong_with_the_file(ledger: Today, tmp_path: Any, monkeypatch: Any) -> None:
    file = tmp_path / "budgets.yaml"
    file.write_text('version: 1\nbudgets:\n  - {name: a, dayly: "1"}\n')
    monkeypatch.setenv("SPANLEDGER_ALERTING__BUDGETS", str(file))
    with pytest.raises(Exception, match=r"budgets\.yaml:3: budgets\[0\]\.dayly: unknown key"):
        run(ledger, "check")


def test_the_page_shows_limits_and_events(ledger: Today) -> None:
    page = budgets_page(ledger.connection, Links("./"), None, ledger.now + MINUTE)

    places = [page.index(f"{name}</bdi>") for name in ("acme", "all", "search")]
    assert places == sorted(places), "the most used first"
    assert "≥ $0.04" in page
    assert "tenant=acme" in page
    assert "Spend-alert of <bdi>acme</bdi>: $0.03 in the hour" in page
    assert page.count(">warning<") >= 3


def test_events_list_transitions_with_their_limit(ledger: Today) -> None:
    told = json.loads(run(ledger, "events", "--json").stdout)

    assert {(row["budget"], row["transition"], row["period"]) for row in told} == {
        ("all", "warning", "day"), ("acme", "warning", "day"), ("acme", "exceeded", "day"),
        ("acme", "spend_alert", "hour"),
    }  # fmt: skip
    assert {row["crossedAt"] for row in told} == {f"{ledger.now:%Y-%m-%dT%H:%M:%S}Z"}
    shown = run(ledger, "events", "--budget", "all").stdout
    assert "warning" in shown
    assert "acme" not in shown


def alerts(ledger: Today, rule: str, now: datetime | None = None, place: str = "prod") -> list[Row]:
    query = f"SELECT * FROM genai.alert_{rule}(%s, %s)"  # noqa: S608
    with ledger.connection.cursor(row_factory=psycopg.rows.class_row(Row)) as cursor:
        cursor.execute(query.encode(), [now or ledger.now + MINUTE, place])
        return [row for row in cursor.fetchall() if row.env]


def test_a_transition_is_an_alert_for_a_day_at_most(ledger: Today) -> None:
    (row,) = alerts(ledger, "budget_warning")

    assert (row.scope, row.owner, row.env, row.data_mode) == ("all", "platform", "prod", "real")
    assert row.score == 1
    assert (row.value, row.threshold) == (0.04, 0.04)
    assert row.window_from < row.window_to <= ledger.now + MINUTE
    assert alerts(ledger, "budget_warning", ledger.now + timedelta(hours=25)) == []


def test_what_is_not_prod_alone_pages_nobody(ledger: Today) -> None:
    for rule in ("budget_exceeded", "spend_rate"):
        assert alerts(ledger, rule) == []
        (row,) = alerts(ledger, rule, place="elsewhere")
        assert (row.scope, row.tenant, row.env) == ("acme", "acme", "dev,prod")
        assert row.score > 1
    assert alerts(ledger, "spend_alert", place="elsewhere") == []


def test_a_graver_state_supersedes_the_warning(ledger: Today) -> None:
    assert {row.scope for row in alerts(ledger, "budget_warning", place="elsewhere")} == set()


def test_spend_alerts_of_a_day_a_month_and_a_request_are_one_rule(migrated_database: str) -> None:
    budgets = """
- {name: day, spend_alerts: [{daily: "0.02"}]}
- {name: month, spend_alerts: [{monthly: "0.03"}]}
- {name: request, spend_alerts: [{unit_cost: "0.009", min_requests: 2}]}
- {name: kept, spend_alerts: [{daily: "0.04"}, {monthly: "0.04"}, {unit_cost: "0.01", min_requests: 2}]}
- {name: hour, spend_alerts: [{hourly: "0.01"}]}
"""
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        ledger, later = Today(migrated_database, connection), NOON + timedelta(minutes=63)
        ledger.load(budgets)
        ledger.hold(CALL, replace(CALL, time=NOON + MINUTE), replace(CALL, time=NOON + 2 * MINUTE),
                    replace(CALL, time=NOON + 3 * MINUTE))  # fmt: skip
        ledger.judge(later)
        rows = {row.scope: row for row in alerts(ledger, "spend_alert", later)}
        assert {row.scope for row in alerts(ledger, "spend_rate", later)} == {"hour"}
        assert alerts(ledger, "spend_alert", later, place="elsewhere") == []

    assert {name: (row.value, row.threshold) for name, row in rows.items()} == {
        "day": (0.04, 0.02), "month": (0.04, 0.03), "request": (0.01, 0.009),
    }  # fmt: skip
    assert all(row.score > 1 for row in rows.values())


def test_a_budget_that_calls_twice_within_a_day_is_one_instance_of_its_rule(migrated_database: str) -> None:
    """Two rows with the same labels are an error in Grafana, which then evaluates nothing of the rule."""
    budgets = """
- {name: all, daily: "0.01", monthly: "0.01",
   spend_alerts: [{hourly: "0.01"}, {daily: "0.01"}, {monthly: "0.01"}]}
"""
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        ledger = Today(migrated_database, connection)
        ledger.load(budgets)
        calls = [replace(CALL, time=NOON + n * timedelta(hours=9)) for n in (0, 0, 1, 1, 2, 2)]
        for number in (2, 4, 6):
            ledger.hold(*calls[:number])
            ledger.judge(calls[number - 1].time + MINUTE)
        now = calls[-1].time + 2 * MINUTE
        found = {
            rule: [(row.scope, row.window_from) for row in alerts(ledger, rule, now)]
            for rule in ("budget_exceeded", "spend_alert", "spend_rate")
        }

    midnight = datetime(2026, 5, 21, tzinfo=UTC)
    assert found == {
        "budget_exceeded": [("all", midnight)], "spend_alert": [("all", midnight)],
        "spend_rate": [("all", NOON + timedelta(hours=18))],
    }  # fmt: skip


def test_an_acknowledged_event_is_quiet(ledger: Today) -> None:
    (event,) = (row for row in ledger.events() if row["budget"] == "all")
    assert acknowledge(ledger.connection, event["id"], "ana", ledger.now)
    assert not acknowledge(ledger.connection, event["id"], "ben", ledger.now)
    assert alerts(ledger, "budget_warning") == []
    assert "acknowledged by ana" in run(ledger, "events").stdout


def test_an_alert_acknowledged_in_the_inbox_is_quiet(ledger: Today) -> None:
    ledger.connection.execute(
        "INSERT INTO _genai.alert_episode (org_id, fingerprint, starts_at, source, topic, first_seen,"
        " last_seen, deliveries, has_fired, is_test, title, rule, category, severity, environment,"
        " data_mode, owner, scope, focus, window_from, window_to, is_window_given, baseline, labels,"
        " annotations, values, links, state, state_by, state_at)"
        " VALUES (1, 'f', %(now)s, 'builtin', '', %(now)s, %(now)s, 1, true, false, '', 'budget_exceeded',"
        " '', 'info', 'dev,prod', 'real', '', 'acme', '{}', %(now)s - interval '1 h', %(now)s, true, '24h',"
        " '{}', '{}', '{}', '{}', 'acknowledged', 'eva', %(now)s)",
        {"now": ledger.now + MINUTE},
    )
    judge(ledger.connection, ledger.now + 2 * MINUTE)

    assert [row["acknowledged_by"] for row in ledger.events() if row["state"] == "exceeded"] == ["eva"]


def test_grafana_reads_budgets(ledger: Today) -> None:
    with ledger.connection.transaction():
        ledger.connection.execute(f"SET LOCAL ROLE {READER}".encode())
        row = ledger.connection.execute(
            "SELECT count(*) FROM genai.budget_state, genai.budget_event, genai.budget_run"
        ).fetchone()
    assert row is not None
    assert row[0] > 0
