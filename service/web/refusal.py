"""A refused key as an answer of the ops port."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from processor.calls.errors import PipelineError, Retryable
from receiver.auth import Forbidden


def refusal(error: PipelineError) -> Response:
    """401 without a valid key, 403 where it may not do this, 503 where we cannot tell."""
    if isinstance(error, Forbidden):
        return PlainTextResponse(f"{error}\n", 403)
    if isinstance(error, Retryable):
        return PlainTextResponse(f"{error}\n", 503, {"retry-after": "2"})
    return PlainTextResponse(
        f"{error}\n", 401, {"www-authenticate": 'Basic realm="Spanledger: key as password"'}
    )
