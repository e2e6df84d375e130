"""The demo's processes and its directory: everything starts together, and nothing is left behind."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from demo import settings as files
from service.postgres.server import EmbeddedPostgres
from service.safe_path import without_current_directory

RESOURCE = {"data_mode": "demo", "deployment.environment.name": "prod"}
"""What every service of the demo says about itself: this is demo data, shaped like production."""
READY_SECONDS = 60.0
STOP_SECONDS = 35.0
"""The service may take 30 s to finish what it holds."""


class StageError(RuntimeError):
    """A process of the demo did not start, or ended; the text ends with what it printed."""


class Ports(NamedTuple):
    """Where the service listens on 127.0.0.1."""

    grpc: int
    http: int
    ops: int


class Process:
    """A child that is started from this environment and always stopped again.

    Args:
        listens: its first line of output is the port it listens on, and it ends when its input ends; else it
            is ended by SIGTERM.
    """

    def __init__(
        self, arguments: list[str], log: Path, environment: Mapping[str, str], listens: bool = True
    ) -> None:
        self.name, self.title = arguments[1], " ".join(arguments[:2])
        self._log, self._listens = log, listens
        with log.open("ab") as errors:
            # In a session of its own: Ctrl-C reaches only us, and we stop things in their order.
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", *arguments], stdin=subprocess.PIPE, stderr=errors,
                stdout=subprocess.PIPE if listens else errors,
                env={**without_current_directory(), **environment},
                start_new_session=True,
            )  # fmt: skip

    def port(self) -> int:
        """Wait for the port that the child says it listens on."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line.strip():
            raise StageError(self.last_words())
        return int(line)

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    def last_words(self) -> str:
        """What it printed before it ended."""
        text = self._log.read_text(errors="replace").strip() if self._log.exists() else ""
        return "\n".join(text.splitlines()[-12:]) or f"{self.name} ended without a word"

    def ask_to_stop(self) -> None:
        """Tell it to end, without waiting."""
        assert self._child.stdin is not None
        with contextlib.suppress(OSError):
            self._child.stdin.close()
        if not self._listens and self.is_alive():
            self._child.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """End it and wait for it, return its exit code; whoever does not end in time is killed."""
        self.ask_to_stop()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._child.stdout:
            self._child.stdout.close()
        return self._child.returncode


class Stage:
    """The running demo: embedded PostgreSQL, the service, the provider, and the shop's two services.

    Args:
        directory: holds everything that the demo writes.
        keep: leave the directory and its database behind.
    """

    def __init__(self, directory: Path, ports: Ports, keep: bool) -> None:
        self.directory, self.ports, self.keep = directory, ports, keep
        self._ledger, self._shop = ExitStack(), ExitStack()
        self._postgres = EmbeddedPostgres(
            directory,
            # What is thrown away needs no last checkpoint.
            stop_signal=signal.SIGINT if keep else signal.SIGQUIT,
            report=lambda _: None,
        )
        self._started: list[Process] = []
        self._services: list[Process] = []
        self.dsn = ""
        self.provider_port = 0
        self.service_ports: dict[str, int] = {}

    @property
    def pages(self) -> str:
        """Where the service's pages are."""
        return f"http://127.0.0.1:{self.ports.ops}"

    def check(self) -> None:
        """Raise StageError when something ended that nobody asked to."""
        if not self._postgres.is_running:
            raise StageError("PostgreSQL ended.")
        for process in self._started:
            if not process.is_alive():
                raise StageError(f"`{process.title}` ended. The last it printed:\n{process.last_words()}")

    def close(self) -> None:
        """Stop everything in the order of the data's way, and clean up."""
        for process in self._services:
            process.ask_to_stop()
        self._shop.close()
        self._ledger.close()

    def start_postgres(self) -> None:
        """Create and start the database."""
        self._ledger.callback(self._postgres.stop if self.keep else self._postgres.destroy)
        self.dsn = self._postgres.start()

    def start_service(self) -> None:
        """Start the service and wait until it can commit."""
        ports = self.ports
        flags = [f"--{name}=127.0.0.1:{port}" for name, port in ports._asdict().items()]
        settings = {
            "DATABASE_URL": self.dsn,
            "SPANLEDGER_DATA_DIR": str(self.directory),
            "SPANLEDGER_PUBLIC_URL": self.pages,  # dashboards link calls to their page
            "SPANLEDGER_ALERTING__EVALUATE": "off",  # demo/alerts.py does, once the history is there
            "SPANLEDGER_CONFIG": str(self.directory / files.CONFIG),
        }
        service = self._start(self._ledger, ["spanledger", "serve", *flags], settings, listens=False)
        deadline = time.monotonic() + READY_SECONDS
        while not _is_ready(ports.ops):
            if not service.is_alive() or time.monotonic() > deadline:
                raise StageError(service.last_words())
            time.sleep(0.05)

    def start_shop(self) -> None:
        """Start the provider and the shop's services, exporting to us: one by gRPC, one by HTTP."""
        provider = self._start(self._shop, ["demo", "provider"], {})
        self.provider_port = provider.port()
        address = f"http://127.0.0.1:{self.provider_port}"
        exporting = {
            "support-bot": ("grpc", self.ports.grpc),
            "shop-api": ("http/protobuf", self.ports.http),
        }
        started = {
            name: self._start(self._shop, ["demo", name, f"--provider={address}"], telemetry(name, *to))
            for name, to in exporting.items()
        }
        self._services = list(started.values())
        self.service_ports = {name: process.port() for name, process in started.items()}

    def _start(
        self, stack: ExitStack, arguments: list[str], environment: Mapping[str, str], listens: bool = True
    ) -> Process:
        log = self.directory / f"{arguments[1]}.log"
        process = Process(arguments, log, environment, listens)
        stack.callback(process.stop)
        self._started.append(process)
        return process


def telemetry(service: str, protocol: str, port: int) -> dict[str, str]:
    """The environment of an application that exports to us: nothing but OpenTelemetry's own variables."""
    return {
        "OTEL_SERVICE_NAME": service,
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={value}" for key, value in RESOURCE.items()),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "5",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        # Without this the Anthropic SDK sends our baggage, tenant and all, to the provider in a header.
        "OTEL_PROPAGATORS": "tracecontext",
    }


@contextmanager
def directory(keep: bool) -> Iterator[Path]:
    """A new directory for one demo, deleted afterwards unless kept."""
    path = Path(tempfile.mkdtemp(prefix="spanledger-demo-"))
    path.chmod(0o711)  # so that root's unprivileged PostgreSQL can live inside; what it holds is closed
    try:
        yield path
    finally:
        if not keep:
            shutil.rmtree(path, ignore_errors=True)


def choose_ports(usual: Ports) -> Ports:
    """The usual ports where they are free, any free one where not."""
    return Ports(*(_port(port) for port in usual))


def _port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise StageError("no free port on 127.0.0.1")


def _is_ready(ops_port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ops_port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
