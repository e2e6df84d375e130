"""`spanledger inspect FILE…`: which calls would count, with every field, and which spans would not?"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli import options
from cli.inspection import Counted, Inspection, public_call, read_payload
from cli.inspection_logs import inspect_any
from operations.terminal import Column, console, exact_usd, show_table
from processor.calls.admission import Admission
from processor.calls.call import Flag
from processor.calls.identity import MIN_KEY_BYTES, Mode, identity_rules
from processor.pricing.load import load_price_book
from receiver.otlp.decode import decode_options
from service.config import Config
from service.identity_keys import key_file, load_identity_rules

_TOLD_ALREADY = (
    "sources", "spanId", "traceId", "parentSpanId", "costUsd", "priceStatus", "dialect", "flags",
    "unreadKeys",
)  # fmt: skip


app = options.app()


@app.command()
@options.grouped
def inspect(
    *,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="OTLP payloads, traces or logs: .pb, or OTLP/JSON.", exists=True
        ),
    ],
    raw_identities: Annotated[
        bool, typer.Option("--raw-identities", help="Users and tenants as sent, not as stored.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, one per file.")] = False,
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="Price map; else the configured one.")
    ] = None,
    given: options.Settings,
) -> None:
    """Show which calls of an OTLP payload would count, every field with its source, and what would not.

    Nothing is stored and no database is needed. Fields without a value are left out.
    """
    settings = given.load()
    book = load_price_book(prices or settings.prices.file)
    rules = None if raw_identities else _rules(settings)
    reading = decode_options(settings.receiver)
    for file in files:
        found = inspect_any(read_payload(file), book, rules, reading)
        if as_json:
            _print_json(file, found)
        else:
            _print_tables(file, found)


def _rules(settings: Config) -> Admission:
    """By the deployment's key where there is one: to look at a file makes none."""
    if not settings.identity.key_file and not key_file(settings).exists():
        console(stderr=True).print(
            "No identity key here: users are shown hashed with a key made for this command alone; "
            "--raw-identities shows them as sent.",
            style="yellow",
        )
        modes = settings.identity
        throwaway = [secrets.token_bytes(MIN_KEY_BYTES)]
        return Admission(identity_rules(throwaway, Mode(modes.user), Mode(modes.tenant)))
    return Admission(load_identity_rules(settings, create=False))


def _print_json(file: Path, found: Inspection) -> None:
    calls = [public_call(item) for item in found.counted]
    rest = [
        {"spanId": s.span_id, "name": s.name, "reason": s.reason}
        | ({"unreadKeys": list(s.unread)} if s.unread else {})
        for s in found.not_counted
    ]
    typer.echo(json.dumps({"file": str(file), "calls": calls, "notCounted": rest}, ensure_ascii=False))


def _print_tables(file: Path, found: Inspection) -> None:
    out = console()
    counted, rest = len(found.counted), len(found.not_counted)
    out.print(f"{file}: {counted} counted, {rest} not counted", style="bold", markup=False)
    for item in found.counted:
        _show_call(out, item)
    if any(item.call.flags & Flag.PROMOTED for item in found.counted):
        out.print(
            "promoted: such a span is counted 15 minutes after its trace, unless an inner call comes.",
            style="yellow",
        )
    if found.not_counted:
        columns = (Column("span"), Column("name"), Column("not counted because", wraps=True))
        rows = [(s.span_id, s.name, s.reason) for s in found.not_counted]
        show_table(out, columns, rows)
    for span in found.not_counted:
        if span.unread:
            out.print(
                f"unread on span {span.span_id}: {', '.join(span.unread)}", style="yellow", markup=False
            )
    if any(span.unread for span in found.not_counted):
        out.print(
            "Map these keys with receiver.dialects, or report them (docs/instrumenting.md).", style="yellow"
        )


def _show_call(out: Console, item: Counted) -> None:
    shown = public_call(item)
    sources = shown["sources"]
    assert isinstance(sources, dict)
    rows = [
        (name, str(value), str(sources.get(name, "")))
        for name, value in shown.items()
        if name not in _TOLD_ALREADY
    ]
    flags = shown["flags"]
    if isinstance(flags, list) and flags:
        rows.append(("flags", ", ".join(flags), ""))
    if item.unread:
        rows.append(("unread keys", ", ".join(item.unread), ""))
    cost = exact_usd(item.charge.cost)
    title = f"span {shown.get('spanId', '')} ({item.call.dialect}): {item.charge.status}"
    title += f", ${cost}" if cost is not None else ", cost unknown"
    show_table(out, (Column("field"), Column("value", wraps=True), Column("from", rank=1)), rows, title=title)
