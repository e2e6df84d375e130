"""What can be seen of an embedded PostgreSQL from outside: settings, pid file, log, process and port."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

_LOG_TAIL_BYTES = 4096

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "iso, mdy",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # Rows hold identities: no statement, parameter or row value may reach the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] ",
    "log_startup_progress_interval": "2s",
}
"""Our settings. The packaged binaries are built without lz4, so LEDGER §18's `wal_compression` stays off."""


class Postmaster(NamedTuple):
    """What `postmaster.pid` says about a running, starting or dead server."""

    pid: int
    port: int
    is_ready: bool


def read_postmaster(cluster: Path) -> Postmaster | None:
    """Read the pid file of a cluster; None when there is none, or it is not yet written out.

    Source: PostgreSQL, src/include/utils/pidfile.h (line 1 pid, line 4 port, line 8 status).
    """
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 4 or not lines[0].strip("-").isdigit():
        return None
    return Postmaster(abs(int(lines[0])), int(lines[3] or 0), len(lines) > 7 and lines[7].strip() == "ready")


def configuration(port: int, socket_dir: Path | None, settings: Mapping[str, str]) -> str:
    """The text of `postgresql.conf`. What an operator sets by ALTER SYSTEM still goes on top of it."""
    sockets = f'"{str(socket_dir).replace(chr(34), chr(34) * 2)}"' if socket_dir else ""
    every = {**SETTINGS, "port": str(port), "unix_socket_directories": sockets, **settings}
    lines = [f"{name} = {_quoted(value)}" for name, value in every.items()]
    return "\n".join(["# Written by spanledger at every start.", *lines, ""])


def last_progress(log_file: Path) -> str:
    """The last thing the server said, without time stamp and process number."""
    lines = log_tail(log_file).splitlines()
    return lines[-1].partition("] ")[2] if lines else ""


def log_tail(log_file: Path) -> str:
    """The last lines of the server's log."""
    with log_file.open("rb") as file:
        file.seek(max(0, log_file.stat().st_size - _LOG_TAIL_BYTES))
        return file.read().decode(errors="replace").strip()


def works_in(pid: int, cluster: Path) -> bool:
    """Whether the process works in that directory, as a server of that cluster does."""
    try:
        return Path(psutil.Process(pid).cwd()) == cluster.resolve()
    except psutil.Error:
        return False


def is_free(port: int) -> bool:
    """Whether a server could listen on that port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as PostgreSQL does: TIME_WAIT is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
