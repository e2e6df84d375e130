"""`spanledger tail`: each call as it is counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.text import Text

from cli import options
from operations.arrivals.recent_calls import Feed
from operations.dimensions import COLUMNS, DIMENSIONS, Split, split
from operations.format import counted
from operations.query import Row, call_json
from operations.terminal import console, number, printable, usd
from processor.calls.call import UNREAD

_POLL_SECONDS = 0.5
_TAGS = ("endpoint", "prompt-version", "tenant")
_WIDTHS = {
    "endpoint": 24,
    "prompt-version": 14,
    "model": 24,
    "user": 22,
    "service": 16,
    "provider": 12,
    "tenant": 14,
}


class _Cell(NamedTuple):
    """One column of the stream: its least width, and its rank as in `operations.terminal.Column`."""

    title: str
    width: int
    rank: int
    text: Callable[[Row], str]


app = options.app()


@app.command()
@options.grouped
def tail(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also what was not counted, and why.")] = False,
    since: Annotated[
        timedelta | None, options.duration_option("Begin with what came in this long ago: 5m.", "--since")
    ] = None,
    count: Annotated[int | None, typer.Option(help="End after so many lines.", min=1, metavar="N")] = None,
    by: Annotated[
        Split | None,
        typer.Option(
            "--by",
            metavar="DIMENSION",
            help="The tags to show, one or two. [endpoint, prompt-version, tenant]",
            parser=options.parsed(split),
            show_default=False,
        ),
    ] = None,
    filters: options.Filters,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    given: options.Settings,
) -> None:
    """Show each call as it is counted: model, tags, tokens, cost, price status. Ctrl-C ends it."""
    tags = [each.name for each in by.parts] if by else list(_TAGS)
    if "family" in tags:
        raise typer.BadParameter(
            "a call names its model; families are of `top` and `compare`", param_hint="--by"
        )
    out, left = console(), count
    with suppress(KeyboardInterrupt), given.connected() as connection:
        feed = Feed(connection, datetime.now(UTC) - (since or timedelta()), everything)
        cells = _fitting(out, _cells(tags))
        if not as_json:
            _print_head(out, cells, _cells(tags))
        while True:
            wanted = [row for row in feed.poll() if _is_wanted(row, filters)]
            for row in wanted[:left]:
                out.print(_json(row) if as_json else _text(row, cells, filters.place()), soft_wrap=True)
                left = left - 1 if left else None
                if left == 0:
                    return
            time.sleep(_POLL_SECONDS)


def _cells(tags: Sequence[str]) -> list[_Cell]:
    """The columns in their order; tags give way from the last to the first, then the tokens."""
    shown = [
        _Cell(DIMENSIONS[tag].title, _WIDTHS[tag], place + 2, partial(_tag, COLUMNS[DIMENSIONS[tag].sql]))
        for place, tag in enumerate(tag for tag in tags if tag not in ("model", "provider"))
    ]
    return [
        _Cell("time", 8, 0, lambda row: f"{row['received_at']:%H:%M:%S}"),
        _Cell("model", 30, 0, lambda row: f"{row['provider']}/{row['model']}"),
        *shown,
        _Cell("tokens in → out", 15, 1, _tokens),
        _Cell("cost", 10, 0, lambda row: usd(row["cost_pico_usd"], 6)),
        _Cell("price status", 13, 0, lambda row: ""),
    ]


def _tag(column: str, row: Row) -> str:
    return row[column] or "unknown"


def _tokens(row: Row) -> str:
    return f"{number(row['input_tokens'])} → {number(row['output_tokens'])}"


def _fitting(out: Console, cells: list[_Cell]) -> list[_Cell]:
    """The columns that the terminal has room for; a pipe has room for all."""
    kept = list(cells)
    while out.width < _width(kept) and any(cell.rank for cell in kept):
        kept.remove(max(kept, key=lambda cell: cell.rank))
    return kept


def _width(cells: Sequence[_Cell]) -> int:
    return sum(cell.width + 1 for cell in cells) - 1


def _print_head(out: Console, cells: Sequence[_Cell], whole: Sequence[_Cell]) -> None:
    if hidden := len(whole) - len(cells):
        told = f"{counted(hidden, 'column')} hidden: widen to {_width(whole)} or use --json"
        out.print(told, style="dim")
    out.print(_line([cell.title for cell in cells], cells), style="bold", soft_wrap=True)


def _is_wanted(row: Row, filters: options.Filters) -> bool:
    """What was not counted has no tags and is always wanted."""
    return "model" not in row or filters.lets_through(row)


def _json(row: Row) -> Text:
    return Text(json.dumps({"counted": "model" in row} | call_json(row), default=str, ensure_ascii=False))


def _text(row: Row, cells: Sequence[_Cell], usual: tuple[str, str]) -> Text:
    """One line. Environment and data mode are told where they are not the `usual` ones."""
    if "model" not in row:
        kind = "refused" if row["refused"] else "not counted"
        told = f"{row['received_at']:%H:%M:%S} {kind}: {row['name'] or 'span'} — {row['reason']}"
        unread = "yellow" if row["reason"].startswith(UNREAD) else "dim"
        return Text(printable(told), style="red" if row["refused"] else unread)
    known = row["price_status"] in ("priced", "free")
    line = Text(_line([cell.text(row) for cell in cells[:-1]], cells) + " ")
    line.append(row["price_status"].replace("_", " "), style="green" if known else "yellow")
    if row["status"] != "success":
        line.append(f" · {row['status']} {row['error_type'] or ''}".rstrip(), style="red")
    if (row["environment"], row["data_mode"]) != usual:
        line.append(f" · {row['environment']}/{row['data_mode']}", style="cyan")
    if "data_mode_unknown" in row["flags"]:
        line.append(" · unknown data mode", style="yellow")
    return line


def _line(texts: Sequence[str], cells: Sequence[_Cell]) -> str:
    """The texts in their columns; a longer one moves what follows, for nothing is cut."""
    padded = (printable(text).ljust(cell.width) for text, cell in zip(texts, cells, strict=False))
    return " ".join(padded)
