"""docker-compose.yml and the Dockerfile, held against the code that they run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from pydantic import BaseModel

from cli.__main__ import COMMANDS
from receiver.config import parse_address
from service.config import Config, load_config
from service.housekeeping import tasks
from storage.schema.grafana_role import READER
from storage.schema.migrate import migrate

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SERVICE: dict[str, Any] = COMPOSE["services"]["service"]
DATABASE: dict[str, Any] = COMPOSE["services"]["timescaledb"]
GRAFANA: dict[str, Any] = COMPOSE["services"]["grafana"]


def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile: (word, arguments)."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def arguments(word: str) -> list[str]:
    return [rest for instruction, rest in dockerfile() if instruction == word]


def image_environment() -> dict[str, str]:
    pairs = [pair.partition("=") for line in arguments("ENV") for pair in shlex.split(line)]
    return {name: value for name, _, value in pairs}


def setting_variables(model: type[BaseModel] = Config, prefix: str = "SPANLEDGER_") -> set[str]:
    """Every variable that the configuration knows."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        inner = [
            kind for kind in (field.annotation, *getattr(field.annotation, "__args__", ())) if is_model(kind)
        ]
        variable = f"{prefix}{name.upper()}"
        names |= setting_variables(inner[0], f"{variable}__") if inner else {variable}
    return names


def is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def interpolated(environment: dict[str, str], outside: dict[str, str]) -> dict[str, str]:
    """Compose's `${NAME:-default}` and `${NAME:?message}`."""

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match.groups()
        return outside.get(name) or (rest if operator == ":-" else "")

    return {name: re.sub(r"\$\{(\w+)(:[-?])?([^}]*)\}", value, text) for name, text in environment.items()}


def test_the_container_configuration_is_accepted() -> None:
    outside = {"SERVICE_PASSWORD": "p@ss/word:%"}
    environment = image_environment() | interpolated(SERVICE["environment"], outside)
    config = load_config(environment=environment)
    assert config.database.url is not None
    assert config.public_url == "http://localhost:4319"


def test_every_variable_names_a_setting() -> None:
    named = {name for name in image_environment() | SERVICE["environment"] if name.startswith("SPANLEDGER_")}
    assert named
    assert named <= setting_variables()


def test_the_published_ports_are_those_that_are_listened_on() -> None:
    config = load_config(environment=image_environment())
    listened = {
        parse_address(each).port for each in (config.receiver.grpc, config.receiver.http, config.ops.listen)
    }
    published = {int(port.rpartition(":")[2]) for port in SERVICE["ports"]}
    exposed = {int(port) for line in arguments("EXPOSE") for port in line.split()}
    assert listened == published == exposed == {4317, 4318, 4319}


def test_pages_and_metrics_are_published_to_this_machine_only() -> None:
    assert [port for port in SERVICE["ports"] if port.endswith(":4319")] == ["127.0.0.1:4319:4319"]


def test_the_data_directory_is_a_volume_that_the_user_owns() -> None:
    directory = image_environment()["SPANLEDGER_DATA_DIR"]
    assert directory in arguments("VOLUME")
    assert f"service:{directory}" in SERVICE["volumes"]
    assert any(f"--home-dir {directory} --create-home" in line for line in arguments("RUN"))
    assert set(COMPOSE["volumes"]) == {"database", "service", "grafana"}


def test_nothing_runs_as_root() -> None:
    assert arguments("USER") == ["spanledger"]
    assert dockerfile().index(("USER", "spanledger")) < [word for word, _ in dockerfile()].index("ENTRYPOINT")


def test_the_entrypoint_is_our_script_and_the_command_is_one_of_its_commands() -> None:
    (entrypoint,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    assert json.loads(entrypoint)[0] in PROJECT["project"]["scripts"]
    assert json.loads(command)[0] in {entry.name for entry in COMMANDS}


def test_commands_in_the_comments_exist() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    text += (ROOT / "Makefile").read_text()
    used = re.findall(r"(?:exec service spanledger|run --rm service) (\w+)", text)
    assert {"keys", "migrate"} <= set(used)
    assert set(used) <= {entry.name for entry in COMMANDS}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_health_checks_ask_for_paths_that_are_served(path: str) -> None:
    checks = f"{SERVICE['healthcheck']['test']} {(ROOT / 'Dockerfile').read_text()}"
    assert f"http://127.0.0.1:4319{path}" in checks
    assert any(f'"{path}"' in source.read_text() for source in (ROOT / "service").rglob("*.py"))


def test_what_is_copied_exists_and_is_in_the_build_context() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for line in arguments("COPY") if "--from" not in line for source in line.split()[:-1]}
    assert all((ROOT / source).exists() for source in copied)
    assert copied == kept


def test_every_package_is_in_the_image() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    sources = {*wheel["only-include"], *(path.split("/")[0] for path in wheel["force-include"])}
    copied = {line.split()[0] for line in arguments("COPY")}
    assert sources <= copied


def test_the_image_installs_from_the_lock_alone() -> None:
    installs = [line for line in arguments("RUN") if "pip install" in line]
    assert len(installs) == 2
    assert all("--no-deps" in line for line in installs)
    assert "--require-hashes" in installs[0]
    assert "--no-build-isolation" in installs[1]


def test_versions_are_pinned_and_agree() -> None:
    assert fnmatch(DATABASE["image"], "timescale/timescaledb:*.*.*-pg1[5-9]")
    assert fnmatch(GRAFANA["image"], "grafana/grafana:12.[2-9].*")
    assert SERVICE["image"] == f"spanledger:{PROJECT['project']['version']}"
    assert {line.split()[0] for line in arguments("FROM")} == {"python:3.11-slim-trixie"}
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_secrets_come_from_the_environment_and_are_demanded() -> None:
    own = ("POSTGRES_PASSWORD", "SERVICE_PASSWORD", "GRAFANA_READER_PASSWORD")
    assert all(DATABASE["environment"][name].startswith(f"${{{name}:?") for name in own)
    assert SERVICE["environment"]["PGPASSWORD"] == DATABASE["environment"]["SERVICE_PASSWORD"]
    example = (ROOT / ".env.example").read_text()
    assert all(f"{name}=\n" in example for name in (*own, "GRAFANA_ADMIN_PASSWORD"))
    assert GRAFANA["environment"]["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_ADMIN_PASSWORD:?")
    assert ".env\n" in (ROOT / ".gitignore").read_text()


def test_the_service_waits_for_the_database_and_has_time_to_stop() -> None:
    assert SERVICE["depends_on"]["timescaledb"]["condition"] == "service_healthy"
    assert int(SERVICE["stop_grace_period"].removesuffix("s")) > 30  # DESIGN §10: it exits within 30 s


def test_grafana_gets_every_variable_that_the_provisioning_reads() -> None:
    files = (ROOT / "dashboards" / "provisioning").rglob("*.yaml")
    read = {
        name
        for file in files
        for name in re.findall(r"^[^#\n]*\$(LEDGER_\w+)", file.read_text(), re.MULTILINE)
    }
    assert read == {name for name in GRAFANA["environment"] if name.startswith("LEDGER_")}
    assert GRAFANA["environment"]["LEDGER_DB_ADDRESS"] == "timescaledb:5432"
    assert GRAFANA["environment"]["LEDGER_DB_NAME"] == DATABASE["environment"]["POSTGRES_DB"]


def test_grafana_finds_its_files_where_they_are_mounted() -> None:
    assert "./dashboards:/etc/spanledger/dashboards:ro" in GRAFANA["volumes"]
    environment = GRAFANA["environment"]
    for name in ("GF_PATHS_PROVISIONING", "LEDGER_DASHBOARDS", "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"):
        assert (ROOT / environment[name].removeprefix("/etc/spanledger/")).exists(), name
    assert GRAFANA["ports"] == ["127.0.0.1:3000:3000"]


ROLES = ROOT / "dashboards" / "compose" / "roles.sh"


def made_roles(**values: str) -> list[str]:
    """The statements of the script, with psql's variables filled in."""
    statements = ROLES.read_text().split("<<'SQL'\n")[1].split("SQL\n")[0]
    for name, value in values.items():
        statements = statements.replace(f":'{name}'", f"'{value}'").replace(f':"{name}"', f'"{value}"')
    return [part.strip() for part in re.sub("^--.*$", "", statements, flags=re.MULTILINE).split(";")][:-1]


def test_the_reader_that_the_database_is_made_with_is_the_one_that_grafana_logs_in_as() -> None:
    assert any(volume.startswith("./dashboards/compose/roles.sh:") for volume in DATABASE["volumes"])
    (role,) = re.findall(r"CREATE ROLE (\w+) LOGIN NOINHERIT CONNECTION LIMIT 20", ROLES.read_text())
    (source,) = yaml.safe_load(
        (ROOT / "dashboards" / "provisioning" / "datasources" / "spanledger.yaml").read_text()
    )["datasources"]
    assert role == source["user"] == READER
    assert os.access(ROLES, os.X_OK)
    password = GRAFANA["environment"]["LEDGER_DB_PASSWORD"]
    assert password == DATABASE["environment"]["GRAFANA_READER_PASSWORD"]


def test_the_service_logs_in_as_the_owner_that_the_script_makes() -> None:
    (owner,) = re.findall(r"--set owner=(\w+)", ROLES.read_text())
    assert SERVICE["environment"]["PGUSER"] == owner != DATABASE["environment"]["POSTGRES_USER"]


@pytest.mark.both_servers
def test_the_service_does_its_work_without_being_a_superuser(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        name = admin.info.dbname
        owner = f"owner_{name[-12:]}"
        for statement in made_roles(database=name, owner=owner, owner_password="x", reader_password="reads"):
            # The cluster's reader is there already; it belongs to all tests.
            with contextlib.suppress(psycopg.errors.DuplicateObject):
                admin.execute(statement.encode())
        try:
            uri = psycopg.conninfo.make_conninfo(database, user=owner, password="x")
            assert migrate(uri) == [], "no warning: it may set up the reader"
            with psycopg.connect(uri, autocommit=True) as service:
                rights = (
                    "SELECT rolsuper, pg_has_role(%s, 'USAGE') FROM pg_roles WHERE rolname = current_user"
                )
                assert service.execute(rights, (READER,)).fetchone() == (False, True)
                for task in tasks(Config(), uri):
                    task.run(service)
        finally:
            admin.execute(f'ALTER DATABASE "{name}" OWNER TO CURRENT_USER'.encode())
            admin.execute(f"DROP OWNED BY {owner} CASCADE; DROP ROLE {owner}".encode())
