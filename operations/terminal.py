"""How the command line shows money, counts, times and tables."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from operations import format as words
from operations.format import DASH as DASH
from operations.format import instant as instant
from operations.format import number as number
from operations.format import printable as printable

PICO = 12
"""Decimal places of the ledger's unit, the pico-USD."""
_PIPE = 160
"""Where sentences break in a pipe."""
_UNBOUND = 10_000
_NARROWEST = 24
"""A column of texts that wrap is not made narrower than this."""


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        figures: it holds figures: right-aligned.
        rank: where a terminal is too narrow, the columns of the highest rank are left out; those of 0 never.
        wraps: a text that may take several lines, such as a reason; what does not wrap is never cut either.
    """

    title: str
    figures: bool = False
    style: str | None = None
    rank: int = 0
    wraps: bool = False


def dollars(pico_usd: int | None) -> Decimal | None:
    """Exact USD of whole pico-USD."""
    return None if pico_usd is None else Decimal(pico_usd).scaleb(-PICO)


def exact_usd(pico_usd: int | None) -> str | None:
    """USD with every digit and no trailing zeros, for JSON: `0.000131`."""
    amount = dollars(pico_usd)
    if amount is None:
        return None
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def usd(pico_usd: int | None, places: int = 2, at_least: bool = False) -> str:
    """Whole pico-USD for people, as `operations.format.usd`."""
    return words.usd(dollars(pico_usd), places, at_least)


def earlier_usd(pico_usd: int | None, at_least: bool = False) -> str:
    """What an earlier time spent, in whole pico-USD, for people; None and nothing uncertain is `no data`."""
    return words.NO_DATA if pico_usd is None and not at_least else usd(pico_usd, at_least=at_least)


def signed_usd(pico_usd: int | None) -> str:
    """A change in whole pico-USD, with its sign."""
    return words.signed(dollars(pico_usd))


def ratio(pico_usd: int, count: int) -> int | None:
    """Whole pico-USD per item, rounded half up; None of nothing."""
    return (2 * pico_usd + count) // (2 * count) if count else None


def percent(part: int, whole: int) -> str:
    """A share with one decimal, from integers: `12.5%`."""
    return f"{Decimal(part) * 100 / Decimal(whole):.1f}%" if whole else DASH


def ago(value: timedelta) -> str:
    """A distance in time in its largest unit: `12 s`, `4 min`, `3 h`, `2 d`."""
    seconds = max(0, int(value.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def console(stderr: bool = False) -> Console:
    """The terminal; a pipe gets wide plain lines, so that nothing is cut."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or _columns() else _PIPE
    return Console(stderr=stderr, width=width, highlight=False)


def _columns() -> int | None:
    """The width that the environment names, if it does."""
    named = os.environ.get("COLUMNS", "")
    return int(named) if named.isdigit() and int(named) else None


def show_table(
    out: Console,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    footer: Sequence[str] | None = None,
) -> None:
    """Print a table in our one style; values are shown literally, never read as markup.

    Columns without room are left out whole, the highest rank first, and a last line says how many. In a pipe
    there is room for all. A column in which nothing stands is not shown.
    """
    if title:
        out.print(Text(printable(title), "bold"))
    rows = [[printable(cell) for cell in row] for row in rows]
    filled = [place for place in range(len(columns)) if not rows or any(row[place] for row in rows)]
    kept = list(filled)
    whole = needed = _width(out, columns, rows, footer, kept)
    room = out.width if out.is_terminal or _columns() else needed
    while needed > room and (ranks := [columns[place].rank for place in kept if columns[place].rank]):
        kept.remove(max(place for place in kept if columns[place].rank == max(ranks)))
        needed = _width(out, columns, rows, footer, kept)
    with _at_least(out, needed):
        out.print(_table(columns, rows, footer, kept))
    if hidden := len(filled) - len(kept):
        out.print(f"{words.counted(hidden, 'column')} hidden: widen to {whole} or use --json", style="dim")


def _table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    footer: Sequence[str] | None,
    kept: Sequence[int],
    is_narrow: bool = False,
) -> Table:
    """The columns that are kept; `is_narrow` with texts that wrap as narrow as they may become."""
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, show_footer=footer is not None)
    for place in kept:
        column = columns[place]
        texts = [column.title, *(row[place] for row in rows), *([footer[place]] if footer else [])]
        widest = max(map(cell_len, texts))
        least = min(widest, _NARROWEST) if column.wraps else widest
        shown.add_column(
            column.title,
            footer=Text(printable(footer[place])) if footer else "",
            justify="right" if column.figures else "left",
            no_wrap=not column.wraps,
            min_width=least,
            max_width=least if is_narrow else None,
            style=column.style,
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*(Text(row[place]) for place in kept))
    return shown


def _width(
    out: Console,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    footer: Sequence[str] | None,
    kept: Sequence[int],
) -> int:
    """The least width at which no figure and no name is cut."""
    options = out.options.update(max_width=_UNBOUND)
    return Measurement.get(out, options, _table(columns, rows, footer, kept, is_narrow=True)).minimum


@contextmanager
def _at_least(out: Console, width: int) -> Iterator[None]:
    """A terminal that is narrower than its table breaks the lines itself: that cuts nothing."""
    before = out.width
    out.width = max(before, width)
    try:
        yield
    finally:
        out.width = before


def camel(name: str) -> str:
    """A column's name as a key in JSON: `endpoint_tag` → `endpointTag`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def public(value: Any) -> Any:
    """A row, or rows, with the keys of the wire; money in whole pico-USD as USD with every digit."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return dict(_public_item(str(name), each) for name, each in value.items())
    return [public(each) for each in value] if isinstance(value, list) else value


def _public_item(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_pico_usd"):
        return camel(name.replace("_pico_usd", "_usd")), None if value is None else exact_usd(int(value))
    return camel(name), public(value)


def csv_cell(value: object) -> object:
    """A value for a CSV file: what is not known is empty."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def print_json(value: Any) -> None:
    """One JSON document on stdout: times in ISO 8601, money already text."""
    print(json.dumps(value, default=_json, ensure_ascii=False))


def _json(value: Any) -> str:
    if isinstance(value, datetime):
        return words.iso(value)
    return str(value)


def program() -> str:
    """How whoever reads this calls us from where they are: `spanledger`, or `.venv/bin/spanledger`."""
    script, found = Path(sys.executable).with_name("spanledger"), shutil.which("spanledger")
    if found and Path(found).resolve() == script.resolve():
        return "spanledger"
    called, arguments = (script, "") if script.exists() else (Path(sys.executable), " -m spanledger")
    here = Path.cwd()
    shown = called.relative_to(here) if called.is_relative_to(here) else called
    return f"{shlex.quote(str(shown))}{arguments}"
