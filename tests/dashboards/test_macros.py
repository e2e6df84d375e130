"""The expander of the tests does what Grafana's PostgreSQL data source does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.dashboards.macros import MacroError, Range, expand, fill

START = datetime(2018, 4, 12, 18, 0, tzinfo=UTC)
PLAIN = Range(START, START + timedelta(minutes=5))
TIMESCALE = Range(START, START + timedelta(minutes=5), interval_ms=30_000, timescaledb=True)

VECTORS = [
    (PLAIN, "select min($__time(t))", 'select min(t AS "time")'),
    (PLAIN, "WHERE $__timeFilter(c)", "WHERE c BETWEEN '2018-04-12T18:00:00Z' AND '2018-04-12T18:05:00Z'"),
    (PLAIN, "SELECT $__timeGroup(c,'5m'), v", 'SELECT floor(extract(epoch from c)/300)*300 AS "time", v'),
    (
        PLAIN,
        "SELECT $__timeGroup(c,'5m') as time, v",
        "SELECT floor(extract(epoch from c)/300)*300 as time, v",
    ),
    (TIMESCALE, "GROUP BY $__timeGroup(c , '12d')", "GROUP BY time_bucket('1036800.000s',c)"),
    (TIMESCALE, "GROUP BY $__timeGroup(c , '20ms')", "GROUP BY time_bucket('0.020s',c)"),
    (TIMESCALE, "$__timeGroupAlias(c,$__interval)", "time_bucket('30.000s',c) AS \"time\""),
    (PLAIN, "SELECT $__unixEpochGroup(a+b,'5m')", "SELECT floor((a+b)/300)*300"),
    (PLAIN, "select $__unixEpochFrom()", "select 1523556000"),
    (PLAIN, "select '--no' -- $__x()", "select '--no' "),
    (PLAIN, "select $__timeFrom()::timestamptz", "select '2018-04-12T18:00:00Z'::timestamptz"),
    (PLAIN, "select $__unixEpochNanoTo()", "select 1523556300000000000"),
    (PLAIN, "$__unixEpochFilter(c)", "c >= 1523556000 AND c <= 1523556300"),
    (PLAIN, "select $$--kept$$ /* gone */", "select $$--kept$$ "),
]


@pytest.mark.parametrize(("window", "text", "wanted"), VECTORS)
def test_macros_expand_as_in_grafana(window: Range, text: str, wanted: str) -> None:
    assert expand(text, window) == wanted


def test_fractions_of_a_second_have_no_trailing_zeros() -> None:
    half = Range(START + timedelta(milliseconds=500), START)
    assert expand("$__timeFrom()", half) == "'2018-04-12T18:00:00.5Z'"


def test_an_unknown_macro_is_refused() -> None:
    with pytest.raises(MacroError, match='unknown macro "__nope"'):
        expand("select $__nope(1)", PLAIN)


def test_one_value_gets_its_quotes_from_the_query_and_several_get_their_own() -> None:
    values = {"one": 'O\'B "x"', "many": ["a", "b'c"], "none": []}
    assert fill("a = '$one'", values) == "a = 'O''B \"x\"'"
    assert fill("ARRAY[$many]::text[]", values) == "ARRAY['a','b''c']::text[]"
    assert fill("ARRAY[${none}]::text[]", values) == "ARRAY[]::text[]"


def test_what_is_no_variable_stays() -> None:
    assert fill("$__timeFrom() $unknown", {"x": "y"}) == "$__timeFrom() $unknown"
