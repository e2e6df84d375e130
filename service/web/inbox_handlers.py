"""The pages of alerts and incidents as answers to HTTP requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse

from operations.inbox import page as inbox_pages
from operations.incidents import page as incident_pages
from operations.web.parameters import BadParameter, F, Links, filters_of
from operations.web.queries import Connection
from operations.web.render import Service
from service.web.inbox_forms import number_of
from service.web.refused_page import refusal_page, refused

Answer = Callable[[Connection, Request, Service], HTMLResponse]


def _listed(
    build: Callable[[Connection, F, Links, Service], str], usual: F, choices: Mapping[str, Sequence[str]]
) -> Answer:
    """A list with its filters."""

    def answer(connection: Connection, request: Request, service: Service) -> HTMLResponse:
        links = Links("./")
        try:
            filters = filters_of(request.query_params.multi_items(), usual, choices)
        except BadParameter as error:
            return refused(error, links, service)
        return HTMLResponse(build(connection, filters, links, service))

    return answer


def _one(name: str, build: Callable[[Connection, int, Links, Service], str | None]) -> Answer:
    """The page of one, by the number in the path."""

    def answer(connection: Connection, request: Request, service: Service) -> HTMLResponse:
        links = Links("../")
        page = build(connection, number_of(request), links, service)
        if page is not None:
            return HTMLResponse(page)
        text = f"There is no {name} of that number."
        return refusal_page(404, f"No such {name}", name, text, links, service)

    return answer


inbox = _listed(inbox_pages.inbox_page, inbox_pages.Filters(), inbox_pages.CHOICES)
alert = _one("alert", inbox_pages.alert_page)
incidents = _listed(incident_pages.incidents_page, incident_pages.Filters(), incident_pages.CHOICES)
incident = _one("incident", incident_pages.incident_page)
