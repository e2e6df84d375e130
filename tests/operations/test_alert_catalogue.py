"""The catalogue of rules and the database's part of it say the same."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from operations.alerts.model import Row, ask_all, summary
from processor.alerting.catalogue import OVERRIDABLE, RULES, Place, Rule, Severity
from tests.storage.ledger import rows

NOW = datetime(2026, 5, 4, 12, 3, tzinfo=UTC)


def test_the_defaults_in_sql_are_those_of_the_catalogue(migrated_database: str) -> None:
    stored = rows(
        migrated_database,
        "SELECT rule, threshold, minimum, minimum_usd FROM genai.alert_default ORDER BY rule",
    )
    assert stored == sorted(
        (
            rule.id,
            float(rule.threshold),
            None if rule.minimum is None else float(rule.minimum),
            None if rule.minimum_usd is None else float(rule.minimum_usd),
        )
        for rule in RULES
    )


def test_every_rule_answers_an_empty_ledger_with_its_quiet_row(migrated_database: str) -> None:
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        for rule in RULES:
            for place in rule.places:
                query = f"SELECT count(*) FROM genai.alert_{rule.id}(now(), %s) WHERE env = '' AND score = 0"  # noqa: S608
                assert connection.execute(query.encode(), [place.value]).fetchone() == (1,), rule.id
        speaking = {
            asked.rule.id for asked in ask_all(connection, NOW) for row in asked.rows if row.score >= 1
        }
    assert speaking == {"freshness", "watchdog"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_only_prod_wakes_somebody(rule: Rule) -> None:
    assert rule.severity_at(Place.ELSEWHERE) is Severity.INFO
    assert rule.severity_at(Place.PROD) is rule.severity


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_summary_is_made_of_its_labels_and_numbers(rule: Rule) -> None:
    row = Row(
        env="prod", data_mode="real", service="shop", endpoint="checkout", prompt_version="v2", tenant="acme",
        user="h:1", model="gpt", scope="ledger", owner="", score=1.2, value=2.4, threshold=2, baseline=24,
        window_from=NOW, window_to=NOW,
    )  # fmt: skip
    assert "{" not in summary(rule, row)
    assert set(rule.labels) <= {*OVERRIDABLE, "scope"}
