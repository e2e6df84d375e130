"""Change after the fact: rows, rollups and the ledger's book move together (LEDGER §6, §7, §19)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from processor.call import ESTIMATED, MISSING, PROVIDER, UNKNOWN, ModelCall, Source
from processor.pricing import Charge
from storage.amendments import Amender, Amendment, retract, set_fields
from storage.completion import USAGE_FIELD, Offer, complete, duplicate_offers
from storage.keys import own_key
from storage.retention import Periods, keep
from storage.rows import postgres_us
from storage.stored_row import Place, Row
from storage.writer import Writer
from tests.storage.ledger import (
    NOON_NS,
    PRICED,
    SECOND_NS,
    UNPRICED,
    assert_rollups_equal_rows,
    call,
    rows,
    totals,
    value,
    write,
)

DAY_NS = 86_400 * SECOND_NS


def place(made: ModelCall) -> Place:
    """Where the row of a call stands."""
    return Place(postgres_us(made.time_ns), own_key(made, (made.claimed_time_ns or made.time_ns) // 1_000_000))


def amend(dsn: str, kind: str, *amendments: Amendment) -> Any:
    """Apply amendments in a run of their own."""
    with Amender(dsn, kind, why="a test", by="pytest") as amender:
        return amender.apply(amendments)


def stored(dsn: str, calls: Iterable[ModelCall], charge: Charge = PRICED) -> None:
    """Write calls with a writer of their own."""
    writer = Writer(dsn)
    write(writer, list(calls), charge)
    writer.close()


def assert_the_book_adds_up(dsn: str) -> None:
    """Rows = first bookings + lines, by day and line; and rollup = rows."""
    assert_rollups_equal_rows(dsn)
    query = """
        SELECT day, line, sum(calls), sum(cost) FROM (
            SELECT m.time::date AS day, s.line_id AS line, 1 AS calls, m.cost_pico_usd AS cost
            FROM _genai.model_call m JOIN _genai.series s ON s.id = m.series_id WHERE m.merged_into IS NULL
            UNION ALL
            SELECT m.time::date, s.line_id, CASE WHEN m.flags & 4096 = 0 THEN -1 ELSE 0 END, -m.first_cost_pico_usd
            FROM _genai.model_call m JOIN _genai.series s ON s.id = coalesce(m.first_series_id, m.series_id)
            UNION ALL
            SELECT l.day, s.id, -l.calls, -l.cost_pico_usd
            FROM _genai.ledger_line l JOIN _genai.series s
                ON (s.environment, s.data_mode, s.service_name, s.endpoint_tag, s.prompt_version, s.provider, s.model)
                    = (l.environment, l.data_mode, '', '', '', l.provider, l.model)
        ) AS f GROUP BY day, line HAVING sum(calls) <> 0 OR sum(cost) <> 0
    """
    assert rows(dsn, query) == []


def test_a_late_tag_moves_a_call_in_every_rollup_and_leaves_no_empty_bucket(migrated_database: str) -> None:
    late = call("late", endpoint_tag=None, prompt_version=None, user_id=None)
    stored(migrated_database, [late, call("other")])
    applied = amend(
        migrated_database,
        "tag",
        Amendment((place(late),), set_fields(endpoint_tag="search", prompt_version="v2", user_id="u")),
    )
    assert (applied.rows, applied.calls, applied.cost_pico_usd) == (1, 0, 0)
    assert_the_book_adds_up(migrated_database)
    tags = rows(migrated_database, "SELECT endpoint_tag, prompt_version, user_id FROM genai.model_call ORDER BY 1")
    assert tags == [("checkout.ai_summary", "summary_v3", "h:0011223344556677"), ("search", "v2", "u")]
    for view in ("usage_minute", "usage_hour", "usage_identity"):
        assert rows(migrated_database, f"SELECT endpoint_tag FROM genai.{view} ORDER BY 1") == [  # noqa: S608
            ("checkout.ai_summary",),
            ("search",),
        ]
