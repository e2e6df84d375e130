"""What the tests want beside Python, and why this machine lacks it: one table for skips and header."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.timescale_root import why_unavailable

NOT_HERE = "not tested on this machine"
"""Starts the reason of every skip for want of something; the run's summary collects them by it."""

KEPT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanledger-tests"
"""What is built or downloaded once for all clones on this machine; its names hold the versions."""
COLLECTOR_VERSION = "v0.165.0"
COLLECTOR = KEPT / f"otelcol-{COLLECTOR_VERSION}" / "otelcol-small"


def chromium() -> str | None:
    """The browser's program."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def _timescale() -> str | None:
    return None if os.environ.get("SPANLEDGER_TEST_TIMESCALE_URL") else why_unavailable()


def _node() -> str | None:
    return None if shutil.which("npm") and shutil.which("node") else "no Node: install node and npm"


def _collector() -> str | None:
    has_one = COLLECTOR.exists() or shutil.which("go")
    return None if has_one else f"no Collector in {COLLECTOR.parent}, and Go is not installed to build one"


NEEDS: dict[str, Callable[[], str | None]] = {
    "timescale": _timescale,
    "grafana": lambda: None if os.environ.get("GRAFANA_URL") else "no Grafana: GRAFANA_URL is not set",
    "grafana program": lambda: (
        None if os.environ.get("GRAFANA") else "no Grafana to start: GRAFANA is not set"
    ),
    "chromium": lambda: None if chromium() else "no Chromium: none on the path, and CHROMIUM is not set",
    "node": _node,
    "collector": _collector,
}
"""Name of a need → why it is not met here; None when it is."""


def missing() -> list[str]:
    """Why something will not be tested here, a line for each."""
    return [reason for why in NEEDS.values() if (reason := why())]


def require(config: pytest.Config, need: str) -> None:
    """Skip the test, or fail it under `--require-services`, when the machine does not offer this."""
    if reason := NEEDS[need]():
        skip(config, reason)


def skip(config: pytest.Config, reason: str) -> None:
    """Skip the test for want of something, or fail it under `--require-services`."""
    if config.getoption("--require-services"):
        pytest.fail(f"--require-services: {reason}")
    pytest.skip(f"{NOT_HERE}: {reason}")
