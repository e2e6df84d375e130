"""`spanledger first-call`: wait for the next call and say what it lacks."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from service.commands import _options as options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.checklist import Check
    from service.feed import Feed
    from service.ledger import Row

_POLL_SECONDS = 0.3


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("first-call", rich_help_panel="Look closer")
    def first_call(
        timeout: Annotated[str, typer.Option(help="Give up after this time.", metavar="TIME")] = "10m",
        since: Annotated[
            str | None, typer.Option(help="Also take a call that came in so long ago: 5m.", metavar="TIME")
        ] = None,
        as_json: options.AsJson = False,
        config: options.ConfigFile = None,
        database_url: options.DatabaseUrl = None,
        data_dir: options.DataDir = None,
    ) -> None:
        """Wait for the next call and check what it tells, with the line to add for each miss.

        Ends with 0 when nothing is missing.
        """
        from service import ledger
        from service.checklist import checklist
        from service.display import console, print_json
        from service.feed import Feed

        settings = options.configuration(config, database_url, data_dir)
        begin = datetime.now(UTC) - (options.duration(since) if since else timedelta())
        with ledger.connected(settings) as connection:
            where = f"gRPC {settings.receiver.grpc} or HTTP {settings.receiver.http}"
            with console(stderr=True).status(f"waiting for a call on {where}"):
                call, uncounted = _wait(Feed(connection, begin, True), options.duration(timeout))
        checks = checklist(call) if call else []
        if as_json:
            print_json(_as_json(call, checks, uncounted))
        else:
            _print(call, checks, uncounted)
        if not call or not all(check.passed for check in checks):
            raise typer.Exit(1)


def _wait(feed: Feed, patience: timedelta) -> tuple[Row | None, list[Row]]:
    """The first call that comes in, and what came before it without being counted."""
    deadline = time.monotonic() + patience.total_seconds()
    uncounted: list[Row] = []
    while time.monotonic() < deadline:
        for row in feed.poll():
            if "model" in row:
                return row, uncounted
            uncounted.append(row)
        time.sleep(_POLL_SECONDS)
    return None, uncounted


def _as_json(call: Row | None, checks: Sequence[Check], uncounted: Sequence[Row]) -> dict[str, object]:
    from service.ledger import call_json

    return {
        "call": call_json(call) if call else None,
        "checks": [check._asdict() for check in checks],
        "notCounted": [call_json(row) for row in uncounted],
    }


def _print(call: Row | None, checks: Sequence[Check], uncounted: Sequence[Row]) -> None:
    from rich.text import Text

    from service.display import console, printable

    out = console()
    if call is None:
        out.print(
            "No call came in." if not uncounted else "Spans came in, and none of them is a billed call:"
        )
        for row in uncounted[-10:]:
            out.print(Text(printable(f"  {row['name'] or 'span'} — {row['reason']}")))
        return
    title = f"{call['provider']}/{call['model']} {call['operation']} of {call['service_name'] or 'unknown'}"
    out.print(
        Text(printable(title), style="bold"), Text(printable(f"read as {call['dialect']}"), style="dim")
    )
    for check in checks:
        mark = Text("  ✓ ", style="green") if check.passed else Text("  ✗ ", style="red")
        out.print(mark + Text(f"{check.name:<15}") + Text(printable(check.found)), soft_wrap=True)
        if check.remedy:
            out.print(Text(f"      add: {check.remedy}", style="yellow"), soft_wrap=True)
    missing = sum(not check.passed for check in checks)
    told = "Nothing is missing." if not missing else f"{missing} of {len(checks)} missing."
    out.print(Text(told, style="bold green" if not missing else "bold yellow"))
