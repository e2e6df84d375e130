"""A real TimescaleDB for tests: Debian's package in a root directory of its own, built once by debootstrap.

`python -m tests.timescale_root` builds it. It needs root, once; the server then runs through chroot as root,
or through a user namespace as an ordinary user. No /proc, /sys or /dev needs to be mounted in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg

ROOT = Path(
    os.environ.get("SPANLEDGER_TEST_TIMESCALE_ROOT", Path(__file__).parent.parent / ".cache/timescale-root")
)
SUITE, PACKAGE, BIN = "trixie", "postgresql-17-timescaledb", "/usr/lib/postgresql/17/bin"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_preload_libraries": "timescaledb",
    # The scheduler keeps a session on every database it knows, and CREATE DATABASE … TEMPLATE then fails.
    "timescaledb.max_background_workers": "0",
    "timescaledb.telemetry_level": "off",
}

_PR_SET_PDEATHSIG = 1
_START_SECONDS = 60.0


def why_unavailable() -> str | None:
    """Why TimescaleDB cannot run here, with what to do about it; None when it can."""
    if not (ROOT / BIN.lstrip("/") / "postgres").exists():
        return "TimescaleDB: run `make timescale` as root once, or set SPANLEDGER_TEST_TIMESCALE_URL"
    if os.geteuid() == 0:
        return None
    done = subprocess.run([*_enter(), "/bin/true"], check=False, capture_output=True, text=True)
    return f"TimescaleDB: needs root or user namespaces ({done.stderr.strip()})" if done.returncode else None


def build() -> str | None:
    """Build the root if it is missing. Returns why that is not possible here, or None when it is there."""
    if (ROOT / BIN.lstrip("/") / "postgres").exists():
        return None
    if os.geteuid() != 0:
        return "building the TimescaleDB root needs root (once)"
    if reason := _install_debootstrap():
        return reason
    draft = ROOT.with_name(f"{ROOT.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    print(f"building a TimescaleDB root in {ROOT} (700 MB, about two minutes, once)", flush=True)
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGE}", SUITE, str(draft)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode or not (draft / BIN.lstrip("/") / "postgres").exists():
        shutil.rmtree(draft, ignore_errors=True)
        return f"debootstrap failed: {' '.join((done.stderr or done.stdout).split()[-40:])}"
    shutil.rmtree(draft / "var/cache/apt", ignore_errors=True)
    with contextlib.suppress(OSError):
        draft.rename(ROOT)  # another run may have been faster
    return None


def _install_debootstrap() -> str | None:
    """Install what builds the root where that is a command away. Returns why it is not there, or None."""
    if shutil.which("debootstrap"):
        return None
    if shutil.which("apt-get") is None:
        return "building the TimescaleDB root needs debootstrap: install it"
    print("installing debootstrap, which builds the TimescaleDB root of the tests", flush=True)
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "debootstrap"]
    for command in (["apt-get", "update", "-q"], install):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            return f"{' '.join(command[:2])} failed: {' '.join((done.stderr or done.stdout).split()[-40:])}"
    return None


class TimescaleServer:
    """A TimescaleDB server in the root, for the life of the process that starts it."""

    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        self._inside = f"/tmp/{name}"
        self._settings = {**SETTINGS, **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Create a cluster, start the server and return its superuser URI."""
        password, port = secrets.token_urlsafe(16), _free_port()
        directory = self._outside
        directory.mkdir(mode=0o700)
        (directory / "password").write_text(password)
        if os.geteuid() == 0:
            for path in (directory, directory / "password"):
                os.chown(path, *_postgres())
        initdb = [f"{BIN}/initdb", "-D", f"{self._inside}/data", "-U", "postgres", "--no-sync", "--no-locale"]
        self._run([*initdb, "-E", "UTF8", "--auth=scram-sha-256", f"--pwfile={self._inside}/password"]).wait()
        options = [f"-c{name}={value}" for name, value in {**self._settings, "port": str(port)}.items()]
        self._process = self._run([f"{BIN}/postgres", "-D", f"{self._inside}/data", *options])
        uri = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        self._wait_until_ready(uri)
        return uri

    def destroy(self) -> None:
        """Stop the server at once and delete its files."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
        shutil.rmtree(self._outside, ignore_errors=True)

    @property
    def _outside(self) -> Path:
        return ROOT / self._inside.lstrip("/")

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        if os.geteuid() == 0:
            return subprocess.Popen(command, env=environment, cwd="/", preexec_fn=_chroot())  # noqa: PLW1509 - the supervisor has one thread
        return subprocess.Popen([*_enter(), *command], env=environment, cwd="/")

    def _wait_until_ready(self, uri: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(uri).close()
                return
            except psycopg.OperationalError:
                if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)


def _postgres() -> tuple[int, int]:
    """User and group of `postgres` as the root knows them."""
    lines = (ROOT / "etc/passwd").read_text().splitlines()
    fields = next(line.split(":") for line in lines if line.startswith("postgres:"))
    return int(fields[2]), int(fields[3])


def _chroot() -> Callable[[], None]:
    """Between fork and exec: enter the root, drop to its postgres, and die with the supervisor."""
    uid, gid = _postgres()
    prctl = ctypes.CDLL(None).prctl

    def enter() -> None:
        os.chroot(ROOT)
        os.chdir("/")
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)

    return enter


def _enter() -> list[str]:
    """Run a command in the root without being root: we are its `postgres`, in a user namespace."""
    uid, gid = _postgres()
    return ["unshare", "--user", f"--map-user={uid}", f"--map-group={gid}", f"--root={ROOT}"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    if reason := build():
        print(f"TimescaleDB will not be tested: {reason}", file=sys.stderr)
