"""Direct reports: the telemetry schema as JSON → `ModelCall`, an exact reason for each refused record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from processor.calls.call import MISSING, Batch, ModelCall, Rejection, Source
from processor.calls.errors import BadData
from receiver.reports import fields as report_fields
from receiver.reports.fields import FIELDS, Reader
from receiver.reports.json import read_json

DIALECT: Final = "report"
_BYTES_PER_CALL: Final = 2048
"""Rough size of a mapped call in memory; bounds the queue."""

MAX_RECORDS: Final = 10_000
"""Records in one request: the answer names every refused one and stays within the 4 MiB that senders read."""
_MAX_WARNINGS: Final = 20
_PLAIN_NAME: Final = re.compile(r"[\w.-]{1,60}", re.ASCII)
_SET_BY_US: Final = frozenset({"receivedAt"})
_IDENTITY: Final = ("environment", "data_mode", "service_name", "external_request_id", "attempt")


class Refused(NamedTuple):
    """A refused record.

    Attributes:
        position: in the request, from 0.
        field: JSON name of the field that was wrong; empty when it is the record as a whole.
        reason: what was expected, and what came.
        where: the field with its place in the body, `[3].inputTokens`.
    """

    position: int
    field: str
    reason: str
    where: str


class NothingUsable(BadData):
    """Every record of the request was refused.

    Attributes:
        refused: all of them, in order.
    """

    def __init__(self, refused: Sequence[Refused]) -> None:
        first = refused[0]
        rest = f" (and {len(refused) - 1} more records refused)" if len(refused) > 1 else ""
        super().__init__(first.where, first.reason + rest)
        self.refused = refused


@dataclass(slots=True)
class Reports:
    """A decoded body of direct reports.

    Attributes:
        batch: calls, and one rejection per refused record.
        positions: `report_key` → positions in the body of the records with that key.
        refused: the records that could not be read, in order.
        warnings: what was ignored in records that were read.
        is_indexed: an array came, so that places in it are named.
    """

    batch: Batch
    is_indexed: bool = True
    positions: dict[bytes, list[int]] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class _FieldError(BadData):
    """BadData that keeps its two halves apart: where it is in the body, and the field's own name."""

    def __init__(self, where: str, name: str, detail: str) -> None:
        super().__init__(place(where, name), detail)
        self.name = name
        self.detail = detail


def place(where: str, name: str) -> str:
    """A field and its record: `[3].inputTokens`, `inputTokens`, `[3]`, or `record`."""
    return f"{where}.{name}" if where and name else where or name or "record"


def read_body(body: bytes, received_ns: int) -> Reports:
    """Read one record (a JSON object) or many (an array of objects).

    Raises:
        BadData: it is no JSON, neither an object nor an array, or too many. A bad record does not raise.
    """
    content = read_json(body)
    if isinstance(content, list):
        return read_records(content, received_ns, indexed=True)
    if isinstance(content, dict):
        return read_records([content], received_ns, indexed=False)
    raise BadData("body", "expected one JSON object or an array of objects")


def read_records(records: Sequence[object], received_ns: int, *, indexed: bool) -> Reports:
    """Read records one by one; a bad one costs only itself. `indexed` puts `[3].` before its field's name.

    Raises:
        BadData: there are more than `MAX_RECORDS`.
    """
    if len(records) > MAX_RECORDS:
        raise BadData("body", f"holds {len(records)} records, at most {MAX_RECORDS} are read")
    reports = Reports(Batch(spans=len(records), size_bytes=_BYTES_PER_CALL * len(records)), indexed)
    for index, record in enumerate(records):
        where = f"[{index}]" if indexed else ""
        try:
            call = read_report(_as_object(record, where), received_ns, where)
        except _FieldError as error:
            reports.refused.append(Refused(index, error.name, error.detail, error.field))
            # The answer quotes the value; quarantine keeps none, it may be content in the wrong field.
            expected = str(error).partition(", got ")[0]
            reports.batch.rejections.append(Rejection(b"", b"", "", "bad_field", expected))
            continue
        reports.batch.calls.append(call)
        reports.positions.setdefault(call.report_key, []).append(index)
        if len(reports.warnings) < _MAX_WARNINGS:
            reports.warnings.extend(_warnings(record, where)[:_MAX_WARNINGS])
    return reports


def read_report(record: Mapping[str, object], received_ns: int, where: str = "") -> ModelCall:
    """One direct report as a call.

    Args:
        record: the public JSON names (DESIGN §3) and their values; unknown names and nulls are ignored.
        received_ns: our stamp, nanoseconds since 1970.
        where: the record's place in the body (`[3]`), for the error's text.

    Raises:
        BadData: a field has a value it cannot have, or both externalRequestId and time are missing.
    """
    values: dict[str, object] = {}
    names = []
    for name, value in record.items():
        reader = FIELDS.get(name)
        if reader is None or value is None or value == "":
            continue
        values[reader.field] = _read(reader, value, where, name)
        names.append(name)
    _complete(values, where)
    call = ModelCall(received_ns=received_ns, dialect=DIALECT, sources=_sources(tuple(names)))
    for attribute, value in values.items():
        setattr(call, attribute, value)
    call.report_key = _identity(call, values)
    if call.external_request_id is None:
        call.external_request_id = call.response_id  # a label: it groups nothing
    return call


def _as_object(record: object, where: str) -> Mapping[str, object]:
    if not isinstance(record, dict):
        raise _FieldError(where, "", f"expected an object, got {report_fields.kind(record)}")
    return record


def _read(reader: Reader, value: object, where: str, name: str) -> object:
    try:
        return reader.read(value)
    except ValueError as error:
        raise _FieldError(where, name, str(error)) from None


def _complete(values: dict[str, object], where: str) -> None:
    """Fill what follows from other fields. Raises when the record names neither a request nor a time."""
    if "external_request_id" not in values and "time_ns" not in values:
        raise _FieldError(where, "externalRequestId", "expected externalRequestId or time, both are missing")
    values["request_id_given"] = "external_request_id" in values
    if "error_type" in values:
        values.setdefault("status", "error")
    if "input_tokens" not in values and "output_tokens" not in values:
        values["usage_source"] = MISSING
    elif values.setdefault("usage_source", "provider") == MISSING:
        raise _FieldError(where, "usageSource", "is missing, but inputTokens or outputTokens are there")
    if "model" not in values and "request_model" in values:
        values["model"] = values["request_model"]


def _identity(call: ModelCall, values: Mapping[str, object]) -> bytes:
    """The key of LEDGER §4: 16 bytes, the same for the same report however often and however it comes.

    Taken from the normalised values, so that `production` and `prod`, JSON and gRPC, 892 and 892.0 agree.
    """
    identity: list[object] = [getattr(call, name) for name in _IDENTITY]
    if call.attempt is None:
        identity.append({name: _plain(value) for name, value in values.items() if name not in _IDENTITY})
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16, person=b"direct report").digest()


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


@lru_cache(maxsize=1024)
def _sources(names: tuple[str, ...]) -> tuple[Source, ...]:
    """Records of one application have one shape: its sources are made once and shared."""
    return tuple(Source(FIELDS[name].field, name, FIELDS[name].rank) for name in names)


def _warnings(record: object, where: str) -> list[str]:
    assert isinstance(record, dict)
    prefix = f"{where}." if where else ""
    return [
        f"{prefix}{name if _PLAIN_NAME.fullmatch(name) else report_fields.shown(name)}: "
        + ("is set by the receiver; ignored" if name in _SET_BY_US else "unknown field; ignored")
        for name in record
        if name not in FIELDS
    ]
