"""The page for an address that cannot be read, or that leads nowhere."""

from __future__ import annotations

from starlette.responses import HTMLResponse

from operations.web.parameters import BadParameter, Links
from operations.web.render import Service, render


def refused(error: BadParameter, links: Links, service: Service) -> HTMLResponse:
    """The page for a parameter that cannot be read."""
    return refusal_page(400, "This address cannot be read", error.name, error.sentence, links, service)


def refusal_page(
    status: int, title: str, name: str, sentence: str, links: Links, service: Service
) -> HTMLResponse:
    """A page with a sentence that says what was expected."""
    page = render(
        "web/bad.html", title=title, name=name, sentence=sentence, links=links, service=service, refresh=None
    )
    return HTMLResponse(page, status)
