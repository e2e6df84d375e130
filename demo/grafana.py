"""The reader's own Grafana beside the demo: our provisioning, a free port, nothing left behind."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import psycopg
from psycopg import sql

from dashboards.paths import DASHBOARDS, GENERATED
from demo.stage import StageError
from storage.schema.grafana_role import READER

START_SECONDS = 120.0
"""A first start creates Grafana's own database; on a busy machine that took half a minute."""
STOP_SECONDS = 20.0


class Program(NamedTuple):
    """A Grafana: the program, and the folder that holds its `conf/` and `public/`."""

    path: Path
    home: Path


def find(path: Path) -> Program:
    """The Grafana at a path: the program itself, or a folder as its archive unpacks.

    Raises:
        StageError: there is none; the text says what was looked for.
    """
    candidates = [path / "bin" / "grafana", path / "grafana"] if path.is_dir() else [path]
    program = next((found for found in candidates if found.is_file() and os.access(found, os.X_OK)), None)
    if program is None:
        raise StageError(f"no Grafana at {path}: expected the program `grafana`, or the folder it came in")
    program = program.resolve()
    homes = (program.parents[1], program.parent, program.parent / "src", Path("/usr/share/grafana"))
    home = next((place for place in homes if (place / "conf" / "defaults.ini").is_file()), None)
    if home is None:
        raise StageError(f"the Grafana at {program} lacks its files: no conf/defaults.ini near it")
    return Program(program, home)


@contextmanager
def running(program: Program, dsn: str, directory: Path, port: int, pages: str) -> Iterator[str]:
    """Run Grafana on 127.0.0.1 with our data source and dashboards while the block runs.

    Args:
        dsn: the demo's ledger, as its owner: Grafana itself logs in as the reader.
        directory: gets a folder with everything that Grafana writes; one that it wrote before goes on.
        pages: address of the service's pages, where Grafana's alerts go.

    Yields:
        The address of the Overview with the demo's data.

    Raises:
        StageError: it did not start; the text ends with what it printed.
    """
    place = directory / "grafana"
    (place / "plugins").mkdir(parents=True, exist_ok=True)  # else it says that it cannot open it
    log = place / "grafana.log"
    environment = os.environ | _settings(place, port, pages) | _reader(dsn)
    with log.open("ab") as output:
        child = subprocess.Popen(
            [program.path, "server", "--homepath", program.home], cwd=place, env=environment, stdout=output,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(child, f"http://127.0.0.1:{port}", log)
        # Six hours: the demo's day has as many before them to compare with.
        query = urlencode({"from": "now-6h", "to": "now", "timezone": "utc", "var-data_mode": "demo"})
        yield f"http://127.0.0.1:{port}/d/spanledger-overview?{query}"
    finally:
        _stop(child)


def _settings(place: Path, port: int, inbox: str = "http://127.0.0.1:4319") -> dict[str, str]:
    """Grafana's settings: its own folder, our files, everybody may look, nothing calls home."""
    return {
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_PATHS_DATA": str(place / "data"),
        "GF_PATHS_LOGS": str(place / "logs"),
        "GF_PATHS_PLUGINS": str(place / "plugins"),
        "GF_PATHS_PROVISIONING": str(DASHBOARDS / "provisioning"),
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(GENERATED / "overview.json"),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_SECURITY_ADMIN_PASSWORD": secrets.token_urlsafe(18),
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
        "GF_LOG_LEVEL": "warn",
        "LEDGER_DASHBOARDS": str(GENERATED),
        "LEDGER_INBOX_URL": f"{inbox}/v1/alerts",
        "LEDGER_INBOX_TOKEN": "",  # on this machine nobody asks for one
    }


def _reader(dsn: str) -> dict[str, str]:
    """Let the reader log in with a password of this run, and say how; the role can read and nothing else."""
    password = secrets.token_urlsafe(18)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(READER), sql.Literal(password))
        )
        where = connection.info
        return {
            "LEDGER_DB_ADDRESS": f"{where.host}:{where.port}",
            "LEDGER_DB_NAME": where.dbname,
            "LEDGER_DB_PASSWORD": password,
            "LEDGER_DB_SSLMODE": "disable",
            "LEDGER_DB_TIMESCALE": "false",
        }


def _wait(child: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Until its dashboards are there."""
    deadline = time.monotonic() + START_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/api/dashboards/uid/spanledger-overview", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    words = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
    raise StageError(f"Grafana did not start:\n{words}")


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End it and the plugins it started; whoever does not end in time is killed."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
