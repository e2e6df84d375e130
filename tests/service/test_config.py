"""Settings: three sources, one model, and errors that say where."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from processor.calls.errors import ConfigError
from service import config_page
from service.config import Config, duration_text, load_config
from service.config_source import leaves, variable


def refusal(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> str:
    """What a file is refused with, its path left out."""
    file = tmp_path / "spanledger.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config(file, environment=environment or {})
    return str(error.value).replace(f"{file}:", "")


def test_without_any_source_the_defaults_hold() -> None:
    config = load_config(environment={})

    assert config == Config()
    assert config.database.url is None
    assert config.receiver.grpc == "127.0.0.1:4317"


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    file = tmp_path / "spanledger.yaml"
    file.write_text("workers: 2\nops: {listen: '127.0.0.1:1'}\nretention: {raw: 60d}\n")
    environment = {"SPANLEDGER_WORKERS": "3", "SPANLEDGER_OPS__LISTEN": "127.0.0.1:2"}

    config = load_config(file, {("workers",): ("--workers", 4)}, environment)

    assert (config.workers, config.ops.listen) == (4, "127.0.0.1:2")
    assert config.retention.raw == timedelta(days=60)


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "spanledger.yaml"
    file.write_text("workers: 7\n")

    assert load_config(environment={"SPANLEDGER_CONFIG": str(file)}).workers == 7


@pytest.mark.parametrize("path", leaves(Config), ids=".".join)
def test_every_setting_has_its_environment_variable(path: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(environment={variable(path): "[not: a, value]"})

    if path not in (("public_url",), ("grafana_url",), ("trace_url",)):
        assert f"environment {variable(path)}: {'.'.join(path)}" in str(error.value)


DIALECT = """receiver:
  dialects:
  - name: acme
    scope: acme
    fields:
      input_tokens: a.in
"""
ONE = "receiver.dialects[0]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("receiver:\n  grcp: x\n", "2: receiver.grcp: no such setting (did you mean receiver.grpc?)"),
        ("\nlimts:\n  values_per_day: 1\n", "2: limts: no such setting"),
        ("workers: none\n", "1: workers: Input should be a valid integer"),
        ("workers: 0\n", "1: workers: Input should be greater than or equal to 1"),
        ("ops:\n\n  listen: 4319\n", "3: ops.listen: Input should be a valid string"),
        ("ops:\n  listen: here\n", "2: ops.listen: expected HOST:PORT"),
        ("retention:\n  raw: 90\n", "2: retention.raw: expected a duration with its unit"),
        ("retention:\n  minute: 12h\n", "2: retention.minute: expected whole days"),
        (
            "retention:\n  identity: 20d\n",
            "1: retention: late_limit (31d) must be shorter than identity (20d)",
        ),
        ("retention:\n  raw: 31d\n", "1: retention: late_limit (31d) must be shorter than raw (31d)"),
        ("workers: 1\nworkers: 2\n", "2: workers: duplicate key"),
        ("- a\n", "1: expected sections"),
        ("workers: [1\n", "2: not YAML: "),
        ("prices:\n  file: /nowhere/prices.yaml\n", "2: prices.file: no such file: /nowhere/prices.yaml"),
        (DIALECT + "      inpt_tokens: x\n", f"7: {ONE}.fields.inpt_tokens: no such field (did you mean"),
        (DIALECT + "    scpe: x\n", f"7: {ONE}.scpe: no such setting (did you mean {ONE}.scope"),
        (DIALECT + "    calls: {values: [x]}\n", f"7: {ONE}.calls: values need an attribute"),
        (DIALECT + "      model: 'a→'\n", f"7: {ONE}.fields.model[0]: expected an attribute, or"),
        (DIALECT + "    name: other\n", f"7: {ONE}.name: duplicate key"),
        (DIALECT.replace("input_tokens", "model"), f"3: {ONE}: fields: input_tokens or output_tokens"),
        (DIALECT.replace("acme", "Acme Inc."), f"3: {ONE}.name: String should match"),
        (DIALECT + DIALECT.split("\n", 2)[2], "2: receiver.dialects: the name acme is there twice"),
        ("receiver:\n  dialects:\n  - name: acme\n", f"3: {ONE}.scope: Field required"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_reason(tmp_path: Path, text: str, expected: str) -> None:
    assert refusal(tmp_path, text).startswith(expected)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    told = refusal(tmp_path, "workers: 0\nops:\n  listen: x\n").splitlines()

    assert [line.split(":")[0] for line in told] == ["1", "3"]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml: cannot be read: No such file"):
        load_config(tmp_path / "nothing.yaml", environment={})


def test_an_unknown_variable_is_refused_with_its_neighbour() -> None:
    with pytest.raises(
        ConfigError, match=r"SPANLEDGER_WORKER: no such setting \(did you mean SPANLEDGER_WORKERS"
    ):
        load_config(environment={"SPANLEDGER_WORKER": "2"})


def test_the_variables_of_the_test_suite_are_no_settings() -> None:
    assert load_config(environment={"SPANLEDGER_TEST_FULL_SIZE": "1"}) == load_config(environment={})


def test_a_value_that_is_refused_is_never_quoted(tmp_path: Path) -> None:
    secret = "postgresql://u:hunter2@db/x"

    assert "hunter2" not in refusal(tmp_path, f"database:\n  url: [{secret}]\n")
    assert "hunter2" not in refusal(tmp_path, f"database:\n  url: {secret}\n  writers: 0\n")
    assert "hunter2" not in refusal(tmp_path, f"database: {{url: '{secret}\n")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DATABASE_URL": "postgresql://a/b"}, "postgresql://a/b"),
        ({"PGHOST": "db"}, "postgresql://"),
        ({"PGHOST": "db", "DATABASE_URL": "postgresql://a/b"}, "postgresql://a/b"),
        (
            {"DATABASE_URL": "postgresql://a/b", "SPANLEDGER_DATABASE__URL": "postgresql://c/d"},
            "postgresql://c/d",
        ),
        ({"PGUSER": "me"}, None),
    ],
)
def test_the_standard_names_of_the_database(environment: dict[str, str], expected: str | None) -> None:
    url = load_config(environment=environment).database.url

    assert (url.get_secret_value() if url else None) == expected


def test_secrets_are_masked_where_settings_are_shown() -> None:
    config = load_config(environment={"DATABASE_URL": "postgresql://u:hunter2@db/x"})

    assert "hunter2" not in f"{config!r} {config.model_dump(mode='json')}"
    assert config.model_dump(mode="json")["retention"]["late_limit"] == "31d"


@pytest.mark.parametrize("text", ["30s", "15m", "12h", "31d", "36h"])
def test_a_duration_is_shown_as_it_is_written(text: str) -> None:
    config = load_config(environment={"SPANLEDGER_RETENTION__LATE_LIMIT": text})

    assert duration_text(config.retention.late_limit) == text


def test_the_page_has_every_setting_with_its_default() -> None:
    """An undocumented setting fails here: run `python -m service.config_page`."""
    text = config_page.PAGE.read_text()

    assert config_page.page(text) == text


def test_the_page_shows_an_example_that_is_valid(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", config_page.PAGE.read_text(), re.DOTALL)
    assert example is not None
    file = tmp_path / "spanledger.yaml"
    prices = tmp_path / "prices.yaml"
    prices.touch()
    file.write_text(example[1].replace("/etc/spanledger/prices.yaml", str(prices)))

    config = load_config(file, environment={})

    assert config.workers == 2
    assert config.trace_url == "https://tempo.internal/trace/{traceId}"
