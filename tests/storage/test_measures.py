"""The measures of a summary row: named once, written out in SQL, and what the tables hold."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import psycopg
import pytest

from storage.schema.measures import MEASURES, write_out

pytestmark = pytest.mark.both_servers

STORAGE = Path(__file__).parents[2] / "storage"
LEVELS = ("usage_minute", "usage_hour", "usage_identity_hour", "usage_identity_day")


def test_a_range_is_written_out_in_order() -> None:
    assert write_out("SELECT {requests..cancelled: coalesce(u.#, 0) AS #} FROM u") == (
        "SELECT coalesce(u.requests, 0) AS requests, coalesce(u.successes, 0) AS successes,"
        " coalesce(u.errors, 0) AS errors, coalesce(u.cancelled, 0) AS cancelled FROM u"
    )
    assert write_out("({calls..successes+ u.#}) * 2") == "(u.calls + u.requests + u.successes) * 2"
    assert write_out("{calls..calls: s.#}, '{}'::text[]") == "s.calls, '{}'::text[]"


def test_a_range_of_definitions_is_written_out_for_a_group_or_a_row() -> None:
    assert write_out("SELECT {requests..successes= s sum} FROM s") == (
        "SELECT nullif(sum(s.requests), 0) AS requests,"
        " nullif(sum(s.n) FILTER (WHERE s.status = 1), 0) AS successes FROM s"
    )
    assert (
        write_out("{successes..successes= m row}")
        == "CASE WHEN m.status = 1 THEN m.n END::bigint AS successes"
    )


@pytest.mark.parametrize("wrong", ["{calls..latency: #}", "{cost..errors: #}", "{errors..calls: #}"])
def test_a_range_of_something_else_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"not in tuple|ends before it begins"):
        write_out(wrong)


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_of_summaries_has_exactly_the_measures(migrated_database: str, level: str) -> None:
    with psycopg.connect(migrated_database) as connection:
        columns = connection.execute(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            (f"_genai.{level}",),
        )
        assert {str(name) for (name,) in columns} - {"bucket", "series_id", "identity_id"} == set(MEASURES)


def test_no_statement_or_view_writes_a_list_of_measures_by_hand() -> None:
    """Eight in a row are a list that the next measure would miss."""
    names = re.compile(rf"\b({'|'.join(MEASURES)})\b")
    buckets = MEASURES.index("latency_b00")  # a measure of single calls tells its bucket by a number
    by_hand = set()
    for file in chain(STORAGE.glob("*/*.sql"), (STORAGE / "schema" / "views").glob("*.sql")):
        found = [MEASURES.index(name) for name in names.findall(file.read_text(encoding="utf-8"))]
        runs = (found[i : i + 8] for i in range(len(found) - 7))
        if any(run == list(range(run[0], run[0] + 8)) and run[-1] < buckets for run in runs):
            by_hand.add(file.name)
    assert by_hand == set()
