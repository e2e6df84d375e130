"""What became of a request of the probe: when it was accepted and visible, and which stage failed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import psycopg

from storage.statements import statements_beside

_query = statements_beside(__file__)

ENVIRONMENT: Final = "spanledger-probe"
SERVICE: Final = "spanledger-probe"
DATA_MODE: Final = "test"
"""Of every request of the probe; `genai.is_probe` knows the environment."""

Stage = Literal["database", "receiver", "summaries", "count", "price", "grafana"]

WORDS: dict[Stage, str] = {
    "database": "the database does not answer",
    "receiver": "the receiver did not accept it",
    "summaries": "it did not become visible in the dashboards' sums",
    "count": "it was not counted once",
    "price": "its price is wrong",
    "grafana": "Grafana does not show it",
}
"""What a failed stage means, in the order of the way."""


class Outcome(NamedTuple):
    """One request of the probe.

    Attributes:
        sent_at: the first attempt to send it; the other moments are None where it did not get that far.
        endpoint: where it was sent.
        calls: how often it was counted, as the dashboard's query says.
        cost, expected: in whole pico-USD, as the query says and as the price list says; None is no price.
        failure: the stage that failed; None when all was well.
    """

    sent_at: datetime
    endpoint: str
    accepted_at: datetime | None = None
    visible_at: datetime | None = None
    grafana_at: datetime | None = None
    calls: int | None = None
    cost: int | None = None
    expected: int | None = None
    failure: Stage | None = None
    detail: str | None = None

    def after(self, moment: datetime | None) -> float | None:
        """Seconds from the first attempt to that moment."""
        return None if moment is None else (moment - self.sent_at) / timedelta(seconds=1)


def record(connection: psycopg.Connection[Any], outcome: Outcome, holder: str) -> None:
    """Keep it for dashboards and alerts."""
    connection.execute(_query("put_probe"), outcome._asdict() | {"holder": holder})


def forget(connection: psycopg.Connection[Any], days: int) -> None:
    """Take away what is older."""
    connection.execute(_query("forget_probes"), {"days": days})
