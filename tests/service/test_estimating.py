"""Estimates in a real service: off by default, beside the answer's path, and text only ever in memory."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from processor.calls.call import Batch, ModelCall, Outcome
from processor.pricing.load import load_price_book
from receiver.otlp.texts import TextBatch, Texts
from service import metrics
from service.config import EstimateConfig
from service.estimating import Estimating
from tests.patience import until
from tests.receiver.captures import ROOT
from tests.receiver.spans import CHAT, T0, Made, request
from tests.running import RunningService
from tests.storage.ledger import call

MARKER = "zyxwvu-marker-of-the-content"
BARE = {key: value for key, value in CHAT.items() if not key.startswith("gen_ai.usage.")}
SAID = json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"{MARKER} the quick brown fox"}]}])
ANSWERED = json.dumps([{"role": "assistant", "content": f"jumps {MARKER}"}])
ON = {"SPANLEDGER_ESTIMATE__ENABLED": "true"}


@pytest.fixture
def service(migrated_database: str) -> Iterator[RunningService]:
    with RunningService(migrated_database, environment=ON) as running:
        yield running


def send(service: RunningService, body: bytes) -> None:
    asked = urllib.request.Request(
        f"http://{service.http}/v1/traces", body, {"content-type": "application/x-protobuf"}
    )
    with urllib.request.urlopen(asked, timeout=15) as answer:
        assert answer.status == 200


def now(*spans: Made) -> bytes:
    shift = (time.time_ns() - T0) // 1_000_000 - 2_000
    moved = (replace(span, start=span.start + shift, end=span.end + shift) for span in spans)
    return request(*moved).SerializeToString()


def found(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def soon(question: Callable[[], object], answer: object) -> None:
    """After a while the answer is this."""
    until(lambda: question() == answer, f"{answer}")


def everything(dsn: str) -> str:
    """Every row of every table of ours, as text."""
    tables = found(
        dsn,
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname IN ('genai', '_genai')",
    )
    assert len(tables) > 20
    return "\n".join(str(found(dsn, f"SELECT t::text FROM {table} t")) for (table,) in tables)  # noqa: S608


USAGE = (
    "SELECT usage_source, input_tokens > 0, output_tokens > 0, price_status FROM genai.model_call ORDER BY 1"
)


def test_a_call_without_usage_is_estimated_and_its_text_stays_in_memory(
    service: RunningService, migrated_database: str
) -> None:
    told = {**BARE, "gen_ai.input.messages": SAID, "gen_ai.output.messages": ANSWERED}
    bad = Made({**told, "gen_ai.response.model": f"\0{MARKER[:3]}"}, span_id=0)  # refused, into quarantine
    send(service, now(Made(told, 1), bad))
    soon(lambda: found(migrated_database, USAGE), [("estimated", True, True, "estimated")])
    book = "SELECT kind, sum(cost_pico_usd) > 0 FROM genai.ledger_line GROUP BY 1"
    assert found(migrated_database, book) == [("estimate", True)]
    sources = str(found(migrated_database, "SELECT sources::text FROM genai.model_call"))
    assert "<estimate: o200k_base, vocabulary>" in sources
    assert found(migrated_database, "SELECT count(*) FROM _genai.quarantine") == [(1,)]
    assert service.stop() == 0
    assert MARKER not in everything(migrated_database)
    assert MARKER not in service.log


@pytest.mark.parametrize(
    ("capture", "tokens"),
    [
        ("openllmetry/chat_stream_no_usage", (13, 8)),
        ("openinference-openai/chat_stream_no_usage", (13, 8)),
        ("litellm-otel/chat_stream_no_usage", (13, 8)),
    ],
)
def test_real_streams_without_usage_are_counted(
    service: RunningService, migrated_database: str, capture: str, tokens: tuple[int, int]
) -> None:
    send(service, (ROOT / f"{capture}.pb").read_bytes())
    query = "SELECT usage_source, input_tokens, output_tokens FROM genai.model_call"
    soon(lambda: found(migrated_database, query), [("estimated", *tokens)])


def test_off_nothing_is_estimated(migrated_database: str) -> None:
    with RunningService(migrated_database) as service:
        told = {**BARE, "gen_ai.input.messages": SAID, "gen_ai.output.messages": ANSWERED}
        send(service, now(Made(told, 1)))
        time.sleep(1.5)
        assert found(migrated_database, "SELECT usage_source, input_tokens FROM genai.model_call") == [
            ("missing", None)
        ]
        assert found(migrated_database, "SELECT count(*) FROM genai.ledger_run") == [(0,)]


async def test_what_finds_no_room_is_counted_and_dropped() -> None:
    config = EstimateConfig(enabled=True, max_calls=2)
    estimating = Estimating(config, "", load_price_book(None), 1, {})  # its thread does not run

    async def committed(batch: Batch) -> Outcome:
        return Outcome(len(batch.calls), 0, ())

    def outcomes() -> tuple[float, float]:
        totals = metrics.totals("spanledger_estimates", "outcome")
        return totals.get("offered", 0), totals.get("overflow", 0)

    before = outcomes()
    calls: list[ModelCall] = [call(str(n), input_tokens=None, output_tokens=None) for n in range(4)]
    texts = {(c.trace_id, c.span_id): Texts("hello", "x") for c in calls[:3]}
    await estimating.after(committed)(TextBatch(calls, texts=texts))
    big = TextBatch(calls[3:], texts={(calls[3].trace_id, calls[3].span_id): Texts("x" * 20_000_000, None)})
    await Estimating(EstimateConfig(enabled=True), "", load_price_book(None), 1, {}).after(committed)(big)
    after = outcomes()
    assert (after[0] - before[0], after[1] - before[1]) == (4, 2)
