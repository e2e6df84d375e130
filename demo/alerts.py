"""The alerts that the planted incidents raise, as of their own minutes, in the demo's own inbox."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import psycopg

from demo import shop
from demo.plan import Plan
from operations.alerts.document import Json
from operations.alerts.evaluate import INTERVAL, Evaluated, evaluate
from operations.inbox.receive import receive
from processor.alerting.catalogue import BY_ID
from service.alerting import Evaluator
from service.config import load_config


class Alert(NamedTuple):
    """What one alert says in a list."""

    title: str
    summary: str


class Watch(NamedTuple):
    """A rule, and from when on it is evaluated: minute by minute until it fires."""

    rule: str
    hours_ago: float


WATCHED = (
    Watch("burst_failing", shop.STORM_FROM_HOURS_AGO - 0.5),
    Watch("cost_drift_prompt", shop.DEPLOY_HOURS_AGO - 1.25),
    Watch("unpriced_model", shop.OWN_MODEL_HOURS_AGO - 0.5),
)
"""The retry storm after half an hour, the deploy from when its first hour is full, the unpriced model."""
LONGEST = timedelta(hours=4.5)
"""At night few calls come: the first minutes of the storm or hours of the deploy may prove nothing.

A drift needs as many requests as a cause does (50), so that the alert of the deploy always names it.
"""


def raised(connection: psycopg.Connection[Any], plan: Plan, public_url: str) -> list[Alert]:
    """Evaluate the rules as of those minutes; then what the demo's data raised, as the inbox holds it."""
    for watch in WATCHED:
        start = plan.anchor - timedelta(hours=watch.hours_ago)
        for minute in range(LONGEST // INTERVAL):
            if _evaluated(connection, watch.rule, start + minute * INTERVAL, public_url).fired:
                break
    now = datetime.now(UTC)  # of a budget's state its own event tells when it was noticed
    _evaluated(connection, "budget_warning", now, public_url)
    query = (
        "SELECT title, summary FROM genai.alert_episode WHERE data_mode = 'demo' ORDER BY starts_at, title"
    )
    return [Alert(*row) for row in connection.execute(query).fetchall()]


def _evaluated(connection: psycopg.Connection[Any], rule: str, now: datetime, public_url: str) -> Evaluated:
    return evaluate(connection, now, partial(_tell, now), public_url=public_url, rules=[BY_ID[rule]])


@contextmanager
def evaluating(dsn: str, public_url: str) -> Iterator[None]:
    """Evaluate all rules every minute while the block runs, as a service with an embedded database does."""
    settings = {("alerting", "evaluate"): ("demo", "builtin"), ("public_url",): ("demo", public_url)}
    evaluator, stop = Evaluator(load_config(None, settings, {}), dsn), threading.Event()

    def run() -> None:
        while not stop.wait(INTERVAL.total_seconds()):
            evaluator.run(datetime.now(UTC))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _tell(now: datetime, connection: psycopg.Connection[Any], document: Json) -> None:
    receive(connection, document, source="builtin", now=now)
