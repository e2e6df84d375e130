"""The pages as answers to HTTP requests: a page, or a refusal that names the wrong parameter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import HTMLResponse

from operations.alerts.runbooks import runbooks_page
from operations.budgets.page import budgets_page
from operations.compare.page import compare_page
from operations.explain.page import call_page
from operations.spend.page import home_page
from operations.web.parameters import BadParameter, Links, calls_shown, question_of
from operations.web.queries import Connection
from operations.web.render import Service
from service.web import inbox_handlers
from service.web.refused_page import refusal_page, refused

Answer = Callable[[Connection, Request, Service], HTMLResponse]


def home(connection: Connection, request: Request, service: Service) -> HTMLResponse:
    """`/`: what is spent."""
    now = datetime.now(UTC)
    links = Links("./")
    try:
        asked, failed = calls_shown(request.query_params.multi_items())
        question = question_of(asked, now)
    except BadParameter as error:
        return refused(error, links, service)
    is_live = question.end == now
    return HTMLResponse(home_page(connection, question, links, service, now, is_live, failed))


def comparison(connection: Connection, request: Request, service: Service) -> HTMLResponse:
    """`/compare`: the story of one window."""
    links = Links("./")
    try:
        asked, failed = calls_shown(request.query_params.multi_items())
        question = question_of(asked, datetime.now(UTC))
    except BadParameter as error:
        return refused(error, links, service)
    return HTMLResponse(compare_page(connection, question, links, service, failed=failed))


def call(connection: Connection, request: Request, service: Service) -> HTMLResponse:
    """`/call/<key>`: one call, explained."""
    links = Links("../")
    identity = request.path_params["key"]
    try:
        page = call_page(connection, identity, request.query_params.multi_items(), links, service)
    except BadParameter as error:
        return refused(error, links, service)
    if page is None:
        sentence = (
            "call: expected the key of a call that is still kept, with its time in `at` or without `at`."
        )
        return refusal_page(404, "No such call", "call", sentence, links, service)
    return HTMLResponse(page)


def runbooks(connection: Connection, request: Request, service: Service) -> HTMLResponse:
    """`/runbooks`: what to do when an alert speaks."""
    return HTMLResponse(runbooks_page(Links("./"), service))


def budgets(connection: Connection, request: Request, service: Service) -> HTMLResponse:
    """`/budgets`: how much of each limit is used."""
    return HTMLResponse(budgets_page(connection, Links("./"), service, datetime.now(UTC)))


PAGES: dict[str, Answer] = {
    "/": home,
    "/compare": comparison,
    "/call/{key}": call,
    "/budgets": budgets,
    "/inbox": inbox_handlers.inbox,
    "/alert/{id:int}": inbox_handlers.alert,
    "/incidents": inbox_handlers.incidents,
    "/incident/{id:int}": inbox_handlers.incident,
    "/runbooks": runbooks,
}
"""The read-only pages by path; whoever serves them checks the reader first."""
