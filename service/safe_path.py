"""Child processes import no code from the current directory: it may hold someone's own `yaml.py`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_OURS = Path(__file__).resolve().parents[1]
"""Where we are installed, or the source tree."""


def without_current_directory(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a child that is started with `python -P`.

    `export PYTHONPATH=$PYTHONPATH:/some/where` leaves an empty part, which means the current directory.
    """
    parts = environment.get("PYTHONPATH", "").split(os.pathsep)
    kept = os.pathsep.join(part for part in parts if part and not _is_here(part))
    return {**environment, "PYTHONPATH": kept, "PYTHONSAFEPATH": "1"}


def _is_here(part: str) -> bool:
    return Path(part).resolve() == Path.cwd() != _OURS
