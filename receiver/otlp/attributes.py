"""Attribute values as the ledger reads them: text, tags, counts, money, and what lies inside JSON strings."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from google.protobuf.message import DecodeError

from receiver.otlp.wire import parse_resource, parse_value

INVALID = -1
"""A count that was sent but is no count: negative, fractional, absurd, a word or a list."""

MAX_COUNT = 1_000_000_000
"""LEDGER §15: a count beyond 10⁹ is no usage of one call."""

MAX_DOCUMENT_BYTES = 262_144
"""Beyond it a JSON value is not searched: parsing 256 KiB costs 1 ms, and ids stand in small answers."""

_PICO = Decimal(10) ** 12
_MAX_COST = 2**63 - 1
MAX_SECONDS = 86_400
"""No model call lasts longer (`processor.calls.admission.LONGEST_CALL_NS`)."""
_COUNT_TEXT = re.compile(r"\s*([0-9]{1,10})(?:\.0+)?\s*", re.ASCII)
_MAX_DEPTH = 6
_FIRST_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"([^"\\]{1,200})"')
BRACKET, SPACE = ord("["), ord(" ")
"""Text that begins behind `[` and does not end in a space is a tag as it is; other text is looked at."""

TEXT_FIELD, INT_FIELD = 0x0A, 0x18
"""First byte of an `AnyValue` that holds a string, or an integer."""

ABSENT_WORDS = frozenset({"", "None", "null", "undefined", "nan"})

Read: TypeAlias = Callable[[bytes], object | None]


def plain(raw: bytes) -> object | None:
    """The Python value of an `AnyValue`: a scalar, [] for lists; None when unset or broken."""
    try:
        value = parse_value(raw)
    except DecodeError:
        return None
    kind = value.WhichOneof("value")
    if kind == "text":
        return value.text.decode("utf-8", "surrogateescape")
    if kind in ("whole", "truth", "real"):
        scalar: object = getattr(value, kind)
        return scalar
    return [] if kind == "array" else None


def content(raw: bytes) -> bytes:
    """The bytes of a text value; empty for any other."""
    try:
        return parse_value(raw).text
    except DecodeError:
        return b""


def text(raw: bytes) -> str | None:
    """Non-empty text; a JSON string unwrapped, a number in digits; None for anything else."""
    found = plain(raw)
    return as_tag(found) if isinstance(found, str) and found[:1] == '"' else as_text(found)


def as_text(found: object) -> str | None:
    if isinstance(found, str):
        return found or None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return str(int(found)) if isinstance(found, float) and found.is_integer() else str(found)


def tag(raw: bytes) -> str | None:
    """Text that names something: trimmed, a JSON string unwrapped, scrubbed and empty values left out."""
    return as_tag(plain(raw))


def as_tag(found: object) -> str | None:
    name = as_text(found)
    if name is None:
        return None
    if name[0] == '"' and name[-1] == '"' and len(name) > 1:  # Langfuse writes metadata as JSON
        name = name[1:-1]
    name = name.strip()
    return None if name in ABSENT_WORDS or name.startswith("[Scrubbed") else name


def count(raw: bytes) -> int | None:
    """A token count; INVALID when what was sent is none; None when nothing was sent."""
    return as_count(plain(raw))


def as_count(found: object) -> int | None:
    if found is None:
        return None
    if isinstance(found, str):
        if found in ABSENT_WORDS:
            return None
        return _digits(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return INVALID
    if isinstance(found, float) and not (math.isfinite(found) and found.is_integer()):
        return INVALID
    return int(found) if 0 <= found <= MAX_COUNT else INVALID


def _digits(text: str) -> int:
    """A count in digits, also as the text of a whole float (`1037.0`): Micrometer writes text alone."""
    found = _COUNT_TEXT.fullmatch(text)
    return int(found[1]) if found and int(found[1]) <= MAX_COUNT else INVALID


def as_truth(found: object) -> bool | None:
    """A boolean, also as the words that old LiteLLM writes."""
    if isinstance(found, bool):
        return found
    word = found.lower() if isinstance(found, str) else None
    return True if word == "true" else False if word == "false" else None


def as_microseconds(seconds: object) -> int | None:
    """Whole microseconds of a duration in seconds; None for what is no duration of one call."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return round(seconds * 1_000_000) if 0 <= seconds <= MAX_SECONDS else None


def as_microseconds_of_ms(milliseconds: object) -> int | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return as_microseconds(milliseconds / 1000)


def as_microseconds_of_ms_text(milliseconds: object) -> int | None:
    """The same, also of digits: log records of some emitters hold all numbers as text."""
    if isinstance(milliseconds, str) and len(milliseconds) < 20 and milliseconds.isascii():
        try:
            return as_microseconds_of_ms(float(milliseconds))
        except ValueError:
            return None
    return as_microseconds_of_ms(milliseconds)


def as_pico_usd(usd: object) -> int | None:
    """Whole pico-USD of a cost in USD, rounded half to even; None for what is no cost."""
    if isinstance(usd, bool) or not isinstance(usd, int | float | str):
        return None
    try:
        pico = Decimal(str(usd)) * _PICO
        return int(pico.to_integral_value()) if 0 <= pico <= _MAX_COST else None
    except (InvalidOperation, OverflowError):
        return None


def document(raw: bytes) -> object | None:
    """The value of a JSON string, or of a Python literal where a library wrote `repr`; None when neither."""
    if not 1 < len(raw) <= MAX_DOCUMENT_BYTES:
        return None
    try:
        parsed: object = json.loads(raw)
        return parsed
    except (ValueError, RecursionError):
        return _literal(raw) if raw[:1] == b"{" else None


def parsed(raw: bytes) -> object | None:
    """The object in an `AnyValue`: the document in its text, or its map."""
    text = content(raw)
    return document(text) if text else _map(raw, _MAX_DEPTH)


def _map(raw: bytes, depth: int) -> dict[str, object] | None:
    """A map of scalars and maps; lists are left out, as no usage object has them."""
    if not depth or not 2 < len(raw) <= MAX_DOCUMENT_BYTES:
        return None
    try:
        value = parse_value(raw)
        if value.WhichOneof("value") != "kvlist":
            return None
        entries = parse_resource(value.kvlist).attributes  # a KeyValueList and a Resource begin alike
    except DecodeError:
        return None
    found = ((name, _map(below, depth - 1) or plain(below)) for name, below in entries.items())
    return {name: below for name, below in found if below is not None}


def _literal(raw: bytes) -> object | None:
    if len(raw) > 16_384 or raw[1:2] != b"'":  # usage objects of LiteLLM are below 2 KiB
        return None
    try:
        parsed: object = ast.literal_eval(raw.decode())
        return parsed
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def inside(parsed: object, path: tuple[str | int, ...]) -> object | None:
    """The value at `path` in a parsed value; a dotted key may also be flattened; None if absent."""
    found = parsed
    for step in path:
        if isinstance(found, dict) and isinstance(step, str):
            found = found.get(step)
        elif isinstance(found, list) and isinstance(step, int) and -len(found) <= step < len(found):
            found = found[step]
        elif isinstance(found, list) and isinstance(step, str):
            found = _of_kind(found, step)
        else:
            return None
    return found


def _of_kind(entries: list[object], kind: str) -> object | None:
    """The entry of a list whose modality or type is this: Google's counts of `AUDIO`, also written
    `MediaModality.AUDIO`; Anthropic's iterations of `ADVISOR_MESSAGE`."""
    for entry in entries:
        if isinstance(entry, dict) and str(entry.get("modality", entry.get("type"))).upper().endswith(kind):
            return entry
    return None


def leading_id(raw: bytes) -> str | None:
    """The id of a JSON object that begins with it, without parsing the content behind it."""
    match = _FIRST_ID.match(raw)
    return match.group(1).decode("utf-8", "surrogateescape") if match else None
