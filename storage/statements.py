"""SQL of the ledger: each room's statements in one file, named and described there, read once."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from storage.schema.measures import write_out

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def query(name: str) -> bytes:
    """The statement under `-- name --` in one of `storage/<room>/*.sql`, its measures written out.

    Raises:
        KeyError: no room has a statement of that name.
    """
    return _statements()[name]


@cache
def _statements() -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for file in sorted(Path(__file__).parent.glob("*/*.sql")):
        statements = statements_of(file)
        if twice := found.keys() & statements.keys():
            raise ValueError(f"{file.name}: {', '.join(sorted(twice))} stands in another room too")
        found |= statements
    return found


def statements_beside(module: str) -> Callable[[str], bytes]:
    """What finds a statement by name in the `queries.sql` beside a module.

    Args:
        module: its `__file__`.
    """
    file = Path(module).with_name("queries.sql")
    return lambda name: statements_of(file)[name]


@cache
def statements_of(file: Path) -> dict[str, bytes]:
    """The statements of one file by name, their measures written out."""
    return {name: write_out(text).encode() for name, text in named(file.read_text(encoding="utf-8")).items()}


def named(text: str) -> dict[str, str]:
    """The statements of a file by name. What stands before the first name is for readers."""
    _, *parts = _NAME.split(text)
    return {name: statement.strip() for name, statement in zip(parts[::2], parts[1::2], strict=True)}
