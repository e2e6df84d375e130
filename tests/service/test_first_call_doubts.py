"""What `first-call` and `tail` say of a call that is counted with a doubt."""

from __future__ import annotations

import json
import time

import pytest

from receiver.otlp.decode import decode
from tests.receiver.spans import CHAT, Made, request
from tests.service.test_commands import consume, run


@pytest.mark.parametrize(
    ("attributes", "failed", "found"),
    [
        ({"data_mode": "sandbox"}, "data mode", "no known word (from data_mode): it counts as real"),
        (
            {"gen_ai.provider.name": "anthropic", "gen_ai.usage.cache_read.input_tokens": 10},
            "usage",
            "may or may not hold the cached tokens",
        ),
    ],
)
async def test_first_call_doubts_what_is_counted_with_a_doubt(
    migrated_database: str, attributes: dict[str, object], failed: str, found: str
) -> None:
    sent = request(Made({**CHAT, **attributes}))
    span = sent.resource_spans[0].scope_spans[0].spans[0]
    span.start_time_unix_nano, span.end_time_unix_nano = time.time_ns() - 10**9, time.time_ns()
    body = sent.SerializeToString()
    await consume(migrated_database, decode(body, time.time_ns()))

    done = run("first-call", "--since", "10m", "--json", "--database-url", migrated_database)

    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert not checks[failed]["passed"]
    assert found in checks[failed]["found"]


async def test_tail_shows_a_data_mode_that_is_no_known_word(migrated_database: str) -> None:
    sent = request(Made({**CHAT, "data_mode": "sandbox"}))
    span = sent.resource_spans[0].scope_spans[0].spans[0]
    span.start_time_unix_nano, span.end_time_unix_nano = time.time_ns() - 10**9, time.time_ns()
    await consume(migrated_database, decode(sent.SerializeToString(), time.time_ns()))

    done = run("tail", "--since", "10m", "--count", "1", "--database-url", migrated_database)

    assert "unknown data mode" in done.stdout
