"""The weekly report of a week with incidents, of which one was waived and all came back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from operations.inbox.story import explain_due
from operations.incidents import model
from tests.operations.alert_documents import alert, milliseconds
from tests.operations.ledger import Call, fill
from tests.operations.reports.test_reports import run
from tests.operations.test_classify import CALL, V2, tokens
from tests.operations.test_inbox_story import arrive

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
WAIVED = "the customer pays for it"


def hour(start: datetime, count: int, like: Call = CALL) -> list[Call]:
    return [replace(like, time=start + HOUR * n / count) for n in range(count)]


def incident_of(connection: psycopg.Connection[Any], start: datetime) -> int:
    """The alert on an hour's deploy, explained, and the incident that was opened for it in that hour."""
    told = alert(f"{start:%d%H}", starts_at=start + HOUR, endpoint=CALL.endpoint)
    told["values"] |= {"WFROM": milliseconds(start), "WTO": milliseconds(start + HOUR), "BASE": 0}
    (episode,) = arrive(connection, told)
    explain_due(connection)
    number = model.open_incident(connection, episode, "ada")
    connection.execute("UPDATE _genai.incident SET opened_at = %s WHERE id = %s", (start + 2 * HOUR, number))
    return number


def close(connection: psycopg.Connection[Any], number: int, at: datetime, **texts: str) -> None:
    seen = model.rows(connection, "incident", id=number)[0]
    model.move(connection, number, seen["version"], "close", "ada", texts)
    connection.execute("UPDATE _genai.incident SET closed_at = %s WHERE id = %s", (at, number))


@pytest.fixture
def ledger(migrated_database: str) -> Iterator[str]:
    """Three costlier versions: last month and closed, three days ago and waived, yesterday and open."""
    deploys = [TODAY - 20 * DAY, TODAY - 3 * DAY, TODAY - DAY]
    dear = tokens(1.6, like=V2)
    fill(
        migrated_database,
        [
            call
            for number, start in enumerate(deploys)
            for call in (
                *hour(start, 200),
                *hour(start + HOUR, 220, replace(dear, prompt_version=f"v{number + 2}")),
            )
        ],
    )
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        old, waived, _ = (incident_of(connection, start + HOUR) for start in deploys)
        close(connection, old, deploys[0] + 5 * HOUR, containment="rolled back", guardrail="unit cost")
        close(connection, waived, deploys[1] + 5 * HOUR, waiver=WAIVED)
        yield migrated_database


def test_the_week_tells_its_incidents_what_came_back_and_which_guardrails_are_open(ledger: str) -> None:
    told = json.loads(run(ledger, "report", "weekly", "--format", "json").stdout)
    text = run(ledger, "report", "weekly", "--format", "md").stdout

    assert [each["state"] for each in told["incidents"]] == ["closed", "open"]
    assert all(each["driver"].startswith("endpoint checkout") for each in told["incidents"])
    assert all(each["recurrences"] > 0 for each in told["incidents"])
    assert [each["waiver"] for each in told["openGuardrails"]] == [WAIVED]
    assert "2 of a cause that was there before" in text
    assert WAIVED in text
