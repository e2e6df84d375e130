"""The fields of a direct report: public name → field of `ModelCall`, and how its value is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final, NamedTuple

from processor.calls.call import CANCELLED, ERROR, ESTIMATED, MISSING, PROVIDER, SUCCESS, UNKNOWN
from processor.calls.vocabulary import data_mode_name, environment_name, provider_name
from receiver.reports.json import clean

_MAX_INT: Final = 2**63 - 1
_MAX_SHOWN: Final = 40
"""Characters of a wrong value that an error repeats: enough to find it, too few for content."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?\s?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_STATUSES: Final = {
    "success": SUCCESS,
    "ok": SUCCESS,
    "error": ERROR,
    "failure": ERROR,
    "cancelled": CANCELLED,
    "canceled": CANCELLED,
}
_USAGE_SOURCES: Final = {source: source for source in (PROVIDER, ESTIMATED, MISSING)}
_KINDS: Final[dict[type, str]] = {dict: "an object", list: "an array", str: "a string"}
_EXPLICIT: Final = 0
_USAGE: Final = 10


class Reader(NamedTuple):
    """How one public field is read.

    Attributes:
        field: name in `ModelCall`.
        read: value as parsed from JSON → value of the field; raises ValueError saying what was expected.
        rank: of its `Source`.
    """

    field: str
    read: Callable[[object], object]
    rank: int = _EXPLICIT


def kind(value: object) -> str:
    """A value's JSON type, for an error's text."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    return _KINDS.get(type(value), "a number")


def shown(value: object) -> str:
    """A wrong value as an error repeats it: numbers and short words as sent, everything else by its type."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        text = str(value)
    elif isinstance(value, str) and value.isascii() and value.isprintable():
        text = repr(value)
    else:
        return kind(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a string, got {kind(value)}")  # the value may name a person
    return clean(value)


def _whole(value: object, minimum: int = 0, maximum: int = _MAX_INT) -> int:
    number = _decimal(value)
    if number is None or number != number.to_integral_value() or not minimum <= number <= maximum:
        expected = (
            f"a whole number ≥ {minimum}" if maximum == _MAX_INT else f"a whole number {minimum}–{maximum}"
        )
        raise ValueError(f"expected {expected}, got {shown(value)}")
    return int(number)


def _attempt(value: object) -> int:
    return _whole(value, 1, 32_767)


def _http_status(value: object) -> int:
    return _whole(value, 100, 599)


def _microseconds(value: object) -> int:
    number = _decimal(value)
    if number is None or not 0 <= number <= _MAX_INT // 1000:
        raise ValueError(f"expected milliseconds ≥ 0, got {shown(value)}")
    return int((number * 1000).to_integral_value(ROUND_HALF_EVEN))


def _pico_usd(value: object) -> int:
    number = _decimal(value)
    if number is None or not 0 <= number <= _MAX_INT // 10**12:
        raise ValueError(f"expected a cost in USD ≥ 0, got {shown(value)}")
    return int((number * 10**12).to_integral_value(ROUND_HALF_EVEN))


def _decimal(value: object) -> Decimal | None:
    """A JSON number, or a string that holds one (proto3 JSON writes 64-bit integers so), of sane size."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    if isinstance(value, str) and (len(value) > _MAX_SHOWN or not value.isascii()):
        return None
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    # An exponent of a billion is five characters to send and a gigabyte to write out.
    return number if number.is_finite() and -400 < number.adjusted() < 400 else None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {shown(value)}")
    return value


def _choice(value: object, choices: dict[str, str], expected: str) -> str:
    chosen = choices.get(_text(value).strip().lower())
    if chosen is None:
        raise ValueError(f"expected {expected}, got {shown(value)}")
    return chosen


def _status(value: object) -> str:
    return _choice(value, _STATUSES, "success, error or cancelled")


def _usage_source(value: object) -> str:
    return _choice(value, _USAGE_SOURCES, "provider, estimated or missing")


def _data_mode(value: object) -> str:
    mode = data_mode_name(_text(value))
    if mode is None:
        raise ValueError(f"expected real, test or demo, got {shown(value)}")
    return mode


def _environment(value: object) -> str:
    return environment_name(_text(value))


def _provider(value: object) -> str:
    return provider_name(_text(value)) or UNKNOWN


def _hex(value: object, size: int) -> bytes:
    text = _text(value)
    if not re.fullmatch(f"[0-9a-fA-F]{{{2 * size}}}", text) or not text.strip("0"):
        raise ValueError(f"expected {2 * size} hex digits, not all zero, got {shown(value)}")
    return bytes.fromhex(text)


def _trace_id(value: object) -> bytes:
    return _hex(value, 16)


def _span_id(value: object) -> bytes:
    return _hex(value, 8)


def _time_ns(value: object) -> int:
    """RFC 3339 with an offset, or a number since 1970 whose size reveals its unit (s, ms, µs, ns)."""
    number = _decimal(value)
    nanoseconds = _epoch_ns(number) if number is not None else _rfc3339_ns(value)
    if nanoseconds is None or not 0 < nanoseconds <= _MAX_INT:
        raise ValueError(
            "expected RFC 3339 with an offset (2026-01-31T12:00:00Z) or a positive number since 1970, "
            f"got {shown(value)}"
        )
    return nanoseconds


def _epoch_ns(number: Decimal) -> int | None:
    """Seconds reach 10¹¹ in the year 5138, milliseconds did in 1973: no plausible date fits two units."""
    for limit, factor in ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (_MAX_INT, 1)):
        if number < limit:
            return int((number * factor).to_integral_value(ROUND_HALF_EVEN))
    return None


def _rfc3339_ns(value: object) -> int | None:
    match = _RFC3339.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    date, clock, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{offset.upper().replace('Z', '+00:00')}")
        whole = (moment - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    return whole * 10**9 + int((fraction or "").ljust(9, "0"))


FIELDS: Final[dict[str, Reader]] = {
    "externalRequestId": Reader("external_request_id", _text),
    "time": Reader("time_ns", _time_ns),
    "provider": Reader("provider", _provider),
    "model": Reader("model", _text),
    "requestModel": Reader("request_model", _text),
    "operation": Reader("operation", _text),
    "endpointTag": Reader("endpoint_tag", _text),
    "promptVersion": Reader("prompt_version", _text),
    "userId": Reader("user_id", _text),
    "tenantId": Reader("tenant_id", _text),
    "environment": Reader("environment", _environment),
    "dataMode": Reader("data_mode", _data_mode),
    "serviceName": Reader("service_name", _text),
    "inputTokens": Reader("input_tokens", _whole, _USAGE),
    "outputTokens": Reader("output_tokens", _whole, _USAGE),
    "cacheReadTokens": Reader("cache_read_tokens", _whole, _USAGE),
    "cacheWriteTokens": Reader("cache_write_tokens", _whole, _USAGE),
    "cacheWrite1hTokens": Reader("cache_write_1h_tokens", _whole, _USAGE),
    "reasoningTokens": Reader("reasoning_tokens", _whole, _USAGE),
    "inputAudioTokens": Reader("input_audio_tokens", _whole, _USAGE),
    "outputAudioTokens": Reader("output_audio_tokens", _whole, _USAGE),
    "inputImageTokens": Reader("input_image_tokens", _whole, _USAGE),
    "outputImageTokens": Reader("output_image_tokens", _whole, _USAGE),
    "inputCachedAudioTokens": Reader("input_cached_audio_tokens", _whole, _USAGE),
    "inputCachedImageTokens": Reader("input_cached_image_tokens", _whole, _USAGE),
    "usageSource": Reader("usage_source", _usage_source),
    "latencyMs": Reader("latency_us", _microseconds),
    "timeToFirstTokenMs": Reader("time_to_first_token_us", _microseconds),
    "status": Reader("status", _status),
    "errorType": Reader("error_type", _text),
    "httpStatus": Reader("http_status", _http_status),
    "streaming": Reader("streaming", _flag),
    "serviceTier": Reader("service_tier", _text),
    "reportedCostUsd": Reader("reported_cost_pico_usd", _pico_usd),
    "responseId": Reader("response_id", _text),
    "conversationId": Reader("conversation_id", _text),
    "attempt": Reader("attempt", _attempt),
    "traceId": Reader("trace_id", _trace_id),
    "spanId": Reader("span_id", _span_id),
    "parentSpanId": Reader("parent_span_id", _span_id),
}
"""Every public name that a sender may set."""
