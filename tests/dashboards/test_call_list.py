"""Requests lists every call of a selection once, in any order, and narrows the list by how calls ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from dashboards.links import LIST
from tests.dashboards.files import DEFAULTS
from tests.dashboards.macros import Value
from tests.dashboards.shop import SESSIONS
from tests.dashboards.test_queries import DAY
from tests.dashboards.test_values import click, rows

LATENCIES = "How long did they take? (newest 2,000 calls)"
CONVERSATIONS = "Which conversations? (newest 20,000 calls)"
FAILED: Mapping[str, Value] = {**DEFAULTS, "status": "error"}


def listed(reader: psycopg.Connection[Any], values: Mapping[str, Value]) -> list[dict[str, Any]]:
    return rows(reader, "requests", "Which calls?", values, DAY)


def pages(reader: psycopg.Connection[Any], values: Mapping[str, Value]) -> dict[str, Any]:
    (row,) = rows(reader, "requests", "Which of them?", values, DAY)
    return row


@pytest.mark.parametrize("order", ["newest", "most_expensive", "slowest", "failed_first"])
def test_turning_the_pages_shows_every_call_once(reader: psycopg.Connection[Any], order: str) -> None:
    values: dict[str, Value] = {**FAILED, "order": order}
    seen: list[tuple[Any, ...]] = []
    while True:
        seen += [(c["time"], c["trace_id"], c["request_id"], c["error"]) for c in listed(reader, values)]
        turn = pages(reader, values)
        if not turn["next"]:
            break
        _, values, _ = click("requests", "Which of them?", "next", _numeric(turn), values)
    total = sum(
        row["calls"]
        for row in rows(reader, "requests", "How did they end? (newest 2,000 calls)", DEFAULTS, DAY)
        if row["status"] == "error"
    )
    assert len(seen) == total
    first = (int(str(values["page"])) - 1) * 50 + 1
    assert turn["shown"].startswith(f"Calls {first:,} to {total:,} of {total:,}")


def _numeric(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in row.items()}


def test_the_first_page_begins_with_what_the_order_says(reader: psycopg.Connection[Any]) -> None:
    def first(order: str) -> list[dict[str, Any]]:
        return listed(reader, {**DEFAULTS, "order": order})

    costs = [call["cost_usd"] for call in first("most_expensive")]
    assert costs == sorted(costs, reverse=True)
    latencies = [call["latency_ms"] for call in first("slowest")]
    assert latencies == sorted(latencies, reverse=True)
    assert {call["status"] for call in first("failed_first")} == {"error"}
    times = [call["time"] for call in first("newest")]
    assert times == sorted(times, reverse=True)
    assert first("nonsense") == first("newest")


def test_only_so_many_of_the_newest_calls_are_sorted_and_the_line_says_since_when(
    reader: psycopg.Connection[Any], shop_database: str
) -> None:
    values: dict[str, Value] = {**DEFAULTS, "order": "most_expensive"}
    newest = listed(reader, DEFAULTS)
    assert " since " not in pages(reader, values)["shown"]
    with psycopg.connect(shop_database) as owner:  # goes away with the transaction
        body = "CREATE OR REPLACE FUNCTION genai.most_calls_sorted() RETURNS bigint LANGUAGE sql IMMUTABLE AS"
        owner.execute(f"{body} 'SELECT 50::bigint'".encode())
        sorted_now = listed(owner, values)
        line = pages(owner, values)["shown"]
        owner.rollback()
    assert [call["time"] for call in sorted_now if call["time"] < newest[-1]["time"]] == []
    costs = [call["cost_usd"] for call in sorted_now if call["cost_usd"] is not None]
    assert costs == sorted(costs, reverse=True)
    since = re.search(r", the most expensive since (.+) first$", line)
    assert since is not None
    assert since[1] <= f"{newest[-1]['time']:%m-%d %H:%M}"


def test_a_row_of_the_endings_lists_exactly_these_calls(reader: psycopg.Connection[Any]) -> None:
    for ending in rows(reader, "requests", "How did they end? (newest 2,000 calls)", DEFAULTS, DAY):
        _, values, _ = click("requests", "How did they end? (newest 2,000 calls)", "calls", ending, DEFAULTS)
        calls = listed(reader, values)
        assert {(c["status"], c["error"], c["price_status"]) for c in calls} == {
            (ending["status"], ending["error"], ending["price_status"])
        }
        assert values["page"] == "1"


def test_a_bar_of_the_latencies_lists_exactly_its_calls(reader: psycopg.Connection[Any]) -> None:
    bars = rows(reader, "requests", LATENCIES, FAILED, DAY)
    assert sum(bar["calls"] for bar in bars) <= 2000
    for bar in bars:
        _, values, _ = click("requests", LATENCIES, "number", bar, {**DEFAULTS, "page": "3"})
        above, _, up_to = str(values["latency"]).partition("-")
        latencies = [call["latency_ms"] for call in listed(reader, values)]
        assert all(float(above) * 1e3 < ms <= float(up_to or "inf") * 1e3 for ms in latencies)
        assert len(latencies) == min(50, len(latencies) if bar["calls"] else 0)
        assert bool(latencies) or not bar["calls"]
        assert values["page"] == "1"
    assert listed(reader, {**DEFAULTS, "latency": "nonsense"}) == listed(reader, DEFAULTS)


def test_a_call_without_a_price_costs_unknown_and_not_nothing(reader: psycopg.Connection[Any]) -> None:
    calls = listed(reader, {**DEFAULTS, "price": "unpriced_model"})
    assert calls
    assert {call["cost"] for call in calls} == {"unknown"}


def test_a_page_that_is_not_there_says_so(reader: psycopg.Connection[Any]) -> None:
    assert pages(reader, {**FAILED, "page": "99999"})["shown"].startswith("No call on this page")
    for nonsense in ("0", "-1", "x", "9" * 20, ""):
        assert listed(reader, {**FAILED, "page": nonsense}) == listed(reader, FAILED)


def test_a_number_of_calls_elsewhere_begins_a_fresh_list(reader: psycopg.Connection[Any]) -> None:
    first, *_ = rows(reader, "endpoints", "Which endpoint?", DEFAULTS, DAY)
    dashboard, values, _ = click(
        "endpoints", "Which endpoint?", "requests", first, {**DEFAULTS, "prompt_version": "answer_v7"}
    )
    assert dashboard == "requests"
    assert (values["endpoint"], values["prompt_version"]) == (first["endpoint"], "*")
    assert {name: values[name] for name in LIST} == LIST


def test_a_conversation_lists_exactly_its_calls(reader: psycopg.Connection[Any]) -> None:
    conversations = rows(reader, "users", CONVERSATIONS, DEFAULTS, DAY)
    assert len(conversations) == SESSIONS
    costs = [conversation["cost_usd"] for conversation in conversations]
    assert costs == sorted(costs, reverse=True)
    for conversation in conversations:
        dashboard, values, _ = click("users", CONVERSATIONS, "name", conversation, DEFAULTS)
        calls = listed(reader, values)
        assert (dashboard, len(calls)) == ("requests", conversation["calls"])
        assert sum(call["cost_usd"] for call in calls) == conversation["cost_usd"]


def test_coding_agents_are_told_by_developer_and_repository(reader: psycopg.Connection[Any]) -> None:
    agents = rows(reader, "users", "Which coding agents? (newest 20,000 calls)", DEFAULTS, DAY)
    assert {(a["agent"], a["endpoint"]) for a in agents} == {("claude_code", "support.answer")}
    assert sum(a["calls"] for a in agents) == 30


def test_the_time_to_the_first_token_is_that_of_streamed_calls(reader: psycopg.Connection[Any]) -> None:
    (row,) = rows(reader, "requests", "How soon does an answer begin? (newest 20,000 calls)", DEFAULTS, DAY)
    assert row["calls"] == 30
    assert row["p50_ms"] == pytest.approx(115.5)
    assert row["p95_ms"] == pytest.approx(128.55)
