"""A tab of a headless Chromium that is driven by its DevTools protocol over a pipe: real clicks, no library.

Source:
    https://chromedevtools.github.io/devtools-protocol/ and `--remote-debugging-pipe` (file descriptors 3, 4)
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SECONDS = 30.0
_ON_3_AND_4 = """
import os, sys
for given, there in ((1, 50), (2, 51)):
    os.dup2(int(sys.argv[given]), there)
os.dup2(50, 3)
os.dup2(51, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The protocol is spoken on the descriptors 3 and 4."""


class Tab:
    """One page: loads, clicks, types and looks."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out, self._buffer = into, out, b""
        self._numbers = itertools.count(1)
        self._session: str | None = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    def size(self, width: int, height: int, dark: bool = False) -> None:
        """The window in CSS pixels, and which colours its person prefers."""
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=False,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, address: str) -> None:
        """Load an address."""
        self._ask("Page.navigate", url=address)
        self._loaded()

    def click(self, text: str) -> None:
        """Click on the link or button with that text, once, where it is; wait for what it loads."""
        found = f"""[...document.querySelectorAll('a,button')].find(
            each => each.textContent.replace(/\\s+/g, ' ').trim() === {json.dumps(text)})"""
        before = self.run("performance.timeOrigin")
        place = self.run(f"""(() => {{
            const it = {found};
            if (!it) return null;
            it.scrollIntoView({{block: 'center'}});
            const box = it.getClientRects()[0];
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()""")
        assert place is not None, f"nothing to click on is called {text!r}: {self.text()[:500]}"
        for kind in ("mousePressed", "mouseReleased"):
            self._ask(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1
            )
        self._loaded(before)

    def press(self, key: str, code: int) -> None:
        """Press a key, such as Tab (9) or Enter (13)."""
        text = "\r" if key == "Enter" else None
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **more)

    def text(self) -> str:
        """What stands on the page, in one line."""
        return " ".join(str(self.run("document.body ? document.body.innerText : ''")).split())

    def run(self, script: str) -> Any:
        """The value of an expression."""
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, path: Path) -> None:
        """The whole page as PNG."""
        shot = self._ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _loaded(self, before: object = None) -> None:
        end = time.monotonic() + _SECONDS
        is_ready = "document.readyState === 'complete' && location.href !== 'about:blank'"
        while time.monotonic() < end:
            is_there, origin = self.run(f"[{is_ready}, performance.timeOrigin]")
            if is_there and origin != before:
                return
            time.sleep(0.05)
        raise TimeoutError(f"the page did not load: {self.text()[:300]}")

    def _ask(self, method: str, **values: object) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": values}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._into, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            answer = self._next(end)
            if answer.get("id") == number:
                if "error" in answer and "Cannot find context" in str(answer["error"]):
                    time.sleep(0.05)  # the page is just being replaced
                    return self._ask(method, **values)
                assert "error" not in answer, (method, answer)
                result: dict[str, Any] = answer["result"]
                return result
        raise TimeoutError(method)

    def _next(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            readable, _, _ = select.select([self._out], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                raise TimeoutError("the browser does not answer")
            part = os.read(self._out, 1 << 16)
            if not part:
                raise EOFError("the browser has ended")
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def tab(chromium: str, place: Path) -> Iterator[Tab]:
    """A tab of a browser that lives as long as the block; its files are in `place`."""
    to_it, into = os.pipe()
    out, from_it = os.pipe()
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
    browser = subprocess.Popen(
        [sys.executable, "-c", _ON_3_AND_4, str(to_it), str(from_it), chromium, *flags,
         "--remote-debugging-pipe", f"--user-data-dir={place / 'profile'}"],
        pass_fds=(to_it, from_it), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=place,
    )  # fmt: skip
    os.close(to_it)
    os.close(from_it)
    try:
        yield Tab(into, out)
    finally:
        browser.terminate()
        browser.wait(20)
        os.close(into)
        os.close(out)
