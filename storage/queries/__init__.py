"""The SQL of the ledger's writer and housekeeping, one statement per file."""

from __future__ import annotations

from pathlib import Path

from storage.schema.measures import write_out

_FOLDER = Path(__file__).parent


def query(name: str) -> bytes:
    """The statement in `<name>.sql`, its measures written out."""
    return write_out((_FOLDER / f"{name}.sql").read_text(encoding="utf-8")).encode()
