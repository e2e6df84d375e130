"""Spend by calendar month (UTC): so far, against the month before, and where it is heading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg

from operations.dimensions import Split
from operations.exactness import at_least
from operations.format import iso
from operations.spend.model import Question, read, values_of


class Month(NamedTuple):
    """A calendar month, whole or up to now.

    Attributes:
        start, end: what is counted, [start, end) in UTC.
        before: the month before, up to the same moment of it; whole when this month is over.
        is_over: nothing of it is still to come.
    """

    start: datetime
    end: datetime
    before: tuple[datetime, datetime]
    is_over: bool

    @property
    def name(self) -> str:
        """`2026-05`."""
        return f"{self.start:%Y-%m}"


class MonthRow(NamedTuple):
    """What one value, or pair of values, of the dimensions spent; money in whole pico-USD.

    Attributes:
        before_pico_usd: in the month before; None when there is no call at all of it.
        before_at_least: the month before holds more than is known.
    """

    values: tuple[str, ...]
    cost_pico_usd: int
    before_pico_usd: int | None
    calls: int
    unpriced_calls: int
    uncertain_calls: int
    before_at_least: bool

    @property
    def at_least(self) -> bool:
        """True when it holds more than is known."""
        return at_least(self.unpriced_calls, self.uncertain_calls)

    @property
    def change_pico_usd(self) -> int | None:
        """Against the month before; None when there is nothing to compare with, or a side is all unknown."""
        if self.before_pico_usd is None or (self.before_at_least and not self.before_pico_usd):
            return None
        if self.at_least and not self.cost_pico_usd:
            return None
        return self.cost_pico_usd - self.before_pico_usd


def sum_of(rows: Sequence[MonthRow]) -> MonthRow:
    """Several rows as one."""
    known = [row.before_pico_usd for row in rows if row.before_pico_usd is not None]
    return MonthRow(
        (), sum(row.cost_pico_usd for row in rows), sum(known) if known else None,
        sum(row.calls for row in rows), sum(row.unpriced_calls for row in rows),
        sum(row.uncertain_calls for row in rows), any(row.before_at_least for row in rows),
    )  # fmt: skip


class PastMonth(NamedTuple):
    """What one of the last months (`2026-05`) spent; `at_least`: it holds more than is known."""

    name: str
    cost_usd: Decimal
    calls: int
    at_least: bool


class MonthAnswer(NamedTuple):
    """All of a month.

    Attributes:
        projected_usd: at the month's end; None for a month that is over, with filters, or before a full day.
        invoice_pico_usd: what providers bill: real and test calls of all environments.
        history: the last twelve months with data, of all calls of the environment.
    """

    rows: list[MonthRow]
    unread_spans: int
    before_unread_spans: int
    projected_usd: Decimal | None
    invoice_pico_usd: int
    invoice_at_least: bool
    history: list[PastMonth]

    @property
    def total(self) -> MonthRow:
        """The sums of all rows."""
        return sum_of(self.rows)

    @property
    def at_least(self) -> bool:
        """True when the month holds more than is known."""
        total = self.total
        return at_least(total.unpriced_calls, total.uncertain_calls, self.unread_spans)

    @property
    def before_at_least(self) -> bool:
        """True when the month before holds more than is known."""
        return self.total.before_at_least or self.before_unread_spans > 0


def month_of(text: str | None, now: datetime) -> Month:
    """The month that is named (`2026-05`, `last`), or the running one.

    Raises:
        ValueError: not a month, or one that has not begun.
    """
    running = _first(now)
    if text is None or text == "this":
        start = running
    elif text == "last":
        start = _first(running - timedelta(days=1))
    else:
        try:
            start = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        except ValueError:
            raise ValueError(f"expected a month such as 2026-05, this or last, not {text!r}") from None
    if start > running or start.year < 1971:
        raise ValueError(f"{text} has not begun" if start > running else "expected a month after 1970")
    following = _first(start + timedelta(days=32))
    before, is_over = _first(start - timedelta(days=1)), following <= now
    until = start if is_over else min(start, before + (now - start))
    return Month(start, min(following, now), (before, until), is_over)


def _first(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def ask(
    connection: psycopg.Connection[Any],
    month: Month,
    split: Split,
    environment: str,
    data_mode: str,
    filters: Mapping[str, str],
) -> MonthAnswer:
    """Ask in one snapshot."""
    question = Question(month.start, month.end, split, environment, data_mode, filters)
    values = values_of(question) | {
        "baseline": "..".join(map(iso, month.before)),
        "now": month.end - timedelta(microseconds=1) if month.is_over else month.end,
    }
    is_open = not (month.is_over or filters)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = read(connection, "month", values)
        unread, before_unread = (
            int(read(connection, "unread_spans", values | {"from": start, "to": end})[0]["unread_spans"])
            for start, end in ((month.start, month.end), month.before)
        )
        projected = read(connection, "month_projection", values)[0]["projected_usd"] if is_open else None
        invoice = read(connection, "month_invoice", values)[0]
        history = read(connection, "month_history", values)
    names = ("first", "second")[: len(question.columns)]
    has_before = any(row["before_calls"] for row in found)
    rows = [
        MonthRow(
            tuple(row[name] for name in names), int(row["cost_pico_usd"]),
            int(row["before_pico_usd"]) if has_before else None,
            row["calls"], row["unpriced_calls"], row["uncertain_calls"], row["before_at_least"],
        )
        for row in found
    ]  # fmt: skip
    return MonthAnswer(
        rows,
        unread,
        before_unread,
        projected,
        int(invoice["cost_pico_usd"]),
        invoice["at_least"],
        [PastMonth(h["month"], h["cost_usd"], h["calls"], h["at_least"]) for h in history],
    )
