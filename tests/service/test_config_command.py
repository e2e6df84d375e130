"""`spanledger config`: what is in force, who said so, and a file to start from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from processor.calls.errors import ConfigError
from service.config import Config, load_config
from service.config_file import commented, without_password
from service.config_source import dotted, leaves


def run(*arguments: str) -> str:
    done = CliRunner().invoke(build(), list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_file_holds_every_setting_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "spanledger.yaml"
    run("config", "init", str(file))

    assert load_config(file, environment={}) == load_config(environment={})
    names = re.findall(r"^ *#(\w+):(?: |$)", file.read_text(), re.MULTILINE)
    assert [path[-1] for path in leaves(Config) if path[-1] not in names] == []


def test_the_defaults_in_the_file_are_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "spanledger.yaml"
    file.write_text(re.sub(r"^( *)#(\w+: \S.*)$", r"\1\2", commented(), flags=re.MULTILINE))

    changed = load_config(file, environment={}).model_dump()
    assert {**changed, "data_dir": None} == {**load_config(environment={}).model_dump(), "data_dir": None}


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "spanledger.yaml"
    file.write_text("workers: 2\n")

    with pytest.raises(ConfigError, match="exists already"):
        run("config", "init", str(file))
    assert file.read_text() == "workers: 2\n"


def test_every_setting_is_shown_with_who_set_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "spanledger.yaml"
    file.write_text("receiver:\n  grpc: 127.0.0.1:5317\n")
    monkeypatch.setenv("SPANLEDGER_WORKERS", "3")

    found = json.loads(
        run("--config", str(file), "config", "show", "--json", "--database-url", "postgresql://u:hunter2@h/x")
    )

    assert [each["name"] for each in found] == [dotted(path) for path in leaves(Config)]
    told = {each["name"]: (each["value"], each["origin"]) for each in found}
    assert told["receiver.grpc"] == ("127.0.0.1:5317", f"{file}:2")
    assert told["receiver.http"][1] == "default"
    assert told["workers"] == (3, "environment SPANLEDGER_WORKERS")
    assert told["database.url"] == ("postgresql://u:***@h/x", "--database-url")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://h/x", "postgresql://h/x"),
        ("postgresql://u:a:b@h/x", "postgresql://u:***@h/x"),
        ("postgresql://h/x?password=hunter2", "***"),
        ("host=h password=hunter2", "***"),
        ("postgresql://[", "***"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_options_stand_before_the_command_or_behind_it(tmp_path: Path) -> None:
    before = run("--data-dir", str(tmp_path), "config", "show")
    behind = run("config", "show", "--data-dir", str(tmp_path))

    assert before == behind
    assert str(tmp_path) in before.replace("\n", "")


def test_two_places_that_differ_are_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        build(), ["--data-dir", str(tmp_path), "config", "show", "--data-dir", str(tmp_path / "other")]
    )

    assert done.exit_code == 2
    assert "before the command" in done.output
