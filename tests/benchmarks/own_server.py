"""An embedded server of a benchmark's own, with durable commits, on a fresh folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.postgres.server import EmbeddedPostgres


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder that the server's user can walk through, deleted at the end."""
    directory = Path(tempfile.mkdtemp(prefix="spanledger-bench-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def own_server() -> Iterator[str]:
    """Its URI; the server and its files go away at the end."""
    with own_folder() as directory:
        server = EmbeddedPostgres(directory / "data")
        try:
            yield server.start()
        finally:
            server.destroy()
