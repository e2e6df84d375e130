"""Limits before work: the budget of bytes, and inflating within a bound."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.calls.errors import BadData, Overloaded, TooLarge
from receiver.budget import Budget, gunzip, inflate_grpc
from tests.patience import work
from tests.sizes import examples

MIB = 1 << 20


@settings(max_examples=examples(150))
@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=4))
def test_what_was_compressed_comes_back(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert gunzip(b"".join(map(gzip.compress, parts)), len(whole)) == whole


@settings(max_examples=examples(150))
@given(st.binary(max_size=3000))
def test_grpc_messages_come_back_in_every_coding(message: bytes) -> None:
    assert inflate_grpc(gzip.compress(message), len(message)) == message
    assert inflate_grpc(zlib.compress(message), len(message)) == message


@settings(max_examples=examples(150))
@given(st.binary(max_size=300))
def test_any_bytes_are_inflated_or_refused(message: bytes) -> None:
    for inflate in (gunzip, inflate_grpc):
        with suppress(BadData):
            assert len(inflate(message, 1000)) <= 1000


def test_a_message_that_only_looks_like_zlib_is_left_as_it_is() -> None:
    assert inflate_grpc(b"\x78\x9c", 100) == b"\x78\x9c"
    assert inflate_grpc(b"\x78\x01\x0a\x00", 100) == b"\x78\x01\x0a\x00"


def test_the_limit_is_exact() -> None:
    packed = gzip.compress(bytes(MIB))
    assert len(gunzip(packed, MIB)) == MIB
    with pytest.raises(TooLarge):
        gunzip(packed, MIB - 1)


@pytest.mark.parametrize("bomb_mib", [16, 64])
@pytest.mark.parametrize("lie", [b"", b"\x10\0\0\0"])
def test_a_bomb_takes_little_more_than_the_limit(bomb_mib: int, lie: bytes) -> None:
    bomb = gzip.compress(bytes(bomb_mib * MIB), 1)
    bomb = bomb[: len(bomb) - len(lie)] + lie
    tracemalloc.start()
    with pytest.raises(TooLarge):
        gunzip(bomb, 4 * MIB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * MIB


def test_a_bomb_that_admits_its_size_costs_no_inflating() -> None:
    bomb = gzip.compress(bytes(64 * MIB), 1)

    def refuse() -> None:
        for _ in range(100):
            with pytest.raises(TooLarge):
                gunzip(bomb, 32 * MIB)

    assert work(refuse) < 5 * work(lambda: gzip.decompress(bomb))


WHOLE = gzip.compress(b"x", mtime=0)  # the time of day would give each test process other test names


@pytest.mark.parametrize("damage", [b"", b"\x1f", b"\x1f\x8b\x08", WHOLE[:-1], WHOLE + b"y"])
def test_damaged_gzip_is_bad_data(damage: bytes) -> None:
    with pytest.raises(BadData) as caught:
        gunzip(damage, MIB)
    assert not isinstance(caught.value, TooLarge)


def test_the_budget_is_given_back_whatever_happens() -> None:
    budget = Budget(100)
    with suppress(RuntimeError), budget.share() as first:
        first.grow(60)
        with budget.share() as second:
            second.grow(40)
            assert budget.used == 100
            raise RuntimeError
    assert budget.used == 0


def test_a_refused_growth_takes_nothing() -> None:
    budget = Budget(100)
    with budget.share() as other, budget.share() as share:
        other.grow(10)
        share.grow(80)
        with pytest.raises(Overloaded):
            share.grow(11)
        assert budget.used == 90
        share.resize(10)
        assert budget.used == 20


def test_a_request_larger_than_the_budget_is_taken_alone_and_refused_beside_others() -> None:
    budget = Budget(100)
    with budget.share() as large:
        large.resize(80)
        large.resize(300)  # decoded
        with budget.share() as other, pytest.raises(Overloaded):
            other.resize(1)
    with budget.share() as other, budget.share() as large:
        other.resize(1)
        with pytest.raises(Overloaded):
            large.resize(300)
    assert budget.used == 0
