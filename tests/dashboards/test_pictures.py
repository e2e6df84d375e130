"""The documentation shows every dashboard; a browser draws tables as the model of widths says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from dashboards.page import TITLES
from dashboards.widths import CONTENT_1440, drawn_widths, table_width
from demo.pictures import LARGEST_BYTES, browse, chromium, page_of, take
from tests.dashboards.files import dashboards, name_of, panels
from tests.machine import require, skip

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("uid", sorted(TITLES))
def test_the_documentation_shows_every_dashboard_in_a_small_picture(uid: str) -> None:
    name = f"images/{uid.removeprefix('spanledger-')}.webp"
    assert (DOCS / name).stat().st_size <= LARGEST_BYTES
    assert f"]({name})" in (DOCS / "dashboards.md").read_text()


def grafana_in_a_browser(config: pytest.Config) -> None:
    """Skip without a browser, or where the Grafana is a server only: one built without its front end."""
    require(config, "grafana")
    require(config, "chromium")
    login = httpx.get(f"{os.environ['GRAFANA_URL'].rstrip('/')}/login", follow_redirects=True, timeout=60)
    if login.is_server_error:
        skip(config, "the Grafana at GRAFANA_URL has no front end")


def drawn(dom: str) -> Iterator[tuple[str, list[float]]]:
    """The title of every panel with a table, and the widths of its columns."""
    heads = [*re.finditer(r'data-testid="data-testid Panel header ([^"]*)"', dom)]
    ends = [*heads, None]
    for head, after in pairwise(ends):
        assert head is not None
        text = dom[head.end() : after.start() if after else len(dom)]
        columns = re.search(r"grid-template-columns: ([\d.px ]+)[;\"]", text)
        if columns:
            yield head[1], [float(each.removesuffix("px")) for each in columns[1].split()]


@pytest.mark.grafana
@pytest.mark.timeout(600)
@pytest.mark.parametrize("uid", sorted(dashboards()))
def test_a_browser_draws_no_table_wider_than_its_panel(request: pytest.FixtureRequest, uid: str) -> None:
    grafana_in_a_browser(request.config)
    address = page_of(os.environ["GRAFANA_URL"].rstrip("/"), uid).removesuffix("&kiosk")
    found = dict(drawn(browse(chromium(), address, "--dump-dom", (1440, 4000))))
    assert found, "no table is drawn at all"
    for panel in panels(dashboards()[uid]):
        if panel["type"] == "table" and name_of(panel) in found:
            widths = found[name_of(panel)]
            assert sum(widths) <= table_width(panel["gridPos"]["w"], CONTENT_1440) + 11, panel["title"]
            assert len(widths) == len(drawn_widths(panel, CONTENT_1440)), panel["title"]


@pytest.mark.grafana
@pytest.mark.timeout(600)
def test_a_picture_is_taken_of_what_is_there(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    require(request.config, "grafana")
    require(request.config, "chromium")
    picture = tmp_path / "requests.webp"
    take(chromium(), page_of(os.environ["GRAFANA_URL"].rstrip("/"), "spanledger-requests"), picture)
    assert picture.read_bytes()[8:12] == b"WEBP"
    assert 20_000 < picture.stat().st_size <= LARGEST_BYTES
