"""The demo lists the alert of its deploy at whatever hour it is played."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from demo import budgets, settings
from demo.alerts import raised
from demo.plan import Plan, make_plan
from service.config import load_config
from service.operator_files import put_in_force, read_operator_files
from tests.demo.ledger import write_plan

pytestmark = pytest.mark.slow


@pytest.fixture
def played_in_the_night(migrated_database: str, tmp_path: Path) -> tuple[str, Plan]:
    """The deploy's endpoint when its hours have the fewest requests, and yesterday is all there is before."""
    whole = make_plan(datetime(2026, 11, 30, 7, 23, tzinfo=UTC), days=4)
    asked = [each for each in whole.requests if each.feature.tag == "support.answer"]
    plan = whole._replace(requests=asked)
    write_plan(migrated_database, plan)
    budgets.write(plan, tmp_path)
    settings.write(tmp_path)
    config = load_config(tmp_path / settings.CONFIG, {}, {"SPANLEDGER_DATA_DIR": str(tmp_path)})
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        put_in_force(connection, read_operator_files(config))
    return migrated_database, plan


def test_the_deploy_is_alerted_though_few_customers_are_awake(played_in_the_night: tuple[str, Plan]) -> None:
    dsn, plan = played_in_the_night
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        told = [alert.title for alert in raised(connection, plan, "http://127.0.0.1:4319")]
    assert "Cost per request drift by prompt version" in told
