"""`spanledger serve`: from settings to a running service, and its orderly end."""

from __future__ import annotations

import asyncio
import logging
import platform
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import psycopg
import uvloop
from psycopg_pool import ConnectionPool
from starlette.applications import Starlette

from operations import query as ledger
from operations.operator_files.model import OperatorFile
from processor.calls.errors import ConfigError, PipelineError, StorageUnavailable
from processor.calls.identity_map import IdentityMap, load_identity_map
from processor.pricing.load import PriceBook, load_price_book
from receiver.config import Address, parse_address
from receiver.status import log_fault
from service import database, keys, metrics, ports
from service.beside import beside
from service.config import Config
from service.contract import contract_settings, keeping_contract
from service.hangup import Terminal, on_hangup
from service.identity_keys import load_identity_rules
from service.logs import announce, configure_logging
from service.operator_files import put_in_force, read_operator_files
from service.ports import Listener
from service.postgres.server import EmbeddedError, EmbeddedPostgres
from service.price_records import register
from service.problems import ProblemKeeper
from service.running import Running, with_fixed
from service.tally import Tally
from service.tracing import tracing
from service.version import version
from service.watch import Sources, Watch
from service.web.ops import Status, ops_app
from service.web.server import Current, serving
from service.worker import Assignment, stop_signals
from service.worker_status import RecentTroubles, instant_text
from storage.journal import remap as identities
from storage.schema.migrate import migrate

log = logging.getLogger("spanledger")

_DATABASE_PATIENCE_SECONDS = 60.0
"""How long a start waits for a database that does not answer yet."""
_HOPELESS = ("authentication failed", "does not exist", "no pg_hba.conf entry")
"""Errors that waiting does not cure; libpq reports them in words only."""


@dataclass(frozen=True, slots=True)
class _Doors:
    """Our three addresses, each with the socket that keeps it ours."""

    grpc: Address
    http: Address
    ops: Address

    @property
    def by_name(self) -> dict[str, str]:
        return {"grpc": str(self.grpc), "http": str(self.http), "ops": str(self.ops)}


class Reading(NamedTuple):
    """How a running service comes to another configuration: by `read`, on the SIGHUP of an operator."""

    read: Callable[[], Config]
    terminal: Terminal


def serve(config: Config, read: Callable[[], Config]) -> None:
    """Run the service until SIGTERM, Ctrl-C or the end of its terminal.

    Args:
        read: reads the configuration again, for SIGHUP.

    Raises:
        ConfigError: it cannot start like this; the text says what to change.
        StorageUnavailable: the database did not answer in time.
    """
    troubles = RecentTroubles()
    configure_logging(config.log, troubles)
    terminal = Terminal()
    with ExitStack() as stack, _ending_on_signals(terminal):
        listeners = _listeners(config)
        doors = _Doors(*(stack.enter_context(_held(listener)) for listener in listeners))
        book = load_price_book(config.prices.file)
        dsn, where = stack.enter_context(_database(config))
        first = _prepare(dsn, config, doors, listeners, book)
        with tracing():
            uvloop.run(_serve(first, doors, book, where, troubles, Reading(read, terminal)))


def _listeners(config: Config) -> list[Listener]:
    return [
        Listener("receiver.grpc", "--grpc", parse_address(config.receiver.grpc)),
        Listener("receiver.http", "--http", parse_address(config.receiver.http)),
        Listener("ops.listen", "--ops", parse_address(config.ops.listen)),
    ]


@contextmanager
def _held(listener: Listener) -> Iterator[Address]:
    with ports.reserve(listener) as held:
        yield ports.actual(held, listener.address)


@contextmanager
def _database(config: Config) -> Iterator[tuple[str, str]]:
    """The DSN, and what to call it: the configured database, or an embedded server for as long as we run."""
    if config.database.url:
        dsn = config.database.url.get_secret_value()
        yield dsn, database.place(dsn)
        return
    try:
        embedded = EmbeddedPostgres(config.data_dir, port=config.database.embedded_port, report=log.info)
        with embedded:
            yield embedded.dsn, f"embedded PostgreSQL on 127.0.0.1:{embedded.port}"
    except EmbeddedError as error:
        raise ConfigError(f"the embedded PostgreSQL cannot run: {error}") from error


def _prepare(
    dsn: str, config: Config, doors: _Doors, listeners: Sequence[Listener], book: PriceBook
) -> Assignment:
    """Migrate, see that no door is open to strangers, write down settings and prices; one assignment."""
    for warning in _patiently(lambda: migrate(dsn)):
        log.warning("%s", warning)
    with _connection(dsn) as connection:
        ports.refuse_open_doors(listeners, keys.exist(connection))
    map_id = _register(dsn, book)
    _write_down(dsn, config, _identities(config), read_operator_files(config))
    keys_required = not (doors.grpc.is_loopback and doors.http.is_loopback)
    own_key = secrets.token_urlsafe(32)
    return Assignment(0, config, dsn, doors.grpc, doors.http, keys_required, map_id, own_key)


def _connection(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, autocommit=True, connect_timeout=10, application_name="spanledger start")


def _register(dsn: str, book: PriceBook) -> int:
    """The number of this price map in the ledger."""
    with _connection(dsn) as connection:
        return register(connection, book)


def _identities(config: Config) -> IdentityMap:
    file, rules = config.identity.labels, load_identity_rules(config)
    return load_identity_map(file, rules) if file else identities.NONE


def _write_down(dsn: str, config: Config, people: IdentityMap, files: Sequence[OperatorFile]) -> None:
    """Tell the ledger the settings and files that its readers need."""
    with _connection(dsn) as connection:
        for name in ("public_url", "grafana_url", "trace_url"):
            connection.execute(ledger.query("put_setting"), {"key": name, "value": getattr(config, name)})
        for name, value in contract_settings(config).items():
            connection.execute(ledger.query("put_setting"), {"key": name, "value": value})
        identities.use(connection, people)
        put_in_force(connection, files)
        is_applied = identities.is_applied(connection)
    if not is_applied:
        log.info(
            "identities.yaml assigns users to tenants anew: from now on that holds for what comes; "
            "`spanledger identity map` shows which stored calls would move, and moves them with --apply"
        )


def _patiently(migration: Callable[[], list[str]]) -> list[str]:
    deadline = time.monotonic() + _DATABASE_PATIENCE_SECONDS
    while True:
        try:
            return migration()
        except StorageUnavailable as error:
            if time.monotonic() > deadline or any(sign in str(error) for sign in _HOPELESS):
                raise
            log.warning("waiting for the database: %s", str(error).splitlines()[0])
            time.sleep(1.0)


async def _serve(
    first: Assignment,
    doors: _Doors,
    book: PriceBook,
    where: str,
    troubles: RecentTroubles,
    reading: Reading,
) -> None:
    stop, reload = asyncio.Event(), asyncio.Event()
    ask_to_stop = stop_signals(stop)
    on_hangup(reading.terminal, lambda: ask_to_stop(signal.SIGHUP), reload.set)
    started = time.time()
    async with AsyncExitStack() as stack:
        pool = stack.enter_context(_pool(first.dsn))
        ring = keys.KeyRing(pool.connection, not doors.ops.is_loopback)
        await asyncio.to_thread(ring.load)
        keeper = ProblemKeeper(Tally(), pool.connection, doors.by_name)
        await stack.enter_async_context(keeper.running())
        running = await stack.enter_async_context(Running(first, book, troubles, keeper.noted))

        ours = None if first.config.database.url else first.config.data_dir
        watch = Watch(
            Sources(pool.connection, running.states, running.restarts, running.prices_checked, ours)
        )
        await stack.enter_async_context(watch.running())
        await stack.enter_async_context(keeping_contract(first.dsn, watch, first.config))

        def pages() -> Starlette:
            config, book, loaded = running.assignment.config, running.book, running.loaded
            return ops_app(Status(
                pool.connection, ring, running.states, started, lambda: _describe(book, loaded),
                _price_source(config), doors.by_name, config.model_dump(mode="json"), stop.is_set,
                keeper.totals.listed, config.inbox, watch, config.sign_in, config.public_url,
                config.grafana_url,
            ))  # fmt: skip

        current = Current(pages())
        await stack.enter_async_context(serving(current, ports.shared_socket(doors.ops)))
        await stack.enter_async_context(beside(ring.keep_fresh()))
        _tell_build()
        _announce(first.config, doors, where)
        while await _is_reload(stop, reload):
            await _reload(running, reading.read, troubles)
            current.app = pages()
        log.info("stopping: accepting nothing new, finishing requests in flight")


async def _is_reload(stop: asyncio.Event, reload: asyncio.Event) -> bool:
    """Wait for either; whether it was the order to reload."""
    waiting = [asyncio.create_task(event.wait()) for event in (stop, reload)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    reload.clear()
    return not stop.is_set()


async def _reload(running: Running, read: Callable[[], Config], troubles: RecentTroubles) -> None:
    """Read configuration and prices again; whatever is wrong with them, we go on with what we have."""
    log.info("reloading the configuration and the prices")
    before = running.assignment
    try:
        config, kept = with_fixed(await asyncio.to_thread(read), before.config)
        book = await asyncio.to_thread(load_price_book, config.prices.file)
        people = await asyncio.to_thread(_identities, config)
        files = await asyncio.to_thread(read_operator_files, config)
        map_id = await asyncio.to_thread(_register, before.dsn, book)
        await running.replace(replace(before, config=config, price_map_id=map_id), book)
        await asyncio.to_thread(_write_down, before.dsn, config, people, files)
    except (ConfigError, PipelineError, psycopg.Error) as error:
        log.error("the reload failed; the service continues with its old configuration: %s", error)
        return
    except Exception as error:  # a reload must not end a service that counts
        log_fault(error, "the reload")
        return
    configure_logging(config.log, troubles)
    for name in kept:
        log.warning("%s is unchanged: it needs a restart", name)
    log.info("reloaded: %s", _price_source(config))


def _pool(dsn: str) -> ConnectionPool[psycopg.Connection[Any]]:
    """Connections of the pages: few, short, and never waiting long for a database that is away."""
    return ConnectionPool(
        dsn, min_size=0, max_size=4, timeout=3.0, open=True, check=ConnectionPool.check_connection,
        kwargs={
            "autocommit": True, "connect_timeout": 3, "application_name": "spanledger pages",
            "options": "-c timezone=UTC -c jit=off -c statement_timeout=5s",
        },
    )  # fmt: skip


def _describe(book: PriceBook, loaded: float) -> dict[str, object]:
    summary = book.summary()
    return {
        "base": summary.base,
        "checkedAt": str(summary.checked_at) if summary.checked_at else None,
        "file": summary.file,
        "hash": book.map_hash,
        "loaded": instant_text(loaded),
        "ageSeconds": round(time.time() - loaded),
        "counts": dict(summary.counts),
        "withoutExactPrice": len(summary.excluded),
    }


def _price_source(config: Config) -> str:
    base = f"genai-prices {metadata.version('genai-prices')}"
    return f"{base} and {config.prices.file.name}" if config.prices.file else base


def _tell_build() -> None:
    build = version(), platform.python_version(), metadata.version("genai-prices")
    metrics.build_info.labels(*build).set(1)


def _announce(config: Config, doors: _Doors, where: str) -> None:
    workers = "" if config.workers == 1 else f", {config.workers} workers"
    announce(
        config.log,
        f"spanledger {version()} ready: gRPC {doors.grpc}, HTTP {doors.http}, pages http://{doors.ops}/, "
        f"{where}{workers}",
    )


@contextmanager
def _ending_on_signals(terminal: Terminal) -> Iterator[None]:
    """Until the loop takes signals over, and after it, what ends us leaves the block in order."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(0 if number == signal.SIGTERM else 130)

    handlers = {
        signal.SIGTERM: leave,
        signal.SIGINT: leave,
        signal.SIGHUP: terminal.leave_when_gone,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
