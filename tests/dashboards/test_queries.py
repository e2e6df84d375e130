"""Every query of every dashboard, expanded as Grafana does and run as Grafana's role."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from dashboards.panels import OTHERS
from dashboards.paths import CRITICAL
from dashboards.styles import TOKEN_CLASSES
from operations.pausing.model import pause, resume
from tests.dashboards.files import DEFAULTS, Query, dashboards, leads_by_focus, name_of, panels, queries
from tests.dashboards.macros import Range, Value, expand, fill
from tests.dashboards.shop import ANCHOR, HOSTILE_TENANT

ON_BOTH = pytest.mark.both_servers
"""Once with chunks below is enough: what a variable says changes no plan of them."""
UIDS = sorted(dashboards())
OF_THE_LEDGER = ("Data outside this selection", "How was each day?")
FEW_PANELS = tuple(f"spanledger-{name}" for name in ("alerts-inbox", "budgets", "incidents", "quality"))
PAIRS = ("now", "before", "this month", "month before")
DAY = (ANCHOR - timedelta(hours=24), ANCHOR)

FOCUSED: dict[str, Value] = {
    "env": ["prod", "staging"], "data_mode": "real", "baseline": "24h", "service": "support-bot",
    "endpoint": "support.answer", "prompt_version": "answer_v8", "user": "*", "tenant": "*",
    "model": "gpt-4.1-2025-04-14",
}  # fmt: skip
IDENTITY: dict[str, Value] = {**DEFAULTS, "tenant": "northwind", "endpoint": "support.answer"}
STATES: dict[str, Mapping[str, Value]] = {
    "all": DEFAULTS,
    "focused": FOCUSED,
    "identity": IDENTITY,
    "everything": {**DEFAULTS, "env": ["prod", "staging", "dev"], "data_mode": "*", "baseline": "168h"},
    "nothing": {**DEFAULTS, "env": [], "data_mode": "", "endpoint": "", "user": ""},
}

HOSTILE = [
    "'; drop schema genai cascade; --",
    "\\'; select 1 --",
    'quote " double',
    "$$ $tag$ ${env} $data_mode",
    "/* comment */ -- line",
    "Ünïcödé ' 漢字 🙂",
    "100% & # + / ? =",
    "{a,b}' || 'x",
]


def of(uid: str) -> Iterator[Query]:
    return (query for query in queries() if query.dashboard == uid)


def run(
    reader: psycopg.Connection[Any], query: Query, values: Mapping[str, Value]
) -> tuple[list[Any], list[Any]]:
    """Columns (name, type oid) and rows. No query depends on whether TimescaleDB is on."""
    text = expand(fill(query.sql, values), Range(*DAY))
    try:
        cursor = reader.execute(text.encode())
    except psycopg.Error as error:
        pytest.fail(f"{query}: {error}\n{text}")
    assert cursor.description is not None
    return [(column.name, column.type_code) for column in cursor.description], cursor.fetchall()


@pytest.mark.parametrize(
    "state", [pytest.param(name, marks=ON_BOTH if name == "all" else ()) for name in STATES]
)
@pytest.mark.parametrize("uid", UIDS)
def test_every_query_runs_with_every_choice(reader: psycopg.Connection[Any], uid: str, state: str) -> None:
    for query in of(uid):
        columns, rows = run(reader, query, STATES[state])
        assert columns, query
        if query.result == "time_series":
            times = [row[[name for name, _ in columns].index("time")] for row in rows]
            assert None not in times, query
            assert times == sorted(times), query


@pytest.mark.parametrize("uid", UIDS)
def test_every_panel_has_data_of_the_planned_day(reader: psycopg.Connection[Any], uid: str) -> None:
    # Prices and freshness come from the running service, not from calls.
    without = {"Which prices are in use?", "What was charged, and is it fresh?", "How fresh is it?"}
    for query in of(uid):
        if query.where not in without:
            assert run(reader, query, DEFAULTS)[1], query


@pytest.mark.parametrize("uid", UIDS)
def test_columns_that_are_shown_or_linked_exist_and_all_have_a_title(
    reader: psycopg.Connection[Any], uid: str
) -> None:
    named = {name_of(panel): panel for panel in panels(dashboards()[uid])}
    for query in of(uid):
        if query.kind != "panel":
            continue
        columns = {name for name, _ in run(reader, query, DEFAULTS)[0]}
        panel = named[query.where]
        by_name = {
            each["matcher"]["options"]
            for each in panel["fieldConfig"]["overrides"]
            if each["matcher"]["id"] == "byName"
        }
        series = {*PAIRS, *TOKEN_CLASSES, OTHERS} if panel["type"] == "timeseries" else set()
        assert by_name - series <= columns, query
        if panel["type"] in ("table", "stat"):
            assert columns == by_name, query
        if query.result == "time_series":
            assert "time" in columns
            assert "metric" not in columns
            assert "focus" in columns or not leads_by_focus(panel), query


@pytest.mark.parametrize("uid", UIDS)
@pytest.mark.parametrize("turn", range(0, len(HOSTILE), 3))
def test_hostile_values_change_nothing_and_break_nothing(
    reader: psycopg.Connection[Any], uid: str, turn: int
) -> None:
    # Every query quotes every variable alike (test_lints), so each takes another of the values in turn.
    values: dict[str, Value] = {
        name: HOSTILE[(place + turn) % len(HOSTILE)] for place, name in enumerate(DEFAULTS)
    }
    values["env"] = ["prod", *HOSTILE]
    before = reader.execute("SELECT count(*) FROM genai.model_call").fetchone()
    for query in of(uid):
        if query.kind == "panel":
            columns, rows = run(reader, query, values)
            position = {name: place for place, (name, _) in enumerate(columns)}
            if "calls" in position and query.where not in OF_THE_LEDGER:
                assert not any(row[position["calls"]] for row in rows), query
        else:
            run(reader, query, values)
    assert reader.execute("SELECT count(*) FROM genai.model_call").fetchone() == before


def test_a_hostile_name_that_is_in_the_ledger_is_found_by_its_own_name(
    reader: psycopg.Connection[Any],
) -> None:
    (query,) = (q for q in of("spanledger-requests") if q.where == "Which calls?")
    columns, rows = run(reader, query, {**DEFAULTS, "tenant": HOSTILE_TENANT})
    tenant = [name for name, _ in columns].index("tenant")
    assert [row[tenant] for row in rows] == [HOSTILE_TENANT] * 3


@pytest.mark.parametrize("uid", UIDS)
def test_a_load_asks_at_most_twenty_questions_of_eight_to_fifteen_panels(uid: str) -> None:
    # Marks are a few rows, and who paused the dashboard is a look into a table that is empty.
    asked = [query for query in of(uid) if query.where not in ("Alerts and incidents", "$paused")]
    assert len(asked) <= 20
    # Lists of what people work on are complete with their counts and their lists.
    least = 5 if uid in FEW_PANELS else 8
    assert least <= len(panels(dashboards()[uid])) <= 15


READS = re.compile(r"(Seq|Index|Index Only|Bitmap Heap) Scan .*on (?!setting|dashboard_pause|pg_)\w+")


def test_a_paused_dashboard_reads_nothing_and_says_who_paused_it(
    shop_database: str, reader: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(shop_database, autocommit=True) as owner:
        pause(owner, ["*"], "alice", "backfill", timedelta(minutes=30))
    for query in queries():
        if query.where == "$env" or query.dashboard in CRITICAL:
            continue
        text = expand(fill(query.sql, DEFAULTS), Range(*DAY))
        plan = reader.execute(b"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + text.encode()).fetchall()
        read = [line for (line,) in plan if READS.search(line) and "never executed" not in line]
        assert read == [], query
        found = reader.execute(text.encode()).fetchall()
        if query.where == "Notes":
            ((state, note, *_),) = found
            assert state == "paused"
            assert note.startswith("Paused by alice since ")
            assert "(backfill): the panels below ask nothing. It ends at " in note
        elif query.where == "$paused":
            assert found == [(" (paused by alice)", " (paused by alice)")]
        else:
            assert found == ([("all", "*")] if query.kind == "variable" else []), query


def test_what_an_incident_needs_is_never_paused(shop_database: str, reader: psycopg.Connection[Any]) -> None:
    known = reader.execute("SELECT d FROM unnest(%s::text[]) d WHERE genai.is_critical_dashboard(d)", (UIDS,))
    assert {uid for (uid,) in known.fetchall()} == set(CRITICAL) & set(UIDS)
    with psycopg.connect(shop_database, autocommit=True) as owner:
        pause(owner, ["*"], "alice")
    for query in queries():
        if query.dashboard in CRITICAL and query.where == "Notes":
            rows = run(reader, query, DEFAULTS)[1]
            assert not [row for row in rows if row[0] == "paused"], query


def test_one_dashboard_is_paused_alone_and_a_pause_ends_by_itself(
    shop_database: str, reader: psycopg.Connection[Any]
) -> None:
    def is_on(uid: str) -> object:
        (found,) = reader.execute("SELECT genai.dashboard_on(%s)", (uid,)).fetchone() or (None,)
        return found

    with psycopg.connect(shop_database, autocommit=True) as owner:
        pause(owner, ["spanledger-month"], "alice")
        assert (is_on("spanledger-month"), is_on("spanledger-budgets")) == (False, True)
        assert resume(owner, ["spanledger-month"]) == ["spanledger-month"]
        pause(owner, ["*"], "bob", duration=timedelta(seconds=-1))
        assert is_on("spanledger-budgets")
        assert resume(owner, ["*"]) == []
