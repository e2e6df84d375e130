"""Our dashboards under other names, and the commands around them, without a Grafana."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cli.__main__ import build
from dashboards.files import committed, names, renamed
from dashboards.paths import DASHBOARDS
from processor.calls.errors import ConfigError

ACME = names("acme", datasource_uid="ledger-of-acme")


@cache
def uids_of_acme() -> set[str]:
    return {renamed(dashboard, ACME)["uid"] for dashboard in committed().values()}


def parts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no container, with where it stands."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    if not isinstance(value, dict | list):
        yield path, value
    for name, item in pairs:
        yield from parts(item, f"{path}.{name}")


@pytest.mark.parametrize("file", sorted(committed()))
def test_without_a_prefix_nothing_changes(file: str) -> None:
    assert renamed(committed()[file], names()) == committed()[file]


@pytest.mark.parametrize("file", sorted(committed()))
def test_a_prefix_changes_uids_and_links_and_nothing_else(file: str) -> None:
    before, after = dict(parts(committed()[file])), dict(parts(renamed(committed()[file], ACME)))
    assert before.keys() == after.keys()
    for path, value in before.items():
        last = path.rpartition(".")[2]
        if value == after[path]:
            continue
        if path == ".uid" or path.startswith(".tags."):
            assert after[path] == f"acme-{value}"
        elif last == "uid":
            assert (value, after[path]) == ("spanledger", "ledger-of-acme")
        else:
            assert last == "url"
            assert after[path] == f"/d/acme-{value.removeprefix('/d/')}"


@pytest.mark.parametrize("file", sorted(committed()))
def test_under_a_prefix_every_link_and_query_stays_in_the_house(file: str) -> None:
    for path, value in parts(renamed(committed()[file], ACME)):
        if path.endswith(".url") and value.startswith("/d/"):
            uid = value.removeprefix("/d/").partition("?")[0]
            assert uid in uids_of_acme() or uid == "acme-${__data.fields.focus_uid}", path
        if path.endswith("datasource.uid"):
            assert value in ("ledger-of-acme", "-- Dashboard --"), path


def test_one_installation_never_takes_the_uids_of_another() -> None:
    files = committed().values()
    some = [
        {renamed(dashboard, names(prefix))["uid"] for dashboard in files} for prefix in ("", "a", "b", "a-b")
    ]
    assert len(set[str]().union(*some)) == sum(map(len, some)) == 4 * len(files)


@pytest.mark.parametrize(
    "prefix", ["a b", "a/b", "ä", "-a", "a-", "a" * 13, "spanledger", "Spanledger-2", "${x}", "a_b", "a\n"]
)
def test_a_prefix_that_no_uid_can_have_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="--prefix"):
        names(prefix)


def test_names_follow_the_prefix_unless_they_are_given() -> None:
    assert names() == ("", "Spanledger", "spanledger")
    assert names("acme") == ("acme", "Spanledger acme", "acme-spanledger")
    assert names("acme", "Money", "pg") == ("acme", "Money", "pg")
    assert (names().folder_uid, names("acme").folder_uid) == ("spanledger", "acme-spanledger")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["grafana", *arguments])


def test_export_writes_the_committed_files_as_they_are(tmp_path: Path) -> None:
    done = run("export", str(tmp_path))

    assert done.exit_code == 0, done.output
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {str(Path(line).relative_to(tmp_path)) for line in done.stdout.splitlines()} == written
    for name, dashboard in committed().items():
        assert json.loads((tmp_path / "dashboards" / name).read_text()) == dashboard
    for path in (DASHBOARDS / "provisioning").rglob("*.yaml"):
        exported = tmp_path / path.relative_to(DASHBOARDS)
        assert yaml.safe_load(exported.read_text()) == yaml.safe_load(path.read_text())


def test_exported_provisioning_names_folder_and_data_source(tmp_path: Path) -> None:
    assert run("export", str(tmp_path), "--prefix", "acme", "--folder", 'Money: "ours"').exit_code == 0

    provider = yaml.safe_load((tmp_path / "provisioning/dashboards/spanledger.yaml").read_text())[
        "providers"
    ][0]
    source = yaml.safe_load((tmp_path / "provisioning/datasources/spanledger.yaml").read_text())[
        "datasources"
    ][0]
    assert (provider["name"], provider["folder"], provider["folderUid"]) == (
        "acme-spanledger", 'Money: "ours"', "acme-spanledger",
    )  # fmt: skip
    assert (source["uid"], source["type"]) == ("acme-spanledger", "grafana-postgresql-datasource")
    assert source["url"] == "$LEDGER_DB_ADDRESS"


def test_export_leaves_other_files_alone_and_writes_ours_again(tmp_path: Path) -> None:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "theirs.json").write_text("{}")
    first = [path.read_text() for path in map(Path, run("export", str(tmp_path)).stdout.splitlines())]
    again = [path.read_text() for path in map(Path, run("export", str(tmp_path)).stdout.splitlines())]
    assert first == again
    assert (tmp_path / "dashboards" / "theirs.json").read_text() == "{}"


@pytest.mark.parametrize("missing", ["GRAFANA_URL", "GRAFANA_TOKEN"])
def test_push_says_which_setting_is_missing(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    pytest.importorskip("grafana_client", reason="the extra `grafana` is not installed")
    monkeypatch.setenv("GRAFANA_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GRAFANA_TOKEN", "t")
    monkeypatch.delenv(missing)
    done = run("push")
    assert isinstance(done.exception, ConfigError)
    assert str(done.exception).startswith(missing)


@pytest.mark.parametrize("url", ["grafana:3000", "ftp://grafana", "http://"])
def test_an_address_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    pytest.importorskip("grafana_client", reason="the extra `grafana` is not installed")
    monkeypatch.setenv("GRAFANA_URL", url)
    monkeypatch.setenv("GRAFANA_TOKEN", "t")
    assert "GRAFANA_URL: expected http" in str(run("diff").exception)


def test_a_grafana_that_is_away_is_told_in_a_line_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("grafana_client", reason="the extra `grafana` is not installed")
    monkeypatch.setenv("GRAFANA_URL", "http://127.0.0.1:1/grafana/")
    monkeypatch.setenv("GRAFANA_TOKEN", "glsa_secret")
    done = run("diff")
    assert isinstance(done.exception, ConfigError)
    assert "Grafana at http://127.0.0.1:1 does not answer" in str(done.exception)
    assert "glsa_secret" not in str(done.exception)


def test_without_the_extra_push_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "grafana_client", None)
    monkeypatch.setitem(sys.modules, "grafana_client.api", None)
    monkeypatch.setitem(sys.modules, "grafana_client.client", None)
    monkeypatch.delitem(sys.modules, "dashboards.push", raising=False)
    assert "pip install '.[grafana]'" in str(run("push").exception)
    assert run("export", str(tmp_path)).exit_code == 0
