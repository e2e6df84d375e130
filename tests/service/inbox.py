"""A browser without pictures for tests of the pages: cookies, links and forms over the application."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import NamedTuple

import httpx

from service.web.ops import Status, ops_app


class Form(NamedTuple):
    """A form of a page: where it is sent, and what its fields hold."""

    action: str
    method: str
    fields: dict[str, str]
    button: str


class Page(NamedTuple):
    """A page that was loaded."""

    status: int
    address: str
    html: str
    links: dict[str, str]
    forms: list[Form]

    @property
    def text(self) -> str:
        """What a reader sees, in one line."""
        body = re.sub(r"<style>.*?</style>", "", self.html, flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())

    def form(self, button: str) -> Form:
        """The form with that button."""
        return next(form for form in self.forms if form.button == button)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self.forms: list[Form] = []
        self._form: tuple[str, str, dict[str, str]] | None = None
        self._into: tuple[str, str] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = (given["action"], given.get("method", "get"), {})
        elif tag == "input" and self._form:
            self._form[2][given["name"]] = given.get("value", "")
        elif tag in ("textarea", "select", "button", "a"):
            self._into, self._text = (tag, given.get("name") or given.get("href", "")), ""
        elif tag == "option" and self._form and self._into and "selected" in given:
            self._form[2][self._into[1]] = given["value"]

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if not self._into or self._into[0] != tag:
            return
        text = " ".join(self._text.split())
        if tag == "a":
            self.links.setdefault(text, self._into[1])
        elif tag == "textarea" and self._form:
            self._form[2][self._into[1]] = self._text.removeprefix("\n")
        elif tag == "button" and self._form:
            self.forms.append(Form(*self._form[:2], dict(self._form[2]), text))
        self._into = None


class Browser:
    """Keeps cookies, follows redirects, and sends forms as they stand with what a person changes."""

    def __init__(self, of: Status, client: tuple[str, int] = ("127.0.0.1", 1)) -> None:
        transport = httpx.ASGITransport(ops_app(of), client=client)
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://localhost:4319", follow_redirects=True,
            headers={"accept": "text/html"},
        )  # fmt: skip

    @property
    def client(self) -> httpx.AsyncClient:
        """For requests that no page makes."""
        return self._client

    async def open(self, address: str, page: Page | None = None) -> Page:
        """Load an address, relative to a page."""
        base = httpx.URL(page.address) if page else self._client.base_url
        return _page(await self._client.get(base.join(address)))

    async def click(self, page: Page, link: str) -> Page:
        """Follow a link by its text."""
        return await self.open(page.links[link], page)

    async def send(self, page: Page, button: str, **changes: str) -> Page:
        """Send the form with that button."""
        form = page.form(button)
        address = httpx.URL(page.address).join(form.action)
        return _page(await self._client.post(address, data=form.fields | changes))


def _page(response: httpx.Response) -> Page:
    reader = _Reader()
    reader.feed(response.text)
    return Page(response.status_code, str(response.url), response.text, reader.links, reader.forms)
