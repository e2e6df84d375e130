"""How the command line shows money, counts, times and tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from operations import format as words
from operations.format import DASH as DASH
from operations.format import instant as instant
from operations.format import number as number
from operations.format import printable as printable

PICO = 12
"""Decimal places of the ledger's unit, the pico-USD."""


class Column(NamedTuple):
    """One column of a table: its heading, and whether it holds figures (right-aligned)."""

    title: str
    figures: bool = False
    style: str | None = None


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
    return Console(stderr=stderr, width=None if stream.isatty() else 160, highlight=False)


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str | None = None) -> Table:
    """A table in our one style; values are shown literally, never read as markup."""
    from rich.box import SIMPLE_HEAD
    from rich.text import Text

    shown = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        shown.add_column(
            column.title,
            justify="right" if column.figures else "left",
            no_wrap=column.figures,
            style=column.style,
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    return shown


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


def print_json(value: Any) -> None:
    """One JSON document on stdout: times in ISO 8601, money already text."""
    print(json.dumps(value, default=_json, ensure_ascii=False))


def _json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
