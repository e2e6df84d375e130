"""Reports and exports hold what the Month dashboard shows, to the last digit."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from importlib import util
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from cli.__main__ import build
from operations.reports.report import Report, markdown
from operations.reports.report import Table as ReportTable
from operations.reports.weekly import week_before
from operations.terminal import Column
from tests.operations.ledger import UNPRICED, Call, fill

APRIL, MAY = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)
CALL = Call(APRIL + timedelta(days=3), tenant="acme")
LATE = replace(CALL, time=MAY - timedelta(minutes=1), costs=(7, 0, 0, 0, 0), tenant="a|b <i>")
CALLS = [
    replace(CALL, time=APRIL), LATE, replace(CALL, tenant="zebra", model="large"),
    replace(CALL, data_mode="test"), replace(CALL, data_mode="demo"), replace(CALL, environment="dev"),
    replace(CALL, costs=None, price_status=UNPRICED, model="new"), replace(CALL, time=MAY),
    replace(CALL, time=TODAY - timedelta(days=1)), replace(CALL, time=TODAY - timedelta(days=8)),
    replace(CALL, time=TODAY - timedelta(days=2), endpoint="search"),
]  # fmt: skip


@pytest.fixture(scope="module")
def ledger(module_database: str) -> str:
    """April, of which one call was received in May; and calls of the last two weeks."""
    fill(module_database, CALLS)
    with psycopg.connect(module_database, autocommit=True) as connection:
        connection.execute(
            "UPDATE _genai.model_call SET received_at = %s WHERE time = %s", (MAY + HOUR, LATE.time)
        )
        connection.execute(
            "INSERT INTO _genai.ledger_run (kind) VALUES ('reprice');"
            "INSERT INTO _genai.ledger_line (run_id, at, kind, day, environment, data_mode, provider,"
            " model, calls, cost_pico_usd) SELECT id, '2026-05-03', 'reprice', '2026-04-04', 'prod',"
            " 'real', 'openai', 'small', 0, 5000000000000 FROM _genai.ledger_run"
        )
    return module_database


def run(ledger: str, *arguments: str) -> Result:
    done = CliRunner().invoke(build(), [*arguments, "--database-url", ledger], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def dashboard(ledger: str) -> tuple[Decimal, Decimal]:
    """What the Month dashboard shows of April: spent, and in the invoice scope."""
    with psycopg.connect(ledger) as connection:
        row = connection.execute(
            "SELECT spent_usd, invoice_usd FROM genai.month_state(%s, 'prod', 'real')",
            [MAY - timedelta(microseconds=1)],
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_the_month_is_that_of_the_dashboard(ledger: str) -> None:
    told = json.loads(run(ledger, "report", "month", "2026-04", "--format", "json").stdout)
    scopes = {row["scope"]: row for row in told["scopes"]}

    assert (Decimal(scopes["real"]["costUsd"]), Decimal(scopes["invoice"]["costUsd"])) == dashboard(ledger)
    assert scopes["real"]["atLeast"]
    assert (scopes["real"]["unpricedCalls"], scopes["real"]["calls"]) == (1, 4)
    assert scopes["invoice"]["calls"] == 6, "real and test of all environments, no demo"
    assert {(row["provider"], row["model"]) for row in told["byModel"]} == {
        ("openai", "small"), ("openai", "large"), ("openai", "new"),
    }  # fmt: skip
    assert sum(Decimal(row["costUsd"]) for row in told["byTenant"]) == Decimal(scopes["real"]["costUsd"])


def test_the_month_names_late_calls_and_corrections(ledger: str) -> None:
    told = json.loads(run(ledger, "report", "month", "2026-04", "--format", "json").stdout)

    assert told["lateCalls"] == {"calls": 1, "costUsd": "0.000000000007", "isComplete": True}
    (correction,) = told["corrections"]
    assert (correction["kind"], correction["costUsd"], correction["afterEndUsd"]) == ("reprice", "5", "5")
    shown = run(ledger, "report", "month", "2026-04").stdout
    assert "1 call, $0.000000000007, received after the month" in shown
    assert "$5.00 after the month's end" in shown
    assert "≥ $0.00" in shown


def test_markdown_escapes_what_comes_from_outside(ledger: str) -> None:
    text = run(ledger, "report", "month", "2026-04", "--format", "md").stdout

    assert text.startswith("# Spend of 2026-04\n")
    assert "a\\|b &lt;i\\>" in text
    report = Report("t", [], [ReportTable("x", [Column("a"), Column("b", figures=True)], [["*1*", "2"]])], {})
    assert markdown(report).splitlines()[-3:] == ["| a | b |", "| --- | ---: |", "| \\*1\\* | 2 |"]


def test_the_week_compares_seven_full_days(ledger: str) -> None:
    told = json.loads(run(ledger, "report", "weekly", "--format", "json").stdout)

    assert told["to"] == f"{TODAY:%Y-%m-%d}T00:00:00Z"
    total = told["total"]
    assert Decimal(total["costUsd"]) == 2 * Decimal(CALL.cost).scaleb(-12)
    assert Decimal(total["baselineCostUsd"]) == Decimal(CALL.cost).scaleb(-12)
    assert sum(map(Decimal, total["terms"].values())) == Decimal(total["deltaUsd"])
    assert {row["segment"] for row in told["endpoints"]} == {"checkout", "search"}
    assert "week before" in run(ledger, "report", "weekly").stdout


def test_a_week_ends_with_the_last_full_day() -> None:
    start, end = week_before(datetime(2026, 3, 9, 0, 0, 1, tzinfo=UTC))
    assert (start, end) == (datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    "by", ["tenant", "tenant,model", "endpoint", "service,prompt-version", "user,service"]
)
def test_an_export_sums_to_the_dashboard(ledger: str, by: str, tmp_path: Path) -> None:
    file = tmp_path / "april.csv"
    run(ledger, "export", "--month", "2026-04", "--by", by, "--out", str(file))
    manifest = json.loads(file.with_name("april.csv.manifest.json").read_text())
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))

    assert sum(Decimal(row["costUsd"]) for row in rows) == Decimal(manifest["costUsd"])
    assert Decimal(manifest["costUsd"]) == dashboard(ledger)[0]
    assert manifest["sha256"] == sha256(file.read_bytes()).hexdigest()
    assert (manifest["rows"], manifest["calls"], manifest["unpricedCalls"]) == (len(rows), 4, 1)
    assert (manifest["from"], manifest["to"]) == ("2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z")
    classes = ("inputCostUsd", "cacheReadCostUsd", "cacheWriteCostUsd", "outputCostUsd", "otherCostUsd")
    assert all(sum(Decimal(row[name]) for name in classes) == Decimal(row["costUsd"]) for row in rows)


def test_the_invoice_scope_is_exported(ledger: str) -> None:
    done = run(ledger, "export", "--month", "2026-04", "--invoice", "--format", "json")
    rows: list[dict[str, Any]] = json.loads(done.stdout)

    assert sum(Decimal(row["costUsd"]) for row in rows) == dashboard(ledger)[1]
    assert {(row["environment"], row["dataMode"]) for row in rows} == {
        ("prod", "real"), ("prod", "test"), ("dev", "real"),
    }  # fmt: skip
    assert json.loads(done.stderr)["sha256"] == sha256(done.stdout.encode()).hexdigest()


def test_parquet_keeps_every_digit(ledger: str, tmp_path: Path) -> None:
    file = tmp_path / "april.parquet"
    run(ledger, "export", "--month", "2026-04", "--format", "parquet", "--out", str(file))
    assert sum(parquet.read_table(file)["costUsd"].to_pylist()) == dashboard(ledger)[0]


def test_parquet_names_its_extra_where_it_is_missing(
    ledger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    arguments = ["export", "--month", "2026-04", "--format", "parquet", "--out", str(tmp_path / "x")]
    done = CliRunner().invoke(build(), [*arguments, "--database-url", ledger])
    assert done.exit_code == 2
    assert "spanledger[parquet]" in done.output
