"""The pages in a real browser, on a wide and on a narrow window; SCREENSHOTS keeps the pictures."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from operations.compare.model import Question
from operations.web.parameters import Links
from service.web.ops import ops_app
from tests.operations.ledger import fill
from tests.operations.test_classify import BEFORE, NOW, V2, tokens, traffic
from tests.operations.test_pages_ledger import HOUR
from tests.service.test_ops import status

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDE, NARROW = (1200, 1800), (500, 2400)
"""Chromium makes no window narrower than 500 pixels."""


@contextmanager
def served(dsn: str) -> Iterator[str]:
    """The ops port's pages on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(ops_app(status(dsn)), log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.02)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def browse(chromium: str, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
    profile = f"--user-data-dir={place / 'profile'}"
    return subprocess.run(
        [chromium, *flags, profile, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=place,
    )


def pixels(png: Path) -> tuple[int, int]:
    """Width and height from the header."""
    width, height = struct.unpack(">II", png.read_bytes()[16:24])
    return width, height


@pytest.mark.timeout(600)
def test_every_page_shows_its_figures_in_a_browser(
    migrated_database: str, chromium: str, tmp_path: Path
) -> None:
    fill(migrated_database, [*traffic(BEFORE, 200), *traffic(NOW, 220, tokens(1.6, like=V2))])
    story = Links("./").compare(Question(NOW, NOW + HOUR))
    assert story is not None
    place = Path(os.environ.get("SCREENSHOTS", tmp_path))
    place.mkdir(exist_ok=True)
    with served(migrated_database) as address:
        home = f"{address}/{story.removeprefix('./').replace('compare', '', 1)}"
        for name, url in {"home": home, "compare": f"{address}/{story.removeprefix('./')}"}.items():
            for size, (width, height) in {"wide": WIDE, "narrow": NARROW}.items():
                shot = place / f"{name}-{size}.png"
                browse(chromium, tmp_path, f"--window-size={width},{height}", f"--screenshot={shot}", url)
                assert pixels(shot) == (width, height)
                assert shot.stat().st_size > 20_000, "a blank page is smaller"
            dom = browse(chromium, tmp_path, "--dump-dom", url).stdout
            assert "checkout" in dom
            assert "<script" not in dom
