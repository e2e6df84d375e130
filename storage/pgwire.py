"""The part of PostgreSQL's binary formats that the writer needs: array parameters and fields of COPY rows."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01 UTC in microseconds since 1970: PostgreSQL counts from there."""

UUID_OID, INT8_OID, TIMESTAMPTZ_OID = 2950, 20, 1184

NULL = b"\xff\xff\xff\xff"
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"

LENGTH = [n.to_bytes(4, "big") for n in range(1024)]
"""The length word of a field; texts are at most 200 bytes (LEDGER §15), longer ones are packed on the way."""

pack_int2 = Struct("!ih").pack
pack_int4 = Struct("!ii").pack
pack_int8 = Struct("!iq").pack
_pack_array = Struct("!iiIii").pack


class UuidArray(bytes):
    """A uuid[] in binary form."""


class TimestampArray(bytes):
    """A timestamptz[] in binary form."""


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> Buffer | None:
        return obj


class UuidArrayDumper(_ArrayDumper):
    oid = 2951


class TimestampArrayDumper(_ArrayDumper):
    oid = 1185


def uuid_array(values: Sequence[bytes]) -> UuidArray:
    """16-byte values as one parameter: the length words are the joint, so it costs 30 ns a value."""
    return UuidArray(_pack_array(1, 0, UUID_OID, len(values), 1) + LENGTH[16].join((b"", *values)))


def timestamp_array(values_us: Sequence[int]) -> TimestampArray:
    """Microseconds since 2000 as one parameter."""
    n = len(values_us)
    interleaved = [8] * (2 * n)
    interleaved[1::2] = values_us
    body = Struct("!" + "iq" * n).pack(*interleaved)
    return TimestampArray(_pack_array(1, 0, TIMESTAMPTZ_OID, n, 1) + body)


def text_field(text: str) -> bytes:
    """A text as a COPY field.

    Raises:
        UnicodeEncodeError: the text holds a lone surrogate.
    """
    data = text.encode()
    return (LENGTH[len(data)] if len(data) < 1024 else len(data).to_bytes(4, "big")) + data
