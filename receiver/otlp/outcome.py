"""How a call ended: every way in which dialects show an error, a cancellation or an HTTP status."""

from __future__ import annotations

import re

from google.protobuf.message import DecodeError

from processor.calls.call import CANCELLED, ERROR, ModelCall
from receiver.dialects.table import Values
from receiver.otlp import attributes
from receiver.otlp.wire import Span, parse_event, parse_status

_ERROR_CODE = 2
OK = b"\x18\x01"
"""A Status with code OK and nothing else."""
_STATUS_DIGITS = re.compile(r"[45]\d\d")
_STATUS_IN_TEXT = re.compile(r"(?:[Ee]rror code: |Error: |^)([45]\d\d)\b")
_CLASS_REPR = re.compile(r"<class '(.+)'>")
_CANCELLED = re.compile(r"cancell?ed|abort(?:ed|error)|operationcanceled|^499$", re.IGNORECASE)
_MAX_EVENTS = 16
"""Exceptions stand among the last events; a span of thousands is not searched whole."""


def failed(status: bytes, values: Values) -> bool:
    """Whether the span shows an error in any of the ways seen."""
    if "error_type" in values or values.get("langfuse_level") == "ERROR":
        return True
    return bool(status) and status != OK and _status(status)[0] == _ERROR_CODE


def _status(raw: bytes) -> tuple[int, str]:
    """Code and message; a status that cannot be read says nothing."""
    try:
        status = parse_status(raw)
    except DecodeError:
        return 0, ""
    return status.code, status.message.decode("utf-8", "replace")


def set_failure(call: ModelCall, span: Span, values: Values) -> None:
    """Fill status, error type and HTTP status of a call that failed."""
    name, message = _exception(span) if span.events else (None, None)
    error = values.get("error_type")
    call.error_type = _class_name(error if isinstance(error, str) else name)
    texts = (values.get("error_type"), values.get("error_code"))
    messages = (_status(span.status)[1], values.get("status_message"), message)
    if call.http_status is None or call.http_status < 400:
        call.http_status = _http_status(texts, messages)
    shown = call.error_type or next((m for m in messages if isinstance(m, str) and 0 < len(m) < 80), None)
    call.status = CANCELLED if shown is not None and _CANCELLED.search(shown) else ERROR


def _exception(span: Span) -> tuple[str | None, str | None]:
    for raw in reversed(span.events[-_MAX_EVENTS:]):
        try:
            event = parse_event(raw)
        except DecodeError:
            continue
        if "exception.type" in event.attributes:
            kind = attributes.text(event.attributes["exception.type"])
            if "exception.message" in event.attributes:
                return kind, attributes.text(event.attributes["exception.message"])
            return kind, None
    return None, None


def _class_name(error: str | None) -> str | None:
    match = _CLASS_REPR.fullmatch(error) if error else None
    return match.group(1) if match else error


def _http_status(texts: tuple[object, ...], messages: tuple[object, ...]) -> int | None:
    for text in texts:
        if isinstance(text, str) and _STATUS_DIGITS.fullmatch(text):
            return int(text)
    for message in messages:
        match = _STATUS_IN_TEXT.search(message[:500]) if isinstance(message, str) else None
        if match:
            return int(match.group(1))
    return None
