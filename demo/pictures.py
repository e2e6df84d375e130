"""`python -m demo.pictures FOLDER`: the first screen of every dashboard, from a Grafana that shows the demo.

GRAFANA_URL names the server. It lets readers in without a password, as the demo's does; Chromium takes the
pictures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from dashboards.links import MONTHLY
from dashboards.page import TITLES
from demo.stage import StageError

WIDTH, HEIGHT = 1440, 900
LARGEST_BYTES = 150_000
"""A page of documentation with ten pictures stays below two megabytes."""
PATIENCE_MS = 40_000
"""Time of the page, not of the clock: it stands still while answers are awaited."""


def main() -> None:
    """Take all of them into the folder named on the command line.

    Raises:
        StageError: GRAFANA_URL is not set, there is no Chromium, or a picture is larger than is kept.
    """
    address, browser = os.environ.get("GRAFANA_URL", ""), chromium()
    if not address or not browser:
        raise StageError("pictures need GRAFANA_URL, a Grafana that shows the demo, and Chromium on the path")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for uid in TITLES:
        picture = folder / f"{uid.removeprefix('spanledger-')}.webp"
        take(browser, page_of(address, uid), picture)
        print(f"{picture}: {picture.stat().st_size:,} bytes")
        if picture.stat().st_size > LARGEST_BYTES:
            raise StageError(f"{picture} is larger than {LARGEST_BYTES:,} bytes")


def chromium() -> str:
    """The browser's program, '' where there is none; CHROMIUM names another than the one on the path."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""


def page_of(grafana: str, uid: str, theme: str = "light") -> str:
    """The address of a dashboard with the demo's last day, without Grafana's own menu."""
    choice = {"from": "now/M" if uid in MONTHLY else "now-24h", "to": "now", "timezone": "utc"}
    shown = urlencode({**choice, "var-data_mode": "demo", "theme": theme})
    return f"{grafana}/d/{uid}?{shown}&kiosk"


def take(browser: str, address: str, picture: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    """Write what a window of this size shows once everything is loaded."""
    browse(browser, address, f"--screenshot={picture.absolute()}", size)


def browse(browser: str, address: str, wanted: str, size: tuple[int, int]) -> str:
    """Open a page in a browser without a window; what it prints when everything is loaded."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
        flags += [f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]
        done = subprocess.run(
            [browser, *flags, f"--virtual-time-budget={PATIENCE_MS}", wanted, address],
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    main()
