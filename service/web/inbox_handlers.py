"""The pages of alerts and incidents as answers to HTTP requests."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse

from operations.inbox.page import alert_page, filters_of, inbox_page
from operations.incidents.page import filters_of as incident_filters
from operations.incidents.page import incident_page, incidents_page
from operations.web.parameters import BadParameter, Links
from operations.web.queries import Connection
from operations.web.render import Service
from service.web.inbox_forms import number_of
from service.web.refused_page import refusal_page, refused


def inbox(connection: Connection, request: Request, service: Service) -> HTMLResponse:
    """`/inbox`: the alerts."""
    links = Links("./")
    try:
        filters = filters_of(request.query_params.multi_items())
    except BadParameter as error:
        return refused(error, links, service)
    return HTMLResponse(inbox_page(connection, filters, links, service))


def alert(connection: Connection, request: Request, service: Service) -> HTMLResponse:
    """`/alert/<id>`: the story of one alert."""
    links = Links("../")
    page = alert_page(connection, number_of(request), links, service)
    return _or_missing(page, "alert", links, service)


def incidents(connection: Connection, request: Request, service: Service) -> HTMLResponse:
    """`/incidents`: all incidents."""
    links = Links("./")
    try:
        filters = incident_filters(request.query_params.multi_items())
    except BadParameter as error:
        return refused(error, links, service)
    return HTMLResponse(incidents_page(connection, filters, links, service))


def incident(connection: Connection, request: Request, service: Service) -> HTMLResponse:
    """`/incident/<id>`: one incident."""
    links = Links("../")
    page = incident_page(connection, number_of(request), links, service)
    return _or_missing(page, "incident", links, service)


def _or_missing(page: str | None, name: str, links: Links, service: Service) -> HTMLResponse:
    if page is not None:
        return HTMLResponse(page)
    return refusal_page(404, f"No such {name}", name, f"There is no {name} of that number.", links, service)
