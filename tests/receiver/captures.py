"""Real captures as test cases: the payload as received and what is true of it (`expected.json`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent / "fixtures" / "captures"


@dataclass(frozen=True)
class Capture:
    """One case of one instrumentation."""

    path: Path
    """The `.expected.json` file."""

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.name.removesuffix('.expected.json')}"

    @cached_property
    def truth(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.path.read_text())
        return loaded

    @property
    def payload(self) -> Path:
        return self.path.with_name(self.path.name.replace(".expected.json", ".pb"))

    @property
    def body(self) -> bytes:
        """The whole case as one request; empty where nothing was exported."""
        return self.payload.read_bytes() if self.payload.exists() else b""

    @property
    def parts(self) -> list[bytes]:
        """The single requests, where there was more than one."""
        stem = self.path.name.removesuffix(".expected.json")
        return [part.read_bytes() for part in sorted(self.path.parent.glob(f"{stem}.part*.pb"))]


CAPTURES = [Capture(path) for path in sorted(ROOT.glob("*/*.expected.json"))]
IN_PARTS = [capture for capture in CAPTURES if capture.parts]
