"""`spanledger compare`: what changed, and exactly why."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from cli import options
from operations import times
from operations.compare.model import Comparison, Focus, Question, as_json
from operations.compare.model import compare as ask
from operations.compare.page import compare_page
from operations.compare.story import show
from operations.terminal import console, print_json, public
from operations.web.parameters import Links
from service import database

app = options.app()


@app.command()
@options.grouped
def compare(
    *,
    by: options.By = "endpoint",  # type: ignore[assignment]  # parsed, as what is given
    span: options.Window,
    baseline: Annotated[
        str,
        typer.Option(
            help="previous (the equal window before), 24h, 168h or another distance back, or FROM..TO.",
            metavar="BASELINE",
            parser=options.parsed(lambda text: times.baseline(text, datetime.now(UTC))),
        ),
    ] = "previous",
    filters: options.Filters,
    limit: options.Limit = 10,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page to send around, self-contained.", metavar="FILE"),
    ] = None,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Compare a window with its baseline: the change, its terms to the last digit, its cause."""
    question = Question(*span.bounds(), baseline, *filters.place(), by.sql, Focus(**filters.values()))
    settings = given.load()
    with database.connected(settings) as connection:
        answer = ask(connection, question, limit)
        page = _page(connection, question, limit, settings.public_url) if html else None
    if html and page:
        _write(html, page)
    if as_json:
        print_json(_document(question, answer))
    else:
        show(console(), question, answer)


def _page(connection: psycopg.Connection[Any], question: Question, limit: int, public_url: str | None) -> str:
    """The page of `/compare`; its links lead to the running service where its address is known."""
    root = f"{public_url.rstrip('/')}/" if public_url else None
    return compare_page(connection, question, Links(root), limit=limit)


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"--html: {path} cannot be written: {error.strerror}") from error


def _document(question: Question, answer: Comparison) -> dict[str, object]:
    return {
        "from": question.start,
        "to": question.end,
        "baseline": question.baseline,
        "environment": question.environment,
        "dataMode": question.data_mode,
        "dimension": question.dimension.replace("_", "-"),
        "focus": public(
            {name: value for name, value in question.focus._asdict().items() if value is not None}
        ),
        "class": public(asdict(answer.spike)) if answer.spike else None,
        "notice": answer.notice,
        "drivers": public([as_json(driver) for driver in answer.drivers]),
        "total": public(as_json(answer.total)) if answer.total else None,
        "segments": public([as_json(segment) for segment in answer.segments]),
    }
