"""The SQL of the ledger's writer and housekeeping, one statement per file."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def query(name: str) -> bytes:
    """The statement in `<name>.sql`."""
    return (_FOLDER / f"{name}.sql").read_bytes()
