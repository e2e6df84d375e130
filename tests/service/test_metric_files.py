"""The folder of the workers' counters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from service.metric_files import shared_folder

KILLED = """
import os
from service.metric_files import shared_folder
with shared_folder():
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def folders(here: Path) -> list[str]:
    return sorted(path.name for path in here.glob("spanledger-metrics-*"))


def test_it_is_there_for_the_length_of_the_block(here: Path) -> None:
    with shared_folder() as made:
        (made / "counter_1.db").touch()
        assert folders(here) == [made.name]
    assert folders(here) == []


def test_a_start_deletes_what_a_killed_service_left_and_no_folder_in_use(here: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED], env={**os.environ, "TMPDIR": str(here)}, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    [left] = folders(here)
    with shared_folder() as running, shared_folder() as second:
        assert folders(here) == sorted([running.name, second.name])
        assert left not in folders(here)


@pytest.mark.parametrize(("pid", "stays"), [(os.getpid(), True), (2**22 + 1, False)], ids=["running", "gone"])
def test_a_folder_of_a_version_before_goes_when_its_processes_are_gone(
    here: Path, pid: int, stays: bool
) -> None:
    (here / "spanledger-metrics-old").mkdir()
    (here / "spanledger-metrics-old" / f"gauge_livesum_{pid}.db").touch()
    with shared_folder():
        assert (here / "spanledger-metrics-old").exists() is stays
