"""Tables: whole columns give way, names and figures are never cut."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from operations.terminal import Column, public, show_table

COLUMNS = [
    Column("endpoint", style="bold"),
    Column("spend", figures=True),
    Column("share", figures=True, rank=1),
    Column("requests", figures=True, rank=2),
    Column("reason", rank=3, wraps=True),
]
ROWS = [
    ["checkout.ai_summary.with.a.long.name", "$1,234.56", "98.1%", "1,234,567", "many words " * 6],
    ["search", "$0.00000028", "1.9%", "7", "short"],
]
FOOTER = ["total of 2", "≥ $1,234.56", "100.0%", "1,234,574", ""]


def shown(width: int, terminal: bool = True) -> list[str]:
    out = StringIO()
    console = Console(file=out, width=width, highlight=False, force_terminal=terminal, no_color=True)
    show_table(console, COLUMNS, ROWS, title="Spend", footer=FOOTER)
    text = out.getvalue().replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
    return text.splitlines()


@pytest.mark.parametrize(("width", "hidden"), [(140, 0), (100, 0), (80, 1), (70, 2), (60, 3), (50, 3)])
def test_columns_give_way_by_rank_and_are_counted(width: int, hidden: int) -> None:
    lines = shown(width)

    titles = [column.title for column in COLUMNS if column.title in lines[2]]
    assert titles == [column.title for column in COLUMNS][: len(COLUMNS) - hidden]
    told = lines[-1] if "hidden" in lines[-1] else None
    if hidden:
        assert told is not None
        assert told.startswith(f"{hidden} column{'s' if hidden > 1 else ''} hidden: widen to ")
        wide = int(told.split("widen to ")[1].split()[0])
        assert "hidden" not in shown(wide)[-1]
        assert "hidden" in shown(wide - 1)[-1]
    else:
        assert told is None


@given(st.integers(10, 200))
def test_no_name_and_no_figure_is_ever_cut(width: int) -> None:
    text = "\n".join(shown(width))

    for cells in (*ROWS, FOOTER):
        assert cells[0] in text
        assert cells[1] in text
    assert "…" not in text


def test_a_pipe_gets_every_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert "hidden" not in "\n".join(shown(40, terminal=False))
    monkeypatch.setenv("COLUMNS", "60")
    assert "3 columns hidden" in "\n".join(shown(60, terminal=False))


def test_a_column_in_which_nothing_stands_is_not_shown() -> None:
    out = StringIO()
    show_table(Console(file=out, width=80), [Column("name"), Column("tier")], [["a", ""], ["b", ""]])
    assert "tier" not in out.getvalue()
    assert "hidden" not in out.getvalue()


def test_a_value_is_shown_literally() -> None:
    out = StringIO()
    show_table(Console(file=out, width=80), [Column("name")], [["\x1b[2J[red]x"]])
    assert "[red]x" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_rows_have_the_keys_of_the_wire() -> None:
    row = {"endpoint_tag": "a", "cost_pico_usd": 131_000_000, "first_cost_pico_usd": None}
    assert public(row | {"deep": [{"a_b": 1}]}) == {
        "endpointTag": "a", "costUsd": "0.000131", "firstCostUsd": None, "deep": [{"aB": 1}],
    }  # fmt: skip
