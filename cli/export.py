"""`spanledger export`: the rows behind a total, with a manifest."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from operations.dimensions import split
from operations.reports.export import FORMATS, INVOICE, Asked, Export, content, export, signed_manifest, write
from operations.spend.month import month_of

app = options.app()


@app.command("export")
@options.grouped
def command(
    *,
    month: Annotated[
        str | None,
        typer.Option("--month", help="A month instead of a window: 2026-05, this, last.", metavar="MONTH"),
    ] = None,
    window: options.LongWindow,
    by: options.OptionalBy = None,
    environment: Annotated[
        str | None,
        typer.Option(
            "--env", help="Several with commas, '*' for all. [prod; all with --invoice]", metavar="NAME"
        ),
    ] = None,
    data_mode: Annotated[
        str,
        typer.Option(
            "--data-mode", help="real, test or demo; '*' for all.", metavar="MODE",
            parser=options.one_of("data mode", "real", "test", "demo", "*"),
        ),
    ] = "real",
    invoice: Annotated[
        bool, typer.Option("--invoice", help="What providers bill: real and test calls of all environments.")
    ] = False,
    form: Annotated[
        str,
        typer.Option(
            "--format", help="csv, json, or parquet (needs the extra `parquet`).", metavar="FORMAT",
            parser=options.one_of("format", *FORMATS),
        ),
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The file; its manifest goes to FILE.manifest.json. [stdout]", metavar="FILE"
        ),
    ] = None,
    given: options.Settings,
) -> None:  # fmt: skip
    """Export usage by day and one dimension or two (tenant and model without --by), with every digit.

    The manifest names range, price maps, number of rows, their sum, and the SHA-256 of the file. Without
    --out the rows go to standard output and the manifest to standard error.
    """
    now = datetime.now(UTC)
    start, end = options.parsed(lambda text: month_of(text, now)[:2])(month) if month else window.bounds()
    place = environment or ("*" if invoice else "prod")
    asked = Asked(start, end, by or split("tenant,model"), place, INVOICE if invoice else data_mode)
    if out is None and form == "parquet":
        raise typer.BadParameter("Parquet needs a file: --out FILE")
    with given.connected() as connection:
        found = export(connection, asked, now)
    try:
        _write(found, form, out)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--format") from error


def _write(found: Export, form: str, out: Path | None) -> None:
    if out is not None:
        beside = write(found, form, out)
        rows, cost = found.manifest["rows"], found.manifest["costUsd"]
        print(f"{out}: {rows} rows, {cost} USD; {beside}", file=sys.stderr)
        return
    written = content(found, form)
    sys.stdout.write(written.decode())
    print(json.dumps(signed_manifest(found, written, None)), file=sys.stderr)
