"""The commands that read the ledger, each against figures computed from its rows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from psycopg.rows import dict_row
from typer.testing import CliRunner, Result

from cli.__main__ import build
from processor.calls.admission import Admission
from processor.calls.call import Batch
from processor.calls.identity import identity_rules
from processor.pricing.load import load_price_book
from receiver.otlp.decode import decode
from receiver.reports.reports import read_report
from service.pipeline import Pipeline
from service.problems import ProblemKeeper
from service.tally import Tally
from storage.ingest.batcher import Batcher
from tests.end_to_end.traffic import make_spans
from tests.running import ROOT
from tests.storage.ledger import add_up

REPORT: dict[str, object] = {
    "externalRequestId": "req_1",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "endpointTag": "checkout.ai_summary",
    "promptVersion": "summary_v3",
    "userId": "tenant_acme_hash",
    "tenantId": "acme",
    "inputTokens": 540,
    "outputTokens": 180,
    "status": "success",
}


async def consume(dsn: str, *batches: Batch) -> None:
    rules = Admission(identity_rules([b"a key of sixteen bytes"]))
    async with Batcher(dsn) as batcher:
        pipeline = Pipeline(rules, load_price_book(None), batcher.submit)
        for batch in batches:
            await pipeline.consume(batch)
    await asyncio.to_thread(add_up, dsn)


def reports(*changes: dict[str, object]) -> Batch:
    now = time.time_ns()
    calls = [read_report({**REPORT, **change}, now, "") for change in changes]
    return Batch(calls, spans=len(calls))


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "PGHOST", "SPANLEDGER_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def ledger(migrated_database: str) -> str:
    """A day of calls: some unpriced, some failed, one in another environment and one of a test."""
    spans = make_spans(300, seed=11, spread_seconds=20 * 3600)
    await consume(
        migrated_database,
        decode(encode_spans(spans).SerializeToString(), time.time_ns()),
        reports({"environment": "staging"}, {"dataMode": "test", "externalRequestId": "req_2"}),
    )
    return migrated_database


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), list(arguments), catch_exceptions=False)


def run_json(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def calls(dsn: str, where: str = "environment = 'prod' AND data_mode = 'real'") -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row, options="-c timezone=UTC") as connection:
        query = f"SELECT * FROM genai.model_call WHERE {where}"  # noqa: S608 (written in this file)
        return connection.execute(query.encode()).fetchall()


def usd(pico: int) -> Decimal:
    return Decimal(pico).scaleb(-12)


@pytest.mark.parametrize(
    ("dimension", "names", "columns"),
    [
        ("endpoint", ("endpointTag",), ("endpoint_tag",)),
        ("prompt", ("endpointTag", "promptVersion"), ("endpoint_tag", "prompt_version")),
        ("prompt-version", ("endpointTag", "promptVersion"), ("endpoint_tag", "prompt_version")),
        ("provider", ("provider",), ("provider",)),
        ("service", ("serviceName",), ("service_name",)),
        ("tenant,model", ("tenantId", "model"), ("tenant_id", "model")),
        ("user,endpoint", ("userId", "endpointTag"), ("user_id", "endpoint_tag")),
        ("tenant,prompt-version", ("tenantId", "promptVersion"), ("tenant_id", "prompt_version")),
        ("service,tenant", ("serviceName", "tenantId"), ("service_name", "tenant_id")),
        ("user", ("tenantId", "userId"), ("tenant_id", "user_id")),
        ("tenant", ("tenantId",), ("tenant_id",)),
        ("model", ("provider", "model"), ("provider", "model")),
    ],
)
def test_top_adds_up_the_rows_exactly(
    ledger: str, dimension: str, names: tuple[str, ...], columns: tuple[str, ...]
) -> None:
    told = run_json("top", dimension, "--database-url", ledger, "--limit", "1000")

    truth: dict[tuple[str, ...], list[int]] = {}
    for call in calls(ledger):
        sums = truth.setdefault(tuple(call[column] for column in columns), [0, 0, 0, 0])
        for index, part in enumerate(
            (1, call["requests"], call["input_tokens"] or 0, call["cost_pico_usd"] or 0)
        ):
            sums[index] += part
    found = {
        tuple(row[name] for name in names): [
            row["calls"], row["requests"], row["inputTokens"], row["costUsd"],
        ]
        for row in told["rows"]
    }  # fmt: skip
    assert found == {
        key: [*sums[:3], f"{usd(sums[3]):f}".rstrip("0").rstrip(".") if sums[3] else "0"]
        for key, sums in truth.items()
    }
    assert Decimal(told["total"]["costUsd"]) == sum(Decimal(row["costUsd"]) for row in told["rows"])
    assert [Decimal(row["costUsd"]) for row in told["rows"]] == sorted(
        (Decimal(row["costUsd"]) for row in told["rows"]), reverse=True
    )


def test_top_answers_a_ragged_window_exactly(ledger: str) -> None:
    start = datetime.now(UTC) - timedelta(hours=9, minutes=23, seconds=7)
    end = start + timedelta(hours=5, minutes=2, seconds=1)

    told = run_json(
        "top", "endpoint", "--database-url", ledger, "--from", start.isoformat(), "--to", end.isoformat()
    )

    inside = [call for call in calls(ledger) if start <= call["time"] < end]
    assert len(inside) > 10
    assert told["total"]["calls"] == len(inside)
    assert Decimal(told["total"]["costUsd"]) == usd(sum(call["cost_pico_usd"] or 0 for call in inside))
    assert (told["from"], told["to"]) == tuple(
        moment.isoformat().replace("+00:00", "Z") for moment in (start, end)
    )


def test_top_says_at_least_where_a_call_has_no_price(ledger: str) -> None:
    rows = run_json("top", "model", "--database-url", ledger)["rows"]

    by_model = {row["model"]: row for row in rows}
    assert by_model["no-such-model-7b"]["atLeast"] is True
    assert by_model["gpt-4o"]["atLeast"] is False
    shown = run("top", "model", "--database-url", ledger).stdout
    assert "environment prod" in shown
    assert "data mode real" in shown
    unpriced_line = next(line for line in shown.splitlines() if "no-such-model-7b" in line)
    assert "unknown" in unpriced_line
    assert "$0.00" not in unpriced_line


def test_top_says_where_calls_are_when_there_are_none(ledger: str) -> None:
    shown = run("top", "endpoint", "--env", "nowhere", "--database-url", ledger).stdout

    assert "No calls between" in shown
    assert "environment nowhere" in shown
    assert "staging" in shown
    assert "test" in shown


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--env", "staging"], 1),
        (["--data-mode", "test"], 1),
        (["--env", "*", "--data-mode", "*"], 302),
    ],
)
def test_top_takes_environment_and_data_mode(ledger: str, options: list[str], expected: int) -> None:
    assert run_json("top", "endpoint", *options, "--database-url", ledger)["total"]["calls"] == expected


@pytest.mark.parametrize("last", ["", "0h", "1w", "-1h", "24"])
def test_a_window_that_is_none_is_refused(last: str) -> None:
    done = run("top", "endpoint", "--last", last, "--database-url", "postgresql://nowhere.invalid/x")

    assert done.exit_code == 2
    assert "expected a time such as 30m, 24h or 7d" in done.output


def test_unpriced_lists_the_models_without_a_price(ledger: str) -> None:
    (row,) = run_json("unpriced", "--database-url", ledger)

    unpriced = [call for call in calls(ledger) if call["price_status"] == "unpriced_model"]
    assert row["model"] == "no-such-model-7b"
    assert row["calls"] == len(unpriced)


def test_tail_shows_each_call_once_in_json_lines(ledger: str) -> None:
    done = run("tail", "--since", "10m", "--count", "302", "--json", "--database-url", ledger)

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    stored = calls(ledger, "true")
    assert {line["callKey"] for line in lines} == {str(call["call_key"]) for call in stored}
    assert len(lines) == 302
    assert sum(Decimal(line["costUsd"] or 0) for line in lines) == usd(
        sum(call["cost_pico_usd"] or 0 for call in stored)
    )


def test_tail_shows_the_environment_and_data_mode_that_were_asked_for(ledger: str) -> None:
    stored = calls(ledger, "environment = 'staging'")
    assert stored
    done = run(
        "tail", "--since", "10m", "--env", "staging", "--count", str(len(stored)), "--json",
        "--database-url", ledger,
    )  # fmt: skip

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["callKey"] for line in lines} == {str(call["call_key"]) for call in stored}


@pytest.mark.parametrize(("asked", "count", "named"), [([], 302, 1), (["--env", "staging"], 1, 0)])
def test_tail_names_an_environment_that_was_not_asked_for(
    ledger: str, asked: list[str], count: int, named: int
) -> None:
    done = run("tail", "--since", "10m", "--count", str(count), *asked, "--database-url", ledger)

    assert len(done.stdout.splitlines()) == 1 + count
    assert done.stdout.count("staging/real") == named


async def test_tail_all_also_shows_what_was_not_counted_and_why(migrated_database: str) -> None:
    batch = decode(_capture_with_sightings(), time.time_ns())
    await consume(migrated_database, batch)

    done = run(
        "tail", "--all", "--since", "10m", "--count", str(len(batch.sightings)), "--json",
        "--database-url", migrated_database,
    )  # fmt: skip

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines
    assert any(line["counted"] is False and line["reason"] for line in lines)


def _capture_with_sightings() -> bytes:
    for file in sorted((ROOT / "tests/fixtures/captures").rglob("*.pb")):
        if len(decode(file.read_bytes(), time.time_ns()).sightings) >= 2:
            return file.read_bytes()
    raise LookupError("no capture has sightings")


async def test_first_call_is_green_when_nothing_is_missing(migrated_database: str) -> None:
    await consume(migrated_database, reports({}))

    done = run("first-call", "--since", "10m", "--database-url", migrated_database)

    assert done.exit_code == 0
    assert done.stdout.count("✓") == 6
    assert "Nothing is missing." in done.stdout
    assert "$0.000189 for openai/gpt-4o-mini" in done.stdout


@pytest.mark.parametrize(
    ("change", "missing", "remedy"),
    [
        ({"endpointTag": None}, "endpoint", "endpoint_tag"),
        ({"promptVersion": None}, "prompt version", "prompt_version"),
        ({"userId": None, "tenantId": None}, "identity", "tenant.id"),
        ({"userId": "ada@example.com"}, "identity", "your own hash"),
        ({"model": "no-such-model"}, "price", "prices.yaml"),
        ({"inputTokens": None, "outputTokens": None}, "usage", "include_usage"),
    ],
)
async def test_first_call_names_what_is_missing_and_the_line_to_add(
    migrated_database: str, change: dict[str, object], missing: str, remedy: str
) -> None:
    kept = {name: value for name, value in {**REPORT, **change}.items() if value is not None}
    await consume(migrated_database, Batch([read_report(kept, time.time_ns(), "")], spans=1))

    done = run("first-call", "--since", "10m", "--json", "--database-url", migrated_database)

    assert done.exit_code == 1
    failed = {
        check["name"]: check["remedy"] for check in json.loads(done.stdout)["checks"] if not check["passed"]
    }
    assert missing in failed
    assert remedy in failed[missing]


def test_first_call_gives_up_when_nothing_comes(
    migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANLEDGER_RECEIVER__GRPC", "127.0.0.1:1")
    done = run("first-call", "--timeout", "1s", "--database-url", migrated_database)

    assert done.exit_code == 1
    assert "No call arrived in 1s." in done.stdout
    assert "Nothing listens on 127.0.0.1:1: start `spanledger serve` there." in done.stdout


def test_first_call_ends_with_why_no_call_arrived(migrated_database: str) -> None:
    noted = Tally()
    noted.note("no_genai", "http", detail="fastapi", sender="OTel/1 on this machine", service="shop")
    noted.note("no_key", "grpc", detail="traces", sender="grpc-go/1 on 10.0.0.7")
    ProblemKeeper(noted, lambda: psycopg.connect(migrated_database), {"grpc": "g:1", "http": "h:2"}).keep()
    url = ("--database-url", migrated_database)

    done = run("first-call", "--timeout", "1s", "--since", "1m", *url)
    as_json = run("first-call", "--timeout", "1s", "--since", "1m", "--json", *url)
    later = run("first-call", "--timeout", "1s", "--json", *url)

    assert done.exit_code == as_json.exit_code == 1
    shown = " ".join(done.stdout.split())
    assert "✗ Requests without an API key 1 × traces, grpc-go/1 on 10.0.0.7, grpc → Create" in shown
    assert 'OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20sl_…"' in shown
    assert "! Spans without a model call 1 × fastapi, service shop, OTel/1 on this machine, http" in shown
    assert [row["cause"] for row in json.loads(as_json.stdout)["senderProblems"]] == ["no_key", "no_genai"]
    assert json.loads(later.stdout)["senderProblems"] == [], "those were before"


def test_keys_are_created_listed_and_revoked(migrated_database: str) -> None:
    url = ("--database-url", migrated_database)
    made = run_json("keys", "create", "checkout", "--scope", "ingest", "--scope", "read", *url)
    assert made["key"].startswith("sl_")

    (listed,) = run_json("keys", "list", *url)
    assert (listed["id"], listed["scopes"], listed["revokedAt"]) == (made["id"], ["ingest", "read"], None)
    assert made["key"] not in run("keys", "list", *url).stdout

    assert run("keys", "revoke", made["id"], *url).exit_code == 0
    assert run("keys", "revoke", made["id"], *url).exit_code == 1
    assert run_json("keys", "list", *url)[0]["revokedAt"] is not None


def test_a_scope_that_does_not_exist_is_refused(migrated_database: str) -> None:
    done = run("keys", "create", "x", "--scope", "write", "--database-url", migrated_database)

    assert done.exit_code == 2
    assert "Choose from ingest, inbox, read, operate, admin" in " ".join(done.output.split())


def test_check_is_green_on_a_migrated_database(migrated_database: str, tmp_path: Path) -> None:
    found = run_json("check", "--database-url", migrated_database, "--data-dir", str(tmp_path))

    assert [finding["name"] for finding in found] == [
        "configuration", "price map", "identity key", "database", "schema", "API keys",
    ]  # fmt: skip
    assert all(finding["passed"] for finding in found)


def test_check_says_what_is_wrong_and_what_to_do(database: str, tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("version: 1\nmodles: {}\n")
    settings = tmp_path / "spanledger.yaml"
    settings.write_text(f"prices:\n  file: {prices}\n")

    done = run("check", "--config", str(settings), "--database-url", database, "--json")

    assert done.exit_code == 1
    wrong = {finding["name"]: finding for finding in json.loads(done.stdout) if not finding["passed"]}
    assert set(wrong) == {"price map", "schema"}
    assert "prices.yaml:2" in wrong["price map"]["text"]
    assert "spanledger migrate" in wrong["schema"]["remedy"]


def test_migrate_brings_an_empty_database_to_this_version(database: str) -> None:
    for _ in range(2):
        done = run("migrate", "--database-url", database)
        assert done.exit_code == 0
        assert "is at this version" in done.stdout
    assert calls(database, "true") == []


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@127.0.0.1:1/x", "hunter2", "postgres//u:hunter2@h/x"]
)
def test_a_database_that_cannot_be_reached_is_told_in_a_line_without_the_password(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spanledger", "top", "endpoint", "--database-url", url],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.startswith("spanledger: the database cannot be reached: ")
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stdout + done.stderr


def test_without_a_database_the_remedy_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spanledger", "unpriced", "--data-dir", str(tmp_path)],
        cwd=ROOT, env={"PATH": "/usr/bin"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "Start `spanledger serve`" in done.stderr


async def test_a_tag_cannot_steer_the_terminal(migrated_database: str) -> None:
    hostile = "\x1b[2Jred\u202e[bold]"
    await consume(migrated_database, reports({"endpointTag": hostile, "environment": "prod"}))

    for command in (["top", "endpoint"], ["tail", "--since", "10m", "--count", "1"]):
        shown = run(*command, "--database-url", migrated_database).stdout
        assert "[bold]" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown
