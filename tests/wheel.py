"""The wheel, built and installed into an environment of its own, without a registry.

The environment holds links to those installed packages that the wheel asks for, with all that they ask for,
and nothing else: an undeclared dependency is missing there as it would be at a user's.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable, Iterator
from email.parser import Parser
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


def build(directory: Path) -> Path:
    """Build the wheel of this source tree."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (wheel,) = directory.glob("*.whl")
    return wheel


def requirements(wheel: Path, extra: str = "") -> list[Requirement]:
    """What the wheel asks for, without any extra or with one."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        headers = Parser().parsestr(archive.read(name).decode())
    return list(_holding(headers.get_all("Requires-Dist", []), {"", extra}))


def project_requirements(extra: str = "") -> list[Requirement]:
    """The same, as pyproject.toml says it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"][extra] if extra else []
    return [Requirement(line) for line in (*project["dependencies"], *optional)]


def install(wheel: Path, directory: Path, extra: str = "") -> Path:
    """An environment with the wheel and what it asks for; returns the folder of its programs."""
    venv.create(directory, with_pip=False, symlinks=True)
    (packages,) = directory.glob("lib/python*/site-packages")
    for distribution in _with_overwriting(closure(requirements(wheel, extra))):
        _link(distribution, packages)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(directory / "bin" / "python"), "install", "--quiet",
         "--disable-pip-version-check", "--no-index", "--no-deps", "--no-compile", str(wheel)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return directory / "bin"


def closure(wanted: Iterable[Requirement]) -> list[metadata.Distribution]:
    """The installed distributions of these requirements, and all that they need in turn."""
    found: dict[str, metadata.Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = list(wanted)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        found.setdefault(name, metadata.distribution(name))
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += _holding(found[name].requires or [], {"", extra})
    return list(found.values())


def _with_overwriting(wanted: list[metadata.Distribution]) -> list[metadata.Distribution]:
    """These, and those that have overwritten files of them here: urllib3-future installs a `urllib3`."""
    files = {file for each in wanted for file in _modules(each)}
    names = {each.name for each in wanted}
    others = (each for each in metadata.distributions() if each.name not in names)
    return [*wanted, *(each for each in others if files & _modules(each))]


def _modules(distribution: metadata.Distribution) -> set[str]:
    """The Python files in packages of a distribution."""
    record = (distribution.read_text("RECORD") or "").splitlines()
    paths = (line.partition(",")[0] for line in record)
    return {path for path in paths if path.endswith(".py") and "/" in path and not path.startswith("..")}


def _holding(lines: Iterable[str], extras: set[str]) -> Iterator[Requirement]:
    """The requirements whose marker holds here, with one of these extras."""
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement


def _link(distribution: metadata.Distribution, packages: Path) -> None:
    for file in distribution.files or ():
        if ".." in file.parts or file.suffix == ".pth":
            continue
        place = packages / file
        real = Path(str(distribution.locate_file(file))).resolve()
        if not place.exists() and real.exists():  # bytecode too: compiling it anew would take seconds
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(real)
