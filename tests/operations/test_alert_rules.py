"""Every rule on calls: it fires for its incident, and stays quiet for each of its conditions alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from operations.alerts.model import Row, ask, detail
from processor.alerting.catalogue import BY_ID, Place
from tests.operations.alert_harness import SPEND_RULES
from tests.operations.ledger import ERROR_WITHOUT_USAGE, NO_USAGE, UNPRICED, Call, fill

NOW = datetime(2026, 5, 4, 12, 3, tzinfo=UTC)  # windows end at 12:00
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 5, 4, 11, tzinfo=UTC)
CALL = Call(START, input_tokens=1_000, output_tokens=100, costs=(10**10, 0, 0, 10**10, 0))  # two cents
FREE_ERROR = replace(CALL, status="error", costs=None, price_status=ERROR_WITHOUT_USAGE, input_tokens=None)


def traffic(
    count: int = 200, like: Call = CALL, back: timedelta = timedelta(0), tenants: int = 8
) -> list[Call]:
    """Calls spread over the hour before noon, over tenants and their users."""
    return [
        replace(
            like,
            time=START - back + HOUR * i / count,
            tenant=f"tenant-{i % tenants}" if like.tenant == "unknown" else like.tenant,
            user=f"h:user-{i % (2 * tenants)}" if like.user == "unknown" else like.user,
        )
        for i in range(count)
    ]


def usual(count: int = 200, like: Call = CALL, tenants: int = 8) -> list[Call]:
    """The same traffic a day and a week ago."""
    return traffic(count, like, DAY, tenants) + traffic(count, like, 7 * DAY, tenants)


def dearer(factor: float, like: Call = CALL) -> Call:
    """The call with more tokens."""
    assert like.costs
    return replace(like, costs=tuple(round(cost * factor) for cost in like.costs))  # type: ignore[arg-type]


def uneven(calls: list[Call]) -> list[Call]:
    """The calls as large as they come: among so few, no combination stands out."""
    return [dearer((0.2, 0.6, 1, 1.2, 2)[place % 5], call) for place, call in enumerate(calls)]


def late(calls: list[Call]) -> list[Call]:
    """The calls within the last fifteen minutes before noon."""
    return [replace(call, time=NOW - timedelta(minutes=3) - (START + HOUR - call.time) / 4) for call in calls]


@dataclass(frozen=True, slots=True)
class Case:
    """Calls, and the labels with which each rule must fire; every other rule must not."""

    calls: list[Call]
    fires: dict[str, list[dict[str, str]]]


V2 = replace(CALL, prompt_version="v2")
BIG = replace(CALL, tenant="big")
BUSY = replace(CALL, tenant="tenant-0", user="h:busy")
ENDPOINT = {"endpoint": "checkout"}

CASES: dict[str, Case] = {
    "twice-the-cost": Case(
        usual() + traffic(like=dearer(2)),
        {"cost_drift_endpoint": [ENDPOINT], "cost_drift_prompt": [ENDPOINT | {"prompt_version": "v1"}]},
    ),
    "new-version": Case(
        usual() + traffic(100) + traffic(100, dearer(3, V2)),
        {"cost_drift_endpoint": [ENDPOINT], "cost_drift_prompt": [ENDPOINT | {"prompt_version": "v2"}]},
    ),
    "new-version-nearly-everywhere": Case(
        uneven(usual(110) + traffic(25) + traffic(80, dearer(2, V2))),
        {"cost_drift_endpoint": [ENDPOINT], "cost_drift_prompt": [ENDPOINT | {"prompt_version": "v2"}]},
    ),
    "version-that-was-always-costly": Case(
        usual() + usual(60, dearer(3, V2)) + traffic() + traffic(60, dearer(3, V2)), {}
    ),
    "a-quarter-more": Case(usual() + traffic(like=dearer(1.25)), {}),
    "small-money": Case(usual(like=dearer(0.01)) + traffic(like=dearer(0.03)), {}),
    "few-requests": Case(usual(60) + traffic(40, dearer(3)), {}),
    "few-requests-before": Case(usual(40) + traffic(200, dearer(3)), {}),
    "one-costly-request": Case(usual() + traffic() + [replace(dearer(300), time=START)], {}),
    "as-costly-a-week-ago": Case(
        traffic(back=DAY) + traffic(like=dearer(2), back=7 * DAY) + traffic(like=dearer(2)), {}
    ),
    "three-times-the-requests": Case(usual() + traffic(600), {}),
    "cheaper": Case(usual() + traffic(like=dearer(0.3)), {}),
    "tenant": Case(
        usual() + usual(10, BIG) + traffic() + traffic(300, BIG),
        {"concentration_tenant": [{"tenant": "big"}]},
    ),
    "tenant-that-was-always-large": Case(usual() + usual(300, BIG) + traffic() + traffic(330, BIG), {}),
    "tenant-alone": Case(usual(tenants=1) + traffic(800, tenants=1), {}),
    "tenant-grows-with-all": Case(usual() + usual(60, BIG) + traffic(600) + traffic(180, BIG), {}),
    "others-leave": Case(usual() + usual(60, BIG) + traffic(50) + traffic(62, BIG), {}),
    "nobody-in-particular": Case(usual() + traffic() + [
        replace(call, tenant="unknown", user="unknown") for call in traffic(600)
    ], {}),
    "user": Case(
        usual() + traffic() + traffic(90, BUSY), {"concentration_user": [{"user": "h:busy"}]}
    ),
    "burst-that-fails": Case(
        usual() + late(traffic(200)) + late(traffic(200, FREE_ERROR)), {"burst_failing": [ENDPOINT]}
    ),
    "burst": Case(usual() + late(traffic(400)), {}),
    "failing": Case(
        usual() + traffic(180) + traffic(20, FREE_ERROR), {}
    ),
    "burst-of-few": Case(usual(20) + late(traffic(40)) + late(traffic(40, FREE_ERROR)), {}),
    "no-price": Case(
        usual() + traffic() + traffic(3, replace(CALL, model="orion", costs=None, price_status=UNPRICED)),
        {"unpriced_model": [{"model": "orion", "scope": "openai"}]},
    ),
    "dearer-and-half-without-a-price": Case(
        usual() + traffic(100, dearer(2))
        + traffic(100, replace(CALL, model="orion", costs=None, price_status=UNPRICED)),
        {
            "cost_drift_endpoint": [ENDPOINT], "cost_drift_prompt": [ENDPOINT | {"prompt_version": "v1"}],
            "unpriced_model": [{"model": "orion", "scope": "openai"}],
        },
    ),
    "no-usage": Case(
        usual() + traffic() + traffic(40, replace(CALL, costs=None, price_status=NO_USAGE)),
        {"uncertain_usage": [{"service": "shop"}]},
    ),
    "silent": Case(usual(), {"telemetry_silent": [{"service": "shop"}]}),
    "silent-every-week": Case(traffic(back=DAY) + traffic(4, back=7 * DAY), {}),
    "hardly-used": Case(usual(20), {}),
    "as-always": Case(usual() + traffic(), {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def answers(module_database: str) -> dict[str, dict[str, list[Row]]]:
    """The rows of every rule by rule and environment: each case is an environment of its own."""
    fill(module_database, [replace(c, environment=name) for name, case in CASES.items() for c in case.calls])
    with psycopg.connect(module_database, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute("ANALYZE")
        asked = {name: ask(connection, BY_ID[name], Place.ELSEWHERE, NOW).rows for name in SPEND_RULES}
    return {
        rule: {env: [row for row in rows if row.env == env] for env in CASES} for rule, rows in asked.items()
    }


def fired(answers: dict[str, dict[str, list[Row]]], env: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for rule, by_env in answers.items():
        labels = [
            {name: getattr(row, name) for name in BY_ID[rule].labels} for row in by_env[env] if row.score >= 1
        ]
        if labels:
            found[rule] = labels
    return found


@pytest.mark.parametrize("env", CASES)
def test_a_rule_fires_for_its_incident_and_no_other(
    answers: dict[str, dict[str, list[Row]]], env: str
) -> None:
    assert fired(answers, env) == CASES[env].fires


def test_rows_say_the_numbers_that_decided(answers: dict[str, dict[str, list[Row]]]) -> None:
    (row,) = answers["cost_drift_endpoint"]["twice-the-cost"]
    assert row.value == pytest.approx(2.0)
    assert row.threshold == 1.5
    assert row.score == pytest.approx(2 / 1.5)
    assert row.baseline in (24, 168)
    assert (row.window_from, row.window_to) == (START, START + HOUR)


def test_a_prod_rule_sees_prod_alone(module_database: str, answers: object) -> None:
    with psycopg.connect(module_database, autocommit=True) as connection:
        for rule in (BY_ID[name] for name in SPEND_RULES):
            assert ask(connection, rule, Place.PROD, NOW).rows == []


@pytest.mark.parametrize("env", ["new-version", "new-version-nearly-everywhere"])
def test_the_story_names_the_version_and_the_link_carries_it(
    module_database: str, answers: dict[str, dict[str, list[Row]]], env: str
) -> None:
    (row,) = (r for r in answers["cost_drift_endpoint"][env] if r.score >= 1)
    with psycopg.connect(module_database, autocommit=True) as connection:
        told = detail(connection, BY_ID["cost_drift_endpoint"], row)
    assert told.kind == "deploy"
    assert "v2" in told.sentence
    assert told.query.startswith(
        f"from={int(START.timestamp())}000&to={int(START.timestamp()) + 3600}000&timezone=utc"
        f"&var-env={env}&var-data_mode=real&var-baseline="
    )
    assert told.query.endswith("&var-endpoint=checkout&var-prompt_version=v2")


def override(dsn: str, *settings: dict[str, Any]) -> None:
    from operations.operator_files.model import OperatorFile, put_in_force

    with psycopg.connect(dsn, autocommit=True) as connection:
        put_in_force(connection, OperatorFile("rules", str(settings), "", {"settings": list(settings)}))


def test_thresholds_follow_the_file_in_force(module_database: str, answers: object) -> None:
    rule = {"rule": "cost_drift_endpoint"}
    override(
        module_database,
        rule | {"threshold": "1.2"},
        rule | {"endpoint": "checkout", "threshold": "4"},
        rule | {"endpoint": "search", "enabled": False},
    )
    with psycopg.connect(module_database, autocommit=True) as connection:
        rows = ask(connection, BY_ID["cost_drift_endpoint"], Place.ELSEWHERE, NOW).rows
    override(module_database)
    assert {row.threshold for row in rows} == {4.0}
    assert max(row.score for row in rows) < 1


LATE_CALLS = """
    WITH late AS (
        UPDATE _genai.model_call SET received_at = %(now)s - interval '1 minute'
        WHERE time >= %(now)s - interval '20 minutes'
        RETURNING call_key, time, received_at
    )
    INSERT INTO _genai.call_key SELECT call_key, call_key, time, received_at FROM late
"""


def test_while_calls_come_late_bursts_and_drifts_hold(migrated_database: str) -> None:
    fill(migrated_database, CASES["burst-that-fails"].calls)
    rules = [BY_ID[name] for name in ("burst_failing", "cost_drift_endpoint", "sender_lag")]
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        before = [ask(connection, rule, Place.PROD, NOW).rows for rule in rules]
        connection.execute(LATE_CALLS, {"now": NOW})
        burst, drift, lag = (ask(connection, rule, Place.PROD, NOW).rows for rule in rules)
    assert before[0][0].score >= 1
    assert {row.score for row in (*burst, *drift)} == {0.9}
    assert lag[0].service == "shop"
    assert lag[0].score >= 1


@pytest.mark.parametrize(("sampled", "holds"), [("1 minute", True), ("3 minutes", False)])
def test_rules_hold_by_the_newest_sample_of_lags_while_it_is_new(
    migrated_database: str, sampled: str, holds: bool
) -> None:
    fill(migrated_database, CASES["burst-that-fails"].calls)
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute(
            "INSERT INTO _genai.sender_lag_minute"
            " SELECT date_bin('1 minute', %s - %s::interval, 'epoch'), 'prod', 'real', 'shop', 100, 400, 0",
            (NOW, sampled),
        )
        burst = ask(connection, BY_ID["burst_failing"], Place.PROD, NOW).rows
    assert (burst[0].score == 0.9) is holds
