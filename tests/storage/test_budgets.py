"""Budgets are judged exactly: states, events and when they crossed, whatever order calls arrive in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from operations.operator_files.model import OperatorFile, put_in_force
from operations.probe.model import DATA_MODE, ENVIRONMENT, SERVICE
from processor.alerting.budgets_file import read_budgets
from processor.calls.strict_yaml import read_yaml
from storage.budgets.judge import Judged, judge
from storage.upkeep.day_sums import sum_days
from tests.operations.ledger import UNPRICED, Call, fill
from tests.sizes import examples

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
MORNING = datetime(2026, 5, 20, tzinfo=UTC)
MONTH = datetime(2026, 5, 1, tzinfo=UTC)
MINUTE, TICK = timedelta(minutes=1), timedelta(microseconds=1)
CENT = 10**10
USD_CENT = Decimal("0.01")
MONTHS_UNLIKE_THEIR_DAYS = """
SELECT * FROM (
    SELECT scope_id, date_trunc('month', day, 'UTC') AS month, sum(calls) AS calls, sum(requests) AS requests,
        sum(unpriced_calls) AS unpriced, sum(uncertain_calls) AS uncertain, sum(cost_pico_usd) AS cost
    FROM _genai.budget_day GROUP BY 1, 2
) d
FULL JOIN _genai.budget_month m ON (m.scope_id, m.month) = (d.scope_id, d.month)
WHERE (coalesce(d.calls, 0), coalesce(d.requests, 0), coalesce(d.unpriced, 0), coalesce(d.uncertain, 0),
    coalesce(d.cost, 0))
    IS DISTINCT FROM (m.calls, m.requests, m.unpriced_calls, m.uncertain_calls, m.cost_pico_usd)
"""
CALL = Call(NOON, tenant="acme", costs=(CENT, 0, 0, 0, 0))


class Ledger:
    """A ledger that calls arrive in, one after the other."""

    def __init__(self, dsn: str, connection: psycopg.Connection[Any]) -> None:
        self.dsn, self.connection = dsn, connection
        self.calls: list[Call] = []

    def clear(self) -> None:
        """No calls, no budgets, no history."""
        self.connection.execute(
            "TRUNCATE _genai.budget_event, _genai.budget_day, _genai.budget_sealed, _genai.budget_run,"
            " _genai.operator_file, _genai.summed_day, _genai.budget_scope, _genai.budget CASCADE"
        )
        self.hold()

    def load(self, budgets: str, at: datetime = MORNING) -> None:
        """Put a budgets.yaml in force."""
        root = read_yaml(f"version: 1\nbudgets:\n{budgets}".encode(), "budgets.yaml")
        assert root is not None
        put_in_force(self.connection, OperatorFile("budgets", budgets, budgets, read_budgets(root)))
        self.connection.execute("UPDATE _genai.operator_file SET loaded_at = %s", (at,))

    def hold(self, *calls: Call) -> None:
        """Let these calls be all there are, the rollups booked from them."""
        self.calls = list(calls)
        self.connection.execute(
            "TRUNCATE _genai.model_call, _genai.series, _genai.identity, _genai.usage_minute,"
            " _genai.usage_hour, _genai.usage_identity_hour"
        )
        # TRUNCATE fires no row trigger: what DELETE would have made stale.
        self.connection.execute("UPDATE _genai.summed_day SET stale = true")
        fill(self.dsn, self.calls)

    def arrive(self, *calls: Call) -> None:
        """Further calls."""
        self.hold(*self.calls, *calls)

    def judge(self, now: datetime) -> Judged:
        judged = judge(self.connection, now)
        assert judged is not None
        assert self._rows(MONTHS_UNLIKE_THEIR_DAYS) == []
        return judged

    def projections(self) -> dict[str, Decimal | None]:
        """Of the month, by budget."""
        return {row["budget"]: row["projected_usd"] for row in self.states() if row["period"] == "month"}

    def events(self) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM genai.budget_event ORDER BY at, id")

    def state(self, budget: str, period: str = "day") -> dict[str, Any]:
        return next(row for row in self.states() if (row["budget"], row["period"]) == (budget, period))

    def states(self) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM genai.budget_state")

    def _rows(self, query: str) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def connection(module_database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_database, autocommit=True, options="-c statement_timeout=10s") as connection:
        yield connection


@pytest.fixture
def ledger(connection: psycopg.Connection[Any], module_database: str) -> Ledger:
    ledger = Ledger(module_database, connection)
    ledger.clear()
    return ledger


def test_a_budget_warns_at_its_ratio_and_is_exceeded_above_its_limit(ledger: Ledger) -> None:
    ledger.load('- {name: acme, scope: {tenant: acme}, daily: "0.10"}')
    seen = []
    for minute in range(11):
        ledger.arrive(replace(CALL, time=NOON + timedelta(minutes=minute)))
        ledger.judge(NOON + timedelta(minutes=minute, seconds=30))
        seen.append(ledger.state("acme")["state"])

    assert seen == ["ok"] * 7 + ["warning"] * 3 + ["exceeded"]
    assert [(row["transition"], row["crossed_at"]) for row in ledger.events()] == [
        ("warning", NOON + timedelta(minutes=7)),
        ("exceeded", NOON + timedelta(minutes=10)),
    ]


def test_test_and_demo_calls_and_other_environments_never_move_a_budget(ledger: Ledger) -> None:
    ledger.load('- {name: all, daily: "0.01"}\n- {name: stage, environment: [staging, dev], daily: "1"}')
    ledger.hold(
        CALL,
        replace(CALL, data_mode="test"),
        replace(CALL, data_mode="demo"),
        replace(CALL, environment="staging"),
        replace(CALL, environment="dev"),
    )
    ledger.judge(NOON)

    assert ledger.state("all")["cost_usd"] == Decimal("0.01")
    assert ledger.state("all")["state"] == "warning"
    assert ledger.state("stage")["cost_usd"] == Decimal("0.02")


def test_the_probe_moves_no_budget_not_even_one_of_every_environment_or_of_its_own_name(
    ledger: Ledger,
) -> None:
    """A budget of data mode `test` is refused (tests/processor/test_budgets_file.py)."""
    ledger.load(
        '- {name: all, environment: "*", daily: "1"}\n'
        '- {name: own, environment: [spanledger-probe], scope: {endpoint: spanledger.probe}, daily: "1"}\n'
        '- {name: each, environment: "*", each: tenant, daily: "1"}'
    )
    ledger.hold(
        CALL,
        replace(
            CALL, environment=ENVIRONMENT, data_mode=DATA_MODE, service=SERVICE, endpoint="spanledger.probe",
            user="probe", tenant="probe",
        ),
    )  # fmt: skip
    ledger.judge(NOON)

    spent = {state["budget"]: state["cost_usd"] for state in ledger.states() if state["period"] == "day"}
    assert spent == {"all": USD_CENT, "own": 0, "each: acme": USD_CENT}


@pytest.mark.parametrize(
    ("scope", "cents"),
    [
        ("", 6), ("scope: {endpoint: checkout}, ", 5), ("scope: {tenant: acme}, ", 5),
        ("scope: {user: jo}, ", 1), ("scope: {model: large}, ", 1), ("scope: {service: batch}, ", 1),
        ("scope: {tenant: acme, model: small}, ", 4), ("scope: {endpoint: checkout, tenant: acme}, ", 4),
        ("scope: {tenant: acme, service: batch}, ", 1), ("scope: {model: small, service: shop}, ", 4),
    ],
)  # fmt: skip
def test_a_scope_counts_its_own_calls(ledger: Ledger, scope: str, cents: int) -> None:
    ledger.load(f'- {{name: it, {scope}daily: "1", monthly: "2"}}')
    ledger.hold(
        CALL, CALL, replace(CALL, tenant="zebra"), replace(CALL, user="jo", service="batch"),
        replace(CALL, model="large"), replace(CALL, endpoint="search", time=NOON - timedelta(hours=3)),
    )  # fmt: skip
    ledger.judge(NOON)

    assert ledger.state("it")["cost_usd"] == ledger.state("it", "month")["cost_usd"] == cents * USD_CENT


def test_a_period_begins_anew_at_midnight_utc(ledger: Ledger) -> None:
    ledger.load('- {name: all, daily: "0.01", monthly: "0.02"}')
    ledger.hold(
        replace(CALL, time=MORNING - TICK), replace(CALL, time=MORNING - timedelta(hours=1)),
        replace(CALL, time=MORNING),
    )  # fmt: skip
    ledger.judge(NOON)

    assert ledger.state("all")["period_start"] == MORNING
    assert (ledger.state("all")["cost_usd"], ledger.state("all")["state"]) == (USD_CENT, "warning")
    assert ledger.state("all", "month")["cost_usd"] == 3 * USD_CENT
    assert ledger.state("all", "month")["state"] == "exceeded"
    # The day before had ended when the budget came.
    assert {row["period_start"] for row in ledger.events() if row["period"] == "day"} == {MORNING}


def test_what_is_taken_back_is_cleared_and_raised_no_second_time(ledger: Ledger) -> None:
    ledger.load('- {name: all, daily: "0.01"}')
    ledger.hold(CALL, CALL)
    assert ledger.judge(NOON).raised == 2
    ledger.hold(CALL)
    assert ledger.judge(NOON + MINUTE).cleared == 1
    assert [(row["transition"], row["state"], row["holds"]) for row in ledger.events()] == [
        ("warning", "warning", True), ("exceeded", "exceeded", False), ("cleared", "exceeded", False),
    ]  # fmt: skip
    assert ledger.events()[2]["cost_usd"] == USD_CENT

    ledger.hold(CALL, CALL)
    ledger.judge(NOON + 2 * MINUTE)

    assert [row["transition"] for row in ledger.events()] == ["warning", "exceeded", "cleared"]
    assert ledger.events()[1]["holds"]


def test_a_call_that_comes_late_moves_the_day_that_it_belongs_to(ledger: Ledger) -> None:
    ledger.load('- {name: all, daily: "0.01"}', at=MORNING - timedelta(days=3))
    day = NOON - timedelta(days=1)
    ledger.hold(replace(CALL, time=day))
    sum_days(ledger.connection, before=MORNING)
    ledger.judge(NOON)
    assert ledger.events()[0]["is_late"]
    assert ledger.judge(NOON + MINUTE).days == 1, "only today: the sums of yesterday stand"

    ledger.arrive(replace(CALL, time=day - timedelta(hours=2)))
    ledger.judge(NOON + 2 * MINUTE)

    late = ledger.events()[-1]
    assert (late["transition"], late["is_late"], late["crossed_at"]) == ("exceeded", True, day)
    assert late["period_start"] == day.replace(hour=0)


def test_an_earlier_call_moves_the_moment_of_crossing(ledger: Ledger) -> None:
    ledger.load('- {name: all, monthly: "0.02"}')
    ledger.hold(CALL, replace(CALL, time=NOON + MINUTE), replace(CALL, time=NOON + 2 * MINUTE))
    ledger.judge(NOON + 3 * MINUTE)
    assert ledger.events()[-1]["crossed_at"] == NOON + 2 * MINUTE
    ledger.arrive(replace(CALL, time=NOON - timedelta(days=2)))
    ledger.judge(NOON + 4 * MINUTE)

    assert [(row["transition"], row["crossed_at"]) for row in ledger.events()] == [
        ("warning", NOON), ("exceeded", NOON + MINUTE),
    ]  # fmt: skip


def test_unknown_cost_makes_a_budget_at_least(ledger: Ledger) -> None:
    ledger.load('- {name: all, daily: "1"}\n- {name: acme, scope: {tenant: acme}, daily: "1"}')
    ledger.hold(CALL, replace(CALL, tenant="zebra", costs=None, price_status=UNPRICED))
    ledger.judge(NOON)

    assert (ledger.state("all")["at_least"], ledger.state("all")["unpriced_calls"]) == (True, 1)
    assert not ledger.state("acme")["at_least"]


def test_calls_beyond_the_days_cap_make_a_budget_at_least(ledger: Ledger) -> None:
    ledger.load('- {name: acme, scope: {tenant: acme}, daily: "1"}\n- {name: all, daily: "1"}')
    ledger.hold(CALL, replace(CALL, tenant="__other__"))
    ledger.judge(NOON)

    assert (ledger.state("acme")["at_least"], ledger.state("all")["at_least"]) == (True, False)


def test_spend_alerts_by_sum_hour_and_unit_cost(ledger: Ledger) -> None:
    ledger.load(
        '- name: all\n  spend_alerts: [{daily: "0.04"}, {hourly: "0.02"},'
        ' {unit_cost: "0.009", min_requests: 2}]'
    )
    earlier = NOON - timedelta(hours=2)
    ledger.hold(
        CALL, replace(CALL, time=NOON + MINUTE), replace(CALL, time=NOON + 2 * MINUTE),
        replace(CALL, time=earlier), replace(CALL, time=earlier + MINUTE),
    )  # fmt: skip
    ledger.judge(NOON + 3 * MINUTE)

    rows = ledger.events()
    assert {(row["measure"], row["period"], row["period_start"]): row["crossed_at"] for row in rows} == {
        ("spend", "day", MORNING): NOON + 2 * MINUTE,
        ("spend", "hour", NOON): NOON + 2 * MINUTE,
        ("unit_cost", "hour", earlier): earlier + timedelta(hours=1),
    }


def test_a_unit_cost_waits_for_the_end_of_its_hour_and_for_enough_requests(ledger: Ledger) -> None:
    ledger.load('- name: all\n  spend_alerts: [{unit_cost: "0.009", min_requests: 2}]')
    ledger.hold(CALL, CALL, replace(CALL, time=NOON - timedelta(hours=1)))
    assert ledger.judge(NOON + timedelta(minutes=59)).raised == 0
    assert ledger.judge(NOON + timedelta(minutes=63)).raised == 1


def test_another_limit_is_another_event(ledger: Ledger) -> None:
    ledger.load('- {name: all, daily: "0.01"}')
    ledger.hold(CALL, CALL)
    ledger.judge(NOON)
    ledger.load('- {name: all, daily: "0.015"}')
    ledger.judge(NOON + MINUTE)
    ledger.load("")
    ledger.judge(NOON + 2 * MINUTE)

    assert [(row["transition"], row["limit_usd"]) for row in ledger.events()] == [
        ("warning", Decimal("0.01")), ("exceeded", Decimal("0.01")),
        ("warning", Decimal("0.015")), ("exceeded", Decimal("0.015")),
    ]  # fmt: skip


def test_a_projection_needs_three_full_days(ledger: Ledger) -> None:
    ledger.load('- {name: all, monthly: "1"}')
    days = [replace(CALL, time=NOON - timedelta(days=back)) for back in range(1, 4)]
    ledger.hold(*days)
    ledger.judge(MORNING)
    assert ledger.state("all", "month")["projected_usd"] is None

    ledger.hold(*days, replace(CALL, time=NOON - timedelta(days=4)))
    ledger.judge(MORNING)
    # Four cents, and one for each of the twelve days from the 20th on.
    assert ledger.state("all", "month")["projected_usd"] == 16 * USD_CENT


def test_a_projection_follows_a_late_call_of_a_day_that_was_summed_and_the_next_day(ledger: Ledger) -> None:
    """Its week is added up once a day, and when a day of it changed."""
    ledger.load('- {name: all, monthly: "10"}')
    ledger.hold(*(replace(CALL, time=NOON - timedelta(days=back)) for back in range(1, 13)))
    sum_days(ledger.connection, before=MORNING)
    for _ in range(2):
        ledger.judge(MORNING)
        # Twelve cents, and one for each of the twelve days from the 20th on.
        assert ledger.projections() == {"all": 24 * USD_CENT}

    late = replace(CALL, time=NOON - timedelta(days=2), costs=(7 * CENT, 0, 0, 0, 0))
    ledger.arrive(late)
    ledger.judge(MORNING)
    # Nineteen cents, and two for each of the twelve days: seven days had fourteen.
    assert ledger.projections() == {"all": 43 * USD_CENT}

    ledger.judge(MORNING + timedelta(days=1))
    # The 20th was empty: thirteen cents in seven days.
    assert ledger.projections() == {"all": round(19 * USD_CENT + 11 * 13 * USD_CENT / 7, 12)}


moments = st.integers(0, 25 * 24 * 60).map(lambda minutes: NOON - timedelta(minutes=minutes))
arrivals = st.lists(
    st.builds(
        lambda time, tenant, cents: replace(CALL, time=time, tenant=tenant, costs=(cents * CENT, 0, 0, 0, 0)),
        moments, st.sampled_from(["acme", "zebra"]), st.integers(0, 5),
    ),
    min_size=1, max_size=8,
)  # fmt: skip
BUDGETS = """
- {name: all, daily: "0.05", monthly: "0.12", spend_alerts: [{hourly: "0.04"}]}
- {name: acme, scope: {tenant: acme}, daily: "0.03", monthly: "0.08"}
- {name: pair, scope: {tenant: acme, service: shop}, monthly: "0.06"}
"""


@settings(max_examples=examples(60, 5), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=arrivals, order=st.randoms(use_true_random=False), parts=st.integers(2, 3))
def test_any_order_of_arrival_ends_in_the_same_transitions(
    ledger: Ledger, calls: list[Call], order: random.Random, parts: int
) -> None:
    ends, projections = [], []
    for pieces in (1, parts):
        ledger.clear()
        ledger.load(BUDGETS, at=NOON - timedelta(days=60))
        shuffled = order.sample(calls, len(calls))
        for piece in range(pieces):
            ledger.hold(*shuffled[: len(calls) * (piece + 1) // pieces])
            if order.random() < 0.7:
                sum_days(ledger.connection, before=NOON)
            ledger.judge(NOON + timedelta(seconds=piece))
        ends.append({tuple(row[name] for name in TRANSITION) for row in ledger.events()})
        ledger.judge(NOON + MINUTE)
        projections.append(ledger.projections())
        _sums_are_those_of_the_rows(ledger)

    assert ends[0] == ends[1]
    assert projections[0] == projections[1]


TRANSITION = ("budget", "period", "period_start", "transition", "limit_usd", "crossed_at")


def _sums_are_those_of_the_rows(ledger: Ledger) -> None:
    for budget, lets_through in (("all", ("acme", "zebra")), ("acme", ("acme",)), ("pair", ("acme",))):
        counted = [call for call in ledger.calls if call.tenant in lets_through and call.time >= MONTH]
        expected = sum(call.cost for call in counted)
        assert ledger.state(budget, "month")["cost_usd"] == Decimal(expected).scaleb(-12)
