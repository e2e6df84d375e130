"""One entry of `budgets.yaml` that stands for a budget of every tenant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from processor.alerting.budgets_file import read_budgets
from processor.calls.errors import ConfigError
from processor.calls.strict_yaml import read_yaml
from storage.upkeep.day_sums import sum_days
from tests.storage.test_budgets import CALL, MINUTE, NOON, Ledger

EACH = '- {name: tenants, each: tenant, daily: "0.02"}'
BETA = replace(CALL, tenant="beta")


@pytest.fixture
def ledger(migrated_database: str) -> Iterator[Ledger]:
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        yield Ledger(migrated_database, connection)


def states(ledger: Ledger) -> dict[str, str]:
    return {row["budget"]: row["state"] for row in ledger._rows("SELECT * FROM genai.budget_state")}


def budgets(ledger: Ledger) -> set[str]:
    return {row["budget"] for row in ledger._rows("SELECT budget FROM genai.budget")}


def test_every_tenant_gets_a_budget_when_it_first_spends(ledger: Ledger) -> None:
    ledger.load(EACH)
    ledger.arrive(CALL, replace(CALL, tenant="unknown"))
    ledger.judge(NOON + MINUTE)
    assert states(ledger) == {"tenants: acme": "ok"}

    ledger.arrive(*[replace(BETA, time=NOON + n * MINUTE) for n in range(3)])
    ledger.judge(NOON + 4 * MINUTE)
    assert states(ledger) == {"tenants: acme": "ok", "tenants: beta": "exceeded"}
    assert [(e["budget"], e["transition"], e["tenant_id"]) for e in ledger.events()][-1] == (
        "tenants: beta", "exceeded", "beta",
    )  # fmt: skip


def test_a_budget_of_its_own_takes_the_place_of_the_entry(ledger: Ledger) -> None:
    ledger.load(EACH)
    ledger.arrive(CALL, BETA)
    ledger.judge(NOON + MINUTE)
    assert budgets(ledger) == {"tenants: acme", "tenants: beta"}

    ledger.load(EACH + '\n- {name: acme, scope: {tenant: acme}, daily: "5"}')
    ledger.judge(NOON + 2 * MINUTE)
    assert budgets(ledger) == {"acme", "tenants: beta"}

    ledger.load(EACH)
    ledger.judge(NOON + 3 * MINUTE)
    assert budgets(ledger) == {"tenants: acme", "tenants: beta"}


def test_another_limit_holds_for_all_of_them_and_without_the_entry_they_are_gone(ledger: Ledger) -> None:
    ledger.load(EACH)
    ledger.arrive(CALL, replace(CALL, time=NOON + MINUTE), BETA)
    ledger.judge(NOON + 2 * MINUTE)
    assert states(ledger) == {"tenants: acme": "warning", "tenants: beta": "ok"}

    ledger.load('- {name: tenants, each: tenant, daily: "0.01", owner: billing}')
    ledger.judge(NOON + 3 * MINUTE)
    assert states(ledger) == {"tenants: acme": "exceeded", "tenants: beta": "warning"}
    assert {row["owner"] for row in ledger._rows("SELECT owner FROM genai.budget")} == {"billing"}

    ledger.load('- {name: tenants, each: model, daily: "5"}')
    ledger.judge(NOON + 4 * MINUTE)
    assert budgets(ledger) == {"tenants: small"}

    ledger.load('- {name: everything, daily: "5"}')
    ledger.judge(NOON + 5 * MINUTE)
    assert budgets(ledger) == {"everything"}


def test_a_new_tenant_does_not_make_past_days_be_summed_again(ledger: Ledger) -> None:
    ledger.load('- {name: tenants, each: tenant, monthly: "5"}', at=NOON - timedelta(days=10))
    ledger.arrive(CALL, *[replace(CALL, time=NOON - timedelta(days=n)) for n in range(1, 9)])
    sum_days(ledger.connection, before=NOON - timedelta(hours=12))
    ledger.judge(NOON + MINUTE)
    again = ledger.judge(NOON + 2 * MINUTE).days

    ledger.connection.execute(ONE_MORE, {"time": NOON + MINUTE})
    with_another = ledger.judge(NOON + 3 * MINUTE)

    assert budgets(ledger) == {"tenants: acme", "tenants: gamma"}
    assert with_another.days <= again + 1
    assert ledger.state("tenants: gamma", "month")["calls"] == 1


@pytest.mark.parametrize("is_summed", [True, False])
def test_a_late_call_of_a_new_tenant_moves_the_day_that_it_belongs_to(
    ledger: Ledger, is_summed: bool
) -> None:
    yesterday = NOON - timedelta(days=1)
    ledger.load('- {name: tenants, each: tenant, daily: "0.000001"}', at=NOON - timedelta(days=10))
    ledger.arrive(CALL, replace(CALL, time=yesterday))
    if is_summed:
        sum_days(ledger.connection, before=NOON - timedelta(hours=12))
    ledger.judge(NOON + MINUTE)

    ledger.connection.execute(ONE_MORE, {"time": yesterday})
    ledger.connection.execute(
        "UPDATE _genai.usage_identity_hour SET input_cost_pico_usd = 9000000"
        " FROM _genai.identity i WHERE i.id = identity_id AND i.tenant_id = 'gamma'"
    )
    # A day that has its sums shows at once that it changed; the others are looked through once an hour.
    ledger.judge(NOON + (2 if is_summed else 61) * MINUTE)
    late = [e for e in ledger.events() if e["budget"] == "tenants: gamma"]
    assert [(e["transition"], e["period_start"].date(), e["is_late"]) for e in late] == [
        (transition, yesterday.date(), True) for transition in ("warning", "exceeded")
    ]


ONE_MORE = """
    WITH who AS (INSERT INTO _genai.identity VALUES (77, 'gamma', 'unknown') RETURNING id)
    INSERT INTO _genai.usage_identity_hour (
        bucket, identity_id, series_id, calls, requests, input_cost_pico_usd)
    SELECT date_bin('1 hour', %(time)s, 'epoch'), who.id, s.id, 1, 1, 7
    FROM who CROSS JOIN (SELECT min(id) AS id FROM _genai.series) s
"""


@pytest.mark.parametrize("meant", ["each: tenant, scope: {model: x}", "each: prompt"])
def test_what_each_cannot_mean_is_an_error(meant: str) -> None:
    text = f"version: 1\nbudgets:\n- {{name: a, {meant}, daily: '1'}}"
    root: Any = read_yaml(text.encode(), "budgets.yaml")
    with pytest.raises(ConfigError, match=r"budgets.yaml:3: budgets\[0\].each"):
        read_budgets(root)
