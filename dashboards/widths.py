"""How wide Grafana draws a table: letters, columns and panels in pixels.

Measured in a browser on Grafana 12.4: its font (Inter, 14 px), its cells and its grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

CONTENT_1440, CONTENT_1920 = 1108, 1588
"""Pixels for panels in windows of 1440 and 1920 with Grafana's menu beside them."""
CELL_MARGIN = 13
"""Padding on both sides of a cell, and its border."""
SORT_MARK = 10
"""Beside the title of a column."""
ROW_PIXELS, TITLE_PIXELS = 36, 42
_GRID_COLUMNS, _GRID_GAP = 24, 8
_PANEL_FRAME, _SCROLL_BAR = 18, 10


def _advances(rows: Mapping[float, str]) -> dict[str, float]:
    return {letter: width for width, letters in rows.items() for letter in letters}


_REGULAR = _advances({
    3.6: "ijl", 3.9: "I", 4.1: " ", 4.2: "!,.:·", 4.4: "\"';t", 4.8: "f|", 5.2: "/", 5.3: "()[]", 5.7: "r",
    5.9: "1", 6.1: "{}", 6.6: "-_", 7.2: "*–", 7.3: "?", 7.6: "s", 7.8: "x", 7.9: "kz", 8.0: "avy", 8.1: "L",
    8.2: "Jc", 8.3: "e", 8.4: "7Fn", 8.5: "hu", 8.6: "Eo", 8.7: "25bdpq", 8.8: "3689g", 9.0: "0#Z", 9.1: "P",
    9.2: "4$&RST", 9.3: "B", 9.4: "+<=>~≥±×", 9.6: "K", 9.7: "XY", 10.0: "AV", 10.3: "D", 10.4: "C",
    10.6: "GHU", 10.7: "N", 10.9: "OQ", 11.6: "w", 12.3: "…", 12.4: "m", 12.8: "M", 13.5: "→", 13.7: "@",
    13.9: "%", 14.3: "W",
})  # fmt: skip
_MEDIUM_OVER_REGULAR = 1.02
_WIDEST = 14.4


def text_width(text: str) -> float:
    """Pixels of a text in a cell; an unknown letter counts as the widest."""
    return sum(_REGULAR.get(letter, _WIDEST) for letter in text)


def column_width(title: str, *texts: str) -> int:
    """Pixels for a column whose title and texts are read whole."""
    head = text_width(title) * _MEDIUM_OVER_REGULAR + SORT_MARK
    return ceil(max((head, *map(text_width, texts)))) + CELL_MARGIN


def table_width(columns: int, content: int) -> float:
    """Pixels for the columns of a table in a panel `columns` of 24 wide, its scroll bar aside."""
    column = (content - _GRID_GAP * (_GRID_COLUMNS - 1)) / _GRID_COLUMNS
    return column * columns + _GRID_GAP * (columns - 1) - _PANEL_FRAME - _SCROLL_BAR


def drawn_widths(panel: Mapping[str, Any], content: int) -> dict[str, float]:
    """Pixels of each shown column of a table, by its name in the query.

    Args:
        panel: a table of a dashboard's JSON.
        content: pixels for all panels of a row.

    Source:
        `computeColWidths` of Grafana's table: fixed widths first, the others share what is left of the panel.
    """
    least = panel["fieldConfig"]["defaults"]["custom"]["minWidth"]
    shown = {
        override["matcher"]["options"]: {each["id"]: each["value"] for each in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }
    shown = {name: values for name, values in shown.items() if not values.get("custom.hidden")}
    fixed = {name: v["custom.width"] for name, v in shown.items() if v.get("custom.width")}
    room = table_width(panel["gridPos"]["w"], content) - sum(fixed.values())
    shared = room / max(len(shown) - len(fixed), 1)
    return {
        name: fixed.get(name) or max(values.get("custom.minWidth", least), shared)
        for name, values in shown.items()
    }
