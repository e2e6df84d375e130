"""Late binding: what comes in another request, in any order, minutes later (LEDGER §1, §6, §23)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from typing import Any

import psycopg
import pytest

from storage.late.binder import FORGET
from tests.receiver.spans import CHAT, T0, TRACE, Made
from tests.receiver.test_logs import OPENCODE, logs, record
from tests.storage.late import Late, late_ledger
from tests.storage.ledger import rows, value

pytestmark = pytest.mark.both_servers

KNOWN = {**CHAT, "gen_ai.response.model": "gpt-4o-mini", "gen_ai.response.id": "chatcmpl-B8xK2mQ9vT4w"}


@pytest.fixture
def late(migrated_database: str) -> Iterator[Late]:
    with late_ledger(migrated_database) as made:
        yield made


def chat(span_id: int = 1, parent: int = 2, **more: Any) -> Made:
    attributes = {**CHAT, "gen_ai.response.id": f"chatcmpl-{span_id:012x}abcdef"} | more.pop("attributes", {})
    return Made(attributes, span_id=span_id, parent=parent, **more)


def agent(span_id: int = 2, parent: int = 0, **more: Any) -> Made:
    attributes = {"gen_ai.operation.name": "invoke_agent"} | more.pop("attributes", {})
    return Made(attributes, span_id=span_id, parent=parent, name=more.pop("name", "agent"), end=2000, **more)


def test_tags_of_an_ancestor_in_a_later_request_reach_the_call(late: Late) -> None:
    late.send(chat())
    late.bind()
    late.send(agent(attributes={"prompt_version": "v7", "user.id": "u1", "tenant.id": "acme"}), minute=3)
    bound = late.bind()

    assert bound.rows == 1
    assert late.tags() == [("agent", "v7", "acme", "u1")]
    assert value(late.dsn, "SELECT sum(calls) FROM genai.usage_hour WHERE prompt_version = 'v7'") == 1


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_nearest_ancestor_wins_in_whatever_order_they_come(late: Late, order: tuple[int, ...]) -> None:
    spans = [
        chat(parent=2),
        agent(2, 3, attributes={"prompt_version": "near"}),
        agent(3, 0, attributes={"prompt_version": "far", "user.id": "u1"}, name="root"),
    ]
    for minute, index in enumerate(order):
        late.send(spans[index], minute=minute, receiver=minute % 2)
        late.bind()
    assert late.tags() == [("root", "near", "unknown", "u1")]


def test_what_the_call_says_itself_stays(late: Late) -> None:
    late.send(chat(attributes={"prompt_version": "own"}))
    late.send(agent(attributes={"prompt_version": "other", "user.id": "u1"}), minute=1)
    late.bind()
    assert late.tags() == [("agent", "own", "unknown", "u1")]


@pytest.mark.parametrize(("minute", "user"), [(15, "u1"), (15.1, "unknown")])
def test_an_ancestor_is_bound_for_fifteen_minutes_after_the_traces_last_span(
    late: Late, minute: float, user: str
) -> None:
    late.send(chat())
    late.bind()
    late.send(agent(attributes={"user.id": "u1"}), minute=minute)
    late.bind(minute)
    assert late.tags()[0][3] == user


def test_two_calls_in_one_another_without_an_id_are_one(late: Late) -> None:
    """An outer span with the user and an inner one with the model's answer, each in its own request."""
    late.send(Made({**CHAT, "user.id": "u1"}, span_id=2, scope=("outer", "1"), end=1200))
    late.bind()
    assert len(late.calls("span_id")) == 1
    late.send(Made({**CHAT, "gen_ai.usage.cache_read.input_tokens": 40}, span_id=1, parent=2), minute=2)
    late.bind()

    assert late.calls("span_id", "user_id", "input_tokens", "cache_read_tokens") == [
        ("0" * 15 + "1", "u1", 100, 40)
    ]
    assert value(late.dsn, "SELECT sum(calls) FROM genai.usage_hour") == 1
    assert rows(late.dsn, "SELECT kind, sum(calls) FROM _genai.ledger_line GROUP BY kind") == [
        ("retract", -1)
    ]


def test_a_duplicate_brings_the_providers_usage_and_its_tags(late: Late) -> None:
    """The span that came first lost its usage; the same response has it on a span of another trace."""
    bare = {k: v for k, v in KNOWN.items() if "usage" not in k}
    late.send(Made(bare, span_id=1))
    late.bind()
    assert late.calls("cost_pico_usd", "usage_source") == [(None, "missing")]
    late.send(Made({**KNOWN, "user.id": "u1"}, span_id=7, trace=b"t" * 16), minute=4, receiver=1)
    late.bind()

    assert late.calls("cost_pico_usd", "usage_source", "user_id") == [(240_000, "provider", "u1")]
    assert value(late.dsn, "SELECT sum(cost_pico_usd)::bigint FROM genai.usage_hour") == 240_000


def test_the_duplicates_ancestors_name_the_call_too(late: Late) -> None:
    late.send(Made(KNOWN, span_id=1))
    late.send(Made(KNOWN, span_id=7, parent=8, trace=b"t" * 16), minute=1)
    late.bind()
    late.send(agent(8, trace=b"t" * 16, attributes={"tenant.id": "acme"}), minute=2)
    late.bind()
    assert late.tags()[0][2] == "acme"


def wrapper(span_id: int = 2, parent: int = 0, **more: Any) -> Made:
    attributes = {
        "ai.operationId": "ai.generateText", "ai.model.id": "gpt-4o-mini", "ai.model.provider": "openai.chat",
        "ai.usage.promptTokens": 100, "ai.usage.completionTokens": 20,
    }  # fmt: skip
    return Made(
        attributes | more.pop("attributes", {}),
        span_id,
        parent,
        scope=("ai", ""),
        name="ai.generateText",
        **more,
    )


def inner(span_id: int = 1, parent: int = 2) -> Made:
    attributes = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.id": "gpt-4o-mini", "ai.model.provider": "openai.chat",
        "ai.usage.promptTokens": 100, "ai.usage.completionTokens": 20,
    }  # fmt: skip
    return Made(attributes, span_id, parent, scope=("ai", ""), name="ai.generateText.doGenerate")


def test_a_wrapper_is_counted_when_its_window_ran_out_without_an_inner_call(late: Late) -> None:
    late.send(wrapper(attributes={"ai.telemetry.metadata.userId": "u1"}))
    assert late.bind(10).promoted == 0
    assert late.calls("span_id") == []
    assert late.bind(16).promoted == 1
    assert late.bind(17).promoted == 0

    assert late.calls("cost_pico_usd", "user_id", "flags") == [(240_000, "u1", ["promoted"])]
    assert rows(late.dsn, "SELECT kind, calls, cost_pico_usd FROM _genai.ledger_line") == [
        ("promote", 1, 240_000)
    ]


def test_a_wrapper_whose_inner_call_comes_inside_the_window_is_never_counted(late: Late) -> None:
    late.send(wrapper(attributes={"ai.telemetry.metadata.userId": "u1"}))
    late.bind(1)
    late.send(inner(), minute=14)
    late.bind(14)
    assert late.bind(60).promoted == 0
    assert late.calls("span_id", "user_id") == [("0" * 15 + "1", "u1")]


def test_an_inner_call_after_the_window_takes_the_promoted_wrapper_back(late: Late) -> None:
    late.send(wrapper())
    late.bind(16)
    late.send(inner(), minute=45)
    late.bind(45)
    assert late.calls("span_id", "cost_pico_usd") == [("0" * 15 + "1", 240_000)]
    assert rows(late.dsn, "SELECT sum(calls), sum(cost_pico_usd) FROM _genai.ledger_line") == [(0, 0)]


def test_an_inner_call_after_the_window_keeps_the_wrapper_out_when_both_are_looked_at_late(
    late: Late,
) -> None:
    """The binder was away: the wrapper's window ran out, and its inner call is there already."""
    late.send(wrapper(2, parent=3), chat(4, parent=3, attributes={"gen_ai.usage.output_tokens": 7}), agent(3))
    late.send(inner(1, parent=2), minute=16)
    assert late.bind(60).promoted == 0
    late.bind(61)
    assert late.calls("span_id") == [("0" * 15 + "1",), ("0" * 15 + "4",)]


def test_nothing_is_left_of_a_closed_trace(late: Late) -> None:
    late.send(chat(), agent(attributes={"user.id": "u1"}))
    late.send(wrapper(9, trace=b"w" * 16))
    late.bind(60)
    late.bind(61)
    counts = (
        "SELECT (SELECT count(*) FROM _genai.arrival), (SELECT count(*) FROM _genai.open_call),"
        " (SELECT count(*) FROM _genai.sighting)"
    )
    assert rows(late.dsn, counts) == [(0, 0, 0)]


def due(conn: psycopg.Connection[Any]) -> dict[str, object]:
    """What is older than 15 minutes, and of endless traces than four and a half hours."""
    moments = conn.execute("SELECT now() - interval '15 min', now() - interval '270 min'").fetchone()
    assert moments is not None
    return {"before": moments[0], "oldest": moments[1], "rows": 20_000}


def test_forgetting_reads_what_is_due_and_not_all_calls_of_the_window(late: Late) -> None:
    add = """
        INSERT INTO _genai.open_call (trace_id, span_id, call, time, received_at)
        SELECT gen_random_uuid(), 1, gen_random_uuid(), t.at, t.at FROM (
            SELECT now() - interval '1 second' * (n % 880 + CASE WHEN n > 20000 THEN 910 ELSE 0 END) AS at
            FROM generate_series(1, 20010) n) t"""
    with psycopg.connect(late.dsn, autocommit=True) as conn:
        conn.execute(add)
        values = due(conn)
        plan = conn.execute(b"EXPLAIN " + FORGET, values).fetchall()
        assert not [line for (line,) in plan if "Seq Scan on open_call" in line]
        assert conn.execute(FORGET, values).fetchone() == (10,)
        assert conn.execute("SELECT count(*) FROM _genai.open_call").fetchone() == (20_000,)


def test_what_is_old_of_a_trace_that_is_never_quiet_goes_and_the_rest_stays(late: Late) -> None:
    add = """
        INSERT INTO _genai.open_call (trace_id, span_id, call, time, received_at)
        SELECT 'a0000000-0000-0000-0000-000000000000', n, gen_random_uuid(), now(),
            now() - n * interval '1 hour'
        FROM generate_series(0, 5) n"""
    with psycopg.connect(late.dsn, autocommit=True) as conn:
        conn.execute(add)
        values = due(conn)
        assert conn.execute(FORGET, values).fetchone() == (1,)
        assert conn.execute("SELECT max(span_id) FROM _genai.open_call").fetchone() == (4,)


def test_the_root_names_a_call_although_spans_between_them_are_not_known(late: Late) -> None:
    """A plain function span lies between; it carries nothing and is not kept."""
    late.send(chat(parent=5))
    late.bind()
    late.send(
        Made({"endpoint_tag": "checkout", "user.id": "u1"}, span_id=3, kind=2, name="POST /pay"), minute=1
    )
    late.bind()
    assert late.tags() == [("checkout", "unknown", "unknown", "u1")]


def test_spans_between_a_call_and_an_ancestor_elsewhere_are_kept_as_links(late: Late) -> None:
    late.send(chat(parent=5), Made({}, span_id=5, parent=3, kind=1, name="function"))
    late.bind()
    late.send(Made({"endpoint_tag": "checkout"}, span_id=3, parent=99, kind=2, name="POST /pay"), minute=1)
    late.bind()
    assert late.tags()[0][0] == "checkout"


def test_outgoing_spans_that_only_carry_baggage_are_not_kept(late: Late) -> None:
    late.send(Made({"endpoint_tag": "checkout", "db.system": "postgresql"}, span_id=3, parent=9, kind=3))
    assert value(late.dsn, "SELECT count(*) FROM _genai.sighting") == 0


def test_coverage_says_how_well_calls_are_named_and_what_waits(late: Late) -> None:
    late.send(chat(), chat(3, parent=0), chat(4, parent=0, attributes={"genai.environment": "test"}))
    late.send(agent(attributes={"prompt_version": "v7", "user.id": "u1"}), minute=1)
    late.send(wrapper(9, trace=b"w" * 16))
    late.bind()
    query = """
        SELECT environment, calls, endpoint_share, prompt_version_share, tenant_share, user_share,
            late_bound_calls, pending_calls
        FROM genai.coverage ORDER BY environment
    """
    assert rows(late.dsn, query) == [
        ("prod", 2, 0.5, 0.5, 0.0, 0.5, 1, 1),
        ("test", 1, 0.0, 0.0, 0.0, 0.0, 0, 0),
    ]
    pending = "SELECT span_id, model, input_tokens, counted_after - received_at FROM genai.pending_call"
    assert rows(late.dsn, pending) == [("0" * 15 + "9", "gpt-4o-mini", 100, timedelta(minutes=15))]


def test_a_call_takes_the_model_that_an_ancestor_of_another_request_names(late: Late) -> None:
    usage = {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 2, "codex.usage.total_tokens": 11}
    late.send(Made(usage, 2, 1, name="handle_responses", scope=("codex_cli_rs", "0.144")))
    assert late.calls("provider", "model") == [("unknown", "unknown")]
    turn = {"codex.turn.token_usage.total_tokens": 120, "model": "gpt-5.5"}
    late.send(Made(turn, 1, name="session_task.turn", scope=("codex_cli_rs", "0.144")), minute=1)
    late.bind(1)
    assert late.calls("provider", "model", "request_model") == [("openai", "gpt-5.5", "gpt-5.5")]


OPENCODE_SPAN = {
    "openinference.span.kind": "LLM", "llm.model_name": "gpt-5", "llm.provider": "openai",
    "llm.token_count.prompt": 100, "llm.token_count.completion": 20,
    "llm.token_count.completion_details.reasoning": 7, "llm.token_count.prompt_details.cache_read": 50,
    "llm.token_count.total": 177,
}  # fmt: skip


@pytest.mark.parametrize("first", ["span", "event"])
def test_opencodes_event_and_span_of_a_message_are_one_call(late: Late, first: str) -> None:
    """The event is told within the span, by another signal and so always in another request."""
    event = record(
        OPENCODE, trace_id=TRACE, span_id=bytes([0] * 7 + [3]), observed_time_unix_nano=T0 + 4_200_000_000
    )
    body = logs(event, scope="com.opencode")
    span = Made(OPENCODE_SPAN, span_id=3, end=4_200, scope=("com.opencode", "1.5"))
    sends = [lambda: late.send(span), lambda: late.send_logs(body)]
    for send in sends if first == "span" else reversed(sends):
        send()
        late.bind()
    assert late.calls("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens") == [
        (150, 27, 50, 7)
    ]
