"""Ends without warning: what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import psycopg
import pytest

from service.postgres.server import EmbeddedPostgres, running_dsn
from service.postgres.state import read_postmaster
from tests.end_to_end import books
from tests.end_to_end.senders import RetryingSenders
from tests.running import RunningService
from tests.sizes import KILLS

RECOVERY_SECONDS = 3 * 10.0
"""From the return of the database to the first acknowledgement: 10 s (DESIGN §10) on a quiet machine."""


def assert_exact(dsn: str, senders: RetryingSenders) -> None:
    """Every request was sent until it was acknowledged: the ledger holds just those spans, each once."""
    assert sorted(books.stored_identities(dsn)) == sorted(senders.acknowledged)
    assert books.imbalance(dsn) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("workers", [1, 2])
def test_the_service_is_killed_again_and_again(migrated_database: str, workers: int) -> None:
    with (
        RunningService(migrated_database, workers=workers) as service,
        RetryingSenders(service.grpc) as senders,
    ):
        for _ in range(KILLS):
            senders.wait_for_more(500)
            service.kill()
            service.start()
        senders.wait_for_more(500)
    assert senders.answers[grpc.StatusCode.UNAVAILABLE] > 0
    assert_exact(migrated_database, senders)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="spanledger-kills-"))
    directory.chmod(0o755)
    yield directory
    EmbeddedPostgres(directory).destroy()
    shutil.rmtree(directory)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_the_service_is_killed_and_its_embedded_database_left_behind(data_dir: Path) -> None:
    with RunningService(None, data_dir=data_dir) as service:
        with RetryingSenders(service.grpc) as senders:
            for _ in range(KILLS):
                senders.wait_for_more(500)
                service.kill()
                service.start()
            senders.wait_for_more(500)
        dsn = running_dsn(data_dir)
        assert dsn is not None
        assert_exact(dsn, senders)
    assert running_dsn(data_dir) is None


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_the_database_stops_dies_and_drops_its_connections_under_load(data_dir: Path) -> None:
    database = EmbeddedPostgres(data_dir)
    try:
        dsn = database.start()
        with RunningService(dsn) as service, RetryingSenders(service.grpc) as senders:
            senders.wait_for_more(500)
            database.stop()
            database.start()
            assert senders.wait_for_more(1) < RECOVERY_SECONDS

            senders.wait_for_more(500)
            kill(database)
            database.start()
            assert senders.wait_for_more(1) < RECOVERY_SECONDS

            for _ in range(10):
                senders.wait_for_more(100)
                with psycopg.connect(dsn, dbname="postgres", autocommit=True) as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'spanledger'"
                    )
            senders.wait_for_more(500)
        assert_exact(dsn, senders)
    finally:
        database.destroy()


def kill(database: EmbeddedPostgres) -> None:
    """As the kernel does when memory runs out: the postmaster is gone, its children notice."""
    found = read_postmaster(database.place.cluster)
    assert found is not None
    postmaster = psutil.Process(found.pid)
    children = postmaster.children()
    postmaster.kill()
    psutil.wait_procs([postmaster, *children], timeout=20)
