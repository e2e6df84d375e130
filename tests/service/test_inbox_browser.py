"""The way from the alert to the closed incident in a real browser; SCREENSHOTS keeps the pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.service.chromium import Tab, tab
from tests.service.test_pages_browser import served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHAPES = {
    "1440": (1440, 900, False),
    "390": (390, 844, False),
    "1440-dark": (1440, 900, True),
    "390-dark": (390, 844, True),
}


def look(page: Tab, name: str, place: Path) -> None:
    """The page fits every window, nothing runs out of it; keep its pictures."""
    for shape, (width, height, dark) in SHAPES.items():
        page.size(width, height, dark)
        assert page.run("document.documentElement.scrollWidth") <= width, (name, shape)
        page.picture(place / f"{name}-{shape}.png")
    page.size(1440, 900)


@pytest.mark.timeout(600)
def test_single_clicks_lead_from_the_inbox_to_the_closed_incident(
    explained: str,
    chromium: str,
    tmp_path: Path,
) -> None:
    place = Path(os.environ.get("SCREENSHOTS", tmp_path))
    with served(explained) as root, tab(chromium, tmp_path) as page:
        page.size(1440, 900)
        page.open(f"{root}/inbox")
        look(page, "inbox", place)
        page.click("Cost per request drifted")
        assert "because v2 reads and writes 60% more" in page.text()
        look(page, "alert", place)
        page.click("Compare in detail")
        driver = page.run("document.querySelector('ol.drivers a').innerText")
        page.click(driver)
        assert "prompt version v2" in page.text()
        look(page, "focused", place)
        page.click("Open an incident")
        assert "Roll checkout back from v2" in page.text()
        look(page, "incident", place)
        page.click("Contained")
        assert "The burn is measured again" in page.text()
        page.click("Close the incident")
        assert "Guardrail:" in page.text()
        look(page, "closed", place)
        page.click("Incidents")
        assert "No incident matches" in page.text()


@pytest.mark.timeout(600)
def test_the_keyboard_alone_takes_an_alert_on(
    explained: str,
    chromium: str,
    tmp_path: Path,
) -> None:
    with served(explained) as root, tab(chromium, tmp_path) as page:
        page.size(1440, 900)
        page.open(f"{root}/alert/1")
        for _ in range(40):
            page.press("Tab", 9)
            if page.run("document.activeElement.innerText") == "Acknowledge":
                break
        assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.press("Enter", 13)
        for _ in range(100):
            if "acknowledged by local" in page.text():
                return
        pytest.fail(page.text()[:500])
