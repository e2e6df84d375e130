"""An invented vocabulary through the real OTLP port: told everywhere, once; mapped by hand: counted and
priced."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import psycopg
from typer.testing import CliRunner

from cli.__main__ import build
from tests.receiver.spans import CHAT, Attributes, Made
from tests.running import ROOT, RunningService
from tests.service.test_late_binding import send
from tests.storage.ledger import add_up

PAGE = (ROOT / "docs" / "instrumenting.md").read_text(encoding="utf-8")
MAPPING = re.search(r"^```yaml dialects\.yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
OWN: Attributes = {
    "acme.kind": "completion",
    "acme.vendor": "openai",
    "acme.model": "gpt-4o-mini",
    "acme.tokens.prompt": 1_000,
    "acme.usage": json.dumps({"output": 200, "cache": {"read": 3_000}}),
}
EMITTER = ("acme.llm.tracing", "3.1")
TRACE = bytes(range(40, 56))


def own(span_id: int, **more: object) -> Made:
    """A span as the invented instrumentation writes it."""
    return Made(OWN | more, span_id, trace=TRACE, name="llm answer", scope=EMITTER)


def row(dsn: str, query: str) -> tuple[Any, ...]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(query.encode()).fetchone()
    assert found is not None
    return tuple(found)


def page(service: RunningService, path: str) -> str:
    with urllib.request.urlopen(f"http://{service.ops}{path}", timeout=15) as answer:
        text: str = answer.read().decode()
    return text


def run(dsn: str, *arguments: str) -> str:
    result = CliRunner().invoke(build(), [*arguments, "--database-url", dsn], catch_exceptions=False)
    return result.stdout


def test_an_invented_vocabulary_is_told_everywhere_and_counted_once_it_is_mapped(
    migrated_database: str, tmp_path: Path
) -> None:
    figures = "SELECT sum(spans)::int, count(*)::int FROM genai.unread"
    with RunningService(migrated_database) as service:
        send(service, Made(CHAT, trace=bytes(range(60, 76)), resource={"service.name": "desk"}))
        send(service, own(1), own(2))
        assert row(migrated_database, figures) == (2, 1)
        first = json.loads(run(migrated_database, "top", "model", "--last", "1h", "--json"))
        _is_told(migrated_database, service)
        send(service, own(1), own(2))
        assert row(migrated_database, figures) == (2, 1)
        assert first["total"]["atLeast"]
        assert first["total"]["unreadSpans"] == 2
    assert MAPPING is not None
    (tmp_path / "dialects.yaml").write_text(MAPPING[1], encoding="utf-8")
    with RunningService(
        migrated_database, environment={"SPANLEDGER_CONFIG": str(tmp_path / "dialects.yaml")}
    ) as mapped:
        send(mapped, own(3), own(4, **{"acme.kind": "agent"}))
        counted = (
            "SELECT provider, model, input_tokens, cache_read_tokens, output_tokens, price_status,"
            " count(*) OVER () FROM genai.model_call WHERE dialect = 'acme'"
        )
        assert row(migrated_database, counted) == ("openai", "gpt-4o-mini", 4_000, 3_000, 200, "priced", 1)
        assert row(migrated_database, figures) == (2, 1)


def _is_told(dsn: str, service: RunningService) -> None:
    """Command line, pages and views name the emitter; the other service's totals stay exact."""
    (emitter,) = json.loads(run(dsn, "unread", "--json"))
    assert (emitter["scope"], emitter["version"], emitter["serviceName"]) == (*EMITTER, "shop")
    told = run(dsn, "tail", "--all", "--since", "5m", "--count", "3", "--json")
    lines = [json.loads(line) for line in told.splitlines() if line]
    assert sum(line.get("reason", "").startswith("unread: no rule reads") for line in lines) == 2
    assert "acme.llm.tracing 3.1" in page(service, "/")
    assert "unread spans" in page(service, "/service")
    add_up(dsn)
    services = json.loads(run(dsn, "compare", "--last", "1h", "--by", "service", "--json"))
    assert services["total"]["unreadSpans"] == 2
    assert {one["segment"]: one["unreadSpans"] for one in services["segments"]} == {"desk": 0}
