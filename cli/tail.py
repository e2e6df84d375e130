"""`spanledger tail`: each call as it is counted."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options

if TYPE_CHECKING:
    from rich.text import Text

    from operations.query import Row

_POLL_SECONDS = 0.5
_WIDTHS = (8, 30, 24, 16, 16, 18, 12)
_HEADS = ("time", "model", "endpoint", "prompt", "tenant", "tokens in → out", "cost")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(rich_help_panel="Look closer")
    def tail(
        everything: Annotated[
            bool, typer.Option("--all", help="Also what was not counted, and why.")
        ] = False,
        since: Annotated[
            str | None, typer.Option(help="Begin with what came in so long ago: 5m.", metavar="TIME")
        ] = None,
        count: Annotated[int | None, typer.Option(help="End after so many lines.", min=1)] = None,
        env: options.Environment = "*",
        data_mode: options.DataMode = "*",
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
        config: options.ConfigFile = None,
        database_url: options.DatabaseUrl = None,
        data_dir: options.DataDir = None,
    ) -> None:
        """Show each call as it is counted: model, tags, tokens, cost, price status. Ctrl-C ends it."""
        from operations.arrivals.recent_calls import Feed
        from operations.terminal import console
        from service import database

        out, left = console(), count
        back = options.duration(since) if since else timedelta()
        with (
            suppress(KeyboardInterrupt),
            database.connected(options.configuration(config, database_url, data_dir)) as connection,
        ):
            feed = Feed(connection, datetime.now(UTC) - back, everything)
            if not as_json:
                out.print(_line(_HEADS, "price status"), style="bold", soft_wrap=True)
            while True:
                wanted = [row for row in feed.poll() if _is_wanted(row, env, data_mode)]
                for row in wanted[:left]:
                    out.print(_json(row) if as_json else _text(row), soft_wrap=True)
                    left = left - 1 if left else None
                    if left == 0:
                        return
                time.sleep(_POLL_SECONDS)


def _is_wanted(row: Row, env: str, data_mode: str) -> bool:
    """What was not counted has neither an environment nor a data mode and is always wanted."""
    if "model" not in row:
        return True
    return env in ("*", row["environment"]) and data_mode in ("*", row["data_mode"])


def _json(row: Row) -> Text:
    import json

    from rich.text import Text

    from operations.query import call_json

    return Text(json.dumps({"counted": "model" in row} | call_json(row), default=str, ensure_ascii=False))


def _text(row: Row) -> Text:
    from rich.text import Text

    from operations.terminal import number, usd
    from processor.calls.call import UNREAD

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
    from operations.terminal import printable

    return printable(text)
