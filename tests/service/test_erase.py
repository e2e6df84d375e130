"""`spanledger erase`: counts first, erases on request, and running receivers hear of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from cli import erase as command
from cli.__main__ import build
from processor.calls.admission import Admission
from processor.calls.identity import ERASED
from service.config import load_config
from service.erasures_and_tenants import KnownPeople
from service.identity_keys import load_identity_rules
from storage.ingest.writer import Writer
from tests.service.test_commands import run, run_json
from tests.storage.ledger import call, rows, totals, value, write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with an identity key, and no waiting for receivers that do not run."""
    load_identity_rules(load_config(None, {("data_dir",): ("--data-dir", tmp_path)}, {}))
    monkeypatch.setattr(command, "_SETTLE_SECONDS", 0.0)
    return tmp_path


def stored_form(folder: Path, user: str) -> str:
    return load_identity_rules(load_config(None, {("data_dir",): ("", folder)}, {})).user(user).stored or ""


def store(dsn: str, *users: str, data_mode: str = "real") -> None:
    writer = Writer(dsn)
    write(writer, [call(f"{user} {data_mode}", user_id=user, data_mode=data_mode) for user in users])
    writer.close()


def test_it_only_counts_until_it_is_told_to_apply(migrated_database: str, folder: Path) -> None:
    stored = stored_form(folder, "jane@example.com")
    store(migrated_database, stored, "h:other")
    where = ("--database-url", migrated_database, "--data-dir", str(folder))
    told = run_json("erase", "--user", "jane@example.com", *where)
    assert told == {
        "what": "user",
        "reach": {"calls": 1, "rollups": 1, "sightings": 0, "quarantine": 0},
        "erased": None,
    }
    assert stored in {user for (user,) in rows(migrated_database, "SELECT user_id FROM genai.model_call")}
    before = totals(migrated_database)
    shown = run("erase", "--user", "jane@example.com", "--apply", *where).stdout
    assert "1 stored call now without an identity (`__erased__`); no figure changed" in shown
    assert totals(migrated_database) == before
    users = rows(migrated_database, "SELECT user_id FROM genai.model_call ORDER BY 1")
    assert users == [(ERASED,), ("h:other",)]


def test_a_running_receiver_maps_the_value_from_then_on(migrated_database: str, folder: Path) -> None:
    where = ("--database-url", migrated_database, "--data-dir", str(folder))
    rules = load_identity_rules(load_config(None, {("data_dir",): ("", folder)}, {}))
    heard = KnownPeople(lambda: connection(migrated_database), Admission(rules))
    heard.load()
    assert rules.user("jane@example.com").stored == stored_form(folder, "jane@example.com")
    CliRunner().invoke(build(), ["erase", "--user", "-", "--apply", *where], input="jane@example.com\n")
    heard.load()
    assert rules.user("jane@example.com") == rules.user("JANE@example.com") == (ERASED, False)
    assert rules.tenant("jane@example.com").stored != ERASED


def connection(dsn: str) -> AbstractContextManager[psycopg.Connection]:
    return psycopg.connect(dsn, autocommit=True)


def test_demo_calls_go_and_real_ones_never(migrated_database: str, folder: Path) -> None:
    store(migrated_database, "a", "b", data_mode="demo")
    store(migrated_database, "a")
    where = ("--database-url", migrated_database, "--data-dir", str(folder))
    assert run_json("erase", "--data-mode", "demo", "--apply", *where)["erased"]["calls"] == 2
    refused = CliRunner().invoke(build(), ["erase", "--data-mode", "real", "--apply", *where])
    assert refused.exit_code == 2
    assert value(migrated_database, "SELECT count(*) FROM genai.model_call") == 1


@pytest.mark.parametrize("options", [[], ["--user", "a", "--tenant", "b"]])
def test_exactly_one_thing_is_erased_at_once(options: list[str]) -> None:
    done = run("erase", *options)
    assert done.exit_code == 2
    assert "give one of" in done.output


def test_a_value_that_names_nobody_is_refused(migrated_database: str, folder: Path) -> None:
    where = ("--database-url", migrated_database, "--data-dir", str(folder))
    assert "names nobody" in run("erase", "--user", "  ", *where).output
