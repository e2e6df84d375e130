"""`spanledger identity map`: shows first, moves on request; `check` and `serve` read the same file."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from cli import identity_moves
from processor.calls.admission import Admission
from processor.calls.errors import ConfigError
from service.config import load_config
from service.erasures_and_tenants import KnownPeople
from service.identity_keys import load_identity_rules
from storage.ingest.writer import Writer
from tests.service.test_commands import run, run_json
from tests.storage.ledger import call, rows, totals, write

FILE = """version: 1
users:
  - {value: jane@example.com, label: Jane, tenant: acme}
  - {value: jane@example.com, tenant: globex, from: 2026-09-20}
"""
DAY_NS = 86_400 * 10**9


@pytest.fixture
def where(migrated_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Options of a ledger with a key and a file; nobody has to be waited for."""
    monkeypatch.setattr(identity_moves, "_SETTLE_SECONDS", 0.0)
    load_identity_rules(load_config(None, {("data_dir",): ("", tmp_path)}, {}))
    (tmp_path / "identities.yaml").write_text(FILE)
    (tmp_path / "spanledger.yaml").write_text("identity: {labels: %s}\n" % (tmp_path / "identities.yaml"))
    return (
        "--database-url", migrated_database, "--data-dir", str(tmp_path),
        "--config", str(tmp_path / "spanledger.yaml"),
    )  # fmt: skip


def store(where: tuple[str, ...]) -> None:
    rules = load_identity_rules(load_config(None, {("data_dir",): ("", Path(where[3]))}, {}))
    user = rules.user("jane@example.com").stored
    writer = Writer(where[1])
    at = call("a").time_ns
    write(
        writer,
        [call(f"jane {day}", user_id=user, tenant_id=None, time_ns=at - day * DAY_NS) for day in range(4)],
    )
    writer.close()


def test_it_only_tells_until_it_is_told_to_apply(where: tuple[str, ...]) -> None:
    store(where)
    told = run_json("identity", "map", *where)
    assert (told["applied"], told["calls"], told["run"], told["keptFrom"]) == (False, 4, None, None)
    assert [(c["day"], c["from"], c["to"], c["calls"]) for c in told["cells"]] == [
        ("2026-09-18", "unknown", "acme", 1),
        ("2026-09-19", "unknown", "acme", 1),
        ("2026-09-20", "unknown", "globex", 1),
        ("2026-09-21", "unknown", "globex", 1),
    ]
    tenants = "SELECT tenant_id, count(*) FROM genai.model_call GROUP BY 1 ORDER BY 1"
    assert rows(where[1], tenants) == [("unknown", 4)]
    before = totals(where[1])
    shown = run("identity", "map", *where).stdout
    assert "4 calls would move to another tenant, with $0.0000" in shown.replace("\n", " "), shown
    assert "Dry run, nothing changed" in shown
    assert "4 calls moved, booked as run 1" in run("identity", "map", "--apply", *where).stdout
    assert rows(where[1], tenants) == [("acme", 2), ("globex", 2)]
    assert totals(where[1]) == before
    assert "no stored call had to move" in run("identity", "map", "--apply", *where).stdout
    assert rows(where[1], "SELECT why FROM genai.ledger_run") == [("identities.yaml",)]


def test_an_applied_file_is_in_force_in_running_receivers(where: tuple[str, ...]) -> None:
    rules = Admission(load_identity_rules(load_config(None, {("data_dir",): ("", Path(where[3]))}, {})))
    people = KnownPeople(lambda: psycopg.connect(where[1], autocommit=True), rules)
    people.load()
    assert not rules.tenants
    run("identity", "map", "--apply", *where)
    people.load()
    user = rules.identities.user("jane@example.com").stored
    assert [rules.tenants.of(user, at) for at in (1, call("a").time_ns)] == ["acme", "globex"]


def test_check_reads_the_file_with_line_and_reason(where: tuple[str, ...]) -> None:
    found = {f["name"]: f for f in run_json("check", *where)}
    assert re.match("1 names, 2 tenants of users in .*identities.yaml", found["identities"]["text"])
    (Path(where[3]) / "identities.yaml").write_text(
        FILE + "  - {value: ken, tenant: acme, since: 2026-01-01}\n"
    )
    result = run("check", *where)
    assert result.exit_code == 1
    assert "identities.yaml:5: users[2].since: unknown key" in result.stdout.replace("\n", " ")


def test_without_a_file_there_is_nothing_to_map_by(migrated_database: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"identity\.labels names no file"):
        run("identity", "map", "--database-url", migrated_database, "--data-dir", str(tmp_path))
