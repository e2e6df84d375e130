"""The folder in which worker processes share their counters: created at the start, deleted at the end."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_PREFIX = "spanledger-metrics-"
_OWNER = "owner"
"""Locked by the service for as long as it runs; the lock goes with the process, however it ends."""
_FILE_OF_A_PROCESS = re.compile(r"_(\d+)\.db$")


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder of our own; folders that killed services left behind are deleted first."""
    _clean()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as made, (Path(made) / _OWNER).open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        yield Path(made)


def _clean() -> None:
    for found in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if found.is_dir() and not found.is_symlink() and _is_ours(found) and _is_left_behind(found):
            shutil.rmtree(found, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.geteuid()
    except FileNotFoundError:
        return False


def _is_left_behind(folder: Path) -> bool:
    try:
        with (folder / _OWNER).open() as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except OSError:  # made before folders had an owner, or being made at this moment
        processes = [
            int(found[1]) for entry in folder.iterdir() if (found := _FILE_OF_A_PROCESS.search(entry.name))
        ]
        return bool(processes) and not any(map(psutil.pid_exists, processes))
