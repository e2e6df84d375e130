"""The ledger as its readers see it, and whether its books balance: every sum against the rows."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from tests.end_to_end.traffic import Identity, Sums
from tests.storage.ledger import add_up

SERIES = ("environment", "data_mode", "service_name", "endpoint_tag", "prompt_version", "provider", "model")
PEOPLE = ("environment", "data_mode", "tenant_id", "user_id", "endpoint_tag", "provider", "model")
ROLLUPS = {
    "usage_minute": ("1 minute", SERIES),
    "usage_hour": ("1 hour", SERIES),
    "usage_identity": ("1 hour", PEOPLE),
}
MEASURES = {
    "calls": "count(*)",
    "requests": "sum(requests)",
    "successes": "count(*) FILTER (WHERE status = 'success')",
    "errors": "count(*) FILTER (WHERE status = 'error')",
    "input_tokens": "coalesce(sum(input_tokens), 0)",
    "output_tokens": "coalesce(sum(output_tokens), 0)",
    "cost_pico_usd": "coalesce(sum(cost_pico_usd), 0)",
    "input_cost_pico_usd": "coalesce(sum(input_cost_pico_usd), 0)",
    "output_cost_pico_usd": "coalesce(sum(output_cost_pico_usd), 0)",
    "unpriced_calls": "count(*) FILTER (WHERE price_status = 'unpriced_model')",
    "error_without_usage_calls": "count(*) FILTER (WHERE price_status = 'error_without_usage')",
}

Row = tuple[Any, ...]


def stored_identities(dsn: str) -> list[Identity]:
    """Every counted call's trace and span id: a list, so that a doubled one shows."""
    return [(row[0], row[1]) for row in _rows(dsn, sql.SQL("SELECT trace_id, span_id FROM genai.model_call"))]


def stored_sums(dsn: str) -> Sums:
    """What the rows add up to."""
    query = sql.SQL(
        "SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),"
        " count(*) FILTER (WHERE status = 'error') FROM genai.model_call"
    )
    (row,) = _rows(dsn, query)
    return Sums(*(int(value) for value in row))


def totals(dsn: str) -> dict[str, Row]:
    """Every measure of the rows and of each rollup: equal before and after means that nothing was added."""
    add_up(dsn)
    rows = sql.SQL(", ").join(sql.SQL(expression) for expression in MEASURES.values())
    added = sql.SQL(", ").join(sql.SQL("sum({})").format(sql.Identifier(name)) for name in MEASURES)
    found = {"rows": _rows(dsn, sql.SQL("SELECT {} FROM genai.model_call").format(rows))[0]}
    for view in ROLLUPS:
        found[view] = _rows(dsn, sql.SQL("SELECT {} FROM {}").format(added, sql.Identifier("genai", view)))[0]
    return found


def imbalance(dsn: str) -> list[tuple[str, Row]]:
    """Buckets in which a rollup and the rows differ in any measure: (rollup, one side's sums)."""
    add_up(dsn)
    return [
        (view, row)
        for view, (width, dimensions) in ROLLUPS.items()
        for row in _rows(dsn, _difference(view, width, dimensions))
    ]


def _difference(view: str, width: str, dimensions: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(
        "WITH a AS (SELECT date_bin({width}::interval, time, 'epoch') AS bucket, {dimensions}, {from_rows}"
        " FROM genai.model_call GROUP BY bucket, {dimensions}),"
        " b AS (SELECT bucket, {dimensions}, {from_rollup} FROM {view} GROUP BY bucket, {dimensions})"
        " (SELECT * FROM a EXCEPT ALL SELECT * FROM b) UNION ALL (SELECT * FROM b EXCEPT ALL SELECT * FROM a)"
    ).format(
        width=sql.Literal(width),
        dimensions=sql.SQL(", ").join(map(sql.Identifier, dimensions)),
        from_rows=sql.SQL(", ").join(sql.SQL(expression) for expression in MEASURES.values()),
        from_rollup=sql.SQL(", ").join(sql.SQL("sum({})").format(sql.Identifier(name)) for name in MEASURES),
        view=sql.Identifier("genai", view),
    )


def _rows(dsn: str, query: sql.SQL | sql.Composed) -> list[Row]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return connection.execute(query).fetchall()
