"""An environment per pull request: found by name, or answered by a sentence that says where it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from service.config import Config
from service.worker import caps_of
from storage.dimensions.cardinality import ENVIRONMENT
from storage.ingest.writer import Writer
from tests.storage.ledger import assert_rollups_equal_rows, call, rows, write

DAY = ("--from", "2026-09-21T00:00Z", "--to", "2026-09-22T00:00Z")
PULL_REQUESTS = [f"pr-{number}" for number in range(1, 61)]


def fill(dsn: str, caps: dict[int, int], environments: Sequence[str], **fields: Any) -> None:
    writer = Writer(dsn, caps=caps)
    calls = [call(name, environment=name, **fields) for name in environments]
    for start in range(0, len(calls), 10):
        write(writer, calls[start : start + 10])
    writer.close()


def run(dsn: str, *arguments: str) -> str:
    done = CliRunner().invoke(build(), [*arguments, *DAY, "--database-url", dsn], catch_exceptions=False)
    return " ".join(done.stdout.split())


def test_the_sixtieth_environment_of_a_day_is_found_by_its_name(migrated_database: str) -> None:
    fill(migrated_database, caps_of(Config()), PULL_REQUESTS)
    found = json.loads(run(migrated_database, "top", "endpoint", "--env", "pr-60", "--json"))
    assert (found["total"]["calls"], found["total"]["costUsd"], found["notice"]) == (1, "0.0000000006", None)


SENTENCE = (
    "1 call ($0.0000000006) of environment pr-60 is counted under __other__: the environment came after the "
    "limit of its day (limits.values_per_day)."
)


@pytest.fixture
def folded(migrated_database: str) -> str:
    """Sixty environments where a day has room for fifty, and production after them."""
    fill(migrated_database, {ENVIRONMENT: 50}, [*PULL_REQUESTS, "prod"])
    return migrated_database


@pytest.mark.parametrize("command", [("top", "endpoint"), ("compare",)], ids=lambda command: command[0])
def test_an_environment_beyond_the_limit_is_answered_by_a_sentence(
    folded: str, command: tuple[str, ...]
) -> None:
    told = run(folded, *command, "--env", "pr-60")
    assert told.endswith(SENTENCE)
    assert "What the ledger holds" not in told
    assert json.loads(run(folded, *command, "--env", "pr-60", "--json"))["notice"] == SENTENCE


def test_environments_beyond_the_limit_stand_together_and_are_named(folded: str) -> None:
    told = run(folded, "top", "endpoint", "--env", "__other__")
    assert told.endswith(
        "Environment __other__ holds 10 calls of environments that came after the limit of their day: "
        "pr-51, pr-52, pr-53, pr-54, pr-55 and 5 more."
    )


def test_no_total_loses_what_is_beyond_the_limit(folded: str) -> None:
    everything = json.loads(run(folded, "top", "endpoint", "--env", "*", "--json"))
    assert (everything["total"]["calls"], everything["notice"]) == (61, None)
    assert rows(folded, "SELECT count(DISTINCT environment) FROM genai.model_call") == [(61,)]
    assert_rollups_equal_rows(folded)


def test_production_keeps_its_name_in_a_flood_of_environments(folded: str) -> None:
    assert json.loads(run(folded, "top", "endpoint", "--json"))["total"]["calls"] == 1


def test_what_is_beyond_the_limit_keeps_its_data_mode(folded: str) -> None:
    writer = Writer(folded, caps={ENVIRONMENT: 50})
    write(writer, [call("a test", environment="pr-60", data_mode="test")])
    writer.close()
    modes = (
        "SELECT data_mode, sum(calls)::int FROM genai.usage_hour WHERE environment = '__other__' GROUP BY 1"
    )
    assert sorted(rows(folded, modes)) == [("real", 10), ("test", 1)]
    assert json.loads(run(folded, "top", "model", "--env", "pr-60", "--json"))["notice"] == SENTENCE


def test_pages_and_dashboards_say_the_same_sentence(folded: str) -> None:
    with psycopg.connect(folded) as connection:
        ((notice,),) = connection.execute(
            "SELECT notice FROM genai.data_state("
            "'spanledger-overview', '2026-09-21Z', '2026-09-22Z', 'pr-60', 'real')"
        ).fetchall()
    assert notice == f"Everything received in this range is counted. {SENTENCE}"
