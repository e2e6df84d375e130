"""The database servers that tests run against: one of each kind per test run, shared by all xdist workers.

`postgres` is the embedded server of the product itself; `timescale` is Debian's TimescaleDB in a root of
its own (`tests.timescale_root` builds it). `SPANLEDGER_TEST_POSTGRES_URL` and `SPANLEDGER_TEST_TIMESCALE_URL`
name servers to use instead. Each server is owned by a supervisor process, `python -m tests.servers`, that
watches the test run through a pidfd and takes the server and its files away however the run ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from service.postgres.place import INSTALLS
from service.postgres.server import EmbeddedPostgres
from tests.recycling import Snapshot, restore, snapshot
from tests.timescale_root import TimescaleServer, why_unavailable

KINDS = ("postgres", "timescale")

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "autovacuum": "off",  # its session would be in the way of a copy, and statistics come by chance
    "jit": "off",  # as everywhere in production: docker-compose.yml, docs/operating.md
}
"""Test databases need not survive a power cut."""

RECYCLED = "migrated"
"""The flavour whose databases are made as new after a test: a copy costs up to half a second of CPU."""

_idle: defaultdict[str, list[str]] = defaultdict(list)
_snapshots: dict[str, Snapshot] = {}

_START_SECONDS = 120.0


class Unavailable(Exception):
    """This kind of server cannot run here; the text says why."""


def run_id() -> str:
    """A name for this test run, the same in all its xdist workers."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:12]


def run_pid() -> int:
    """The process whose end is the end of the test run: xdist's controller, or ourselves."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def server(kind: str) -> str:
    """The superuser URI of the run's server of that kind, started if this is its first use.

    Raises:
        Unavailable: it cannot run on this machine.
    """
    if named := os.environ.get(f"SPANLEDGER_TEST_{kind.upper()}_URL"):
        return named
    if kind == "timescale" and (reason := why_unavailable()):
        raise Unavailable(reason)
    directory = _run_directory()
    with _locked(directory / f"{kind}.lock"):
        answer = directory / f"{kind}.json"
        if not answer.exists():
            _start_supervisor(kind, directory, answer)
        found: dict[str, str] = json.loads(answer.read_text())
    if "error" in found:
        raise Unavailable(found["error"])
    return found["uri"]


@contextmanager
def fresh_database(kind: str, flavour: str, build: Callable[[str], None]) -> Iterator[str]:
    """A database of its own, copied from the template `flavour`, which `build(uri)` fills once a run."""
    uri = server(kind)
    template = f"{_prefix()}_{flavour}"
    if not (flavour == RECYCLED and _idle[uri]):
        _provide_template(kind, flavour, uri, template, build)
    if flavour == RECYCLED:
        with _recycled(uri, template) as used:
            yield used
        return
    name = _copy(uri, template)
    try:
        yield with_database(uri, name)
    finally:
        with _admin(uri) as admin:
            _drop(admin, name)


@contextmanager
def _recycled(uri: str, template: str) -> Iterator[str]:
    """A database that another test left and that is as new, or a copy of the template."""
    idle = _idle[uri]
    name = idle.pop() if idle else _copy(uri, template)
    database = with_database(uri, name)
    if uri not in _snapshots:
        _snapshots[uri] = snapshot(database)
    try:
        yield database
    finally:
        is_new = restore(database, _snapshots[uri])
        with _admin(uri) as admin:
            if is_new:  # under another name: who still knows this one must not find it
                idle.append(_rename(admin, name))
            else:
                _drop(admin, name)


def _copy(uri: str, template: str) -> str:
    name = _new_name()
    with _admin(uri) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    return name


def _rename(admin: psycopg.Connection, name: str) -> str:
    other = _new_name()
    admin.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(other))
    )
    return other


def _new_name() -> str:
    return f"{_prefix()}_{uuid.uuid4().hex[:12]}"


def with_database(uri: str, name: str) -> str:
    """The same server's URI with another database."""
    return urlsplit(uri)._replace(path=f"/{name}").geturl()


def clean_named_servers() -> None:
    """Drop what this run made on servers that are not its own."""
    for kind in KINDS:
        if uri := os.environ.get(f"SPANLEDGER_TEST_{kind.upper()}_URL"):
            with contextlib.suppress(psycopg.OperationalError), _admin(uri) as admin:
                query = "SELECT datname FROM pg_catalog.pg_database WHERE starts_with(datname, %s)"
                for (name,) in admin.execute(query, (_prefix(),)).fetchall():
                    _drop(admin, name)


def _provide_template(kind: str, flavour: str, uri: str, name: str, build: Callable[[str], None]) -> None:
    with _locked(_run_directory() / f"{kind}.{flavour}.lock"), _admin(uri) as admin:
        if not _exists(admin, name):
            _build_template(admin, uri, name, build)


def _build_template(admin: psycopg.Connection, uri: str, template: str, build: Callable[[str], None]) -> None:
    draft = f"{template}_draft"  # renamed when complete, so that a failed build is not taken for a template
    _drop(admin, draft)
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(draft)))
    build(with_database(uri, draft))
    admin.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(template))
    )


def _admin(uri: str) -> psycopg.Connection:
    return psycopg.connect(with_database(uri, "postgres"), autocommit=True)


def _exists(admin: psycopg.Connection, name: str) -> bool:
    query = "SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s"
    return admin.execute(query, (name,)).fetchone() is not None


def _drop(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _prefix() -> str:
    return f"test_{run_id()}".replace("-", "_")


def _run_directory() -> Path:
    directory = Path(tempfile.gettempdir()) / f"spanledger-test-{run_id()}"
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o711)  # an unprivileged server must be able to walk through
    return directory


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start_supervisor(kind: str, directory: Path, answer: Path) -> None:
    command = [sys.executable, "-m", "tests.servers", kind, str(directory), str(run_pid())]
    log = directory / f"{kind}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            cwd=Path(__file__).parent.parent,
        )  # fmt: skip
    deadline = time.monotonic() + _START_SECONDS
    while not answer.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the {kind} server for tests did not start:\n{log.read_text()}")
        time.sleep(0.02)
    process.returncode = 0  # it outlives this object on purpose


def _supervise(kind: str, directory: Path, watched: int) -> None:
    """Run one server until process `watched` has ended."""
    end = os.pidfd_open(watched)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    owned = (
        TimescaleServer(f"spanledger-{run_id()}-{watched}", FAST)
        if kind == "timescale"
        else _embedded(directory)
    )
    try:
        uri = owned.start()
        draft = directory / f"{kind}.draft"
        draft.write_text(json.dumps({"uri": uri}))
        draft.rename(directory / f"{kind}.json")
        select.select([end], [], [])
    finally:
        owned.destroy()
        shutil.rmtree(directory, ignore_errors=True)


def _embedded(directory: Path) -> EmbeddedPostgres:
    major = int(os.environ.get("SPANLEDGER_TEST_POSTGRES_MAJOR", next(iter(INSTALLS))))
    return EmbeddedPostgres(
        directory / "embedded", settings=FAST, new_major=major, stop_signal=signal.SIGQUIT
    )


if __name__ == "__main__":
    _supervise(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
