"""`spanledger compare`: what changed, and exactly why."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options

if TYPE_CHECKING:
    import psycopg

    from operations.compare.model import Comparison, Question


class Dimension(StrEnum):
    """What the change can be split by."""

    endpoint = "endpoint"
    prompt_version = "prompt_version"
    user = "user"
    tenant = "tenant"
    model = "model"
    provider = "provider"
    service = "service"


def _focus(name: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{name}", help=f"Only this {name.replace('-', ' ')}.", metavar="VALUE", rich_help_panel="Focus"
    )
    return option


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(rich_help_panel="Ask the ledger")
    def compare(
        by: Annotated[
            Dimension, typer.Option("--by", help="What to split the change by.")
        ] = Dimension.endpoint,
        last: options.Last = "24h",
        start: options.From = None,
        end: options.To = None,
        baseline: Annotated[
            str,
            typer.Option(
                help="previous (the equal window before), 24h, 168h or another distance back, or FROM..TO.",
                metavar="BASELINE",
            ),
        ] = "previous",
        environment: options.Environment = "prod",
        data_mode: options.DataMode = "real",
        endpoint: Annotated[str | None, _focus("endpoint")] = None,
        prompt_version: Annotated[str | None, _focus("prompt-version")] = None,
        user: Annotated[str | None, _focus("user")] = None,
        tenant: Annotated[str | None, _focus("tenant")] = None,
        model: Annotated[str | None, _focus("model")] = None,
        provider: Annotated[str | None, _focus("provider")] = None,
        service: Annotated[str | None, _focus("service")] = None,
        limit: Annotated[int, typer.Option(help="Rows at most; the total counts all.", min=1)] = 10,
        html: Annotated[
            Path | None,
            typer.Option("--html", help="Write a page to send around, self-contained.", metavar="FILE"),
        ] = None,
        as_json: options.AsJson = False,
        config: options.ConfigFile = None,
        database_url: options.DatabaseUrl = None,
        data_dir: options.DataDir = None,
    ) -> None:
        """Compare a window with its baseline: the change, its terms to the last digit, its cause."""
        from operations.compare.model import Focus, Question
        from operations.compare.model import compare as ask
        from operations.compare.story import show
        from operations.terminal import console, print_json
        from service import database

        focus = Focus(endpoint, prompt_version, user, tenant, model, provider, service)
        window = options.bounds(last, start, end)
        question = Question(*window, _baseline(baseline), environment, data_mode, by.value, focus)
        settings = options.configuration(config, database_url, data_dir)
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
    from operations.compare.page import compare_page
    from operations.web.parameters import Links

    root = f"{public_url.rstrip('/')}/" if public_url else None
    return compare_page(connection, question, Links(root), limit=limit)


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"--html: {path} cannot be written: {error.strerror}") from error


def _baseline(text: str) -> str:
    """The baseline as SQL reads it. Raises BadParameter with the forms that are expected."""
    if text == "previous" or re.fullmatch(r"[1-9]\d*[smhd]", text):
        return text
    first, found, last = text.partition("..")
    if not found:
        raise typer.BadParameter(f"expected previous, 24h, 168h or FROM..TO, not {text!r}")
    try:
        window = options.bounds("", datetime.fromisoformat(first), datetime.fromisoformat(last))
    except ValueError as error:
        raise typer.BadParameter(f"expected FROM..TO in ISO 8601, not {text!r}: {error}") from error
    return "..".join(moment.isoformat().replace("+00:00", "Z") for moment in window)


def _document(question: Question, answer: Comparison) -> dict[str, object]:
    from dataclasses import asdict

    from operations.compare.model import as_json

    return {
        "from": question.start,
        "to": question.end,
        "baseline": question.baseline,
        "environment": question.environment,
        "data_mode": question.data_mode,
        "dimension": question.dimension,
        "focus": {name: value for name, value in question.focus._asdict().items() if value is not None},
        "class": asdict(answer.spike) if answer.spike else None,
        "notice": answer.notice,
        "drivers": [as_json(driver) for driver in answer.drivers],
        "total": as_json(answer.total) if answer.total else None,
        "segments": [as_json(segment) for segment in answer.segments],
    }
