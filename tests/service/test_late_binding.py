"""Late binding in a real service: the parts of a trace come in requests of their own."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.patience import until
from tests.receiver.spans import CHAT, T0, Made, request
from tests.running import RunningService


@pytest.fixture
def service(migrated_database: str) -> Iterator[RunningService]:
    with RunningService(migrated_database) as running:
        yield running


def send(service: RunningService, *spans: Made) -> None:
    """One request, as an OTLP/HTTP exporter sends it; the spans started just now."""
    made = request(*spans)
    shift = time.time_ns() - T0
    for resource in made.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                span.start_time_unix_nano += shift
                span.end_time_unix_nano += shift
    body = made.SerializeToString()
    asked = urllib.request.Request(
        f"http://{service.http}/v1/traces", body, {"content-type": "application/x-protobuf"}
    )
    with urllib.request.urlopen(asked, timeout=15) as answer:
        assert answer.status == 200


def row(dsn: str, query: str) -> tuple[Any, ...]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(query.encode()).fetchone()
        assert found is not None
        return tuple(found)


def soon(question: Callable[[], tuple[Any, ...]], answer: tuple[Any, ...]) -> None:
    """After a while the answer is this."""
    until(lambda: question() == answer, f"{answer}")


def test_an_ancestor_that_is_exported_later_names_the_call_within_seconds(
    service: RunningService, migrated_database: str
) -> None:
    call = Made({**CHAT, "gen_ai.response.id": "chatcmpl-B8xK2mQ9vT4w"}, span_id=1, parent=2)
    tags = {"prompt_version": "v7", "tenant.id": "acme", "gen_ai.operation.name": "invoke_agent"}
    query = "SELECT prompt_version, tenant_id, count(*) FROM genai.model_call GROUP BY 1, 2"

    send(service, call)
    assert row(migrated_database, query) == ("unknown", "unknown", 1)
    send(service, Made(tags, span_id=2, name="answer"))

    soon(lambda: row(migrated_database, query), ("v7", "acme", 1))
    hours = "SELECT prompt_version, sum(calls)::int FROM genai.usage_hour GROUP BY 1"
    soon(lambda: row(migrated_database, hours), ("v7", 1))
