"""Forms of the pages: signing in and out, and changes by people who may make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qsl

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from operations.inbox.lifecycle import NotAllowed
from operations.web.parameters import Links
from operations.web.render import Service, render
from processor.calls.errors import PipelineError, Retryable
from receiver.status import log_fault
from service.web.refusal import HEADERS, refused_to
from service.web.sign_in import Person, SignIn, is_ours, local_address
from service.web.sign_in_limit import SignInLimit

_LARGEST = 256 * 1024
"""A post-mortem note of 20,000 characters is a third of it, written in any script."""

Form = Mapping[str, str]
Act = Callable[[psycopg.Connection[Any], Request, Person, Form], str]
"""Makes a change; returns the address of the page to show, relative to the form's."""


class FormDoor:
    """The address that a form is sent to: who, from where, then the change, in a thread."""

    def __init__(
        self, connect: Callable[[], AbstractContextManager[psycopg.Connection[Any]]], people: SignIn, act: Act
    ) -> None:
        self._connect, self._people, self._act = connect, people, act

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        response.headers.update(HEADERS)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return PlainTextResponse("only POST\n", 405, {"allow": "POST"})
        try:
            person = await self._people.person(request)
            form = await read_form(request)
            if not person.may_operate:
                return _refused(request, 403, "This needs a key with the scope operate.", {})
            if not is_ours(person, request.headers, form):
                return _refused(request, 403, "This form has run out. Load its page again.", form)
            return RedirectResponse(await run_in_threadpool(self._change, request, person, form), 303)
        except NotAllowed as error:
            return _refused(request, 409, f"{str(error)[:1].upper()}{str(error)[1:]}.", form)
        except PipelineError as error:
            return refused_to(request, error)
        except (psycopg.Error, ValueError) as error:
            log_fault(error, "a form")
            return PlainTextResponse("the change could not be stored\n", 503, {"retry-after": "2"})

    def _change(self, request: Request, person: Person, form: Form) -> str:
        with self._connect() as connection:
            return self._act(connection, request, person, form)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; a field given twice counts once.

    Raises:
        NotAllowed: it is larger than any form of ours.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise NotAllowed(f"a form holds at most {_LARGEST // 1024} KiB")
    text = bytes(body).decode("utf-8", "replace")
    return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))


def _refused(request: Request, status: int, sentence: str, form: Form) -> Response:
    """Says why nothing was changed, and shows what was written, so that it is not lost."""
    depth = request.url.path.strip("/").count("/")
    written = {name: text for name, text in form.items() if len(text) > 20 and name != "form_token"}
    page = render(
        "web/refused.html", sentence=sentence, written=written, back=request.url.path.rpartition("/")[0],
        links=Links("../" * depth or "./"), service=None, refresh=None,
    )  # fmt: skip
    return HTMLResponse(page, status)


def sign_in_routes(people: SignIn, service: Callable[[], Service]) -> list[Route]:
    """`/sign-in` and `/sign-out`."""

    limit = SignInLimit()

    async def sign_in(request: Request) -> Response:
        asked = local_address(request.query_params.get("next", ""))
        refused = None
        if request.method == "POST":
            answer: Response = RedirectResponse(asked, 303)
            refused = await _refused_key(request, people, limit, answer)
            if refused is None:
                answer.headers.update(HEADERS)
                return answer
        known, (status, sentence, headers) = await run_in_threadpool(service), refused or (200, "", {})
        page = render(
            "web/sign_in.html", sentence=sentence, asked=asked, links=Links("./"), service=known, refresh=None
        )
        return HTMLResponse(page, status, HEADERS | headers)

    async def sign_out(request: Request) -> Response:
        answer = RedirectResponse("sign-in", 303)
        try:
            person = await people.person(request)
        except PipelineError:
            return answer
        if not is_ours(person, request.headers, await read_form(request)):
            return PlainTextResponse("this form has run out\n", 403)
        await people.end(request, answer)
        return answer

    return [
        Route("/sign-in", sign_in, methods=["GET", "POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
    ]


async def _refused_key(
    request: Request, people: SignIn, limit: SignInLimit, answer: Response
) -> tuple[int, str, dict[str, str]] | None:
    """Why the key of a form does not sign in: status, sentence and headers; None where it does."""
    address = people.address_of(request)
    if wait := limit.wait_seconds(address):
        return 429, f"Too many keys were refused. Try again in {wait} s.", {"retry-after": str(wait)}
    form = await read_form(request)
    try:
        await people.start(form.get("key", "").strip(), answer)
    except Retryable as error:
        return 401, str(error), {}
    except PipelineError:
        limit.note(address)
        return 401, "No key with the scope read or operate matches.", {}
    return None
