"""Status codes of errors on the wire: the only place that knows them.

Source:
    https://opentelemetry.io/docs/specs/otlp/#failures (gRPC) and #failures-1 (HTTP);
    https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
"""

from __future__ import annotations

import logging
import math
import traceback
from typing import Final

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from processor.calls.errors import BadData, PipelineError, Retryable, TooLarge
from receiver.auth import Forbidden, Unauthenticated
from receiver.reports.reports import NothingUsable

MAX_RETRY_SECONDS: Final = 2.0
"""The stock Python exporter drops a batch at once when the asked delay exceeds what is left of its 10 s."""
_MAX_TEXT: Final = 1000
"""Characters of a message; gRPC carries it twice in trailers, which many clients bound at 8 KiB."""

_MAX_VIOLATIONS: Final = 100
"""Field violations in one Status; the message says how many there were."""

HTTP_CODES: Final[dict[grpc.StatusCode, int]] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,
    grpc.StatusCode.UNAVAILABLE: 503,
}
"""Of these only 503 and UNAVAILABLE ask the sender to retry; the others are final."""

_log = logging.getLogger("spanledger.receiver")


class Misdirected(PipelineError):
    """An HTTP request that cannot be an export: wrong path, method, type or coding; final.

    Attributes:
        cause: a key of `receiver.diagnosis.causes.CAUSES`.
        http: its HTTP code.
        code: the gRPC code that stands in its Status.
        headers: what the answer must carry (`allow`, `accept-encoding`).
    """

    def __init__(self, http: int, cause: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.http = http
        self.code = _MISDIRECTED[http]
        self.headers = headers


_MISDIRECTED: Final = {
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    431: grpc.StatusCode.INVALID_ARGUMENT,
    400: grpc.StatusCode.INVALID_ARGUMENT,
}


def http_code(error: Exception) -> int:
    """The HTTP code that has the same effect on the sender as `grpc_code`."""
    return error.http if isinstance(error, Misdirected) else HTTP_CODES[grpc_code(error)]


def grpc_code(error: Exception) -> grpc.StatusCode:
    """The code that makes a sender do the right thing: give up on bad data, retry the rest.

    An unexpected error is UNAVAILABLE: senders drop their data on UNKNOWN and INTERNAL.
    """
    match error:
        case Misdirected():
            return error.code
        case TooLarge():
            return grpc.StatusCode.RESOURCE_EXHAUSTED
        case BadData():
            return grpc.StatusCode.INVALID_ARGUMENT
        case Unauthenticated():
            return grpc.StatusCode.UNAUTHENTICATED
        case Forbidden():
            return grpc.StatusCode.PERMISSION_DENIED
        case _:
            return grpc.StatusCode.UNAVAILABLE


def to_status(error: Exception) -> status_pb2.Status:
    """The `google.rpc.Status` of an error: code, a text without content, and details.

    BadData carries BadRequest; what may be sent again carries RetryInfo of at most two seconds; what is too
    large carries nothing, since RetryInfo would make RESOURCE_EXHAUSTED retryable.
    """
    code = grpc_code(error)
    status = status_pb2.Status(code=code.value[0], message=_text(error))
    if isinstance(error, BadData) and code is grpc.StatusCode.INVALID_ARGUMENT:
        _attach(status, error_details_pb2.BadRequest(field_violations=_violations(error)))
    elif code is grpc.StatusCode.UNAVAILABLE:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromMilliseconds(round(retry_seconds(error) * 1000))
        _attach(status, info)
    return status


def retry_seconds(error: Exception) -> float:
    """How long the sender shall wait; between 0 and 2."""
    asked = error.retry_after_seconds if isinstance(error, Retryable) else 1.0
    return min(max(asked, 0.0), MAX_RETRY_SECONDS)


def retry_after_header(error: Exception) -> str:
    """The same for `Retry-After`, which knows whole seconds only."""
    return str(math.ceil(retry_seconds(error)))


def log_fault(error: Exception, where: str) -> None:
    """Log an unexpected error by its type and place. Its text may quote content, so it stays out."""
    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    _log.error("%s: unexpected %s, answered as retryable; at %s", where, type(error).__name__, place)


def _violations(error: BadData) -> list[error_details_pb2.BadRequest.FieldViolation]:
    if isinstance(error, NothingUsable):
        pairs = [(refused.where, refused.reason) for refused in error.refused[:_MAX_VIOLATIONS]]
    else:
        pairs = [(error.field, _text(error))]
    return [
        error_details_pb2.BadRequest.FieldViolation(field=_encodable(field), description=_encodable(reason))
        for field, reason in pairs
    ]


def _attach(status: status_pb2.Status, detail: Message) -> None:
    status.details.add().Pack(detail)


def _text(error: Exception) -> str:
    if not isinstance(error, PipelineError):
        return "unexpected fault of the receiver; nothing was counted, send it again"
    return _encodable(str(error)[:_MAX_TEXT])


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
