"""`spanledger prices calculate FILE.csv`: what would these calls cost?"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.progress import Progress

from cli import options
from operations.prices.call_file import RESULT, CallFile, PricedRow, line_count
from operations.terminal import console, exact_usd
from processor.calls.errors import BadData
from processor.pricing.book import PriceBook
from processor.pricing.load import load_price_book

_LONG_FILE_LINES = 50_000
"""From here on (half a second of work) a progress bar is shown."""


@options.grouped
def calculate(
    *,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV with provider, model, timestamp and token counts.")
    ],
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="Price map; else the configured one.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file, not to the terminal."),
    ] = None,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Price every row of a CSV file, without a database; appends cost_usd, price_status and price_flags.

    Columns: provider, model, timestamp, input_tokens, output_tokens; also, if present, cache_read_tokens,
    cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, service_tier and so on. Other columns are
    copied.
    """
    book = load_price_book(prices or given.load().prices.file)
    _price(file, book, output, as_json)


def _price(path: Path, book: PriceBook, output: Path | None, as_json: bool) -> None:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines, _target(output) as target:
            calls = CallFile(lines, path.name)
            _write(calls, _with_progress(calls.priced(book), path), target, as_json)
    except UnicodeDecodeError as error:
        raise BadData(path.name, f"not UTF-8 at byte {error.start}") from error
    except BrokenPipeError:
        os._exit(0)  # the reader (`| head`) has seen enough; nothing is left to flush
    except OSError as error:
        raise BadData(str(error.filename or path), error.strerror or "cannot be read") from error


@contextmanager
def _target(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears under its name only when it is whole."""
    if output is None:
        yield sys.stdout
        return
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _write(calls: CallFile, rows: Iterable[PricedRow], target: TextIO, as_json: bool) -> None:
    if as_json:
        _write_json(rows, target)
        return
    writer = csv.DictWriter(target, [*calls.columns, *RESULT], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row.written())


def _write_json(rows: Iterable[PricedRow], target: TextIO) -> None:
    target.write("[")
    for number, row in enumerate(rows):
        target.write(",\n " if number else "\n ")
        target.write(json.dumps(_as_json(row), ensure_ascii=False))
    target.write("\n]\n")


def _as_json(row: PricedRow) -> dict[str, Any]:
    charge = row.charge
    return {
        **row.row,
        "costUsd": exact_usd(charge.cost),
        "priceStatus": charge.status,
        "priceFlags": row.flags(),
    }


def _with_progress(rows: Iterator[PricedRow], path: Path) -> Iterator[PricedRow]:
    total = line_count(path)
    if total < _LONG_FILE_LINES:
        yield from rows
        return

    with Progress(console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("pricing", total=total)
        for number, row in enumerate(rows):
            if number % 1000 == 0:
                progress.update(task, completed=number)
            yield row
