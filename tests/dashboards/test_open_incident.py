"""From a row, or the focus, of a dashboard to the incident that is open for it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.dashboards.files import DEFAULTS
from tests.dashboards.shop import ANCHOR, PAGES_AT
from tests.dashboards.test_values import DEPLOY, Reader, click, rows

TENANT = "northwind"
FOCUSED = {**DEFAULTS, "tenant": TENANT}


@pytest.fixture
def incident(shop_database: str) -> int:
    """An open incident of one tenant."""
    query = """INSERT INTO _genai.incident (opened_at, opened_by, title, severity, environment, data_mode,
            window_from, window_to, baseline, owner, channel, driver_class, driver, focus, recurrence_key,
            state_by, state_at)
        VALUES (now(), 'ada', 'northwind reads more', 'warning', 'prod', 'real', %(start)s, %(end)s, '24h',
            '', '', 'token', 'tenant northwind', %(focus)s, '', 'ada', now()) RETURNING id"""
    values = {"start": DEPLOY, "end": ANCHOR, "focus": json.dumps({"tenant": TENANT})}
    with psycopg.connect(shop_database) as connection:
        found = connection.execute(query, values).fetchone()
    assert found is not None
    return int(found[0])


def test_the_row_of_a_tenant_leads_to_its_incident_and_others_to_their_comparison(
    incident: int, reader: Reader
) -> None:
    pages = {
        row["tenant"]: (row["page_link"], row["page_url"]) for row in rows(reader, "users", "Which tenant?")
    }
    assert pages.pop(TENANT) == ("incident", f"{PAGES_AT}/incident/{incident}")
    assert {word for word, _ in pages.values()} == {"page"}
    assert all("/compare?" in url for _, url in pages.values())
    assert {row["page_link"] for row in rows(reader, "users", "Which user?", FOCUSED)} == {"page"}


def test_the_row_of_an_endpoint_leads_to_its_incident(reader: Reader) -> None:
    """The planned day has an incident, of support.answer."""
    shown = rows(reader, "endpoints", "Which endpoint?", FOCUSED)
    assert {row["endpoint"] for row in shown if row["page_link"] == "incident"} == {"support.answer"}
    assert {row["page_link"] for row in shown} == {"incident", "page"}


def test_the_row_of_a_call_leads_to_the_incident_that_it_belongs_to(incident: int, reader: Reader) -> None:
    """Calls of the incident's tenant since it began, and no others."""
    address = f"{PAGES_AT}/incident/{incident}"

    def calls(tenant: str) -> list[dict[str, Any]]:
        around = DEPLOY - timedelta(minutes=20), DEPLOY + timedelta(minutes=20)
        shown = rows(reader, "requests", "Which calls?", {**DEFAULTS, "tenant": tenant}, around)
        return [call for call in shown if call["endpoint"] != "support.answer"]  # has an incident of its own

    began = [call["time"] >= DEPLOY for call in calls(TENANT)]
    assert any(began)
    assert not all(began)
    assert [call["incident_url"] == address for call in calls(TENANT)] == began
    assert [call["incident_link"] == "incident" for call in calls(TENANT)] == began
    assert {(call["incident_link"], call["incident_url"]) for call in calls("globex")} == {("", "")}


def test_a_focus_with_an_open_incident_says_so_on_every_dashboard(incident: int, reader: Reader) -> None:
    for dashboard in ("users", "requests", "endpoints", "prompts", "models", "compare"):
        (note,) = rows(reader, dashboard, "Notes", FOCUSED)
        assert f"Incident {incident} (open) is about this selection: northwind reads more" in note["note"]
        if note["state"] == "incident":
            assert click(dashboard, "Notes", "name", note, FOCUSED)[0] == "incidents"
        for other in ("globex", "*"):
            notes = rows(reader, dashboard, "Notes", {**DEFAULTS, "tenant": other})
            assert not any("Incident" in each["note"] for each in notes)


def test_a_closed_incident_and_one_of_other_data_are_no_link(
    incident: int, shop_database: str, reader: Reader
) -> None:
    for state, mode in (("open", "demo"), ("closed", "real")):
        with psycopg.connect(shop_database) as connection:
            connection.execute(
                "UPDATE _genai.incident SET state = %s, data_mode = %s, waiver = 'a test'", [state, mode]
            )
        assert {row["page_link"] for row in rows(reader, "users", "Which tenant?")} == {"page"}
