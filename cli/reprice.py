"""`spanledger reprice`: price calls of the past again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options

if TYPE_CHECKING:
    from operations.reprice.model import Difference, Progress, Report, Scope

_GROUPS = (("day",), ("provider", "model"), ("tenant",))
_CELL = {
    "day": "day", "environment": "environment", "data_mode": "dataMode", "provider": "provider",
    "model": "model", "tenant": "tenantId",
}  # fmt: skip
_SHOWN = 15
"""Rows a table; the rest is in `--json`."""
_NAMED = 3
"""Models named in a sentence."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(rich_help_panel="Administer")
    def reprice(
        last: options.Last = "31d",
        start: options.From = None,
        end: options.To = None,
        models: Annotated[
            str | None,
            typer.Option(help="Only these: MODEL or PROVIDER/MODEL, with commas.", metavar="NAMES"),
        ] = None,
        restate: Annotated[bool, typer.Option("--restate", help="Change prices that stand, too.")] = False,
        apply: Annotated[bool, typer.Option("--apply", help="Do it; without it nothing is changed.")] = False,
        why: Annotated[str, typer.Option(help="The reason, for the ledger's book.", metavar="TEXT")] = "",
        as_json: options.AsJson = False,
        config: options.ConfigFile = None,
        database_url: options.DatabaseUrl = None,
        data_dir: options.DataDir = None,
    ) -> None:
        """Price calls of the past with today's price map: shows what would change, by day, model and tenant.

        With --apply calls without a price get one. A price that stands changes only with --restate.
        """
        from operations.reprice.model import Scope

        chosen = tuple(name.strip() for name in models.split(",") if name.strip()) if models else None
        scope = Scope(*options.bounds(last, start, end), chosen, restate)
        settings = options.configuration(config, database_url, data_dir)
        report = _apply(settings, scope, why) if apply else _preview(settings, scope)
        _print_json(report, scope) if as_json else _print(report, scope)


def _preview(settings: Any, scope: Scope) -> Report:
    from operations.reprice.model import count, preview
    from processor.pricing.load import load_price_book
    from service import database

    book = load_price_book(settings.prices.file)
    with database.connected(settings) as connection:
        rows = count(connection, scope._replace(restate=True))
        with _progress("pricing", rows) as progress:
            return preview(connection, book, scope, progress)


def _apply(settings: Any, scope: Scope, why: str) -> Report:
    import getpass
    import socket

    from operations.reprice.model import apply, count
    from processor.pricing.load import load_price_book
    from service import database, price_records

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
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from operations.terminal import console

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=rows)
        yield lambda done: bar.advance(task, done)


def _print_json(report: Report, scope: Scope) -> None:
    from operations.terminal import print_json

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
    from operations.terminal import exact_usd

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
    from operations.reprice.model import by
    from operations.terminal import console, number, signed_usd

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
            out.print(_table(names, rows))
    if total.waiting:
        out.print(
            f"{number(total.waiting)} calls have a price that would become another "
            f"({signed_usd(total.waiting_pico_usd)}); it stands until --restate is given.",
            style="yellow", markup=False,
        )  # fmt: skip
    if total.kept:
        out.print(_kept(report), style="yellow", markup=False)
    if report.unpriced:
        out.print(
            f"{number(report.unpriced)} calls have no cost still (`spanledger unpriced`).", markup=False
        )
    if report.run_id is not None:
        out.print(
            f"Booked as run {report.run_id} of the ledger's book (genai.ledger_run, genai.ledger_line)."
        )
    elif total.changed:
        out.print(f"Nothing was changed. Again with --apply{' --restate' if scope.restate else ''} to do it.")


def _kept(report: Report) -> str:
    """The calls whose price stands because the map has none, and whose they are."""
    from operations.reprice.model import by
    from operations.terminal import number, usd

    total = report.total()
    models = [(d.kept_pico_usd, f"{key[0]}/{key[1]}") for key, d in by(report, "provider", "model") if d.kept]
    named = [model for _, model in sorted(models, reverse=True)[:_NAMED]]
    more = f" and {len(models) - _NAMED} more" if len(models) > _NAMED else ""
    return (
        f"{number(total.kept)} calls keep their price ({usd(total.kept_pico_usd)}), since this map has none "
        f"for them: {', '.join(named)}{more}."
    )


def _table(names: tuple[str, ...], rows: list[tuple[tuple[object, ...], Difference]]) -> Any:
    from operations.terminal import Column, number, signed_usd, table

    figures = ("filled", "restated", "difference", "would restate")
    heads = [Column(name, style="bold") for name in names] + [Column(name, figures=True) for name in figures]
    cells = [
        [*map(str, key), number(d.filled), number(d.restated), signed_usd(d.delta_pico_usd),
         signed_usd(d.waiting_pico_usd) if d.waiting else ""]
        for key, d in rows[:_SHOWN]
    ]  # fmt: skip
    rest = len(rows) - _SHOWN
    return table(
        heads,
        cells,
        title=f"By {names[-1]}" + (f" (the {_SHOWN} largest of {len(rows)})" if rest > 0 else ""),
    )
