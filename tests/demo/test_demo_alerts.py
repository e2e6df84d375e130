"""The demo lists the alerts of its incidents at whatever hour it is played."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from demo import budgets, settings
from demo.alerts import raised
from demo.plan import Plan, make_plan
from operations.inbox.story import explain_due
from service.config import load_config
from service.operator_files import put_in_force, read_operator_files
from tests.demo.ledger import write_plan

pytestmark = pytest.mark.slow


ASKED = "support.answer", "product.qa"


@pytest.fixture
def played(request: pytest.FixtureRequest, migrated_database: str, tmp_path: Path) -> tuple[str, Plan]:
    """The endpoints of the incidents by then, of which yesterday is most of what is there before."""
    hour, minute = request.param
    whole = make_plan(datetime(2026, 11, 30, hour, minute, tzinfo=UTC), days=4)
    plan = whole._replace(requests=[each for each in whole.requests if each.feature.tag in ASKED])
    write_plan(migrated_database, plan)
    budgets.write(plan, tmp_path)
    settings.write(tmp_path)
    config = load_config(tmp_path / settings.CONFIG, {}, {"SPANLEDGER_DATA_DIR": str(tmp_path)})
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        put_in_force(connection, read_operator_files(config))
    return migrated_database, plan


@pytest.mark.parametrize("played", [(7, 23), (8, 48), (11, 29)], indirect=True, ids=str)
def test_deploy_and_storm_are_alerted_though_few_customers_are_awake(played: tuple[str, Plan]) -> None:
    """At 07:23 and 08:48 the hours after the deploy have the fewest requests, at 11:29 those of the storm."""
    dsn, plan = played
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        told = {alert.title for alert in raised(connection, plan, "http://127.0.0.1:4319")}
        explain_due(connection)
        query = (
            "SELECT class, subject FROM genai.alert_story s JOIN genai.alert_episode e ON e.id = s.episode_id"
        )
        drift = connection.execute(f"{query} WHERE e.rule = 'cost_drift_prompt'").fetchone()
    assert {"Cost per request drift by prompt version", "Request burst with falling success"} <= told
    assert drift == ("deploy", "answer_v8")
