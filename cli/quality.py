"""`spanledger quality`: what calls lack that figures need, as a checklist with a score."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil
from typing import Annotated

import typer
from rich.console import Console

from cli import options
from operations.format import counted, printable
from operations.quality.advice import ADVICE, link, listing
from operations.quality.model import Item, Offender, Quality, Selection, in_tenths, quality
from operations.terminal import DASH, Column, console, number, percent, print_json, show_table

_ITEMS = (
    Column("", style="bold"),
    Column("item"),
    Column("calls", figures=True, rank=2),
    Column("failed", figures=True),
    Column("share", figures=True),
    Column("points", figures=True),
    Column("of", figures=True, rank=3),
    Column("what to change", rank=1, wraps=True),
)
_OFFENDERS = (
    Column("service"),
    Column("endpoint"),
    Column("found"),
    Column("calls", figures=True),
    Column("share", figures=True, rank=1),
    Column("lists them", rank=2, wraps=True),
)

app = options.app()


@app.command(name="quality")
@options.grouped
def show(
    *,
    span: options.Window,
    filters: options.Filters,
    limit: Annotated[
        int, typer.Option("--limit", help="Offenders at most for each item.", min=1, metavar="N")
    ] = 5,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Show what calls lack that figures need, where, and a score from 0 to 100.

    Each item takes its weight times the share of the calls that fail it (docs/quality.md).
    """
    selection = Selection(*span.bounds(), *filters.place(), filters.values())
    with given.connected() as connection:
        found = quality(connection, selection)
    if as_json:
        print_json(_document(found, selection, limit))
    elif found.score is None:
        console().print("No calls in this window.")
    else:
        _print(console(), found, found.score, selection, limit)


def _print(out: Console, found: Quality, score: Fraction, selection: Selection, limit: int) -> None:
    show_table(out, _ITEMS, [_cells(item) for item in found.items], f"Score {in_tenths(score)} of 100")
    for item in found.items:
        if item.failed:
            _print_offenders(out, item, found.grafana, selection, limit)


def _cells(item: Item) -> Sequence[str]:
    if not item.calls:
        return [DASH, ADVICE[item.name].title, "0", DASH, DASH, DASH, str(item.weight), ""]
    return [
        "✗" if item.failed else "✓",
        ADVICE[item.name].title,
        number(item.calls),
        number(item.failed),
        percent(item.failed, item.calls),
        _lost(item),
        str(item.weight),
        ADVICE[item.name].remedy if item.failed else "",
    ]


def _lost(item: Item) -> str:
    """The points that it takes, rounded up as the score is rounded down: a fault never reads as nothing."""
    tenths = ceil(item.lost * 10)
    return f"-{tenths // 10}.{tenths % 10}" if item.failed else "0"


def _print_offenders(out: Console, item: Item, grafana: str, selection: Selection, limit: int) -> None:
    shown = item.offenders[:limit]
    rows = [_offender_cells(item, each, selection) for each in shown]
    show_table(out, _OFFENDERS, rows, ADVICE[item.name].title)
    if rest := len(item.offenders) - len(shown):
        out.print(f"{counted(rest, 'more row')}: --limit {len(item.offenders)}", style="dim")
    if url := link(item, shown[0], selection, grafana):
        out.print(printable(f"Requests: {url}"), style="dim", markup=False, soft_wrap=True)


def _offender_cells(item: Item, each: Offender, selection: Selection) -> Sequence[str]:
    share = percent(each.calls, item.calls)
    command = _listing(item, each, selection)
    return [each.service, each.endpoint, each.value, number(each.calls), share, command]


def _listing(item: Item, each: Offender, selection: Selection) -> str:
    return listing(item, each, selection, datetime.now(UTC))


def _document(found: Quality, selection: Selection, limit: int) -> dict[str, object]:
    return {
        "from": selection.start,
        "to": selection.end,
        "environment": selection.environment,
        "dataMode": selection.data_mode,
        "score": None if found.score is None else float(in_tenths(found.score)),
        "items": [_item_document(item, found.grafana, selection, limit) for item in found.items],
    }


def _item_document(item: Item, grafana: str, selection: Selection, limit: int) -> dict[str, object]:
    """An item; `share` is null where it has no calls to look at."""
    advice = ADVICE[item.name]
    offenders = [
        {**each._asdict(), "command": _listing(item, each, selection), "requestsUrl": url}
        for each in item.offenders[:limit]
        for url in [link(item, each, selection, grafana)]
    ]
    return {
        "item": item.name,
        "title": advice.title,
        "weight": item.weight,
        "calls": item.calls,
        "failed": item.failed,
        "share": None if item.share is None else float(item.share),
        "pointsLost": float(item.lost),
        "remedy": advice.remedy if item.failed else None,
        "offenders": offenders,
        "offendersInAll": len(item.offenders),
    }
