"""Calls to write, and what a ledger's database must answer for them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import psycopg

from processor.calls.call import PROVIDER, Batch, ModelCall, Outcome, Source
from processor.pricing.charge import Charge
from storage.ingest.writer import Writer
from storage.postings.folder import fold

SECOND_NS = 1_000_000_000
NOON_NS = 1_790_000_000 * SECOND_NS  # 2026-09-21 13:33:20 UTC
SOURCES = (
    Source("model", "gen_ai.response.model", 10),
    Source("input_tokens", "gen_ai.usage.input_tokens", 10),
)
PRICED = Charge("priced", 600, 100, 20, 30, 400, 50, 7)
UNPRICED = Charge("unpriced_model")
_CALLS_AND_SUMS = (
    "_genai.model_call, _genai.call_key, _genai.usage_minute, _genai.usage_hour, _genai.usage_identity_hour,"
    " _genai.usage_identity_day, _genai.posting, _genai.ledger_run, _genai.ledger_line"
)


def call(name: str, **fields: Any) -> ModelCall:
    """A call whose ids follow from its name: the same name is the same span."""
    digest = hashlib.sha256(name.encode()).digest()
    defaults: dict[str, Any] = {
        "trace_id": digest[:16],
        "span_id": digest[16:24],
        "time_ns": NOON_NS,
        "received_ns": NOON_NS + 3 * SECOND_NS,
        "latency_us": 900_000,
        "provider": "openai",
        "model": "gpt-4o-mini",
        "endpoint_tag": "checkout.ai_summary",
        "prompt_version": "summary_v3",
        "tenant_id": "acme",
        "user_id": "h:0011223344556677",
        "service_name": "shop",
        "input_tokens": 540,
        "output_tokens": 180,
        "usage_source": PROVIDER,
        "dialect": "otel_genai",
        "sources": SOURCES,
    }
    return ModelCall(**(defaults | fields))


def write(writer: Writer, calls: Sequence[ModelCall], charge: Charge = PRICED) -> Outcome:
    """Write calls as one request, all at one charge."""
    (outcome,) = writer.write([(Batch(calls=list(calls), spans=len(calls)), [charge] * len(calls))])
    return outcome


def take_all_away(dsn: str) -> None:
    """No calls any more and no sums of them: what the next example of a property begins with."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {_CALLS_AND_SUMS}".encode())


def add_up(dsn: str) -> int:
    """Do a folder's work: the summaries then hold everything that is committed."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return fold(connection)


def rows(dsn: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """All rows of a query, in UTC."""
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return connection.execute(query.encode(), parameters or None).fetchall()


def value(dsn: str, query: str, *parameters: object) -> Any:
    """The first field of a query's only row."""
    ((first, *_),) = rows(dsn, query, *parameters)
    return first


def assert_rollups_equal_rows(dsn: str) -> None:
    """Rollup = raw, in every measure of every bucket, and the floor hides nothing here."""
    query = "SELECT * FROM _genai.rollup_difference('2015-01-01', '2100-01-01')"
    assert rows(dsn, query) == []


def totals(dsn: str, relation: str = "genai.model_call") -> tuple[int, ...]:
    """Calls, requests, input tokens and pico-USD of a view."""
    calls = "count(*)" if relation == "genai.model_call" else "sum(calls)"
    query = f"SELECT {calls}, sum(requests), sum(input_tokens), sum(cost_pico_usd) FROM {relation}"  # noqa: S608
    return tuple(int(v or 0) for v in rows(dsn, query)[0])
