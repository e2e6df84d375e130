"""Rows for what is not counted: spans for late binding, rejections for quarantine (binary COPY)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from struct import Struct
from typing import Any

from processor.calls.call import DUPLICATE, ModelCall, Rejection, Source, UncountedSpan
from storage.ingest.call_row import postgres_us
from storage.pgwire import COPY_HEADER, COPY_TRAILER, LENGTH, NULL, pack_int8, text_field

_TRUE, _FALSE = LENGTH[1] + b"\1", LENGTH[1] + b"\0"
_TWELVE, _SIX = (12).to_bytes(2, "big"), (6).to_bytes(2, "big")
_APART = ("sources", "dialect", "other_spans")
_CALL_FIELDS = tuple((f.name, f.default) for f in fields(ModelCall) if f.name not in _APART)
_pack_mark = Struct("!h i16s i8s i i i iq").pack
MAX_TEXT = 500
"""Names, reasons and details are for reading; longer ones are cut."""


Spot = tuple[bytes, int]
"""Where a counted call stands: its key, and its time in microseconds since 2000."""


def sighting_row(sighting: UncountedSpan, received_ns: int, of: Spot | None = None) -> bytes | None:
    """One sighting as a COPY row; None when its ids are no ids (nothing could be bound to it).

    Args:
        of: the counted call that it is one call with.
    """
    if len(sighting.trace_id) != 16 or len(sighting.span_id) != 8:
        return None
    parent = sighting.parent_span_id
    return b"".join(
        (
            _TWELVE,
            pack_int8(8, postgres_us(received_ns)),
            LENGTH[16] + sighting.trace_id,
            LENGTH[8] + sighting.span_id,
            LENGTH[8] + parent if len(parent) == 8 else NULL,
            _TRUE if sighting.wrapper else _FALSE,
            LENGTH[16] + of[0] if of else NULL,
            pack_int8(8, of[1]) if of else NULL,
            text_field(clean(sighting.name)),
            text_field(clean(sighting.reason)),
            _jsonb(dict(sighting.tags)) if sighting.tags else NULL,
            _jsonb(_document(sighting, sighting.call)) if sighting.call is not None else NULL,
            _jsonb(dict(sighting.attributes)) if sighting.attributes else NULL,
        )
    )


def duplicate(call: ModelCall) -> UncountedSpan:
    """A duplicate with its own reading, kept beside the call it is the same as (LEDGER §6)."""
    reason = "the same call was counted"
    return UncountedSpan(
        call.trace_id, call.span_id, call.parent_span_id, call.dialect, reason, call=call, part=DUPLICATE
    )


def further(call: ModelCall) -> UncountedSpan:
    """That a counted call's response id was met before: what comes between them may make them one."""
    reason = "the response id was counted before, at another time"
    return UncountedSpan(call.trace_id, call.span_id, call.parent_span_id, call.dialect, reason)


def _document(sighting: UncountedSpan, call: ModelCall) -> dict[str, object]:
    document = call_document(call)
    return document | {"part": sighting.part} if sighting.part else document


def mark_row(span: ModelCall | UncountedSpan, received_ns: int) -> bytes | None:
    """One entry of the binder's queue for a span that is not counted (calls: call_row.py)."""
    if len(span.trace_id) != 16 or len(span.span_id) != 8:
        return None
    return _pack_mark(6, 16, span.trace_id, 8, span.span_id, -1, -1, -1, 8, postgres_us(received_ns))


def rejection_row(rejection: Rejection, received_ns: int) -> bytes:
    """One refused span or report as a COPY row of the quarantine."""
    return b"".join(
        (
            _SIX,
            pack_int8(8, postgres_us(received_ns)),
            _bytes_field(rejection.trace_id),
            _bytes_field(rejection.span_id),
            text_field(clean(rejection.name)),
            text_field(clean(rejection.reason)),
            text_field(clean(rejection.detail)),
        )
    )


def copy_data(rows: Iterable[bytes | None]) -> bytes | None:
    """Rows as one COPY stream; None when there is none."""
    body = b"".join(row for row in rows if row is not None)
    return COPY_HEADER + body + COPY_TRAILER if body else None


def call_document(call: ModelCall) -> dict[str, object]:
    """A call as a JSON object: its fields by name where they differ from the default; bytes as hex.

    `dialect` and `sources` ([field, attribute, rank] each) always stand in it: late binding compares ranks.
    """
    document: dict[str, object] = {"dialect": call.dialect, "sources": [list(s) for s in call.sources]}
    for name, default in _CALL_FIELDS:
        value = getattr(call, name)
        if value != default:
            document[name] = value.hex() if isinstance(value, bytes) else value
    return document


def call_of(document: Mapping[str, Any]) -> ModelCall:
    """The call that `call_document` wrote."""
    call = ModelCall(dialect=document["dialect"], sources=tuple(Source(*s) for s in document["sources"]))
    for name, default in _CALL_FIELDS:
        if name in document:
            value = document[name]
            setattr(call, name, bytes.fromhex(value) if isinstance(default, bytes) else value)
    return call


def clean(text: str) -> str:
    """Text that PostgreSQL takes: no NUL, no lone surrogate, not endless."""
    return text[:MAX_TEXT].replace("\0", "�").encode("utf-8", "replace").decode()


def json_text(document: object) -> str:
    """Compact JSON that jsonb takes: NUL and lone surrogates become U+FFFD."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    if "\\u0000" in text:
        text = json.dumps(_without_nul(document), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()


def _without_nul(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_without_nul(k): _without_nul(v) for k, v in value.items()}
    return [_without_nul(v) for v in value] if isinstance(value, list | tuple) else value


def _jsonb(document: object) -> bytes:
    data = b"\1" + json_text(document).encode()  # version 1 of jsonb's binary form
    return len(data).to_bytes(4, "big") + data


def _bytes_field(value: bytes) -> bytes:
    cut = value[:64]
    return LENGTH[len(cut)] + cut
