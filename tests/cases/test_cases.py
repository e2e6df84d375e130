"""Every reported case through `spanledger inspect --json`: counted once, read right, priced or not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from tests.cases.comparison import CASES, Case, faults

OPEN: dict[str, str] = {}
"""Cases that are wrong still → what is missing. The test fails when one is right, so that it goes."""


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Case name → what `inspect --json` says of it."""
    data_dir = str(tmp_path_factory.mktemp("data"))
    arguments = ["inspect", "--json", "--data-dir", data_dir, *(str(case.path) for case in CASES)]
    result = CliRunner().invoke(build(), arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {Path(line["file"]).stem: line for line in lines}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_reported_case_is_right(case: Case, inspected: dict[str, dict[str, Any]]) -> None:
    said = faults(case.truth, inspected[case.name])
    if case.name in OPEN:
        assert said, f"{case.name} is right by now: take it out of OPEN"
        pytest.xfail(OPEN[case.name])
    assert said == []


def test_every_case_names_its_source_and_is_written_once() -> None:
    assert len(CASES) >= 24
    assert [case.name for case in CASES if not case.truth["source"] or not case.truth["why"]] == []


def test_the_open_cases_are_cases() -> None:
    assert OPEN.keys() <= {case.name for case in CASES}
