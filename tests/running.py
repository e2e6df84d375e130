"""The real service as a child process, for tests and benchmarks that look at it from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parent.parent
READY = re.compile(r"ready: gRPC (\S+), HTTP (\S+), pages http://(\S+?)/,")
_LOG_SHOWN = 8000


class RunningService:
    """`spanledger serve` on free ports (kept over restarts), stopped at the end of the block.

    Args:
        database_url: its database; None leaves it to the embedded PostgreSQL under `data_dir`.
        data_dir: where it keeps what is its own; None takes a directory that goes away with it.
        environment: variables on top of ours, such as settings.
        config: its configuration file.
        current: the directory that it is started in.
    """

    def __init__(
        self,
        database_url: str | None,
        *,
        data_dir: Path | None = None,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
        config: Path | None = None,
        current: Path = ROOT,
    ) -> None:
        self.grpc = self.http = self.ops = "127.0.0.1:0"
        self._database_url = database_url
        self._own_dir = None if data_dir else tempfile.TemporaryDirectory(prefix="spanledger-service-")
        self._data_dir = data_dir or Path(self._own_dir.name if self._own_dir else "")
        self._workers = workers
        self._environment = dict(environment or {})
        self._config, self._current = config, current
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as this object

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            if error:
                print(f"the service at {self.grpc} said:\n{self.log[-_LOG_SHOWN:]}", file=sys.stderr)
            self._close()

    @property
    def pid(self) -> int:
        """Process id of the service."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What the service has written to its standard error, over all its starts."""
        self._errors.flush()
        self._errors.seek(0)
        return self._errors.read()

    def start(self) -> None:
        """Start it and wait for its ready line."""
        options = [
            "--grpc",
            self.grpc,
            "--http",
            self.http,
            "--ops",
            self.ops,
            "--data-dir",
            str(self._data_dir),
        ]
        if self._database_url:
            options += ["--database-url", self._database_url]
        if self._config:
            options += ["--config", str(self._config)]
        # What a killed service leaves in its temporary directory goes away with its data directory.
        # Tests count every call: those about the probe switch it on.
        own = {"TMPDIR": str(self._data_dir), "SPANLEDGER_PROBE__ENABLED": "false", **self._environment}
        outside = {name: value for name, value in os.environ.items() if not _is_configuration(name)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "spanledger", "serve", "--workers", str(self._workers), *options],
            cwd=self._current, env=outside | own, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self._errors, text=True, start_new_session=True,
        )  # fmt: skip
        found = READY.search(self._ready_line(self._process))
        if not found:
            raise RuntimeError(f"the service did not start:\n{self.log}")
        self.grpc, self.http, self.ops = found.groups()

    def kill(self) -> None:
        """End it as a power cut would: every process of it, at once."""
        for process in self.processes():
            process.send_signal(signal.SIGKILL)
        if self._process:
            self._process.wait()

    def stop(self, patience_seconds: float = PATIENCE_SECONDS) -> int:
        """Ask it to stop; returns its exit code. Raises TimeoutExpired when it does not."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(patience_seconds)

    def processes(self) -> list[psutil.Process]:
        """The service and its workers (not its database)."""
        if self._process is None or self._process.poll() is not None:
            return []
        top = psutil.Process(self._process.pid)
        children = [each for each in top.children(recursive=True) if "postgres" not in each.name()]
        return [top, *children]

    def _ready_line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        watchdog = threading.Timer(PATIENCE_SECONDS, process.kill)
        watchdog.start()
        try:
            with process.stdout as output:
                return next(filter(READY.search, output), "")
        finally:
            watchdog.cancel()

    def _close(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._errors.close()
        if self._own_dir:
            self._own_dir.cleanup()


def _is_configuration(name: str) -> bool:
    return name.startswith(("SPANLEDGER_", "PG", "OTEL_")) or name == "DATABASE_URL"
