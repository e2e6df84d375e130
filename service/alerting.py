"""The built-in evaluation of alert rules as the service runs it: every minute, in one process, told on."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from pydantic import SecretStr

from operations.alerts import document as documents
from operations.alerts.document import Json
from operations.alerts.evaluate import INTERVAL, Channel, Evaluated, deliver, evaluate
from operations.inbox.receive import receive
from processor.alerting.catalogue import Severity
from receiver.status import log_fault
from service import database, metrics
from service.beside import beside
from service.config import Config
from service.lease import Lease
from service.outage import Outage

log = logging.getLogger("spanledger.alerting")

_LEASE_SECONDS: Final = 150.0
"""Two evaluations may fail to come before another process takes over."""
_POST_SECONDS: Final = 10.0

Connection = psycopg.Connection[Any]


def is_builtin(config: Config) -> bool:
    """Whether this service evaluates the rules itself: by default where nobody else does."""
    if config.alerting.evaluate == "auto":
        return config.database.url is None
    return config.alerting.evaluate == "builtin"


def channels(config: Config) -> list[Channel]:
    """Where firings go beside the inbox; none while alerting only observes."""
    told = {"webhook": config.alerting.webhook_url, "slack": config.alerting.slack_url}
    if config.alerting.observe:
        return []
    return [Channel(name, Severity.WARNING) for name, url in told.items() if url is not None]


@asynccontextmanager
async def alerting(config: Config, dsn: str) -> AsyncIterator[None]:
    """Evaluate the rules while the block runs, if it is this service's to do."""
    if not is_builtin(config):
        yield
        return
    evaluator = Evaluator(config, dsn)
    async with evaluator.lease.kept(), beside(_keep_evaluating(evaluator)):
        yield


async def _keep_evaluating(evaluator: Evaluator) -> None:
    while True:
        await asyncio.sleep(INTERVAL.total_seconds() - time.time() % INTERVAL.total_seconds())
        try:
            await asyncio.to_thread(evaluator.run, datetime.now(UTC))
        except Exception as error:  # a fault here must not end a service that counts
            log_fault(error, "the evaluation of alert rules")


class Evaluator:
    """Evaluates once a minute; speaks for the database itself when that does not answer."""

    def __init__(self, config: Config, dsn: str) -> None:
        self._config, self._dsn = config, dsn
        self._channels = channels(config)
        self.lease = Lease(dsn, "alerting", _LEASE_SECONDS)
        self._outage = Outage(config.data_dir, config.public_url, self._post_all)

    def run(self, now: datetime) -> Evaluated | None:
        """One evaluation, and the posts that are due; None where another process holds the lease."""
        try:
            with self.lease.used(), self._connected() as connection:
                if not self.lease.take(connection):
                    return None
                turned = self._evaluate(connection, now)
                self._readable(connection, now)
                for failure in deliver(connection, now, self._post):
                    log.warning("alerts wait for a channel that does not take them: %s", failure)
        except psycopg.Error as error:
            metrics.alert_evaluations.labels("failed").inc()
            log.warning("alert rules were not evaluated: %s", database.reason(error))
            self._outage.failed(now)
            return None
        metrics.alert_evaluations.labels("done").inc()
        self._beat()
        return turned

    def _connected(self) -> Connection:
        return psycopg.connect(
            self._dsn, autocommit=True, connect_timeout=5, application_name="spanledger alerting",
            options="-c timezone=UTC -c statement_timeout=30s -c lock_timeout=5s",
        )  # fmt: skip

    def _evaluate(self, connection: Connection, now: datetime) -> Evaluated:
        cooldown = self._config.inbox.cooldown

        def tell(connection: Connection, document: Json) -> None:
            receive(connection, document, source="builtin", now=now, cooldown=cooldown)

        turned = evaluate(connection, now, tell, channels=self._channels, public_url=self._config.public_url)
        for told in (*turned.fired, *turned.resolved):
            log.info("alert %s: %s", told["status"], told["annotations"]["summary"])
        return turned

    def _readable(self, connection: Connection, now: datetime) -> None:
        """Where channels were told that the database is away, they hear of its end, and the inbox of both."""
        for told in self._outage.over(now):
            receive(
                connection, documents.document([told], "spanledger-inbox", self._config.public_url),
                source="builtin", now=now, cooldown=self._config.inbox.cooldown,
            )  # fmt: skip
        self._outage.forget()

    def _post_all(self, told: Json) -> None:
        for channel in self._channels:
            try:
                self._post(channel.name, documents.document([told], channel.name, self._config.public_url))
            except OSError as error:
                log.warning("%s does not take the alert on the database: %s", channel.name, error)

    def _post(self, channel: str, told: Json) -> None:
        settings = self._config.alerting
        if channel == "slack" and settings.slack_url:
            post(settings.slack_url, documents.slack(told))
        elif channel == "webhook" and settings.webhook_url:
            post(settings.webhook_url, told)

    def _beat(self) -> None:
        """Tell an outside watcher that alerts would arrive; it speaks when this stops."""
        if self._config.alerting.heartbeat_url is None:
            return
        try:
            with urllib.request.urlopen(
                self._config.alerting.heartbeat_url.get_secret_value(), timeout=_POST_SECONDS
            ):
                pass
        except OSError as error:
            log.warning("alerting.heartbeat_url does not answer: %s", error)


def post(url: SecretStr, document: Json) -> None:
    """Post JSON.

    Raises:
        OSError: it did not arrive; the text names no address.
    """
    request = urllib.request.Request(
        url.get_secret_value(), json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_POST_SECONDS):
        pass
