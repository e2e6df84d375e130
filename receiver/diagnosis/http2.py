"""The answer to a gRPC client on the HTTP port: just enough HTTP/2 to refuse its first call with a text.

Source:
    https://www.rfc-editor.org/rfc/rfc9113 (frames), https://www.rfc-editor.org/rfc/rfc7541 (header fields),
    https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Trailers-Only")
"""

from __future__ import annotations

from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD_BYTES: Final = 9
_MAX_FRAME_BYTES: Final = 16_384
"""Largest frame a peer may send unless our SETTINGS name a larger one."""
_HEADERS, _SETTINGS, _PING, _GOAWAY = 1, 4, 6, 7
_ACK: Final = 1
_END_OF_STREAM_AND_HEADERS: Final = 1 | 4
_UNAVAILABLE: Final = b"14"
"""A sender that queues keeps its spans until the address is corrected."""


class GrpcRefusal:
    """One connection that began with `PREFACE`. Its first call is answered UNAVAILABLE, then GOAWAY is sent.

    Not closed by us: a reset could overtake the answer. The connection's header timeout ends it.
    """

    def __init__(self, message: str) -> None:
        """Args: message: the text of the status; printable ASCII without `%`, at most 126 characters."""
        self._answer = _trailers_only(message.encode())
        self._rest = b""
        self._begun = False
        self.is_over = False
        """The call was refused, or the peer broke the protocol: nothing more is said."""

    def feed(self, data: bytes) -> bytes:
        """Take what the client sent; returns what to send it."""
        if self.is_over:
            return b""
        self._rest += data
        out = b"" if self._begun else self._begin()
        while self._begun and not self.is_over and len(self._rest) >= _HEAD_BYTES:
            length = int.from_bytes(self._rest[:3], "big")
            self.is_over = length > _MAX_FRAME_BYTES
            if self.is_over or len(self._rest) < _HEAD_BYTES + length:
                break
            head, payload = self._rest[:_HEAD_BYTES], self._rest[_HEAD_BYTES : _HEAD_BYTES + length]
            self._rest = self._rest[_HEAD_BYTES + length :]
            out += self._on_frame(head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload)
        return out

    def _begin(self) -> bytes:
        if len(self._rest) < len(PREFACE):
            return b""
        self._begun, self._rest = True, self._rest[len(PREFACE) :]
        return _frame(_SETTINGS, 0, 0, b"")

    def _on_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            return _frame(kind, _ACK, 0, b"" if kind == _SETTINGS else payload)
        if kind != _HEADERS:
            return b""
        self.is_over = True
        last_stream_and_no_error = stream.to_bytes(4, "big") + bytes(4)
        return _frame(_HEADERS, _END_OF_STREAM_AND_HEADERS, stream, self._answer) + _frame(
            _GOAWAY, 0, 0, last_stream_and_no_error
        )


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _trailers_only(message: bytes) -> bytes:
    """`:status 200`, from the static table, and three literal fields that stay out of any table."""
    fields = {b"content-type": b"application/grpc", b"grpc-status": _UNAVAILABLE, b"grpc-message": message}
    return b"\x88" + b"".join(b"\0" + _text(name) + _text(value) for name, value in fields.items())


def _text(value: bytes) -> bytes:
    if len(value) > 126:
        raise ValueError("longer texts need a longer length")
    return bytes((len(value),)) + value
