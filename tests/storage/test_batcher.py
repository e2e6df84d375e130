"""Group commit: acks after commits, bounds, drains, and a database that goes away (LEDGER §13)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from processor.calls.call import Batch
from processor.calls.errors import Overloaded, StorageUnavailable
from storage.ingest import batcher as module
from storage.ingest.batcher import HANG_SECONDS, Batcher
from tests.storage.ledger import PRICED, add_up, assert_rollups_equal_rows, call, totals, value


def request(name: str, calls: int = 5) -> tuple[Batch, list[object]]:
    """A request of its own calls with their charges."""
    return Batch(calls=[call(f"{name}.{i}") for i in range(calls)], spans=calls), [PRICED] * calls


async def persist(batcher: Batcher, one: tuple[Batch, list[object]]) -> None:
    """Send a request until it is acknowledged, as an exporter does."""
    while True:
        try:
            await batcher.submit(*one)
            return
        except StorageUnavailable:
            await asyncio.sleep(0.02)


@contextmanager
def locked(dsn: str) -> Iterator[None]:
    """No writer can read the floors while this holds."""
    with psycopg.connect(dsn) as connection:
        connection.execute("LOCK TABLE _genai.floor IN ACCESS EXCLUSIVE MODE")
        yield


async def test_requests_that_wait_together_are_answered_each_for_itself(migrated_database: str) -> None:
    requests = [request(str(n), n + 1) for n in range(30)]
    async with Batcher(migrated_database) as batcher:
        outcomes = await asyncio.gather(*(batcher.submit(*r) for r in requests))
        again = await asyncio.gather(*(batcher.submit(*r) for r in reversed(requests)))
    assert [o[:2] for o in outcomes] == [(n + 1, 0) for n in range(30)]
    assert [o[:2] for o in again] == [(0, n + 1) for n in reversed(range(30))]
    assert totals(migrated_database)[0] == sum(range(31))
    assert_rollups_equal_rows(migrated_database)


async def test_an_ack_comes_after_the_commit(migrated_database: str) -> None:
    async with Batcher(migrated_database) as batcher:
        for n in range(5):
            await batcher.submit(*request(str(n), 1))
            assert totals(migrated_database)[0] == n + 1


async def test_what_waits_becomes_one_batch(migrated_database: str) -> None:
    async with Batcher(migrated_database, writers=1) as batcher:
        await batcher.submit(*request("first"))
        with locked(migrated_database):
            waiting = [asyncio.create_task(batcher.submit(*request(str(n)))) for n in range(20)]
            await asyncio.sleep(0.2)
            assert batcher.waiting_calls == 100
            assert batcher.oldest_received_ns is not None
        await asyncio.gather(*waiting)
    transactions = "SELECT count(DISTINCT xmin::text) FROM _genai.call_key"
    assert value(migrated_database, transactions) == 3


async def test_a_full_house_answers_overloaded_at_once(migrated_database: str) -> None:
    async with Batcher(migrated_database, max_bytes=20_000) as batcher:
        with locked(migrated_database):
            waiting = [asyncio.create_task(batcher.submit(*request(str(n)))) for n in range(2)]
            await asyncio.sleep(0.05)
            with pytest.raises(Overloaded):
                await batcher.submit(*request("too much"))
        await asyncio.gather(*waiting)
        assert (await batcher.submit(*request("now")))[:2] == (5, 0)
        assert batcher.waiting_bytes == 0


async def test_one_request_larger_than_a_batch_is_taken(migrated_database: str) -> None:
    async with Batcher(migrated_database, max_bytes=1) as batcher:
        assert (await batcher.submit(*request("huge", module.MAX_CALLS + 7)))[:2] == (module.MAX_CALLS + 7, 0)
    assert_rollups_equal_rows(migrated_database)


async def test_leaving_commits_what_waits(migrated_database: str) -> None:
    async with Batcher(migrated_database) as batcher:
        waiting = [asyncio.create_task(batcher.submit(*request(str(n)))) for n in range(10)]
        await asyncio.sleep(0)
    assert [o[:2] for o in await asyncio.gather(*waiting)] == [(5, 0)] * 10
    with pytest.raises(StorageUnavailable):
        await batcher.submit(*request("late"))


async def test_a_client_that_goes_away_loses_nothing(migrated_database: str) -> None:
    async with Batcher(migrated_database) as batcher:
        gone = asyncio.create_task(batcher.submit(*request("a")))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
    assert totals(migrated_database)[0] == 5


async def test_a_database_that_is_away_is_answered_in_time_and_comes_back(migrated_database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    nowhere = psycopg.conninfo.make_conninfo(migrated_database, port=str(port))
    async with Batcher(nowhere, wait_seconds=0.6) as batcher:
        started = time.monotonic()
        answers = await asyncio.gather(
            *(batcher.submit(*request(str(n))) for n in range(20)), return_exceptions=True
        )
        assert time.monotonic() - started < HANG_SECONDS
        assert {type(a) for a in answers} == {StorageUnavailable}
        assert batcher.last_error is not None
        with _forward(port, migrated_database):
            await persist(batcher, request("back"))
    stored = (
        "SELECT count(*) FROM genai.model_call WHERE span_id = %s"  # what was refused may be there or not
    )
    assert value(migrated_database, stored, call("back.0").span_id.hex()) == 1


async def test_a_database_that_hangs_does_not_hang_the_service(
    migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANG_SECONDS", 4.0)
    async with Batcher(migrated_database, wait_seconds=3.0) as batcher:
        await batcher.submit(*request("a"))
        with locked(migrated_database):
            with pytest.raises(StorageUnavailable):
                await batcher.submit(*request("b"))
            await asyncio.sleep(1.5)
        assert (await batcher.submit(*request("b")))[0] in (5, 0)
    assert totals(migrated_database)[0] == 10


async def test_connections_cut_under_load_lose_and_double_nothing(migrated_database: str) -> None:
    requests = [request(str(n), 20) for n in range(60)]
    async with Batcher(migrated_database) as batcher:

        def cut() -> None:
            with psycopg.connect(migrated_database, autocommit=True) as connection:
                for _ in range(15):
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND application_name = 'spanledger writer'"
                    )
                    time.sleep(0.03)

        thread = threading.Thread(target=cut)
        thread.start()
        for start in range(0, 60, 6):
            await asyncio.gather(*(persist(batcher, r) for r in requests[start : start + 6]))
        thread.join()
    assert totals(migrated_database) == (1200, 1200, 1200 * 540, 1200 * 600)
    assert_rollups_equal_rows(migrated_database)


async def test_idle_writers_show_that_they_live(
    migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.1)
    async with Batcher(migrated_database, writers=2) as batcher:
        await batcher.submit(*request("a"))
        await asyncio.sleep(0.6)
        assert value(migrated_database, "SELECT live_writers FROM genai.watermark") == 2
        add_up(migrated_database)
        assert value(migrated_database, "SELECT now() - complete_to < interval '2 s' FROM genai.watermark")


@contextmanager
def _forward(port: int, dsn: str) -> Iterator[None]:
    """The database appears on another port: every connection is passed on to the real one."""
    info = psycopg.conninfo.conninfo_to_dict(dsn)
    target = (str(info["host"]), int(str(info["port"])))
    listener = socket.create_server(("127.0.0.1", port))
    with contextlib.ExitStack() as stack:

        def pump(source: socket.socket, sink: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    pair = listener.accept()[0], socket.create_connection(target)
                    for source, sink in (pair, pair[::-1]):
                        stack.enter_context(source)
                        threading.Thread(target=pump, args=(source, sink), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()
