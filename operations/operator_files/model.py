"""One mechanism for every file that operators keep under review: read strictly, versioned in the database."""

from __future__ import annotations

import socket
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from processor.calls.errors import ConfigError
from processor.calls.strict_yaml import Value, read_yaml
from storage.statements import statements_beside

_query = statements_beside(__file__)

Connection = psycopg.Connection[Any]
Json = dict[str, Any]
Read = Callable[[Value], Json]
"""From the root of the YAML document to what it says, as JSON; raises `ConfigError` with file and line."""


class OperatorFile(NamedTuple):
    """A file as read and checked.

    Attributes:
        kind: `rules`, `owners`, `budgets`: what the database calls it.
        sha256: of its bytes; empty without a file.
        content: what it says, as the views read it.
    """

    kind: str
    sha256: str
    text: str
    content: Json


def read_file(kind: str, path: Path | None, read: Read) -> OperatorFile:
    """The file at a path; without a path, or where it is empty, a file that says nothing.

    Raises:
        ConfigError: with file, line and reason.
    """
    if path is None:
        return OperatorFile(kind, "", "", {})
    try:
        found = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    root = read_yaml(found, path.name)
    content = read(root) if root is not None else {}
    return OperatorFile(kind, sha256(found).hexdigest(), found.decode(), content)


def put_in_force(connection: Connection, file: OperatorFile) -> bool:
    """Let this version hold from now on; whether it is another one than before.

    What was never there and is not there now leaves no trace.
    """
    with connection.transaction():
        connection.execute(_query("lock_kind"), {"kind": file.kind})
        row = connection.execute(_query("in_force"), {"kind": file.kind}).fetchone()
        before, content = (row[2], row[3]) if row else ("", {})
        if (before, content) == (file.sha256, file.content):
            return False
        values = file._asdict() | {"content": Jsonb(file.content), "loaded_by": socket.gethostname()}
        connection.execute(_query("put_in_force"), values)
    return True


def is_in_force(connection: Connection, file: OperatorFile) -> bool:
    """Whether this very version is in force."""
    row = connection.execute(_query("in_force"), {"kind": file.kind}).fetchone()
    return row is not None and row[2] == file.sha256
