"""Sessions of coding agents through the stock exporters into a real ledger: priced and counted once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.trace.export import SpanExportResult
from psycopg import sql

from tests.coding_agents.sessions import AGENTS, CANARY, Session, session
from tests.patience import PATIENCE_SECONDS
from tests.running import RunningService
from tests.storage.ledger import add_up

_MS = 1_000_000
"""Until the binder has brought both signals of a call together."""
FIGURES = (
    "SELECT request_model, status, input_tokens, output_tokens, cache_read_tokens, cost_pico_usd,"
    " price_status FROM genai.model_call WHERE dialect = %s ORDER BY time"
)


@pytest.fixture
def service(migrated_database: str) -> Iterator[RunningService]:
    with RunningService(migrated_database) as running:
        yield running


def rows(dsn: str, query: str, *parameters: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return connection.execute(query.encode(), parameters or None).fetchall()


def recent(agent: str) -> Session:
    """The session as if it had just ended."""
    return session(agent, (time.time_ns() // _MS - 60_000) * _MS)


def send_logs(service: RunningService, told: Session, over: str = "grpc") -> None:
    if over == "grpc":
        exporter: GrpcLogs | HttpLogs = GrpcLogs(f"http://{service.grpc}", insecure=True)
    else:
        exporter = HttpLogs(f"http://{service.http}/v1/logs")
    assert exporter.export(told.records()) is LogRecordExportResult.SUCCESS
    exporter.shutdown()


def send_spans(service: RunningService, told: Session) -> None:
    exporter = GrpcSpans(f"http://{service.grpc}", insecure=True)
    assert exporter.export(told.spans()) is SpanExportResult.SUCCESS
    exporter.shutdown()


def assert_right(found: Sequence[tuple[Any, ...]], told: Session) -> None:
    """Every call of the session once, with its counts and its exact price."""
    assert len(found) == len(told.calls)
    for row, right in zip(found, told.calls, strict=True):
        model, status, inputs, outputs, reads, cost, priced = row
        assert (model, status) == (right["model"], right.get("status", "success"))
        assert (inputs, outputs, reads or 0) == (
            right.get("input"), right.get("output"), right.get("cacheRead", 0),
        )  # fmt: skip
        assert priced == ("error_without_usage" if status == "error" else "priced")
        if "cost" in right:
            assert cost == int(Decimal(right["cost"]) * 10**12)


@pytest.mark.parametrize("over", ["grpc", "http"])
def test_the_events_of_a_session_are_its_calls_and_a_resend_changes_nothing(
    service: RunningService, migrated_database: str, over: str
) -> None:
    sessions = [recent(agent) for agent in AGENTS]
    for told in (*sessions, *sessions):
        send_logs(service, told, over)

    for told in sessions:
        assert_right(rows(migrated_database, FIGURES, told.name), told)
    add_up(migrated_database)
    sums = "SELECT sum(calls), sum(cost_pico_usd) FROM genai.usage_minute"
    ((counted, cost),) = rows(migrated_database, sums)
    assert counted == sum(len(told.calls) for told in sessions)
    assert cost == rows(migrated_database, "SELECT sum(cost_pico_usd) FROM genai.model_call")[0][0]


def test_who_spent_it_and_where_is_known(service: RunningService, migrated_database: str) -> None:
    for agent in AGENTS:
        send_logs(service, recent(agent))

    found = rows(
        migrated_database,
        "SELECT dialect, service_name, min(endpoint_tag), count(DISTINCT user_id),"
        " bool_and(user_id LIKE 'h:%'), count(DISTINCT conversation_id),"
        " bool_and('from_log' = ANY(flags)), count(trace_id)"
        " FROM genai.model_call GROUP BY dialect, service_name ORDER BY dialect",
    )
    assert found == [
        ("claude_code", "claude-code", "payments-api", 1, True, 1, True, 0),
        ("codex", "codex_cli_rs", "iTerm.app/3.5", 1, True, 1, True, 0),
        ("gemini_cli", "gemini-cli", "main", 1, True, 1, True, 0),
    ]
    assert rows(migrated_database, "SELECT count(DISTINCT user_id) FROM genai.model_call") == [(1,)], (
        "one developer is one user, whichever agent she works with"
    )
    ((reported,),) = rows(
        migrated_database,
        "SELECT reported_cost_usd - cost_usd FROM genai.model_call WHERE model = 'claude-haiku-4-5'",
    )
    assert reported == 0


def test_prompts_reach_no_table_and_no_log(service: RunningService, migrated_database: str) -> None:
    for agent in AGENTS:
        send_logs(service, recent(agent))
        send_spans(service, recent(agent))

    with psycopg.connect(migrated_database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = '_genai'").fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            query = sql.SQL("SELECT count(*) FROM {} t WHERE t::text LIKE %s")
            found = connection.execute(query.format(sql.Identifier("_genai", table)), (f"%{CANARY}%",))
            assert found.fetchone() == (0,), table
    assert CANARY not in service.log


def send_one_by_one(service: RunningService, told: Session) -> None:
    """Each record and each span in a request of its own, in no order."""
    logs = GrpcLogs(f"http://{service.grpc}", insecure=True)
    spans = GrpcSpans(f"http://{service.grpc}", insecure=True)
    sends: list[Callable[[], object]] = [partial(logs.export, [record]) for record in told.records()]
    sends += [partial(spans.export, [span]) for span in told.spans()]
    random.Random(told.name).shuffle(sends)
    for send in sends:
        assert send() in (LogRecordExportResult.SUCCESS, SpanExportResult.SUCCESS)
    logs.shutdown()
    spans.shutdown()


Send = Callable[[RunningService, Session], None]
ORDERS: dict[str, Sequence[Send]] = {
    "logs first": (send_logs, send_spans),
    "spans first": (send_spans, send_logs),
    "each twice": (send_spans, send_logs, send_spans, send_logs),
    "one by one": (send_one_by_one,),
}


@pytest.mark.parametrize("order", ORDERS)
def test_with_traces_on_as_well_nothing_doubles(
    service: RunningService, migrated_database: str, order: str
) -> None:
    sessions = [recent(agent) for agent in AGENTS]
    for send in ORDERS[order]:
        for told in sessions:
            send(service, told)

    for told in sessions:
        found = rows(migrated_database, FIGURES, told.name)
        assert len(found) == len(told.calls), told.name
    for told in sessions:
        assert_right(settled(migrated_database, told), told)


def settled(dsn: str, told: Session) -> list[tuple[Any, ...]]:
    """The session's calls when each has what the other signal knows of it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = rows(dsn, FIGURES, told.name)
        try:
            assert_right(found, told)
        except AssertionError:
            if time.monotonic() > deadline:
                return found
            time.sleep(0.5)
        else:
            return found
