"""One worker: receivers, pipeline and batcher in one loop. `python -m service.worker` runs it as a child."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import uvloop

from processor.calls.admission import Admission
from processor.calls.call import Consume
from processor.calls.errors import ConfigError, PipelineError
from processor.pricing.load import PriceBook, load_price_book
from receiver.config import Address
from receiver.grpc import GrpcServer, serve_grpc
from receiver.http.server import HttpServer, serve_http
from receiver.intake import Decode, Intake
from receiver.otlp.decode import decode, decode_options
from service import metrics
from service.beside import beside
from service.collector import collecting, is_idle
from service.config import Config
from service.erasures_and_tenants import KnownPeople
from service.estimating import Estimating
from service.identity_keys import load_identity_rules
from service.kept import KeptConnection
from service.keys import KeyRing
from service.logs import configure_logging
from service.pipeline import Pipeline
from service.price_records import VectorKeeper
from service.tally import News, Tally
from service.tracing import tracing
from service.worker_status import RecentTroubles, WorkerState, memory_bytes
from storage.dimensions.cardinality import ENDPOINT, ENVIRONMENT, MODEL, PROMPT, SERVICE, TENANT, USER
from storage.ingest.batcher import Batcher

log = logging.getLogger("spanledger.worker")

HEARTBEAT_SECONDS = 1.0
DRAIN_SECONDS = 20.0
"""Time for requests in flight to finish after SIGTERM."""
LAST_SECONDS = 28.0
"""A stop that hangs ends here: within the 30 s after which supervisors kill."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A worker's assignment.

    Attributes:
        price_map_id: the price map in force, as the ledger numbers it.
        probe_key: lets the service's own probe in.
        keys_required: refuse all senders while no key exists: other machines can reach the address.
    """

    number: int
    config: Config
    dsn: str
    grpc: Address
    http: Address
    keys_required: bool
    price_map_id: int
    probe_key: str = field(default="", repr=False)


@asynccontextmanager
async def working(
    assignment: Assignment, book: PriceBook, troubles: RecentTroubles, noted: Tally
) -> AsyncIterator[Callable[[], WorkerState]]:
    """Receive while the block runs; leaving it stops accepting, then finishes what is in flight.

    Args:
        noted: where problems of senders are counted.

    Yields:
        A function that returns the worker's state.

    Raises:
        ConfigError: an address cannot be listened on, or a setting is wrong.
    """
    config, started = assignment.config, time.time()
    rules_from = KeptConnection(lambda: _connect(assignment.dsn))
    keys = KeyRing(rules_from.used, assignment.keys_required, assignment.probe_key)
    await asyncio.to_thread(keys.load)
    identities = load_identity_rules(config)
    rules = Admission(identities, late_limit_ns=_nanoseconds(config.retention.late_limit))
    people = KnownPeople(rules_from.used, rules)
    await asyncio.to_thread(people.load)
    async with AsyncExitStack() as stack:
        stack.callback(rules_from.close)
        batcher = await stack.enter_async_context(_batcher(assignment))
        pipeline = Pipeline(rules, book, batcher.submit)
        vectors = VectorKeeper(book, assignment.price_map_id)
        consume: Consume = pipeline.consume
        reading = decode_options(config.receiver)
        read: Decode = partial(decode, options=reading)
        if config.estimate.enabled:
            estimating = stack.enter_context(_estimating(assignment, book))
            consume, read = estimating.after(consume), partial(estimating.decode, options=reading)
        observer = metrics.Counted(noted)
        intake = Intake(config.receiver, consume, read, observer)
        stack.callback(intake.close)
        batcher.on_its_way = intake.oldest_received_ns
        for work in (keys.keep_fresh(), people.keep_fresh(), _keep_vectors(vectors, assignment.dsn)):
            await stack.enter_async_context(beside(work))
        servers: list[GrpcServer | HttpServer] = []
        stack.push_async_callback(_stop, servers)
        shared = (config.receiver, intake, keys, observer)
        servers.append(await serve_grpc(*shared, address=assignment.grpc, is_shared=True))
        servers.append(await serve_http(*shared, address=assignment.http, is_shared=True))

        def state() -> WorkerState:
            now, oldest_ns = time.time(), batcher.oldest_received_ns
            return WorkerState(
                assignment.number, os.getpid(), started, now, pipeline.waiting_requests,
                intake.budget.used, memory_bytes(), list(troubles.entries),
                max(0.0, now - oldest_ns / 1e9) if oldest_ns else 0.0, pipeline.last_commit,
                batcher.last_error, pipeline.clocks.delays(),
            )  # fmt: skip

        yield state


def caps_of(config: Config) -> dict[int, int]:
    """Distinct values per day and dimension, as every writer of the ledger has them (LEDGER §12)."""
    tags = dict.fromkeys((ENVIRONMENT, SERVICE, ENDPOINT, PROMPT, MODEL), config.limits.values_per_day)
    return tags | dict.fromkeys((TENANT, USER), config.limits.identities_per_day)


def _estimating(assignment: Assignment, book: PriceBook) -> Estimating:
    config = assignment.config
    return Estimating(config.estimate, assignment.dsn, book, assignment.price_map_id, caps_of(config))


def _batcher(assignment: Assignment) -> Batcher:
    config = assignment.config
    return Batcher(
        assignment.dsn,
        writers=config.database.writers,
        max_bytes=config.limits.bytes_in_flight,
        caps=caps_of(config),
        price_map_id=assignment.price_map_id,
    )


async def _keep_vectors(vectors: VectorKeeper, dsn: str) -> None:
    """Write down the prices that charges were made with, within a second of their first use."""

    def store() -> None:
        with _connect(dsn) as connection:
            vectors.store(connection)

    while True:
        await asyncio.sleep(1.0)
        if vectors.has_news:
            with suppress(psycopg.Error):  # the database is away: the next round has them still
                await asyncio.to_thread(store)


async def _stop(servers: Sequence[GrpcServer | HttpServer]) -> None:
    """Take nothing new, answer what is in flight; both at once."""
    await asyncio.gather(*(server.stop(DRAIN_SECONDS) for server in servers))


def _connect(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        dsn, autocommit=True, connect_timeout=5, application_name="spanledger keys",
        options="-c statement_timeout=5s", prepare_threshold=None,
    )  # fmt: skip


def _nanoseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1) * 1000


def stop_signals(stop: asyncio.Event) -> Callable[[int], None]:
    """SIGTERM and Ctrl-C set `stop`; a second Ctrl-C ends the process at once.

    Returns:
        What takes such a signal, for whoever stops us otherwise.
    """
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            if number == signal.SIGINT:
                os._exit(130)
            return
        stop.set()
        deadline = threading.Timer(LAST_SECONDS, os._exit, (70,))  # nothing acknowledged is lost by it
        deadline.daemon = True
        deadline.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return on_signal


async def _child(assignment: Assignment, troubles: RecentTroubles) -> None:
    stop = asyncio.Event()
    stop_signals(stop)
    # The parent's end of our standard input closes with it, however it ends: a worker never outlives it.
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    book = load_price_book(assignment.config.prices.file)
    noted = Tally()
    async with working(assignment, book, troubles, noted) as state, collecting(lambda: is_idle(state())):
        while not stop.is_set():
            _report(state(), noted.drain())
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), HEARTBEAT_SECONDS)
    _report(state(), noted.drain())  # what the last requests brought


def _report(state: WorkerState, news: News) -> None:
    with suppress(BrokenPipeError):
        print(json.dumps({"state": state._asdict(), "news": news}), flush=True)


def main() -> int:
    """Run as a child: the assignment comes on standard input, heartbeats go to standard output."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the service reloads, or stops us
    troubles = RecentTroubles()
    assignment: Assignment = pickle.load(sys.stdin.buffer)
    configure_logging(assignment.config.log, troubles, assignment.number)
    try:
        with tracing():
            uvloop.run(_child(assignment, troubles))
    except (ConfigError, PipelineError) as error:
        log.error("worker %d: %s", assignment.number, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
