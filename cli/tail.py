"""`spanledger tail`: each call as it is counted."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from cli import options
from operations.arrivals.recent_calls import Feed
from operations.dimensions import COLUMNS
from operations.query import Row, call_json
from operations.terminal import console, number, printable, usd
from processor.calls.call import UNREAD

_POLL_SECONDS = 0.5
_WIDTHS = (8, 30, 24, 16, 16, 18, 12)
_HEADS = ("time", "model", "endpoint", "prompt", "tenant", "tokens in → out", "cost")


app = options.app()


@app.command()
@options.grouped
def tail(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also what was not counted, and why.")] = False,
    since: Annotated[
        timedelta | None, options.duration_option("Begin with what came in this long ago: 5m.", "--since")
    ] = None,
    count: Annotated[int | None, typer.Option(help="End after so many lines.", min=1)] = None,
    filters: options.Filters,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    given: options.Settings,
) -> None:
    """Show each call as it is counted: model, tags, tokens, cost, price status. Ctrl-C ends it."""
    out, left = console(), count
    with (
        suppress(KeyboardInterrupt),
        given.connected() as connection,
    ):
        feed = Feed(connection, datetime.now(UTC) - (since or timedelta()), everything)
        if not as_json:
            out.print(_line(_HEADS, "price status"), style="bold", soft_wrap=True)
        while True:
            wanted = [row for row in feed.poll() if _is_wanted(row, filters)]
            for row in wanted[:left]:
                out.print(_json(row) if as_json else _text(row), soft_wrap=True)
                left = left - 1 if left else None
                if left == 0:
                    return
            time.sleep(_POLL_SECONDS)


def _is_wanted(row: Row, filters: options.Filters) -> bool:
    """What was not counted has no tags and is always wanted."""
    if "model" not in row:
        return True
    environment, data_mode = filters.place("*", "*")
    return (
        ("*" in environment.split(",") or row["environment"] in environment.split(","))
        and data_mode in ("*", row["data_mode"])
        and all((row[COLUMNS[name]] or "unknown") == value for name, value in filters.values().items())
    )


def _json(row: Row) -> Text:
    return Text(json.dumps({"counted": "model" in row} | call_json(row), default=str, ensure_ascii=False))


def _text(row: Row) -> Text:
    if "model" not in row:
        kind = "refused" if row["refused"] else "not counted"
        told = f"{row['received_at']:%H:%M:%S} {kind}: {row['name'] or 'span'} — {row['reason']}"
        unread = "yellow" if row["reason"].startswith(UNREAD) else "dim"
        return Text(_safe(told), style="red" if row["refused"] else unread)
    known = row["price_status"] in ("priced", "free")
    line = Text(
        _line(
            (
                f"{row['received_at']:%H:%M:%S}",
                f"{row['provider']}/{row['model']}",
                row["endpoint_tag"] or "unknown",
                row["prompt_version"] or "unknown",
                row["tenant_id"] or "unknown",
                f"{number(row['input_tokens'])} → {number(row['output_tokens'])}",
                usd(row["cost_pico_usd"], 6),
            ),
            "",
        )
    )
    line.append(row["price_status"].replace("_", " "), style="green" if known else "yellow")
    if row["status"] != "success":
        line.append(f" · {row['status']} {row['error_type'] or ''}".rstrip(), style="red")
    if (row["environment"], row["data_mode"]) != ("prod", "real"):
        line.append(f" · {row['environment']}/{row['data_mode']}", style="cyan")
    if "data_mode_unknown" in row["flags"]:
        line.append(" · unknown data mode", style="yellow")
    return line


def _line(cells: tuple[str, ...], rest: str) -> str:
    """Cells padded to their columns; what is longer is cut with an ellipsis."""
    shown = []
    for cell, width in zip(cells, _WIDTHS, strict=True):
        text = _safe(cell)
        shown.append(text.ljust(width) if len(text) <= width else f"{text[: width - 1]}…")
    return " ".join(shown) + f" {rest}"


def _safe(text: str) -> str:
    return printable(text)
