"""`POST /v1/alerts`: the webhook of Grafana and Alertmanager, stored before it is answered."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from operations.inbox.document import Unreadable, parse
from operations.inbox.receive import Received, receive
from processor.calls.errors import PipelineError
from receiver.auth import basic_as_bearer
from receiver.status import log_fault
from service import database, metrics
from service.config import InboxConfig
from service.web.refusal import refusal

if TYPE_CHECKING:
    from service.web.ops import Status

log = logging.getLogger("spanledger.inbox")

SIGNATURE, TIMESTAMP = "x-grafana-alerting-signature", "x-grafana-alerting-timestamp"
"""Defaults of Grafana's webhook (12.0 and newer)."""
REPLAY_SECONDS = 300


class AlertDoor:
    """The webhook's address as an ASGI endpoint: key, size, signature, then one transaction."""

    def __init__(self, status: Status) -> None:
        self._status = status

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        metrics.alert_requests.labels(str(response.status_code)).inc()
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("POST", "PUT"):
            return _said("send alerts by POST", 405, {"allow": "POST, PUT"})
        settings = self._status.inbox
        headers = dict(request.headers)
        try:
            # Grafana's webhook can send a password instead: any user name, the key as password.
            await self._status.keys.check(basic_as_bearer(headers), "inbox")
        except PipelineError as error:
            return refusal(error)
        body = await _bounded(request, settings.max_bytes)
        if body is None:
            return _said(f"the body is larger than {settings.max_bytes} bytes (inbox.max_bytes)", 413)
        if reason := signature_fault(settings, headers, body, time.time()):
            log.warning("an alert was refused: %s", reason)
            return _said(reason, 401)
        return await run_in_threadpool(self._stored, body)

    def _stored(self, body: bytes) -> Response:
        try:
            with self._status.connect() as connection:
                received = receive(
                    connection, parse(body), now=datetime.now(UTC), cooldown=self._status.inbox.cooldown
                )
        except Unreadable as error:
            return _said(str(error), 400)
        except psycopg.Error as error:
            log.warning("alerts were not stored, the sender comes again: %s", database.reason(error))
            return _said("the database cannot commit; send it again", 503, {"retry-after": "2"})
        except Exception as error:  # the webhook must not take the service down; the sender comes again
            log_fault(error, "/v1/alerts")
            return _said("the alerts could not be stored; send them again", 503, {"retry-after": "2"})
        for fault in received.faults:
            log.warning("an alert cannot be read and is in the quarantine: %s", fault)
        return JSONResponse(_summary(received))


def _summary(received: Received) -> dict[str, object]:
    told = received.deliveries
    return {
        "stored": len(told),
        "new": sum(each.is_new for each in told),
        "dedupeApplied": sum(each.dedupe_applied for each in told),
        "cooldownApplied": sum(each.cooldown_applied for each in told),
        "unreadable": received.faults,
    }


async def _bounded(request: Request, limit: int) -> bytes | None:
    """The body, None where it is larger; no more than the limit is ever held."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            return None
    return bytes(body)


def signature_fault(settings: InboxConfig, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
    """Why the signature of a request does not hold; None where it does, or where none is asked for.

    The signature is the hexadecimal HMAC-SHA-256 of `TIMESTAMP:BODY`. The bytes as received are signed, the
    comparison takes constant time, and a timestamp further off than five minutes is a replay.
    """
    if settings.hmac_secret is None:
        return None
    told, moment = headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, "")
    if not told or not moment:
        return f"the headers {SIGNATURE} and {TIMESTAMP} are required (inbox.hmac_secret is set)"
    secret = settings.hmac_secret.get_secret_value().encode()
    right = hmac.new(secret, moment.encode("latin-1") + b":" + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), told.lower().encode("latin-1")):
        return "the signature does not match"
    if not moment.isdecimal() or len(moment) > 12 or abs(now - int(moment)) > REPLAY_SECONDS:
        return "the timestamp is more than five minutes off"
    return None


def _said(text: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": text}, status, headers)
