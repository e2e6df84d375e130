"""A refused reader as an answer of the ops port, and the headers of every page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from processor.calls.errors import PipelineError, Retryable
from receiver.auth import Forbidden
from service.web.sign_in import sign_in_address

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def refusal(error: PipelineError) -> Response:
    """401 without a valid key, 403 where it may not do this, 503 where we cannot tell."""
    if isinstance(error, Forbidden):
        return PlainTextResponse(f"{error}\n", 403)
    if isinstance(error, Retryable):
        return PlainTextResponse(f"{error}\n", 503, {"retry-after": "2"})
    return PlainTextResponse(
        f"{error}\n", 401, {"www-authenticate": 'Basic realm="Spanledger: key as password"'}
    )


def refused_to(request: Request, error: PipelineError) -> Response:
    """The same for a page: a person is led to the sign-in page, which returns to the one asked for."""
    is_person = "text/html" in request.headers.get("accept", "") and "authorization" not in request.headers
    answer = refusal(error)
    if answer.status_code == 401 and is_person:
        return RedirectResponse(sign_in_address(request), 303)
    return answer
