"""Neighbours of the reported cases through `spanledger inspect --json`: right, or visibly not known."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from tests.cases.comparison import faults
from tests.cases.neighbours import NEIGHBOURS, Neighbour


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Name → what `inspect --json` says of it."""
    folder = tmp_path_factory.mktemp("neighbours")
    files = [folder / f"{neighbour.name}.json" for neighbour in NEIGHBOURS]
    for file, neighbour in zip(files, NEIGHBOURS, strict=True):
        file.write_text(neighbour.payload())
    arguments = ["inspect", "--json", "--data-dir", str(folder / "data"), *map(str, files)]
    result = CliRunner().invoke(build(), arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {Path(line["file"]).stem: line for line in lines}


@pytest.mark.parametrize("neighbour", NEIGHBOURS, ids=lambda neighbour: neighbour.name)
def test_a_neighbour_of_a_reported_case_is_right(
    neighbour: Neighbour, inspected: dict[str, dict[str, Any]]
) -> None:
    assert faults(neighbour.truth, inspected[neighbour.name]) == []


def test_every_neighbour_has_a_name_a_source_and_a_reason() -> None:
    names = Counter(neighbour.name for neighbour in NEIGHBOURS)
    assert [name for name, times in names.items() if times > 1] == []
    assert [n.name for n in NEIGHBOURS if not n.told["source"] or not n.told["why"]] == []
