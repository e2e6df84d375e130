"""Failed calls stand beside the successes of the model that would have answered."""

from __future__ import annotations

import json

import psycopg
import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from processor.calls.call import ERROR
from processor.calls.model_ids import version_of
from tests.processor.pricing_cases import library
from tests.storage.ledger import call, rows
from tests.storage.test_amendments import stored


def test_sql_and_prices_cut_the_same_version_off_a_name(migrated_database: str) -> None:
    listed = {found.record.id.lower() for found, _ in library().every()}
    names = sorted({*listed, *(f"{name}-2024-07-18" for name in listed), "-latest", "", "a@20250514-v1:0"})
    with psycopg.connect(migrated_database) as connection:
        found = connection.execute(
            "SELECT n, genai.model_family(n) FROM unnest(%s::text[]) n", (names,)
        ).fetchall()
    assert dict(found) == {n: n[: version_of(n).start] or n for n in names}


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku"),
        ("claude-opus-4-7[1m]", "claude-opus-4-7"),
        ("prod-chat", "prod-chat"),
        ("__other__", "__other__"),
    ],
)
def test_a_family_is_the_undated_name(migrated_database: str, model: str, family: str) -> None:
    assert rows(migrated_database, f"SELECT genai.model_family('{model}')") == [(family,)]


def test_success_by_model_is_a_figure(migrated_database: str) -> None:
    dated = {"model": "gpt-4o-mini-2024-07-18", "request_model": "gpt-4o-mini"}
    failed = {"model": "gpt-4o-mini", "request_model": "gpt-4o-mini", "status": ERROR}
    calls = [call(f"fine {n}", **dated) for n in range(9)] + [call("failed", **failed)]
    stored(migrated_database, calls)
    window = ["--from", "2026-09-01", "--to", "2026-10-01", "--database-url", migrated_database]
    done = CliRunner().invoke(build(), ["top", "model", "--json", *window], catch_exceptions=False)
    told = {row["model"]: row for row in json.loads(done.stdout)["rows"]}
    assert told.keys() == {"gpt-4o-mini", "gpt-4o-mini-2024-07-18"}
    assert {(row["family"], row["familyCalls"], row["familySuccesses"]) for row in told.values()} == {
        ("gpt-4o-mini", 10, 9)
    }
    shown = CliRunner().invoke(build(), ["top", "model", *window], catch_exceptions=False)
    assert "answered" in shown.stdout
    assert "90.0%" in shown.stdout
    attempts = """
        SELECT segment, calls, successes, errors FROM genai.attempts(
            '2026-09-01', '2026-10-01', p_dimension => 'family')
    """
    assert rows(migrated_database, attempts) == [("gpt-4o-mini", 10, 9, 1)]
