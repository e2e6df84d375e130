"""Commands, settings and metrics that the documentation names exist, and every metric is documented."""

from __future__ import annotations

import re

from typer.core import TyperGroup
from typer.main import get_command

from cli.__main__ import OLD_NAMES, build
from service import metrics
from service.config import Config
from service.config_source import leaves, variable
from tests.test_repository import texts

PAGES = {name: text for name, text in texts().items() if name.endswith(".md") and name != "CHANGELOG.md"}
READERS_OWN = {"SPANLEDGER_API_KEY", "SPANLEDGER_KEY"}
"""Variables of the reader's shell in examples."""
COMMAND = re.compile(
    r"(?:`|^\$ |^ {4}|^\.venv/bin/|^|&& )spanledger ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", re.MULTILINE
)
"""A command as pages write it, and the word after it, which is a subcommand where it has any."""
SUFFIXES = ("_bucket", "_sum", "_count")


def families() -> dict[str, str]:
    """Our metrics as they are declared → their kinds."""
    found = {family.name: family.type for family in metrics.registry().collect()}
    return {name: kind for name, kind in found.items() if name.startswith("spanledger_")}


def exposed() -> set[str]:
    """Our metrics as Prometheus scrapes them, and the series of histograms."""
    names = {f"{name}_total" if kind == "counter" else name for name, kind in families().items()}
    histograms = [name for name, kind in families().items() if kind == "histogram"]
    return names | {name + suffix for name in histograms for suffix in SUFFIXES}


def test_every_variable_that_a_page_names_is_a_setting() -> None:
    known = {variable(path) for path in leaves(Config)} | {"SPANLEDGER_CONFIG"} | READERS_OWN
    named = {
        (page, name)
        for page, text in PAGES.items()
        for name in re.findall(r"\b(SPANLEDGER_[A-Z_]+[A-Z])\b(?!<)", text)
        if not name.startswith("SPANLEDGER_TEST_")
    }
    assert named
    assert {pair for pair in named if pair[1] not in known} == set()


def test_every_metric_that_a_page_names_is_exposed() -> None:
    named = {
        (page, name)
        for page, text in PAGES.items()
        for name in re.findall(r"\b(spanledger_[a-z_]+[a-z])\b", text)
    }
    assert named
    assert {pair for pair in named if pair[1] not in exposed()} == set()


def test_every_metric_is_listed_for_those_who_monitor() -> None:
    page = PAGES["docs/monitoring.md"]
    assert {name for name in families() if f"`{name}" not in page} == set()


def test_every_command_that_a_page_names_is_one() -> None:
    named = {(page, *found) for page, text in PAGES.items() for found in COMMAND.findall(text)}
    assert len(named) > 30
    assert {each for each in named if not is_command(*each[1:])} == set()


def is_command(name: str, following: str) -> bool:
    """Whether there is such a command today, and such a subcommand where it has any."""
    top = get_command(build())
    context = top.make_context("spanledger", [], resilient_parsing=True)
    command = top.get_command(context, name) if isinstance(top, TyperGroup) else None
    if command is None or name in OLD_NAMES:
        return False
    return not isinstance(command, TyperGroup) or not following or following in command.commands
