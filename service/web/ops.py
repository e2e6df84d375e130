"""The ops port: pages, health, metrics and diagnostics."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from operations import query as ledger
from operations.diagnosis.database import lag
from operations.diagnosis.findings import SILENT_SECONDS
from operations.terminal import ago, exact_usd
from operations.web.parameters import Links
from operations.web.render import Service, render
from processor.calls.errors import PipelineError
from receiver.status import log_fault
from service import database, metrics
from service.config import InboxConfig, SignInConfig
from service.keys import KeyRing
from service.tally import Problem, described
from service.version import version
from service.watch import Sources, Watch
from service.web.alert_door import AlertDoor
from service.web.diagnostics import counters, diagnostics
from service.web.forms import FormDoor, sign_in_routes
from service.web.handlers import PAGES, Answer
from service.web.inbox_forms import FORMS
from service.web.refusal import HEADERS, refused_to
from service.web.sign_in import Person, SignIn
from service.worker_status import WorkerState, instant_text

log = logging.getLogger("spanledger.ops")

_LAST_CALLS = 10
FAULTS = {
    "database_away": "the database does not answer",
    "database_cannot_commit": "the database cannot commit",
    "summaries_unreadable": "summaries cannot be read",
}
"""What `/readyz` answers, by cause."""


class Status(NamedTuple):
    """The running service as the pages see it.

    Attributes:
        connect: a connection from the pages' own pool; raises `psycopg.Error` soon when the database is away.
        workers: the last heartbeat of every worker.
        prices: what the price book says of itself; the first time it reads the whole list, about a second.
        price_source: the price list and the map on top, in words.
        endpoints: where senders reach us, by name.
        problems: why requests of senders ended in no counted call, the most recent first.
        watch: what knows of troubles and since when; None looks anew each time.
    """

    connect: Callable[[], AbstractContextManager[psycopg.Connection[Any]]]
    keys: KeyRing
    workers: Callable[[], Sequence[WorkerState]]
    started: float
    prices: Callable[[], Mapping[str, object]]
    price_source: str
    endpoints: Mapping[str, str]
    settings: Mapping[str, object]
    is_stopping: Callable[[], bool]
    problems: Callable[[], Sequence[Problem]] = tuple
    inbox: InboxConfig = InboxConfig()
    watch: Watch | None = None
    sign_in: SignInConfig = SignInConfig()
    public_url: str = ""
    grafana_url: str = ""


def ops_app(status: Status) -> Starlette:
    """The application of the ops port. Health is open; all else needs a key with `read` once keys exist."""
    people = SignIn(status.sign_in, status.keys, status.connect, status.public_url)
    return Starlette(
        routes=[
            *[Route(path, _Page(status, _ledger_page(answer), people)) for path, answer in PAGES.items()],
            *[Route(path, FormDoor(status.connect, people, act)) for path, act in FORMS.items()],
            *sign_in_routes(people, lambda: _service(status, Person("", False), fault_of(status))),
            Route("/service", _Page(status, _running, people)),
            Route("/healthz", _alive),
            Route("/readyz", _Page(status, _ready)),
            Route("/metrics", _Page(status, _metrics, people)),
            Route("/diagnostics", _Page(status, _diagnostics, people)),
            Route("/v1/alerts", AlertDoor(status)),
        ]
    )


class _Page:
    """One page as an ASGI endpoint: the reader is checked, then the page is built in a thread."""

    def __init__(
        self, status: Status, build: Callable[[Status, Request], Response], people: SignIn | None = None
    ) -> None:
        """Args: people: who may read it; None lets everybody read it."""
        self._status = status
        self._build = build
        self._people = people

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        response.headers.update(HEADERS)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("only GET\n", 405, {"allow": "GET, HEAD"})
        try:
            if self._people is None:
                return await run_in_threadpool(self._build, self._status, request)
            request.state.person = person = await self._people.person(request)
            response = await run_in_threadpool(self._build, self._status, request)
            self._people.set_form_cookie(person, response)
            return response
        except PipelineError as error:
            return refused_to(request, error)
        except Exception as error:  # a page must not take the service down, nor show what it holds
            log_fault(error, request.url.path)
            return PlainTextResponse("this page is unavailable right now\n", 503, {"retry-after": "2"})


def _service(status: Status, person: Person, fault: str | None) -> Service:
    return Service(
        version(), fault, status.endpoints, person.name, person.may_operate, person.form_token,
        person.is_signed_in, status.grafana_url.rstrip("/"),
    )  # fmt: skip


async def _alive(request: Request) -> Response:
    return PlainTextResponse("alive\n")


def _ready(status: Status, request: Request) -> Response:
    fault = fault_of(status)
    return PlainTextResponse(f"{fault or 'ready'}\n", 503 if fault else 200)


def fault_of(status: Status) -> str | None:
    """Why the service cannot take calls now; None when it can commit and read summaries."""
    if status.is_stopping():
        return "stopping"
    now = time.time()
    if not any(now - worker.heartbeat < SILENT_SECONDS for worker in status.workers()):
        return "no worker is running"
    fault = _watch(status).probe().fault
    if fault is None:
        return None
    log.warning("not ready: %s: %s", FAULTS[fault.cause], fault.detail)
    return FAULTS[fault.cause]


def _metrics(status: Status, request: Request) -> Response:
    metrics.workers.set(len(status.workers()))
    if fault_of(status) != FAULTS["database_away"]:  # `spanledger_database_up` is of now by that
        _measure_freshness(status)
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _measure_freshness(status: Status) -> None:
    freshness: ledger.Row = {}
    with suppress(psycopg.Error), status.connect() as connection:
        freshness = lag(connection)
    for quantile, name in (("0.5", "p50_ms_below"), ("0.95", "p95_ms_below")):
        bound = freshness.get(name)
        seconds = math.nan if bound is None else float(bound) / 1000
        metrics.freshness_seconds.labels(quantile).set(seconds)


def _watch(status: Status) -> Watch:
    return status.watch or Watch(Sources(status.connect, status.workers))


def _diagnostics(status: Status, request: Request) -> Response:
    return diagnostics(status, _watch(status), fault_of(status), _wants_page(request))


def _problems(status: Status) -> list[dict[str, object]]:
    return [described(problem, status.endpoints) for problem in status.problems()]


def _ledger_page(answer: Answer) -> Callable[[Status, Request], Response]:
    """A page over the ledger; while the database is away, the page about the running service says so."""

    def build(status: Status, request: Request) -> Response:
        if _wants_json(request) and request.url.path == "/":
            return _running(status, request)
        fault = fault_of(status)
        if fault == FAULTS["database_away"]:
            return _running(status, request, fault)
        try:
            with status.connect() as connection:
                return answer(connection, request, _service(status, request.state.person, fault))
        except (psycopg.OperationalError, psycopg.errors.UndefinedFunction) as error:
            log.warning("page without figures: %s", database.reason(error))
            return _running(status, request)

    return build


def _running(status: Status, request: Request, fault: str | None = None) -> Response:
    """The service status page: counters since the start, and the last calls of all selections.

    Args:
        fault: what is known to be wrong already.
    """
    fault = fault or fault_of(status)
    calls, day = ([], []) if fault == FAULTS["database_away"] else _last(status)
    if _wants_json(request):
        return JSONResponse(_running_json(status, fault, calls, day))
    return HTMLResponse(
        render(
            "web/service.html", service=_service(status, request.state.person, fault), links=Links("./"),
            running=ago(timedelta(seconds=time.time() - status.started)), counters=counters(), calls=calls,
            day=day, fresh=_fresh(status, fault), workers=status.workers(), now=datetime.now(UTC),
            prices=status.price_source, problems=_problems(status), refresh=15,
        )
    )  # fmt: skip


def _fresh(status: Status, fault: str | None) -> ledger.Row:
    """How soon the calls of the last hour were visible, and what is complete; empty where unknown."""
    if fault != FAULTS["database_away"]:
        with suppress(psycopg.Error), status.connect() as connection:
            return lag(connection)
    return {}


def _last(status: Status) -> tuple[list[ledger.Row], list[ledger.Row]]:
    """The last calls, and the last day by environment and data mode."""
    try:
        with status.connect() as connection:
            calls = ledger.rows(connection, "last_calls", limit=_LAST_CALLS)
            return calls, ledger.rows(connection, "day", **{"from": datetime.now(UTC) - timedelta(hours=24)})
    except psycopg.Error as error:
        log.warning("page without figures: %s", database.reason(error))
        return [], []


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def _wants_page(request: Request) -> bool:
    """A browser: programs that name no type get JSON."""
    return "text/html" in request.headers.get("accept", "")


def _running_json(
    status: Status, fault: str | None, calls: Sequence[ledger.Row], day: Sequence[ledger.Row]
) -> dict[str, object]:
    return {
        "name": "spanledger",
        "version": version(),
        "ready": fault is None,
        "fault": fault,
        "started": instant_text(status.started),
        "endpoints": dict(status.endpoints),
        "counters": counters(),
        "freshness": ledger.call_json(_fresh(status, fault)),
        "last24h": [
            {
                "environment": row["environment"],
                "dataMode": row["data_mode"],
                "calls": row["calls"],
                "requests": row["requests"],
                "errors": row["errors"],
                "costUsd": exact_usd(int(row["cost_pico_usd"])),
                "unpricedCalls": row["unpriced_calls"],
                "uncertainCalls": row["uncertain_calls"],
                "unreadSpans": row["unread_spans"],
                "atLeast": row["at_least"],
            }
            for row in day
        ],
        "lastCalls": [ledger.call_json(row) for row in calls],
        "senderProblems": _problems(status),
    }
