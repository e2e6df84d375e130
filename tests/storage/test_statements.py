"""The statements of the ledger: each named once, described, and used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from storage.statements import named, query

STORAGE = Path(__file__).parents[2] / "storage"
FILES = sorted(STORAGE.glob("*/*.sql"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_statement_begins_with_a_sentence(file: Path) -> None:
    statements = named(file.read_text(encoding="utf-8"))
    assert [name for name, text in statements.items() if not text.startswith("-- ")] == []


def test_every_statement_is_used_by_its_name() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for room in ("storage", "operations", "service")
        for path in (STORAGE.parent / room).rglob("*.py")
    )
    prefixes = re.findall(r'f"(\w+_)\{', code)
    names = {name for file in FILES for name in named(file.read_text(encoding="utf-8"))}
    unused = {name for name in names if f'"{name}"' not in code and not name.startswith(tuple(prefixes))}
    assert unused == set()


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="no_such_statement"):
        query("no_such_statement")
