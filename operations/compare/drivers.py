"""The drivers of a change: rows of `genai.drivers` as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row

from storage.statements import statements_beside

_query = statements_beside(__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A combination of dimensions that explains a part of a change. Money in USD.

    Attributes:
        measure: `spend` or `cost_per_request`.
        is_new: a version or model that replaced others; its cost per request is set against theirs.
        excess_usd: what it added beyond the drift that all had (`drift_ratio`); the drivers' excesses and
            the drift's sum to the change.
        ratio: what its cost (per request) did by itself; None for what is new.
        strength: gain in log-likelihood, 7 at least.
        source: `calls`, or the rollup that answered where calls are gone or too many.
    """

    place: int
    name: str
    endpoint: str | None
    prompt_version: str | None
    provider: str | None
    model: str | None
    tenant: str | None
    service: str | None
    user: str | None
    is_new: bool
    excess_usd: Decimal
    share_of_change: float | None
    ratio: float | None
    drift_ratio: float
    strength: float
    cost_usd: Decimal
    baseline_cost_usd: Decimal
    delta_usd: Decimal
    requests: int
    baseline_requests: int
    calls: int
    baseline_calls: int
    cost_per_request_usd: Decimal | None
    baseline_cost_per_request_usd: Decimal | None
    volume_usd: Decimal | None
    attempts_usd: Decimal | None
    mix_usd: Decimal | None
    tokens_usd: Decimal | None
    price_usd: Decimal | None
    new_usd: Decimal | None
    gone_usd: Decimal | None
    top_term: str | None
    source: str
    measure: str

    @property
    def replaces(self) -> bool:
        """It had no request before: the cost of a request before is that of what it took over from."""
        return self.baseline_requests == 0 and self.baseline_cost_per_request_usd is not None

    @property
    def focus(self) -> dict[str, str]:
        """The whole combination, as filters of `compare`."""
        names = ("endpoint", "prompt_version", "user", "tenant", "model", "provider", "service")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def drivers(connection: psycopg.Connection[Any], values: Mapping[str, object], kind: str) -> list[Driver]:
    """The drivers of a change of that class, most dollars first; none where nothing stands out.

    Args:
        values: the parameters of the statement `compare`.
        kind: the class that `genai.classify` found: it says which measure the question is about.
    """
    cursor = connection.cursor(row_factory=class_row(Driver))
    return cursor.execute(_query("drivers"), {**values, "class": kind}).fetchall()
