"""Housekeeping: one runner at a time, slow readers ended, unpriced models told once."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from service import housekeeping, lease
from service.config import Config, RetentionConfig
from service.housekeeping import Housekeeper, Task, tasks
from service.lease import Lease
from storage.upkeep.retention import Periods
from tests.patience import PATIENCE_SECONDS
from tests.running import ROOT


def counting(ran: list[str], name: str, every_seconds: float = 0.0) -> Task:
    return Task(name, every_seconds, lambda connection: ran.append(name))


def execute(dsn: str, query: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(query.encode())


def test_only_the_holder_of_the_lease_keeps_house(
    migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    first = Housekeeper(migrated_database, [counting(ran, "first")])
    monkeypatch.setattr(lease.socket, "gethostname", lambda: "another-host")
    second = Housekeeper(migrated_database, [counting(ran, "second")])

    first.run_due()
    second.run_due()
    first.run_due()
    assert ran == ["first", "first"]

    execute(migrated_database, "UPDATE _genai.lease SET expires_at = now() - interval '1 second'")
    second.run_due()
    first.run_due()
    assert ran == ["first", "first", "second"]


async def test_a_service_that_ends_hands_over_at_once(
    migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, did = threading.Event(), []
    async with Housekeeper(migrated_database, [Task("first", 3600, lambda _: ran.set())]).running():
        assert await asyncio.to_thread(ran.wait, PATIENCE_SECONDS)
    monkeypatch.setattr(lease.socket, "gethostname", lambda: "another-host")
    await asyncio.to_thread(Housekeeper(migrated_database, [counting(did, "second")]).run_due)
    assert did == ["second"]


HOLDER = """
import asyncio, sys
from service.housekeeping import Housekeeper, Task
async def main():
    async with Housekeeper(sys.argv[1], [Task("told", 0, lambda _: print("held", flush=True))]).running():
        await asyncio.sleep(3600)
asyncio.run(main())
"""


def test_a_holder_that_is_killed_is_replaced_within_half_a_minute(migrated_database: str) -> None:
    ran: list[str] = []
    other = Housekeeper(migrated_database, [counting(ran, "other")])
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, migrated_database], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        other.run_due()
        holder.kill()
    assert ran == []
    query = "SELECT max(expires_at) - now() < interval '25 seconds' FROM _genai.lease"
    with psycopg.connect(migrated_database) as connection:
        assert connection.execute(query.encode()).fetchone() == (True,)
    execute(migrated_database, "UPDATE _genai.lease SET expires_at = expires_at - interval '25 seconds'")
    other.run_due()
    assert ran == ["other"]


async def test_a_lease_is_renewed_while_a_task_takes_longer_than_it_lasts(migrated_database: str) -> None:
    ours = Lease(migrated_database, "job", seconds=0.4)
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        async with ours.kept():
            assert ours.take(connection)
            await asyncio.sleep(1.2)
            other = Lease(migrated_database, "job", seconds=0.4)
            other.holder = "another-host:1"
            assert not other.take(connection)
        assert other.take(connection)


class CountingLease(Lease):
    """Counts the renewals that need a connection of their own."""

    renewals = 0

    def _take(self) -> None:
        self.renewals += 1
        super()._take()


async def test_a_job_that_asks_often_enough_needs_no_other_renewal(migrated_database: str) -> None:
    ours = CountingLease(migrated_database, "job", seconds=3600)
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        async with ours.kept():
            assert ours.take(connection)
            await asyncio.sleep(0.1)
            ours._taken_at -= 3600 / 4 * 1.2  # asked a little later than a quarter of it ago
            late = asyncio.create_task(ours._renew())
            await asyncio.sleep(0.1)
            late.cancel()
    assert ours.renewals == 0


async def test_tasks_share_one_connection_until_it_is_lost(migrated_database: str) -> None:
    backends: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def note(connection: psycopg.Connection[Any]) -> None:
        loop.call_soon_threadsafe(backends.put_nowait, connection.info.backend_pid)

    async def following() -> int:
        return await asyncio.wait_for(backends.get(), PATIENCE_SECONDS)

    keeper = Housekeeper(migrated_database, [Task("noted", 0, note)], look_seconds=0.05)
    async with keeper.running():
        first = await following()
        assert [await following() for _ in range(3)] == [first] * 3
        execute(migrated_database, f"SELECT pg_terminate_backend({first})")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (other := await following()) == first:
                pass
        assert await following() == other


def test_how_each_task_went_is_kept_for_those_who_look(migrated_database: str) -> None:
    def fail(connection: psycopg.Connection[Any]) -> None:
        raise RuntimeError("of our own making")

    Housekeeper(migrated_database, [Task("broken", 0, fail), counting([], "sound", 60)]).run_due()
    query = "SELECT task, every_seconds, done_at IS NOT NULL, error FROM _genai.task_run ORDER BY task"
    with psycopg.connect(migrated_database) as connection:
        assert connection.execute(query.encode()).fetchall() == [
            ("broken", 0, False, "RuntimeError"), ("sound", 60, True, None)
        ]  # fmt: skip


def test_a_task_runs_when_it_is_due_and_not_before(migrated_database: str) -> None:
    ran: list[str] = []
    keeper = Housekeeper(migrated_database, [counting(ran, "often"), counting(ran, "seldom", 3600)])

    keeper.run_due()
    keeper.run_due()

    assert ran == ["often", "seldom", "often"]


def test_a_task_that_fails_does_not_stop_the_others(
    migrated_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []

    def fail(connection: psycopg.Connection[Any]) -> None:
        connection.execute("SELECT 1/0")

    Housekeeper(migrated_database, [Task("broken", 0, fail), counting(ran, "sound")]).run_due()

    assert ran == ["sound"]
    assert "broken failed and will be retried" in caplog.text


def test_every_task_of_the_service_runs_on_an_empty_ledger(migrated_database: str) -> None:
    keeper = Housekeeper(migrated_database, tasks(Config(), migrated_database))
    keeper.run_due()

    assert all(due > 0 for due in keeper._due.values())


def test_a_model_without_a_price_is_told_once(
    migrated_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    execute(
        migrated_database,
        "INSERT INTO _genai.series VALUES (1, 1, 1, 'prod', 'real', 's', 'e', 'p', 'openai', 'gpt-99')",
    )
    execute(
        migrated_database,
        "INSERT INTO _genai.usage_hour (bucket, series_id, calls, unpriced_calls)"
        " VALUES (date_trunc('hour', now()), 1, 7, 7)",
    )
    warn = next(task for task in tasks(Config(), migrated_database) if task.name == "unpriced")
    with psycopg.connect(migrated_database) as connection, caplog.at_level(logging.WARNING):
        warn.run(connection)
        warn.run(connection)

    assert [record.getMessage() for record in caplog.records] == [
        "no price for openai/gpt-99: 7 calls cost an unknown amount; see `spanledger unpriced`"
    ]


def test_the_periods_of_retention_are_the_configured_ones() -> None:
    config = RetentionConfig(raw=timedelta(days=60), quarantine=timedelta(days=7))

    assert housekeeping._periods(config) == Periods(raw=60, traces=7)
    assert housekeeping._periods(RetentionConfig()) == Periods()


async def test_it_runs_beside_the_service_and_ends_with_it(migrated_database: str) -> None:
    ran = threading.Event()
    task = Task("once", 3600, lambda connection: ran.set())
    async with Housekeeper(migrated_database, [task]).running():
        assert await housekeeping.asyncio.to_thread(ran.wait, 10)
