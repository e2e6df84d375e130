"""Dashboards are paused and resumed from the command line, by name or all."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from cli.__main__ import build


def run(dsn: str, *arguments: str) -> tuple[int, str]:
    wide = {"COLUMNS": "160"}
    done = CliRunner().invoke(build(), ["dashboards", *arguments, "--database-url", dsn], env=wide)
    return done.exit_code, done.output


def only(name: str) -> tuple[str, str]:
    return "--dashboard", name


def test_dashboards_are_paused_by_name_listed_and_resumed(migrated_database: str) -> None:
    dsn = migrated_database
    code, said = run(dsn, "pause", *only("month"), *only("spanledger-budgets"), "--by", "alice")
    assert (code, said) == (0, "Paused: month, budgets. `spanledger dashboards resume` ends it.\n")
    paused = json.loads(run(dsn, "list", "--json")[1])
    assert [each["dashboard"] for each in paused] == ["spanledger-budgets", "spanledger-month"]
    assert {each["pausedBy"] for each in paused} == {"alice"}
    assert run(dsn, "resume", "--dashboard", "month")[1] == "Resumed: month.\n"
    assert run(dsn, "pause", "--for", "30m", "--why", "backfill")[0] == 0
    shown = run(dsn, "list")[1]
    assert "never paused" in shown
    assert "backfill" in shown
    assert "still paused together" in run(dsn, "resume", "--dashboard", "budgets")[1]
    assert run(dsn, "resume") == (0, "Resumed: all.\n")
    assert run(dsn, "resume")[1] == "Nothing of that was paused.\n"


def test_what_is_critical_or_unknown_is_refused(migrated_database: str) -> None:
    code, said = run(migrated_database, "pause", "--dashboard", "overview")
    assert code == 2
    assert "never paused" in said
    code, said = run(migrated_database, "pause", "--dashboard", "bugdets")
    assert code == 2
    assert "budgets" in said
