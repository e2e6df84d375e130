"""gRPC at the HTTP port: the refusal is valid HTTP/2 however the client's bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.diagnosis.http2 import PREFACE, GrpcRefusal

MESSAGE = "send it elsewhere"
SETTINGS, ACK = b"\0\0\0\4\0\0\0\0\0", b"\0\0\0\4\1\0\0\0\0"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


CALL = (
    PREFACE
    + frame(4, 0, 0, b"\0\3\0\0\0\x64")
    + frame(8, 0, 0, b"\0\0\xff\xff")
    + frame(6, 0, 0, b"12345678")
    + frame(1, 4, 5, b"headers of a call")
    + frame(0, 1, 5, b"its body")
)


def fed(pieces: list[bytes]) -> bytes:
    refusal = GrpcRefusal(MESSAGE)
    return b"".join(refusal.feed(piece) for piece in pieces)


def test_a_call_is_answered_unavailable_with_the_text_and_goaway_on_its_stream() -> None:
    answer = fed([CALL])

    assert answer.startswith(SETTINGS + ACK + frame(6, 1, 0, b"12345678"))
    trailers = answer.removeprefix(SETTINGS + ACK + frame(6, 1, 0, b"12345678"))
    assert trailers[3:9] == bytes((1, 5)) + (5).to_bytes(4, "big"), "HEADERS that end stream 5"
    assert b"\x0bgrpc-status\x0214" in trailers
    assert b"\x0cgrpc-message\x11" + MESSAGE.encode() in trailers
    assert trailers.endswith(frame(7, 0, 0, (5).to_bytes(4, "big") + bytes(4))), "GOAWAY without an error"


@given(st.lists(st.integers(0, len(CALL)), max_size=12).map(sorted))
def test_it_is_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    edges = [0, *cuts, len(CALL)]

    assert fed([CALL[a:b] for a, b in pairwise(edges)]) == fed([CALL])


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_anything_after_the_preface_is_survived_in_bounded_memory(pieces: list[bytes]) -> None:
    refusal = GrpcRefusal(MESSAGE)
    refusal.feed(PREFACE)
    for piece in pieces:
        refusal.feed(piece)

    assert len(refusal._rest) <= 9 + 16_384 + 300


def test_a_frame_above_the_limit_ends_the_talk() -> None:
    refusal = GrpcRefusal(MESSAGE)

    assert refusal.feed(PREFACE + b"\xff\xff\xff\1\4\0\0\0\1") == SETTINGS
    assert refusal.is_over
    assert refusal.feed(b"x" * 100_000) == b""


def test_a_text_too_long_for_its_length_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="longer"):
        GrpcRefusal("x" * 127)
