"""The repository itself: what it must not contain, what it promises to have, and that its parts agree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-demo.lock", "requirements-dev.lock")
LONGEST_FILE = 450
LONGEST_SQL_FUNCTION = 80
LONGER_SQL_FUNCTIONS = {"genai.compare": 200, "genai.month_state": 90}
"""Still to be split, and no longer than this until then."""

PLACES = re.compile(r"(?<![\w.\-/])/(?:work|home/\w+|Users/\w+|mnt)/")
"""Directories of somebody's machine."""
REGISTRIES = re.compile(
    r"pypi\.org/simple|pythonhosted\.org|registry\.npmjs|index-url|extra-index|deb\.debian\.org"
)


@cache
def tracked() -> list[Path]:
    """Every file that git knows and that is there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


@cache
def texts() -> dict[str, str]:
    """Every tracked text file but this one: name → content."""
    found: dict[str, str] = {}
    for path in tracked():
        if path != Path(__file__):
            try:
                found[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
    return found


def makefile_targets() -> dict[str, str]:
    """The targets that a developer may type, with their line of help."""
    text = (ROOT / "Makefile").read_text()
    return dict(re.findall(r"^([a-z-]+):.*?## (.+)$", text, re.MULTILINE))


def locked(name: str) -> dict[str, str]:
    """Package → version of a lock file."""
    return dict(re.findall(r"^([a-z0-9.\-_]+)==([^ ;\\]+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("pattern", [PLACES, REGISTRIES], ids=["places", "registries"])
def test_no_file_names_a_machine_or_a_registry(pattern: re.Pattern[str]) -> None:
    assert {name: match[0] for name, text in texts().items() if (match := pattern.search(text))} == {}


def test_no_python_file_is_too_long_to_hold_in_the_head() -> None:
    lengths = {
        name: text.count("\n")
        for name, text in texts().items()
        if name.endswith(".py") and "_pb2" not in name
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def sql_functions() -> dict[str, int]:
    """Every function of the contract with its number of lines."""
    found: dict[str, int] = {}
    for name, text in texts().items():
        if name.startswith("storage/schema/views/"):
            for made in re.finditer(r"^CREATE FUNCTION ([\w.]+)\(.*?AS (\$\w*\$).*?\2", text, re.M | re.S):
                found[made[1]] = made[0].count("\n") + 1
    return found


def test_no_sql_function_is_too_long_to_hold_in_the_head() -> None:
    lengths = sql_functions()
    assert len(lengths) > 100
    longer = {name: length for name, length in lengths.items() if length > LONGEST_SQL_FUNCTION}
    assert longer.keys() == LONGER_SQL_FUNCTIONS.keys(), "one that has become shorter leaves the list"
    assert {name: n for name, n in longer.items() if n > LONGER_SQL_FUNCTIONS[name]} == {}


def test_every_package_directory_of_tests_is_a_package() -> None:
    folders = {path.parent for path in tracked() if path.name.startswith("test_") and path.suffix == ".py"}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_make_target_says_what_it_does() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(phony.split()) - set(makefile_targets()) <= {"timescale"}
    assert {
        "demo",
        "test",
        "check",
        "bench",
        "proto",
        "lock",
        "up",
        "down",
        "lint",
        "fmt",
        "migrate",
        "clean",
    } <= set(makefile_targets())


def test_make_alone_lists_the_targets() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert all(f"make {target}" in listed.stdout for target in makefile_targets())


def test_ci_runs_the_suite() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text().strip())
    assert len(blocks) == len(locked(lock)) > 30
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_locks_agree_and_each_holds_the_one_before() -> None:
    service, demo, dev = (locked(name) for name in LOCKS)
    assert service.items() <= demo.items() <= dev.items()


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.lock", ["build"]),
        ("requirements-demo.lock", ["demo"]),
        ("requirements-dev.lock", ["dev", "estimate", "grafana"]),
    ],
)
def test_the_locks_satisfy_the_project(lock: str, extras: list[str]) -> None:
    versions = locked(lock)
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]
    requirements = [Requirement(line) for line in wanted]
    stale = [
        str(each)
        for each in requirements
        if not each.specifier.contains(versions.get(each.name.lower(), "0"))
    ]
    assert stale == [], "run `make lock`"


@pytest.mark.slow
def test_every_process_collects_the_same_tests() -> None:
    """xdist refuses a run whose workers differ: no name may hold a time, a random number or a set's order."""
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "--no-header", "tests"]
    collections = [
        subprocess.Popen(
            command, cwd=ROOT, env={**_outside(), "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True
        )
        for seed in ("1", "2")
    ]
    one, other = (each.communicate()[0].splitlines()[:-1] for each in collections)
    assert len(one) > 5000
    assert [(a, b) for a, b in zip(one, other, strict=True) if a != b] == []


def _outside() -> dict[str, str]:
    """The environment without that of an xdist worker."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
