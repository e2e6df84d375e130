"""OTLP/JSON by the book → `ExportTraceServiceRequest`.

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
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from processor.errors import BadData
from receiver.json_text import clean, read_json
from receiver.report_fields import kind

_MAX_DEPTH: Final = 100
"""Messages inside messages: where the binary parser stops too."""
_HEX_FIELDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_HEX: Final = re.compile("(?:[0-9a-fA-F]{2})*")
_WRONG_ID: Final = b"\0"
"""Stands for an id that is not hex: no valid length, so that its span alone is refused, for its id."""
_MAX_NUMBER_TEXT: Final = 400


class _Wrong(Exception):
    """A value that its field cannot have; `path` grows from the inside while it rises."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.path: list[str] = []


class _Field(NamedTuple):
    """How one field is read: `convert` is None for a message, which is filled in place."""

    name: str
    is_repeated: bool
    convert: Callable[[object], Any] | None


def parse(body: bytes) -> ExportTraceServiceRequest:
    """Read a trace export request.

    Keys are lowerCamelCase; all others, also snake_case, are unknown and ignored at every level. Ids are
    hex in any case. Enums are integers or names, 64-bit integers are numbers or strings, null is an absent
    field. An integer attribute beyond 64 bits (JavaScript sends 1e21) becomes a double. An empty body is an
    empty request.

    Raises:
        BadData: it is no JSON, or a field has a value of the wrong type; the text says which.
    """
    request = ExportTraceServiceRequest()
    if not body.strip():
        return request
    try:
        _fill(request, read_json(body), 0)
    except _Wrong as wrong:
        raise BadData("".join(reversed(wrong.path)).removeprefix(".") or "body", str(wrong)) from None
    return request


def _fill(message: Message, content: object, depth: int) -> None:
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
            _set(message, field, value, depth)
        except _Wrong as wrong:
            wrong.path.append(f".{key}")
            raise


def _set(message: Message, field: _Field, value: object, depth: int) -> None:
    if field.is_repeated:
        _extend(getattr(message, field.name), field, value, depth)
    elif field.convert is None:
        child = getattr(message, field.name)
        child.SetInParent()
        _fill(child, value, depth + 1)
    elif field.name == "int_value":
        _set_integer_attribute(message, value)
    else:
        setattr(message, field.name, field.convert(value))


def _extend(target: Any, field: _Field, values: object, depth: int) -> None:
    if not isinstance(values, list):
        raise _Wrong(f"expected an array, got {kind(values)}")
    for index, value in enumerate(values):
        try:
            if field.convert is None:
                _fill(target.add(), value, depth + 1)
            else:
                target.append(field.convert(value))
        except _Wrong as wrong:
            wrong.path.append(f"[{index}]")
            raise


def _set_integer_attribute(message: Message, value: object) -> None:
    assert isinstance(message, AnyValue)
    number = _number(value)
    if -(2**63) <= number < 2**63 and number == int(number):
        message.int_value = int(number)
    else:
        message.double_value = _double(value)


@cache
def _fields(descriptor: Descriptor) -> dict[str, _Field]:
    return {
        field.json_name: _Field(field.name, field.is_repeated, _converter(field))
        for field in descriptor.fields
    }


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
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise _Wrong("expected a number, got another string") from None
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
    text = _string(value)
    return bytes.fromhex(text) if _HEX.fullmatch(text) else _WRONG_ID


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
