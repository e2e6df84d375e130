"""The report of a calendar month: what providers bill, what was real, and what changed after the fact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from operations.dimensions import split
from operations.exactness import at_least
from operations.format import counted, instant, iso, number, usd
from operations.reports.report import Connection, Report, Row, Table, read
from operations.spend.model import Question
from operations.spend.month import Month, MonthAnswer, sum_of
from operations.spend.month import ask as ask_month
from operations.terminal import Column, dollars, earlier_usd, exact_usd, percent

BY = ("tenant", "service", "endpoint", "model")
"""What the real scope is split by."""
_SHOWN = 15
_ANY = datetime.min
"""Of a question that is asked for its columns only."""
_SCOPES = {"invoice": "invoice scope: real and test, all environments", "real": "real scope: real, {}"}


def month_report(connection: Connection, month: Month, environment: str, now: datetime) -> Report:
    """The month in one report; its sums are those of the Month dashboard."""
    window = {"from": month.start, "to": month.end}
    scopes = read(connection, "scopes", **window, environment=environment)
    answers = {name: ask_month(connection, month, split(name), environment, "real", {}) for name in BY}
    late = read(connection, "late_calls", **window)[0] if month.is_over else None
    corrections = read(connection, "corrections", **window)
    maps = read(connection, "price_maps", **window)
    tables = [
        _scope_table(scopes, environment),
        *(_split_table(name, answer) for name, answer in answers.items() if answer.rows),
        *([_correction_table(corrections)] if corrections else []),
    ]
    document: dict[str, Any] = {
        "report": "month", "month": month.name, "from": month.start, "to": month.end, "isOver": month.is_over,
        "environment": environment, "generatedAt": now.replace(microsecond=0),
        "scopes": [_scope_json(row) for row in scopes],
        **{f"by{name.capitalize()}": _split_json(name, answer) for name, answer in answers.items()},
        "lateCalls": None if late is None else _late_json(late),
        "corrections": [_correction_json(row) for row in corrections],
        "priceMaps": [_map_json(row) for row in maps],
    }  # fmt: skip
    facts = _facts(month, scopes, late, corrections, maps, now)
    return Report(f"Spend of {month.name}", facts, tables, document, document["scopes"])


def _facts(
    month: Month, scopes: Sequence[Row], late: Row | None, corrections: Sequence[Row], maps: Sequence[Row],
    now: datetime,
) -> list[tuple[str, str]]:  # fmt: skip
    open_month = "" if month.is_over else " (the month is not over)"
    facts = [("range", f"{iso(month.start)} to {iso(month.end)}{open_month}")]
    facts += [(f"{row['scope']} scope", _spent(row)) for row in scopes]
    if late is not None:
        text = f"{counted(late['calls'], 'call')}, {_usd(late['cost_pico_usd'])}, received after the month"
        facts.append(("late calls", text if late["is_known"] else f"at least {text}: single calls are gone"))
    after = sum(int(row["after_pico_usd"]) for row in corrections)
    if month.is_over:
        facts.append(("corrected since", f"{_usd(after)} after the month's end"))
    facts.append(("price maps", ", ".join(f"{row['id']} ({row['base']})" for row in maps) or "none"))
    return [*facts, ("generated", f"{instant(now)} UTC")]


def _spent(row: Row) -> str:
    return usd(dollars(int(row["cost_pico_usd"])), at_least=_at_least(row))


def _usd(pico_usd: Any) -> str:
    return usd(dollars(int(pico_usd)))


def _at_least(row: Row) -> bool:
    return at_least(row["unpriced_calls"], row["uncertain_calls"], row["unread_spans"])


def _scope_table(scopes: Sequence[Row], environment: str) -> Table:
    columns = [
        Column("scope", style="bold"), Column("spend", figures=True), Column("calls", figures=True),
        Column("without a price", figures=True), Column("uncertain", figures=True),
        Column("errors without usage", figures=True, rank=2), Column("unread spans", figures=True, rank=1),
    ]  # fmt: skip
    where = "all environments" if environment == "*" else environment
    rows = [
        [_SCOPES[row["scope"]].format(where), _spent(row), *(number(row[name]) for name in _COUNTS)]
        for row in scopes
    ]
    return Table("Spend", columns, rows)


_COUNTS = ("calls", "unpriced_calls", "uncertain_calls", "error_without_usage_calls", "unread_spans")


def _split_table(name: str, answer: MonthAnswer) -> Table:
    columns = [
        Column(_title(name), style="bold"), Column("spend", figures=True), Column("share", figures=True),
        Column("month before", figures=True), Column("calls", figures=True),
    ]  # fmt: skip
    whole = answer.total.cost_pico_usd
    rows = [
        [
            " · ".join(row.values), usd(dollars(row.cost_pico_usd), at_least=row.at_least),
            percent(row.cost_pico_usd, whole), earlier_usd(row.before_pico_usd, row.before_at_least),
            number(row.calls),
        ]
        for row in answer.rows[:_SHOWN]
    ]  # fmt: skip
    rest = answer.rows[_SHOWN:]
    if rest:
        others = sum_of(rest)
        spent = usd(dollars(others.cost_pico_usd), at_least=others.at_least)
        share = percent(others.cost_pico_usd, whole)
        rows.append(
            [
                f"{len(rest)} others",
                spent,
                share,
                earlier_usd(others.before_pico_usd, others.before_at_least),
                number(others.calls),
            ]
        )
    return Table(f"Real scope by {name}", columns, rows)


def _title(name: str) -> str:
    """A model is listed beside its provider."""
    return " · ".join(each.title for each in Question(_ANY, _ANY, split(name)).columns)


def _correction_table(rows: Sequence[Row]) -> Table:
    columns = [
        Column("correction", style="bold"), Column("calls", figures=True), Column("spend", figures=True),
        Column("of it after the end", figures=True), Column("last"),
    ]  # fmt: skip
    cells = [
        [
            row["kind"], number(row["calls"]), _usd(row["cost_pico_usd"]), _usd(row["after_pico_usd"]),
            instant(row["last_at"]),
        ]
        for row in rows
    ]  # fmt: skip
    return Table("Corrections after the first booking", columns, cells)


def _scope_json(row: Row) -> dict[str, object]:
    return {
        "scope": row["scope"], "costUsd": exact_usd(int(row["cost_pico_usd"])), "atLeast": _at_least(row),
        "calls": row["calls"], "requests": row["requests"], "unpricedCalls": row["unpriced_calls"],
        "uncertainCalls": row["uncertain_calls"], "errorWithoutUsageCalls": row["error_without_usage_calls"],
        "unreadSpans": row["unread_spans"],
    }  # fmt: skip


def _split_json(name: str, answer: MonthAnswer) -> list[dict[str, object]]:
    names = [each.public for each in Question(_ANY, _ANY, split(name)).columns]
    return [
        {
            **dict(zip(names, row.values, strict=True)),
            "costUsd": exact_usd(row.cost_pico_usd), "atLeast": row.at_least,
            "monthBeforeUsd": exact_usd(row.before_pico_usd), "monthBeforeAtLeast": row.before_at_least,
            "calls": row.calls,
        }
        for row in answer.rows
    ]  # fmt: skip


def _late_json(row: Row) -> dict[str, object]:
    return {
        "calls": row["calls"], "costUsd": exact_usd(int(row["cost_pico_usd"])), "isComplete": row["is_known"],
    }  # fmt: skip


def _correction_json(row: Row) -> dict[str, object]:
    return {
        "kind": row["kind"], "calls": row["calls"], "costUsd": exact_usd(int(row["cost_pico_usd"])),
        "afterEndUsd": exact_usd(int(row["after_pico_usd"])), "lastAt": row["last_at"],
    }  # fmt: skip


def _map_json(row: Row) -> dict[str, object]:
    return {
        "id": row["id"], "base": row["base"], "sha256": row["sha256"], "fileSha256": row["file_sha256"],
        "loadedAt": row["loaded_at"],
    }  # fmt: skip
