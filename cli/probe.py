"""`spanledger probe`: one test request through the whole service, with a verdict."""

from __future__ import annotations

import logging
import uuid
from decimal import Decimal
from functools import partial
from typing import Annotated

import typer

from cli import options
from operations.format import DASH, usd
from operations.freshness.model import bound
from operations.probe.model import WORDS, Outcome
from operations.terminal import Column, console, print_json, public, show_table

app = options.app()


@app.command(name="probe")
@options.grouped
def probe(
    *,
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="OTLP/gRPC address; else probe.endpoint, else receiver.grpc.", metavar="http://HOST:PORT"
        ),
    ] = None,
    as_json: options.AsJson = False,
    given: options.Settings,
) -> None:
    """Send a test request through the OTLP port and look for it in the query of a dashboard.

    Exits with 0 when it was accepted, visible, counted once and priced right, else with 1. Its data mode is
    `test`, its environment `spanledger-probe`: no real figure has it. A configured Grafana is asked as well.
    """
    from processor.calls.errors import ConfigError
    from processor.pricing.load import load_price_book
    from receiver.config import parse_address
    from service.database import database_url
    from service.probe.job import grafana_of, probe_connect, target_of
    from service.probe.run import Probe, run

    settings = given.load([(("probe", "endpoint"), "--endpoint", endpoint)])
    key = settings.probe.key.get_secret_value() if settings.probe.key else ""
    target = target_of(settings, parse_address(settings.receiver.grpc), key)
    if target is None:
        raise ConfigError("the receiver speaks TLS: name its address with --endpoint https://HOST:PORT")
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    asked = Probe(
        target, partial(probe_connect, database_url(settings)), load_price_book(settings.prices.file),
        grafana_of(settings), settings.probe.timeout.total_seconds(),
    )  # fmt: skip
    outcome = run(asked, f"spanledger probe {uuid.uuid4().hex[:8]}")
    print_json(_document(outcome)) if as_json else _print(outcome)
    if outcome.failure:
        raise typer.Exit(1)


def _print(outcome: Outcome) -> None:
    out = console()
    columns = (Column("stage", style="bold"), Column("result"), Column("after", figures=True))
    show_table(out, columns, _rows(outcome))
    if outcome.failure:
        words = f"Failed: {WORDS[outcome.failure]}. {outcome.detail}."
        out.print(words, style="bold red", markup=False, soft_wrap=True)
    else:
        out.print(f"The probe came through: visible after {_after(outcome.after(outcome.visible_at))}.")


def _rows(outcome: Outcome) -> list[list[str]]:
    priced = DASH if outcome.cost is None else usd(Decimal(outcome.cost).scaleb(-12), places=6)
    grafana = [["shown by Grafana", "yes" if outcome.grafana_at else DASH, _moment(outcome, "grafana_at")]]
    return [
        ["accepted", "yes" if outcome.accepted_at else DASH, _moment(outcome, "accepted_at")],
        ["visible", "yes" if outcome.visible_at else DASH, _moment(outcome, "visible_at")],
        ["counted", "once" if outcome.calls == 1 else DASH, ""],
        ["price", priced, ""],
        *(grafana if outcome.grafana_at or outcome.failure == "grafana" else []),
    ]


def _moment(outcome: Outcome, name: str) -> str:
    return _after(outcome.after(getattr(outcome, name)))


def _after(seconds: float | None) -> str:
    return "" if seconds is None else bound(seconds)


def _document(outcome: Outcome) -> object:
    return public({
        "sent_at": outcome.sent_at,
        "endpoint": outcome.endpoint,
        "accepted_seconds": outcome.after(outcome.accepted_at),
        "visible_seconds": outcome.after(outcome.visible_at),
        "grafana_seconds": outcome.after(outcome.grafana_at),
        "calls": outcome.calls,
        "cost_pico_usd": outcome.cost,
        "expected_pico_usd": outcome.expected,
        "failure": outcome.failure,
        "detail": outcome.detail,
    })  # fmt: skip
