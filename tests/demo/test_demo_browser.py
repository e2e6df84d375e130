"""From the demo's own inbox to the closed incident in a real browser, and every page on a narrow screen."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.demo.test_demo_played import FEW_DAYS, read_until, surroundings, terminal
from tests.service.chromium import Tab, tab
from tests.service.conftest import chromium
from tests.service.test_inbox_browser import look

__all__ = ["chromium", "surroundings"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

PAGES = (
    "", "compare", "budgets", "inbox?state=*", "incidents?state=*", "service", "diagnostics", "runbooks",
    "sign-in", "alert/99",
)  # fmt: skip
VERDICT = re.compile(
    r"The containment (worked|worked in part|did not work)\. Before the incident \$0\.\d+, "
    r"during it \$0\.\d+, since the containment \$0\.\d+ a request"
)


def test_single_clicks_lead_from_the_demos_inbox_to_the_closed_incident(
    surroundings: dict[str, str], chromium: str, tmp_path: Path
) -> None:
    place = Path(os.environ.get("SCREENSHOTS", tmp_path))
    with terminal(surroundings, *FEW_DAYS) as (_, screen):
        [root] = re.findall(r"(http://127\.0\.0\.1:\d+)/inbox", read_until(screen, "leaves nothing behind"))
        with tab(chromium, tmp_path) as page:
            page.size(1440, 900)
            page.open(f"{root}/inbox")
            walk(page, place)
            for path in PAGES:
                page.open(f"{root}/{path}?data_mode=demo" if path in ("", "compare") else f"{root}/{path}")
                look(page, f"demo-{re.sub('[^a-z0-9]', '', path) or 'home'}", place)


def walk(page: Tab, place: Path) -> None:
    """Alert, comparison, driver, incident; contained half an hour ago, which is judged at once; closed."""
    page.click("Cost per request drift by prompt version")
    assert re.search(r"because answer_v8 writes [23]\.\d times as much", page.text())
    look(page, "demo-alert", place)
    page.click("Compare in detail")
    page.click("support.answer · answer_v8")
    assert "prompt version answer_v8" in page.text()
    look(page, "demo-focused", place)
    page.click("Open an incident")
    assert "Roll support.answer back from answer_v8" in page.text()
    look(page, "demo-incident", place)
    held = datetime.now(UTC) - timedelta(minutes=30)
    page.run(f"document.querySelector('[name=contained_at]').value = '{held:%Y-%m-%dT%H:%M}'")
    page.click("Contained")
    assert VERDICT.search(page.text()), page.text()
    look(page, "demo-contained", place)
    page.click("Close the incident")
    assert "Guardrail:" in page.text()
    look(page, "demo-closed", place)
    page.click("Incidents")
    assert "No incident matches" in page.text()
