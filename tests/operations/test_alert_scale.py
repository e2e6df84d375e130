"""Rules look at the largest of many users: an evaluation must never be a load of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg

from operations.alerts.model import ask
from processor.alerting.catalogue import BY_ID, Place
from tests.operations.ledger import fill
from tests.operations.test_alert_rules import CALL, NOW, START

USERS = 1_000


def test_of_many_users_the_largest_two_hundred_are_looked_at(migrated_database: str) -> None:
    fill(
        migrated_database,
        (
            replace(CALL, time=START - back + timedelta(seconds=i * 3), user=f"h:{i}", tenant=f"t{i % 50}")
            for back in (timedelta(0), timedelta(days=1), timedelta(days=7))
            for i in range(USERS)
        ),
    )
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute("ANALYZE")
        asked = ask(connection, BY_ID["concentration_user"], Place.PROD, NOW)
    # Limits and owners are looked up for these alone: for every user of a large ledger they took minutes.
    assert len(asked.rows) == 200
