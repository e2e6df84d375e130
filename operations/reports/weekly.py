"""The weekly report: the last seven full UTC days against the seven before, and what people did about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from operations import query as ledger
from operations.budgets.model import events
from operations.compare.drivers import Driver
from operations.compare.model import Change, Comparison, Question, compare
from operations.format import DASH, MEANING, counted, instant, iso, number, share, signed, unit_usd, usd
from operations.reports.report import Connection, Report, Row, Table, read
from operations.terminal import Column

WEEK = timedelta(days=7)
_TERMS = ("volume", "attempts", "mix", "tokens", "price", "new", "gone")
_SHOWN = 10


def week_before(now: datetime) -> tuple[datetime, datetime]:
    """The last seven full UTC days."""
    end = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return end - WEEK, end


def weekly_report(connection: Connection, environment: str, now: datetime) -> Report:
    """The week in one report, of the real calls of an environment (or several with commas, or `*`)."""
    start, end = week_before(now)
    answer = compare(connection, Question(start, end, "previous", environment))
    transitions = events(connection, start, end)
    window = {"from": start, "to": end}
    incidents = read(connection, "incidents", **window)
    guardrails = read(connection, "open_guardrails", to=end)
    tables = [
        table
        for table in (
            _terms(answer.total), _drivers(answer.drivers), _segments(answer.segments),
            _events(transitions), _incidents(incidents), _guardrails(guardrails),
        )
        if table.rows
    ]  # fmt: skip
    document: dict[str, Any] = {
        "report": "weekly", "from": start, "to": end, "baselineFrom": start - WEEK,
        "environment": environment, "generatedAt": now.replace(microsecond=0),
        "total": _change_json(answer.total),
        "class": answer.spike.name if answer.spike else None,
        "sentence": answer.spike.sentence if answer.spike else None,
        "drivers": [_driver_json(driver) for driver in answer.drivers],
        "endpoints": [_change_json(change) for change in answer.segments],
        "budgetEvents": [ledger.call_json(row) for row in transitions],
        "incidents": [ledger.call_json(row) for row in incidents],
        "openGuardrails": [ledger.call_json(row) for row in guardrails],
    }  # fmt: skip
    facts = _facts(answer, start, end, environment, now)
    facts += [
        ("budget events", counted(len(transitions), "transition")),
        ("incidents", f"{counted(len(incidents), 'incident')}, {_recurring(incidents)}"),
        ("open guardrails", number(len(guardrails))),
    ]
    title = f"Week from {start:%Y-%m-%d} to {end - timedelta(days=1):%Y-%m-%d}"
    return Report(title, facts, tables, document, document["endpoints"])


def _facts(
    answer: Comparison, start: datetime, end: datetime, environment: str, now: datetime
) -> list[tuple[str, str]]:
    facts = [
        ("range", f"{iso(start)} to {iso(end)}, against the seven days before"),
        ("scope", f"environment {environment} · data mode real"),
        ("generated", f"{instant(now)} UTC"),
    ]
    total = answer.total
    if total is None:
        return [*facts, ("spend", "no calls in either week")]
    at_least = total.at_least
    ratio = "" if total.delta_ratio is None else f" ({total.delta_ratio:+.1%})"
    return [
        *facts,
        ("spend", usd(total.cost_usd, at_least=at_least)),
        ("week before", usd(total.baseline_cost_usd, at_least=total.baseline_at_least)),
        ("change", f"{signed(total.delta_usd, at_least or total.baseline_at_least)}{ratio}"),
        ("requests", f"{number(total.requests)}, {number(total.baseline_requests)} before"),
        ("cost per request", f"{unit_usd(total.cost_per_request_usd)}, "
         f"{unit_usd(total.baseline_cost_per_request_usd)} before"),
        ("without a price", f"{number(total.unpriced_calls)} calls"),
        ("uncertain usage", f"{number(total.uncertain_calls)} calls"),
        *([("what changed", answer.spike.sentence)] if answer.spike else []),
    ]  # fmt: skip


def _terms(total: Change | None) -> Table:
    columns = [Column("term", style="bold"), Column("change", figures=True), Column("meaning", wraps=True)]
    rows = [] if total is None else [
        [name, signed(total.term(name)), MEANING[name]] for name in _TERMS if total.term(name)
    ]  # fmt: skip
    return Table("Why the spend changed", columns, rows)


def _drivers(found: Sequence[Driver]) -> Table:
    columns = [
        Column("driver", style="bold"), Column("added", figures=True), Column("of the change", figures=True),
        Column("spend", figures=True), Column("before", figures=True),
    ]  # fmt: skip
    rows = [
        [
            row.name, signed(row.excess_usd), share(row.share_of_change), usd(row.cost_usd),
            usd(row.baseline_cost_usd),
        ]
        for row in found[:_SHOWN]
    ]  # fmt: skip
    return Table("Drivers", columns, rows)


def _segments(found: Sequence[Change]) -> Table:
    columns = [
        Column("endpoint", style="bold"), Column("spend", figures=True), Column("before", figures=True),
        Column("change", figures=True), Column("requests", figures=True),
    ]  # fmt: skip
    rows = [
        [
            row.segment, usd(row.cost_usd, at_least=row.at_least),
            usd(row.baseline_cost_usd, at_least=row.baseline_at_least),
            signed(row.delta_usd, row.at_least or row.baseline_at_least), number(row.requests),
        ]
        for row in found[:_SHOWN]
    ]  # fmt: skip
    return Table("Endpoints, the largest change first", columns, rows)


def _events(found: Sequence[Row]) -> Table:
    columns = [
        Column("noticed"), Column("budget", style="bold"), Column("event"), Column("period"),
        Column("limit", figures=True), Column("spend", figures=True), Column("owner"),
    ]  # fmt: skip
    rows = [
        [
            instant(row["at"]), row["budget"], row["transition"].replace("_", "-"), row["period"],
            usd(row["limit_usd"]), usd(row["cost_usd"], at_least=row["at_least"]), row["owner"] or "",
        ]
        for row in found
    ]  # fmt: skip
    return Table("Budget events", columns, rows)


def _incidents(found: Sequence[Row]) -> Table:
    columns = [
        Column("incident", figures=True), Column("title", style="bold", wraps=True), Column("state"),
        Column("owner"), Column("driver"), Column("earlier ones", figures=True),
        Column("guardrail", wraps=True),
    ]  # fmt: skip
    rows = [
        [
            str(row["id"]), row["title"], row["state"], row["owner"], row["driver"] or row["driver_class"],
            number(row["recurrences"]), row["guardrail"] or DASH,
        ]
        for row in found
    ]  # fmt: skip
    return Table("Incidents", columns, rows)


def _guardrails(found: Sequence[Row]) -> Table:
    columns = [
        Column("incident", figures=True), Column("title", style="bold", wraps=True), Column("owner"),
        Column("closed"), Column("waiver", wraps=True),
    ]  # fmt: skip
    rows = [
        [str(row["id"]), row["title"], row["owner"], instant(row["closed_at"]), row["waiver"] or DASH]
        for row in found
    ]
    return Table("Closed without a guardrail", columns, rows)


def _recurring(incidents: Sequence[Row]) -> str:
    return f"{number(sum(row['recurrences'] > 0 for row in incidents))} of a cause that was there before"


def _change_json(change: Change | None) -> dict[str, object] | None:
    if change is None:
        return None
    return {
        "segment": change.segment, "costUsd": f"{change.cost_usd:f}", "atLeast": change.at_least,
        "baselineCostUsd": f"{change.baseline_cost_usd:f}", "deltaUsd": f"{change.delta_usd:f}",
        "requests": change.requests, "baselineRequests": change.baseline_requests,
        "unpricedCalls": change.unpriced_calls, "uncertainCalls": change.uncertain_calls,
        "terms": None if not change.is_total else {name: f"{change.term(name):f}" for name in _TERMS},
    }  # fmt: skip


def _driver_json(driver: Driver) -> dict[str, object]:
    return {
        "name": driver.name, "focus": driver.focus, "excessUsd": f"{driver.excess_usd:f}",
        "shareOfChange": driver.share_of_change, "costUsd": f"{driver.cost_usd:f}",
        "baselineCostUsd": f"{driver.baseline_cost_usd:f}",
    }  # fmt: skip
