"""Every table fits its panel in a window of 1440 pixels with Grafana's menu, and its names are read whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dashboards.widths import (
    CELL_MARGIN,
    CONTENT_1440,
    CONTENT_1920,
    column_width,
    drawn_widths,
    table_width,
    text_width,
)
from tests.dashboards.files import DEFAULTS, dashboards, name_of, panels
from tests.dashboards.macros import Range, expand, fill
from tests.dashboards.shop import HOSTILE_TENANT
from tests.dashboards.test_queries import DAY

UIDS = sorted(dashboards())
WRAPPED = "wrapText"


def tables(uid: str) -> Iterator[dict[str, Any]]:
    return (panel for panel in panels(dashboards()[uid]) if panel["type"] == "table")


def settings(panel: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        each["matcher"]["options"]: {one["id"]: one["value"] for one in each["properties"]}
        for each in panel["fieldConfig"]["overrides"]
    }


def test_the_model_agrees_with_what_a_browser_drew() -> None:
    """Read from Grafana 12.4.3 at 1440 pixels: a panel over the whole width, one over half of it, a title."""
    assert table_width(24, CONTENT_1440) == pytest.approx(1090 - 10, abs=1)
    assert table_width(12, CONTENT_1440) == pytest.approx(550 - 18 - 10, abs=1)
    assert text_width("Version") * 1.02 == pytest.approx(51.8, abs=1.5)
    assert text_width("gpt-4.1-mini-2025-04-14") == pytest.approx(170, abs=4)


@pytest.mark.parametrize("content", [CONTENT_1440, CONTENT_1920])
@pytest.mark.parametrize("uid", UIDS)
def test_no_table_hides_a_column(uid: str, content: int) -> None:
    for panel in tables(uid):
        needed = sum(drawn_widths(panel, content).values())
        assert needed <= table_width(panel["gridPos"]["w"], content) + 1, (name_of(panel), needed)


@pytest.mark.parametrize("uid", UIDS)
def test_titles_of_columns_are_read_whole(uid: str) -> None:
    for panel in tables(uid):
        if not panel["options"]["showHeader"]:
            continue
        given = settings(panel)
        for name, width in drawn_widths(panel, CONTENT_1440).items():
            title = given[name]["displayName"]
            assert width >= column_width(title) - 1, (name_of(panel), title)


@pytest.mark.parametrize("uid", UIDS)
def test_names_of_the_planned_day_are_read_whole(reader: psycopg.Connection[Any], uid: str) -> None:
    for panel in tables(uid):
        given, drawn = settings(panel), drawn_widths(panel, CONTENT_1440)
        text = expand(fill(panel["targets"][0]["rawSql"], DEFAULTS), Range(*DAY))
        cursor = reader.execute(text.encode())
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        for row in cursor.fetchall():
            for name, value in zip(names, row, strict=True):
                cells = given[name].get("custom.cellOptions", {})
                if value == HOSTILE_TENANT or name not in drawn or cells.get(WRAPPED):
                    continue
                if isinstance(value, str):
                    shown = _shown(given[name], value)
                    assert text_width(shown) <= drawn[name] - CELL_MARGIN + 1, (name_of(panel), name, shown)


def _shown(values: dict[str, Any], value: str) -> str:
    """The words that stand for a value."""
    for mapping in values.get("mappings", []):
        if mapping["type"] == "value" and value in mapping["options"]:
            return str(mapping["options"][value]["text"])
    return value
