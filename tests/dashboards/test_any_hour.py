"""The deploy of the demo is told as one on every dashboard, at whatever hour the demo is played."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from demo.plan import make_plan
from tests.dashboards.files import DEFAULTS
from tests.dashboards.shop import calls_of
from tests.dashboards.test_values import rows
from tests.operations.ledger import fill

pytestmark = pytest.mark.slow

DEPLOY = ("support.answer", "answer_v8")


@pytest.mark.parametrize("hour", [0, 5])  # the storm in the baseline; few requests since the deploy
def test_the_deploy_is_told_as_a_deploy_at_any_hour(migrated_database: str, hour: int) -> None:
    now = datetime(2026, 5, 20, hour, 40, tzinfo=UTC)
    fill(migrated_database, calls_of(make_plan(now, days=2)))
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute("ANALYZE")
        for hours in (24, 12, 6):
            for baseline in ("previous", "24h"):
                _is_told(connection, (now - timedelta(hours=hours), now), baseline)


def _is_told(reader: psycopg.Connection[Any], window: tuple[datetime, datetime], baseline: str) -> None:
    asked = {**DEFAULTS, "baseline": baseline}
    focused = {**asked, "endpoint": "support.answer"}
    where = f"{window[0]:%H:%M}, {window[1] - window[0]}, {baseline}"
    for dashboard, title, values in (
        ("overview", "What changed most?", asked),
        ("compare", "What kind of change, and who or what drove it?", asked),
        ("compare", "What kind of change, and who or what drove it?", focused),
    ):
        lines = rows(reader, dashboard, title, values, window)
        told = [line for line in lines if line["kind"] == "deploy"]
        assert [(line["endpoint"], line["prompt_version"]) for line in told] == [DEPLOY], (where, lines)
        assert re.search(r"answer_v8 writes (2\.[6-9]|3\.\d) times as much", told[0]["sentence"]), where
    (verdict,) = rows(reader, "prompts", "Does the new version cost more?", asked, window)
    assert (verdict["endpoint"], verdict["prompt_version"]) == DEPLOY, where
    versions = rows(reader, "endpoints", "Is it a prompt version?", focused, window)
    (new,) = (row for row in versions if row["prompt_version"] == "answer_v8")
    assert new["verdict"] in ("costlier", "much costlier"), (where, new)
