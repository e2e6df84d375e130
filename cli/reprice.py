"""`spanledger reprice`: price calls of the past again."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich import progress as bars
from rich.console import Console

from cli import options
from operations.format import counted
from operations.reprice.model import Difference, Progress, Report, Scope, apply, by, count, preview
from operations.terminal import Column, console, exact_usd, number, print_json, show_table, signed_usd, usd
from processor.pricing.load import load_price_book
from service import database, price_records

_GROUPS = (("day",), ("provider", "model"), ("tenant",))
_CELL = {
    "day": "day", "environment": "environment", "data_mode": "dataMode", "provider": "provider",
    "model": "model", "tenant": "tenantId",
}  # fmt: skip
_SHOWN = 15
"""Rows a table; the rest is in `--json`."""
_NAMED = 3
"""Models named in a sentence."""


app = options.app()


@app.command()
@options.grouped
def reprice(
    *,
    window: options.LongWindow,
    models: Annotated[
        str | None,
        typer.Option(
            "--model", "--models", help="Only these: MODEL or PROVIDER/MODEL, with commas.", metavar="NAMES"
        ),
    ] = None,
    restate: Annotated[bool, typer.Option("--restate", help="Also change booked prices.")] = False,
    apply: options.Apply = False,
    why: options.Why = "",
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Price past calls again with today's price map; show what would change, by day, model and tenant.

    With --apply, calls without a price get one. Booked prices change only with --restate.
    """
    chosen = tuple(name.strip() for name in models.split(",") if name.strip()) if models else None
    scope = Scope(*window.bounds(), chosen, restate)
    settings = given.load()
    report = _apply(settings, scope, why) if apply else _preview(settings, scope)
    _print_json(report, scope) if as_json else _print(report, scope)


def _preview(settings: Any, scope: Scope) -> Report:
    book = load_price_book(settings.prices.file)
    with database.connected(settings) as connection:
        rows = count(connection, scope._replace(restate=True))
        with _progress("pricing", rows) as progress:
            return preview(connection, book, scope, progress)


def _apply(settings: Any, scope: Scope, why: str) -> Report:
    book = load_price_book(settings.prices.file)
    with database.connected(settings) as connection:
        map_id = price_records.register(connection, book)
        rows = count(connection, scope)
    vectors = price_records.VectorKeeper(book, map_id)

    def keep_vectors(connection: Any) -> None:
        if vectors.has_news:
            vectors.store(connection)

    with _progress("pricing and booking", rows) as progress:
        return apply(
            database.database_url(settings), book, scope, price_map_id=map_id, why=why,
            by=f"{getpass.getuser()}@{socket.gethostname()}",
            keep_vectors=keep_vectors, progress=progress,
        )  # fmt: skip


@contextmanager
def _progress(what: str, rows: int) -> Iterator[Progress]:
    columns = (
        bars.TextColumn(what),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=rows)
        yield lambda done: bar.advance(task, done)


def _print_json(report: Report, scope: Scope) -> None:
    cells = sorted(report.cells.items())
    print_json(
        {
            "from": scope.start,
            "to": scope.end,
            "models": scope.models,
            "restate": scope.restate,
            "applied": report.run_id is not None,
            "run": report.run_id,
            "calls": report.rows,
            "unpricedCalls": report.unpriced,
            "total": _json(report.total()),
            "cells": [{_CELL[name]: str(value) for name, value in cell._asdict().items()} | _json(difference)
                      for cell, difference in cells],
        }
    )  # fmt: skip


def _json(difference: Difference) -> dict[str, object]:
    return {
        "deltaUsd": exact_usd(difference.delta_pico_usd),
        "filledCalls": difference.filled,
        "filledUsd": exact_usd(difference.filled_pico_usd),
        "restatedCalls": difference.restated,
        "restatedUsd": exact_usd(difference.restated_pico_usd),
        "waitingCalls": difference.waiting,
        "waitingUsd": exact_usd(difference.waiting_pico_usd),
        "keptCalls": difference.kept,
        "keptUsd": exact_usd(difference.kept_pico_usd),
    }


def _print(report: Report, scope: Scope) -> None:
    out, total = console(), report.total()
    verb = "changed" if report.run_id is not None else "would change"
    out.print(
        f"{number(total.changed)} of {number(report.rows)} calls {verb}, {scope.start:%Y-%m-%d %H:%M} – "
        f"{scope.end:%Y-%m-%d %H:%M} UTC: {signed_usd(total.delta_pico_usd)}",
        style="bold", markup=False,
    )  # fmt: skip
    for names in _GROUPS:
        rows = [(key, d) for key, d in by(report, *names) if d.changed or d.waiting]
        if rows:
            _show_table(out, names, rows)
    if total.waiting:
        out.print(
            f"{counted(total.waiting, 'call')} would change price ({signed_usd(total.waiting_pico_usd)}); "
            "booked prices stand until --restate is given.",
            style="yellow", markup=False,
        )  # fmt: skip
    if total.kept:
        out.print(_kept(report), style="yellow", markup=False)
    if report.unpriced:
        out.print(
            f"Still without a cost: {counted(report.unpriced, 'call')} (`spanledger unpriced`).", markup=False
        )
    if report.run_id is not None:
        out.print(f"Booked as run {report.run_id} of the journal (genai.ledger_run, genai.ledger_line).")
    elif total.changed:
        out.print(
            f"Dry run, nothing changed. Add --apply{' (with --restate)' if scope.restate else ''} to book it."
        )


def _kept(report: Report) -> str:
    """The calls whose price stands because the map has none, and whose they are."""
    total = report.total()
    models = [(d.kept_pico_usd, f"{key[0]}/{key[1]}") for key, d in by(report, "provider", "model") if d.kept]
    named = [model for _, model in sorted(models, reverse=True)[:_NAMED]]
    more = f" and {len(models) - _NAMED} more" if len(models) > _NAMED else ""
    return (
        f"{number(total.kept)} calls keep their price ({usd(total.kept_pico_usd)}), since this map has none "
        f"for them: {', '.join(named)}{more}."
    )


def _show_table(
    out: Console, names: tuple[str, ...], rows: list[tuple[tuple[object, ...], Difference]]
) -> None:
    figures = ("filled", "restated", "difference", "would restate")
    heads = [Column(name, style="bold") for name in names]
    heads += [Column(name, figures=True, rank=name != "difference") for name in figures]
    cells = [
        [*map(str, key), number(d.filled), number(d.restated), signed_usd(d.delta_pico_usd),
         signed_usd(d.waiting_pico_usd) if d.waiting else ""]
        for key, d in rows[:_SHOWN]
    ]  # fmt: skip
    rest = len(rows) - _SHOWN
    show_table(
        out,
        heads,
        cells,
        title=f"By {names[-1]}" + (f" (the {_SHOWN} largest of {len(rows)})" if rest > 0 else ""),
    )
