"""What changed between two windows and why: `genai.compare` and `genai.classify` as typed values.

All arithmetic with money is in SQL (view file 120_compare.sql); nothing here adds, divides or rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row

from operations import dimensions
from operations.compare.drivers import Driver, drivers
from operations.exactness import at_least
from storage.statements import statements_beside

_query = statements_beside(__file__)

DIMENSIONS = tuple(each.sql for each in dimensions.DIMENSIONS.values())
TERMS = ("volume", "attempts", "mix", "tokens", "price", "new", "gone")
TOKEN_CLASSES = ("input", "cache_read", "cache_write", "output", "other")


class Focus(NamedTuple):
    """Values that the comparison is narrowed to; None takes all."""

    endpoint: str | None = None
    prompt_version: str | None = None
    user: str | None = None
    tenant: str | None = None
    model: str | None = None
    provider: str | None = None
    service: str | None = None


class Question(NamedTuple):
    """A window [start, end) in UTC against its baseline.

    Attributes:
        baseline: `previous`, a distance back (`24h`, `168h`) or `FROM..TO` in ISO 8601.
        environment: one, several with commas, or `*` for all; `data_mode` one or `*`.
    """

    start: datetime
    end: datetime
    baseline: str = "previous"
    environment: str = "prod"
    data_mode: str = "real"
    dimension: str = "endpoint"
    focus: Focus = Focus()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of `genai.compare`: a segment, or the total of all. Money in USD, exact to 10^-12.

    `volume_usd` … `gone_usd` sum to `delta_usd`; the five `…_tokens_usd` sum to `tokens_usd`. Ratios are None
    where there is nothing to divide by. For models and providers a request is a call (LEDGER §5).
    """

    is_total: bool
    segment: str
    cost_usd: Decimal
    baseline_cost_usd: Decimal
    delta_usd: Decimal
    delta_ratio: float | None
    share_of_delta: float | None
    volume_usd: Decimal
    attempts_usd: Decimal
    mix_usd: Decimal
    tokens_usd: Decimal
    price_usd: Decimal
    new_usd: Decimal
    gone_usd: Decimal
    input_tokens_usd: Decimal
    cache_read_tokens_usd: Decimal
    cache_write_tokens_usd: Decimal
    output_tokens_usd: Decimal
    other_tokens_usd: Decimal
    top_term: str | None
    top_term_usd: Decimal | None
    top_segment: str | None
    top_segment_delta_usd: Decimal | None
    requests: int
    baseline_requests: int
    calls: int
    baseline_calls: int
    cost_per_request_usd: Decimal | None
    baseline_cost_per_request_usd: Decimal | None
    tokens_per_request: float | None
    baseline_tokens_per_request: float | None
    success_ratio: float | None
    baseline_success_ratio: float | None
    errors: int
    baseline_errors: int
    cancelled: int
    baseline_cancelled: int
    attempts_per_success: float | None
    baseline_attempts_per_success: float | None
    wasted_usd: Decimal
    baseline_wasted_usd: Decimal
    p50_ms: float | None
    baseline_p50_ms: float | None
    p95_ms: float | None
    baseline_p95_ms: float | None
    unpriced_calls: int
    baseline_unpriced_calls: int
    uncertain_calls: int
    baseline_uncertain_calls: int
    uncertain_share: float | None
    baseline_uncertain_share: float | None
    error_without_usage_calls: int
    baseline_error_without_usage_calls: int
    from_used: datetime
    to_used: datetime
    baseline_from_used: datetime
    baseline_to_used: datetime
    unread_spans: int
    baseline_unread_spans: int

    def term(self, name: str) -> Decimal:
        """The term of that name, one of `TERMS`."""
        value: Decimal = getattr(self, f"{name}_usd")
        return value

    def token_class(self, name: str) -> Decimal:
        """The part of the tokens term that one of `TOKEN_CLASSES` has."""
        value: Decimal = getattr(self, f"{name}_tokens_usd")
        return value

    @property
    def at_least(self) -> bool:
        """True when the window holds more than is known of it (LEDGER §14)."""
        return at_least(self.unpriced_calls, self.uncertain_calls, self.unread_spans)

    @property
    def baseline_at_least(self) -> bool:
        """The same of the baseline."""
        return at_least(
            self.baseline_unpriced_calls, self.baseline_uncertain_calls, self.baseline_unread_spans
        )


@dataclass(frozen=True, slots=True)
class Spike:
    """The verdict of `genai.classify` (LEDGER §25): class, subject, sentence, and the numbers behind it."""

    name: str
    subject: str | None
    sentence: str
    evidence: dict[str, Any]


class Comparison(NamedTuple):
    """The answer; `total` is None when neither window has a call.

    Attributes:
        drivers: the combinations that explain the change, of the measure that its class is about.
        unread_spans: spans of the window with usage that no rule reads, also where there is no call.
        notice: a sentence where calls of the environment are counted under `__other__` (LEDGER §12).
    """

    total: Change | None
    segments: list[Change]
    spike: Spike | None
    unread_spans: int = 0
    drivers: list[Driver] = []  # noqa: RUF012 - never changed
    notice: str | None = None


def compare(connection: psycopg.Connection[Any], question: Question, limit: int = 20) -> Comparison:
    """Ask all functions in one snapshot, so that class and drivers speak about the same numbers.

    Args:
        limit: segments at most, the largest change first; the total counts all.

    Raises:
        ValueError: the dimension is none of `DIMENSIONS`, nor two of them with a comma.
    """
    for name in question.dimension.split(","):
        if name not in DIMENSIONS:
            raise ValueError(dimensions.not_one_of(name, "dimension", DIMENSIONS))
    values = question._asdict() | question.focus._asdict() | {"limit": limit}
    del values["focus"]
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        changes = (
            connection.cursor(row_factory=class_row(Change)).execute(_query("compare"), values).fetchall()
        )
        notice = _notice(connection, values)
        if not changes:
            return Comparison(None, [], None, _unread(connection, values), notice=notice)
        spike = connection.cursor(row_factory=class_row(Spike)).execute(_query("classify"), values).fetchone()
        found = drivers(connection, values, spike.name) if spike else []
    return Comparison(changes[0], changes[1:], spike, changes[0].unread_spans, found, notice)


def _unread(connection: psycopg.Connection[Any], values: Mapping[str, object]) -> int:
    found = connection.execute(
        "SELECT genai.unread_spans(%(start)s, %(end)s, %(environment)s, %(data_mode)s, %(service)s)", values
    ).fetchone()
    return int(found[0]) if found else 0


def _notice(connection: psycopg.Connection[Any], values: Mapping[str, object]) -> str | None:
    found = connection.execute(
        "SELECT genai.folded_notice(%(start)s, %(end)s, %(environment)s, %(data_mode)s)", values
    ).fetchone()
    return found[0] if found else None


def as_json(change: Change | Driver) -> dict[str, object]:
    """The row with money as text with every digit."""
    values = {field.name: getattr(change, field.name) for field in fields(change)}
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in values.items()}
