"""Every rule on the pipeline fires for its fault and no other, says whose it is, and resolves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from operations.alerts.model import Row, ask
from processor.alerting.catalogue import BY_ID, RULES, Place, Severity
from processor.alerting.states import Instance, Labels, Turn, advance
from tests.operations.planted_faults import (
    FAULTS,
    HOUR,
    MINUTE,
    Connection,
    Fault,
    clean,
    healthy,
    shift_arrivals,
)

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
"""The watermark goes by the database's clock, so these tests go by the real one."""
ALWAYS = {"watchdog"}
SERVICES = ("shop", "batch", "nightly")


@pytest.fixture(scope="module")
def ledger(module_database: str) -> str:
    healthy(module_database, NOW)
    return module_database


@pytest.fixture
def connection(ledger: str) -> Iterator[Connection]:
    with psycopg.connect(ledger, autocommit=True, options="-c timezone=UTC") as connection:
        yield connection


def speaking(connection: Connection, now: datetime) -> dict[str, list[Row]]:
    """Every rule with a row that fires, at either place."""
    found: dict[str, list[Row]] = {}
    for rule in RULES:
        rows = [row for place in rule.places for row in ask(connection, rule, place, now).rows]
        if fired := [row for row in rows if row.score >= 1]:
            found[rule.id] = fired
    return found


def watch(connection: Connection, rule_id: str, start: datetime, minutes: int) -> Iterator[Turn]:
    """What the rule tells within so many minutes, evaluated once a minute in prod."""
    rule, instances = BY_ID[rule_id], dict[Labels, Instance]()
    for minute in range(minutes):
        now = start + minute * MINUTE
        scores = {row.labels(rule): row.score for row in ask(connection, rule, Place.PROD, now).rows}
        step = advance(instances, scores, rule, now, MINUTE)
        instances = step.instances
        yield from step.turns


def test_a_healthy_pipeline_is_quiet(connection: Connection) -> None:
    assert set(speaking(connection, NOW)) == ALWAYS


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_by_its_rule_alone_and_the_alert_ends(connection: Connection, fault: Fault) -> None:
    rule = BY_ID[fault.rule]
    fault.plant(connection, NOW)
    try:
        found = speaking(connection, NOW)
        (started,) = watch(connection, fault.rule, NOW, int(rule.pending / MINUTE) + 1)
    finally:
        fault.mend(connection, NOW + 6 * MINUTE)
    later = NOW + 7 * MINUTE + fault.ends_after
    afterwards = speaking(connection, later)
    clean(connection, NOW)

    assert set(found) == {fault.rule} | ALWAYS
    (row,) = found[fault.rule]
    assert (row.env, row.data_mode) == (fault.env, fault.data_mode)
    assert {name: getattr(row, name) for name in rule.labels} == fault.labels
    assert dict(started.labels) | fault.labels == dict(started.labels)
    assert started.started == NOW + rule.pending
    assert set(afterwards) == ALWAYS


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.severity is Severity.CRITICAL], ids=str)
def test_what_pages_never_returns_a_row_outside_of_prod_and_real(connection: Connection, rule: Any) -> None:
    with connection.transaction(force_rollback=True):
        for fault in FAULTS.values():
            if fault.rule != "rollup_mismatch":  # compared in a transaction of its own
                fault.plant(connection, NOW)
        rows = ask(connection, rule, Place.PROD, NOW).rows
    assert {(row.env, row.data_mode) for row in rows} <= {("prod", "real")}


def test_a_ledger_without_real_data_of_prod_wakes_nobody(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(
            "UPDATE _genai.series SET data_mode = 'demo', id = id + 1000 WHERE environment = 'prod'"
        )
        for rule in ("freshness", "ingest_rejects"):
            FAULTS[rule].plant(connection, NOW)
            assert ask(connection, BY_ID[rule], Place.PROD, NOW).rows == []
            (row,) = ask(connection, BY_ID[rule], Place.ELSEWHERE, NOW).rows
            assert row.score >= 1
            assert (row.env, row.data_mode) != ("prod", "real")


@pytest.mark.parametrize("minutes", [7, -7])
def test_a_sender_whose_clock_is_wrong_is_not_late_and_is_still_judged(
    connection: Connection, minutes: int
) -> None:
    with connection.transaction(force_rollback=True):
        shift_arrivals(connection, "batch", NOW - 2 * HOUR, NOW + HOUR, minutes * MINUTE)
        lag = ask(connection, BY_ID["sender_lag"], Place.PROD, NOW).rows
        drift = ask(connection, BY_ID["cost_drift_endpoint"], Place.PROD, NOW).rows
    assert {row.service: row.value < 60 for row in lag} == dict.fromkeys(SERVICES, True)
    assert {row.endpoint: row.score < 0.9 for row in drift} == {f"{name}.ask": True for name in SERVICES}


def test_a_clock_that_is_ahead_does_not_hide_that_calls_come_late(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        shift_arrivals(connection, "batch", NOW - 2 * HOUR, NOW - 4 * MINUTE, -8 * MINUTE)
        shift_arrivals(connection, "batch", NOW - 4 * MINUTE, NOW + HOUR, -MINUTE)
        (row,) = (
            r for r in ask(connection, BY_ID["sender_lag"], Place.PROD, NOW).rows if r.service == "batch"
        )
    assert row.value == pytest.approx(7 * 60, abs=5)


def test_while_a_service_sends_late_it_is_not_silent_and_shares_hold(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        FAULTS["sender_lag"].plant(connection, NOW)
        # What comes late is not there yet.
        connection.execute(
            "DELETE FROM _genai.usage_minute u USING _genai.series s WHERE s.id = u.series_id"
            " AND s.service_name = 'batch' AND u.bucket >= %s",
            (NOW - 40 * MINUTE,),
        )
        silent = ask(connection, BY_ID["telemetry_silent"], Place.PROD, NOW).rows
        shares = ask(connection, BY_ID["concentration_tenant"], Place.PROD, NOW).rows
    assert {row.service: row.score for row in silent}["batch"] == 0.9
    assert {row.score for row in shares} == {0.9}
