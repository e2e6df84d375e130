"""Strict OTLP/JSON → `ExportTraceServiceRequest`, `ExportLogsServiceRequest`.

protobuf's own `json_format` cannot be used: it takes snake_case keys and base64 ids, which OTLP forbids, and
refuses the hex ids that it demands.

Source:
    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding;
    https://protobuf.dev/programming-guides/json/ for everything that page leaves unchanged.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache, partial
from typing import Any, Final, Generic, NamedTuple, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processor.calls.call import Rejection
from processor.calls.errors import BadData
from receiver.reports.fields import kind
from receiver.reports.json import clean, read_json

_MAX_DEPTH: Final = 100
"""Messages inside messages: where the binary parser stops too."""
_HEX_FIELDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_HEX: Final = re.compile("(?:[0-9a-fA-F]{2})*")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
"""The form of a string that stands for a number: JSON's number. Decimal would also take `1_000` and ` 5`."""
_MAX_NUMBER_TEXT: Final = 400
_RECORDS: Final = frozenset({"opentelemetry.proto.trace.v1.Span", "opentelemetry.proto.logs.v1.LogRecord"})
"""Messages that are refused alone: what one of them has wrong costs no other."""
_BAD_IDS: Final = {".traceId": "bad_trace_id", ".spanId": "bad_span_id", ".parentSpanId": "bad_span_id"}


Request = TypeVar("Request", ExportTraceServiceRequest, ExportLogsServiceRequest)


class Parsed(NamedTuple, Generic[Request]):
    """A request as read.

    Attributes:
        message: the request without the refused records.
        refused: spans or log records with a value that its field cannot have; the detail begins with its
            path.
    """

    message: Request
    refused: list[Rejection]


class _Wrong(Exception):
    """A value that its field cannot have; `path` grows from the inside while it rises."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.path: list[str] = []

    @property
    def place(self) -> str:
        return "".join(reversed(self.path))


class _Field(NamedTuple):
    """How one field is read: `convert` is None for a message, which is filled in place."""

    name: str
    is_repeated: bool
    convert: Callable[[object], Any] | None
    is_record: bool


def parse(body: bytes) -> Parsed[ExportTraceServiceRequest]:
    """Read a trace export request.

    Keys are lowerCamelCase; all others, also snake_case, are unknown and ignored at every level. Ids are
    hex in any case. Enums are integers or names, null is an absent field. 64-bit integers are numbers or
    strings, `1e3` and `5.0` are integers; one that is none or does not fit refuses its span, also on an
    attribute that is never read. An empty body is an empty request.

    Raises:
        BadData: it is no JSON, or a field outside of the spans has a value of the wrong type; the text says
            which.
    """
    return _parse(body, ExportTraceServiceRequest())


def parse_logs(body: bytes) -> Parsed[ExportLogsServiceRequest]:
    """Read a log export request, by the rules of `parse`. Raises `BadData`."""
    return _parse(body, ExportLogsServiceRequest())


def _parse(body: bytes, request: Request) -> Parsed[Request]:
    reader = _Reader()
    if body.strip():
        try:
            reader.fill(request, read_json(body), 0)
        except _Wrong as wrong:
            raise BadData(wrong.place.removeprefix(".") or "body", str(wrong)) from None
    return Parsed(request, reader.refused)


class _Reader:
    """One request on its way from JSON to messages.

    Attributes:
        refused: the records that could not be read.
    """

    def __init__(self) -> None:
        self.refused: list[Rejection] = []
        self._above: dict[int, str] = {}
        """Depth → the item of a repeated field that is being read there."""

    def fill(self, message: Message, content: object, depth: int) -> None:
        """Set the message's fields. Raises `_Wrong`."""
        if not isinstance(content, dict):
            raise _Wrong(f"expected an object, got {kind(content)}")
        if depth > _MAX_DEPTH:
            raise _Wrong("is nested too deep")
        fields = _fields(message.DESCRIPTOR)
        for key, value in content.items():
            field = fields.get(key)
            if field is None or value is None:
                continue
            try:
                self._set(message, key, field, value, depth)
            except _Wrong as wrong:
                wrong.path.append(f".{key}")
                raise

    def _set(self, message: Message, key: str, field: _Field, value: object, depth: int) -> None:
        if field.is_repeated:
            self._extend(getattr(message, field.name), key, field, value, depth)
        elif field.convert is None:
            child = getattr(message, field.name)
            child.SetInParent()
            self.fill(child, value, depth + 1)
        else:
            setattr(message, field.name, field.convert(value))

    def _extend(self, target: Any, key: str, field: _Field, values: object, depth: int) -> None:
        if not isinstance(values, list):
            raise _Wrong(f"expected an array, got {kind(values)}")
        for index, value in enumerate(values):
            try:
                if field.convert is None:
                    self._add(target, f".{key}[{index}]", field, value, depth)
                else:
                    target.append(field.convert(value))
            except _Wrong as wrong:
                wrong.path.append(f"[{index}]")
                raise

    def _add(self, target: Any, item: str, field: _Field, value: object, depth: int) -> None:
        self._above[depth] = item
        try:
            self.fill(target.add(), value, depth + 1)
        except _Wrong as wrong:
            if not field.is_record:
                raise
            del target[-1]
            above = "".join(self._above[level] for level in range(depth + 1))
            self.refused.append(_rejection(above.removeprefix("."), wrong, value))


def _rejection(above: str, wrong: _Wrong, record: object) -> Rejection:
    """A record that is refused for one value, with as much of its ids and name as can be read."""
    sent = record if isinstance(record, dict) else {}
    name = sent.get("name")
    return Rejection(
        _known_id(sent.get("traceId"), 16),
        _known_id(sent.get("spanId"), 8),
        clean(name) if isinstance(name, str) else "",
        _BAD_IDS.get(wrong.place, "bad_field"),
        f"{above}{wrong.place}: {wrong}",
    )


def _known_id(value: object, size: int) -> bytes:
    is_hex = isinstance(value, str) and len(value) == 2 * size and _HEX.fullmatch(value)
    return bytes.fromhex(value) if isinstance(value, str) and is_hex else b""


@cache
def _fields(descriptor: Descriptor) -> dict[str, _Field]:
    return {
        field.json_name: _Field(field.name, field.is_repeated, _converter(field), _is_record(field))
        for field in descriptor.fields
    }


def _is_record(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.full_name in _RECORDS


def _converter(field: FieldDescriptor) -> Callable[[object], Any] | None:
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        return None
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _id if field.name in _HEX_FIELDS else _base64
    if field.enum_type is not None:
        return partial(_enum, field.enum_type)
    return _SCALARS[field.cpp_type]


def _number(value: object) -> Decimal | int:
    """A number, or a string that holds one; finite and of a size that cannot hurt."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, Decimal | str) or len(str(value)) > _MAX_NUMBER_TEXT:
        raise _Wrong(f"expected a number, got {kind(value)}")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise _Wrong("expected a number, got another string")
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise _Wrong("expected a finite number that a double can hold") from None
    if not number.is_finite() or number.adjusted() > 308:
        raise _Wrong("expected a finite number that a double can hold")
    return number if number.adjusted() > -400 else 0


def _integer(low: int, high: int, value: object) -> int:
    number = _number(value)
    if not low <= number <= high or number != int(number):
        raise _Wrong(f"expected a whole number from {low} to {high}")
    return int(number)


def _double(value: object) -> float:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    number = _number(value)
    try:
        return float(number)
    except OverflowError:
        raise _Wrong("expected a finite number that a double can hold") from None


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(f"expected true or false, got {kind(value)}")
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _Wrong(f"expected a string, got {kind(value)}")
    return clean(value)


def _enum(enum: EnumDescriptor, value: object) -> int:
    if isinstance(value, str) and value in enum.values_by_name:
        return enum.values_by_name[value].number
    return _integer(-(2**31), 2**31 - 1, value)


def _id(value: object) -> bytes:
    """An id. protobuf's own JSON writes bytes as base64, which is the usual mistake."""
    text = _string(value)
    if not _HEX.fullmatch(text):
        raise _Wrong("expected hex digits, two a byte, and not base64")
    return bytes.fromhex(text)


def _base64(value: object) -> bytes:
    text = _string(value).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _Wrong("expected base64") from None


_SCALARS: Final[dict[int, Callable[[object], Any]]] = {
    FieldDescriptor.CPPTYPE_INT32: partial(_integer, -(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: partial(_integer, -(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: partial(_integer, 0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: partial(_integer, 0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_BOOL: _boolean,
    FieldDescriptor.CPPTYPE_STRING: _string,
}
