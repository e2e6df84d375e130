"""The probe of a running service: one request a minute, by one process at a time."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

import psycopg

from operations.probe.model import WORDS, Outcome, forget, record
from processor.pricing.load import PriceBook
from receiver.config import Address
from receiver.status import log_fault
from service.beside import beside
from service.config import Config
from service.lease import Lease
from service.probe.panel import GrafanaDoor
from service.probe.run import Probe, run
from service.probe.span import Certificates, Target
from service.worker import Assignment

log = logging.getLogger("spanledger.probe")

_KEPT: Final = 1_000
"""Outcomes that wait for a database that is away; the oldest go first."""
_FORGET_SECONDS: Final = 3600.0

Connection = psycopg.Connection[Any]


def grafana_of(config: Config) -> GrafanaDoor | None:
    """The Grafana that is asked as well, where one is configured."""
    if not config.probe.grafana_url:
        return None
    token = config.probe.grafana_token
    secret = token.get_secret_value() if token else ""
    return GrafanaDoor(config.probe.grafana_url, secret, config.probe.grafana_datasource)


def target_of(config: Config, grpc: Address, own_key: str = "") -> Target | None:
    """Where to send: the configured address, else the service's own port; None where that speaks TLS.

    Whose name is in the certificate of our own port is not known here.
    """
    if config.probe.endpoint:
        key = config.probe.key.get_secret_value() if config.probe.key else ""
        tls = config.probe.tls
        return Target(config.probe.endpoint, key, Certificates(tls.authority, tls.certificate, tls.key))
    if config.receiver.tls is not None:
        return None
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    return Target(f"http://{grpc._replace(host=anywhere.get(grpc.host, grpc.host))}", own_key)


def probe_connect(dsn: str) -> Connection:
    """A connection that waits briefly for a database that hangs."""
    return psycopg.connect(
        dsn, autocommit=True, connect_timeout=5, application_name="spanledger probe",
        options="-c timezone=UTC -c statement_timeout=20s -c lock_timeout=5s",
    )  # fmt: skip


@asynccontextmanager
async def probing(assignment: Assignment, book: PriceBook) -> AsyncIterator[None]:
    """Probe while the block runs."""
    config = assignment.config
    target = target_of(config, assignment.grpc, assignment.probe_key)
    if not config.probe.enabled or target is None:
        if config.probe.enabled:
            log.warning("no probe: the receiver speaks TLS; name its address in probe.endpoint")
        yield
        return
    connect = partial(probe_connect, assignment.dsn)
    seconds = config.probe.timeout.total_seconds()
    prober = Prober(Probe(target, connect, book, grafana_of(config), seconds), config, assignment.dsn)
    async with prober.lease.kept(), beside(prober.keep_probing()):
        yield


async def _in_a_thread_of_its_own(work: Callable[[], object]) -> None:
    """Wait for it; a service that stops does not: what waits for a receiver may wait for half a minute."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run_it() -> None:
        try:
            work()
        except Exception as error:  # a fault here must not end a service that counts
            log_fault(error, "the probe")
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run_it, name="probe", daemon=True).start()
    await done.wait()


class Prober:
    """Sends while it holds the lease, and keeps what cannot be recorded yet."""

    def __init__(self, probe: Probe, config: Config, dsn: str) -> None:
        self._probe = probe
        self._every = config.probe.every.total_seconds()
        self._days = config.retention.quarantine.days
        self.lease = Lease(dsn, "probe")
        self._is_ours = False
        self._waiting: deque[Outcome] = deque(maxlen=_KEPT)
        self._failing: str | None = None
        self._forgotten = 0.0

    async def keep_probing(self) -> None:
        """One request a period, from the middle of the first on."""
        await asyncio.sleep(min(2.0, self._every))
        while True:
            begun = time.monotonic()
            await _in_a_thread_of_its_own(self.turn)
            await asyncio.sleep(max(0.0, begun + self._every - time.monotonic()))

    def turn(self) -> Outcome | None:
        """One request, if it is ours to send; while the database is away whoever had the lease keeps it."""
        try:
            with self._probe.connect() as connection:
                self._is_ours = self.lease.take(connection)
        except psycopg.Error:
            pass
        if not self._is_ours:
            return None
        with self.lease.used():
            outcome = run(self._probe, f"{self.lease.holder} service")
        self._waiting.append(outcome)
        self._tell(outcome)
        self._store()
        return outcome

    def _store(self) -> None:
        try:
            with self._probe.connect() as connection:
                while self._waiting:
                    record(connection, self._waiting[0], self.lease.holder)
                    self._waiting.popleft()
                if time.monotonic() - self._forgotten > _FORGET_SECONDS:
                    forget(connection, self._days)
                    self._forgotten = time.monotonic()
        except psycopg.Error as error:
            log.debug("%d outcomes of the probe wait: %s", len(self._waiting), type(error).__name__)

    def _tell(self, outcome: Outcome) -> None:
        """Log when it begins to fail in a stage, and when it is over."""
        if outcome.failure == self._failing:
            return
        if outcome.failure:
            log.error("the probe fails: %s (%s)", WORDS[outcome.failure], outcome.detail)
        else:
            log.info("the probe comes through again")
        self._failing = outcome.failure
