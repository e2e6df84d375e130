"""`spanledger` and `python -m spanledger`: the command line, without code of the current directory."""

from __future__ import annotations

import os
import sys

_OURS = os.path.dirname(os.path.realpath(__file__))


def _leave_current_directory_out() -> None:
    """It may hold someone's own `yaml.py`; `python -m` and an empty part of PYTHONPATH put it first."""
    try:
        here = os.path.realpath("")
    except FileNotFoundError:  # it was deleted: nothing can come from it
        return
    if here != _OURS:
        sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != here]


def main() -> None:
    """Run one command."""
    _leave_current_directory_out()
    from cli.__main__ import main as run

    run()


if __name__ == "__main__":
    main()
