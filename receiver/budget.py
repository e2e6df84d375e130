"""Limits before work: bytes in flight, and decompression that stops at its bound."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from processor.calls.errors import BadData, Overloaded, TooLarge

_STEP: Final = 1 << 20
"""Bytes inflated at a time: what a bomb can take beyond the limit."""
_MAX_RATIO: Final = 1032
"""No deflate stream grows more (a 258-byte match in two bits); a claim beyond it is damage."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_GZIP_MAGIC: Final = b"\x1f\x8b"


class Share:
    """One request's share of the budget."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    def resize(self, size: int) -> None:
        """Hold `size` bytes from now on. Raises Overloaded when growing finds the house full.

        A request that is alone is taken at any size, as bodies have their own bound: told to retry, one that
        decodes to more than the whole budget would be retried forever.
        """
        growth = size - self.size
        budget = self._budget
        if growth > 0 and budget.used + growth > budget.limit and budget.used > self.size:
            raise Overloaded("the receiver is full (too many bytes in flight)")
        budget.used += growth
        self.size = size

    def grow(self, by: int) -> None:
        """Hold `by` bytes more."""
        self.resize(self.size + by)


class Budget:
    """Bytes of all requests in flight in this process. Used from one event loop; never waits."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    @contextmanager
    def share(self) -> Iterator[Share]:
        """A request's share; given back at the end of the block, whatever happens in it."""
        share = Share(self)
        try:
            yield share
        finally:
            share.resize(0)


def gunzip(body: bytes, limit: int) -> bytes:
    """Inflate gzip (RFC 1952, several members allowed), never holding much more than `limit` bytes.

    A body whose last member says itself that it is larger is refused without inflating anything: it is, or it
    is damaged. One that lies about it is inflated up to the limit.

    Raises:
        TooLarge: it inflates to more than `limit`.
        BadData: it is no gzip, is damaged, or ends early.
    """
    claimed = int.from_bytes(body[-4:], "little")
    if limit < claimed <= len(body) * _MAX_RATIO:
        raise _too_large(limit)
    return b"".join(_members(body, _GZIP, limit))


def inflate_grpc(message: bytes, limit: int) -> bytes:
    """Undo gRPC's message compression, which is recognised by its first bytes.

    gzip begins with 0x1f: as a protobuf tag that is field 3 with wire type 7, which does not exist. zlib
    ("deflate") begins with 0x78, which could be a field; so that its checksum decides.
    """
    if message.startswith(_GZIP_MAGIC):
        return gunzip(message, limit)
    if message[:1] == b"\x78" and int.from_bytes(message[:2], "big") % 31 == 0:
        try:
            return b"".join(_members(message, _ZLIB, limit))
        except TooLarge:
            raise
        except BadData:
            return message
    return message


def _too_large(limit: int) -> TooLarge:
    return TooLarge("body", f"inflates to more than {limit} bytes")


def _members(body: bytes, window_bits: int, limit: int) -> Iterator[bytes]:
    room = limit
    while True:
        inflater = zlib.decompressobj(window_bits)
        for chunk in _chunks(inflater, body):
            room -= len(chunk)
            if room < 0:
                raise _too_large(limit)
            yield chunk
        body = inflater.unused_data
        if not body:
            return


def _chunks(inflater: zlib._Decompress, body: bytes) -> Iterator[bytes]:
    try:
        while not inflater.eof:
            chunk = inflater.decompress(body, _STEP)
            body = inflater.unconsumed_tail
            if not chunk and not body and not inflater.eof:
                raise BadData("body", "the compressed data ends early")
            yield chunk
    except zlib.error as error:
        raise BadData("body", "is not valid gzip") from error
