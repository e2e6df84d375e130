"""`spanledger first-call`: wait for the next call, and report what it lacks or why none comes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated, NamedTuple

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli import options
from operations import times
from operations.arrivals.recent_calls import Feed, ProblemFeed
from operations.arrivals.tagging_check import Check, checklist
from operations.query import Row, call_json
from operations.terminal import console, number, print_json, printable
from receiver.config import parse_address
from service import database
from service.config import Config

_POLL_SECONDS = 0.3


class _Arrived(NamedTuple):
    """What came while we waited.

    Attributes:
        uncounted: spans that came before the call and were not counted, with the reason.
        problems: why requests ended in no counted call.
    """

    call: Row | None
    uncounted: Sequence[Row]
    problems: Sequence[Row]


app = options.app()


@app.command("first-call")
@options.grouped
def first_call(
    *,
    timeout: Annotated[str, typer.Option(help="Give up after this time.", metavar="TIME")] = "10m",
    since: Annotated[
        timedelta | None,
        options.duration_option("Also take a call that arrived this long ago: 5m.", "--since"),
    ] = None,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Wait for the next call and report missing tags, each with the line of code that adds it.

    While none arrives, shows what senders do wrong and what to change. Exits with 0 when nothing is missing.
    """
    settings = given.load()
    patience = options.parsed(times.duration)(timeout)
    begin = datetime.now(UTC) - (since or timedelta())
    with database.connected(settings) as connection:
        feeds = Feed(connection, begin, True), ProblemFeed(connection, begin)
        arrived = _wait_visibly(*feeds, patience, settings, is_quiet=as_json)
    checks = checklist(arrived.call) if arrived.call else []
    if as_json:
        print_json(_as_json(arrived, checks))
    elif arrived.call:
        _print_call(arrived.call, checks)
    else:
        _print_why(arrived, timeout, settings)
    if not arrived.call or not all(check.passed for check in checks):
        raise typer.Exit(1)


def _wait_visibly(
    feed: Feed, problems: ProblemFeed, patience: timedelta, settings: Config, is_quiet: bool
) -> _Arrived:
    """Wait with a line that says so, and each new problem above it."""
    out = console(stderr=True)

    def tell(found: Sequence[Row]) -> None:
        if not is_quiet:
            _print_problems(out.print, found)

    where = f"gRPC {settings.receiver.grpc} or HTTP {settings.receiver.http}"
    with out.status(f"waiting for a call on {where}"):
        return _wait(feed, problems, patience, tell)


def _wait(
    feed: Feed, problems: ProblemFeed, patience: timedelta, tell: Callable[[Sequence[Row]], None]
) -> _Arrived:
    """Until the first call arrives, or patience ends."""
    deadline = time.monotonic() + patience.total_seconds()
    uncounted: list[Row] = []
    while time.monotonic() < deadline:
        for row in feed.poll():
            if "model" in row:
                return _Arrived(row, uncounted, problems.all())
            uncounted.append(row)
        tell(problems.poll())
        time.sleep(_POLL_SECONDS)
    return _Arrived(None, uncounted, problems.all())


def _as_json(arrived: _Arrived, checks: Sequence[Check]) -> dict[str, object]:
    return {
        "call": call_json(arrived.call) if arrived.call else None,
        "checks": [check._asdict() for check in checks],
        "notCounted": [call_json(row) for row in arrived.uncounted],
        "senderProblems": [call_json(row) for row in arrived.problems],
    }


def _print_call(call: Row, checks: Sequence[Check]) -> None:
    out = console()
    title = f"{call['provider']}/{call['model']} {call['operation']} of {call['service_name'] or 'unknown'}"
    out.print(
        Text(printable(title), style="bold"), Text(printable(f"read as {call['dialect']}"), style="dim")
    )
    for check in checks:
        mark = Text("  ✓ ", style="green") if check.passed else Text("  ✗ ", style="red")
        line = Table.grid()  # what is found goes on below itself
        line.add_row(mark, Text(f"{check.name:<15}"), Text(printable(check.found)))
        out.print(line)
        if check.remedy:
            out.print(Text(f"      add: {check.remedy}", style="yellow"), soft_wrap=True)
    missing = sum(not check.passed for check in checks)
    summary = "Nothing is missing." if not missing else f"{missing} of {len(checks)} missing."
    out.print(Text(summary, style="bold green" if not missing else "bold yellow"))


def _print_why(arrived: _Arrived, waited: str, settings: Config) -> None:
    """Why no call arrived: what senders did, else what to look at."""
    out = console()
    out.print(Text(f"No call arrived in {waited}.", style="bold yellow"))
    _print_problems(out.print, arrived.problems)
    if arrived.uncounted:
        out.print("  Spans that were not counted:")
    for row in arrived.uncounted[-10:]:
        out.print(Padding(Text(printable(f"{row['name'] or 'span'}: {row['reason']}")), (0, 0, 0, 6)))
    if not arrived.problems and not arrived.uncounted:
        for line in _nothing_at_all(settings):
            out.print(Padding(Text(line), (0, 0, 0, 4)))


def _print_problems(show: Callable[[object], None], problems: Sequence[Row]) -> None:
    """Each cause with its senders, then what to change."""
    causes = list(dict.fromkeys(row["cause"] for row in problems))
    for _, group in groupby(sorted(problems, key=lambda row: causes.index(row["cause"])), _cause):
        rows = list(group)
        mark, style = ("✗", "red") if rows[0]["is_refused"] else ("!", "yellow")
        show(Padding(Text(f"{mark} ", style=style) + Text(rows[0]["title"]), (0, 0, 0, 2)))
        for row in rows:
            line = printable(f"{number(row['requests'])} × {_whose(row)}")
            show(Padding(Text(line, style="dim"), (0, 0, 0, 6)))
        show(Padding(Text(printable(f"→ {rows[0]['remedy']}"), style="yellow"), (0, 0, 0, 6)))


def _cause(row: Row) -> str:
    return str(row["cause"])


def _whose(row: Row) -> str:
    service = f"service {row['service_name']}" if row["service_name"] else ""
    parts = (row["detail"], service, row["sender"], row["transport"])
    return ", ".join(part for part in parts if part)


def _nothing_at_all(settings: Config) -> list[str]:
    """What to look at when no request reached us: the service first, then the sender."""
    closed = [
        f"Nothing listens on {address}: start `spanledger serve` there."
        for address in (settings.receiver.grpc, settings.receiver.http)
        if not _listens(address)
    ]
    return closed or [
        "No request reached Spanledger, not even a wrong one. In the application, check that",
        f"- OTEL_EXPORTER_OTLP_ENDPOINT is http://{settings.receiver.grpc} for grpc, "
        f"http://{settings.receiver.http} for http/protobuf,",
        "- OTEL_TRACES_EXPORTER is otlp, and OTEL_SDK_DISABLED is not true,",
        "- it has asked a model, and a short script ends with tracer_provider.shutdown(), sending the rest.",
    ]


def _listens(address: str) -> bool:
    host, port = parse_address(address)
    try:
        socket.create_connection(("127.0.0.1" if host == "0.0.0.0" else host, port), timeout=1).close()
    except OSError:
        return False
    return True
