"""Keys: LEDGER §3 and §4, without a database."""

from __future__ import annotations

import random

import pytest

from processor.calls.call import Flag
from storage.ingest.call_keys import (
    REQUEST_BUCKET_MS,
    REQUEST_REACH_MS,
    RESPONSE,
    RESPONSE_BUCKET_MS,
    RESPONSE_REACH_MS,
    claimed_ms,
    id_keys,
    is_strong,
    own_key,
    request_keys,
    response_keys,
)
from tests.storage.ledger import NOON_NS, SECOND_NS, call

NOON_MS = NOON_NS // 1_000_000


@pytest.mark.parametrize(
    ("response_id", "strong"),
    [
        ("chatcmpl-AbC123def456GHI", True),
        ("msg_01XFDUDYJgAACzvnptvVoYEL", True),
        ("resp_67ccd2bed1ec8190b14f964abc054267", True),
        ("gen-1726000000-AbCdEfGhIjKlMn", True),
        ("0f3a1c52-9d3e-4c1a-8f44-1b2c3d4e5f60", True),
        ("chatcmpl-123", False),  # a local server that answers with one of 999
        ("chatcmpl-1726000000123", False),  # a clock is no id
        ("abc", False),
        ("", False),
        ("run-abcdefghijkl", True),
        ("abcdefghijklm-12", False),  # the leading word does not count
        ("chatcmpl-ab_cd-ef_12.34x", False),
    ],
)
def test_an_id_is_strong_if_twelve_letters_and_digits_remain_after_its_leading_word(
    response_id: str, strong: bool
) -> None:
    assert is_strong(response_id) is strong


def test_an_own_key_starts_with_a_zero_bit_and_the_claimed_start() -> None:
    key = own_key(call("a"), NOON_MS)
    assert len(key) == 16
    assert key[0] < 0x80
    assert int.from_bytes(key[:6], "big") == NOON_MS


@pytest.mark.parametrize("at_ms", [-1, 0, 1 << 60])
def test_an_absurd_start_still_makes_an_own_key(at_ms: int) -> None:
    assert own_key(call("a"), at_ms)[0] < 0x80


def test_spans_of_one_millisecond_have_different_own_keys() -> None:
    keys = {own_key(call(str(i)), NOON_MS) for i in range(2000)}
    assert len(keys) == 2000


def test_the_key_follows_the_claimed_start_and_never_our_clock() -> None:
    moved = call("a", time_ns=NOON_NS, claimed_time_ns=5, flags=int(Flag.CLOCK_MOVED))
    again = call("a", time_ns=NOON_NS + SECOND_NS, claimed_time_ns=5, flags=int(Flag.CLOCK_MOVED))
    assert own_key(moved, claimed_ms(moved)) == own_key(again, claimed_ms(again))


def test_a_report_is_keyed_by_its_identity_in_bucket_zero() -> None:
    assert own_key(call("a", report_key=b"k" * 16), NOON_MS) == b"\x80\x00" + b"k" * 14


@pytest.mark.parametrize(
    ("bucket_ms", "reach_ms"),
    [(RESPONSE_BUCKET_MS, RESPONSE_REACH_MS), (REQUEST_BUCKET_MS, REQUEST_REACH_MS)],
)
def test_two_spans_at_most_twice_the_reach_apart_share_a_key(bucket_ms: int, reach_ms: int) -> None:
    rng = random.Random(1)
    for _ in range(20_000):
        first = NOON_MS + rng.randrange(bucket_ms * 3)
        second = first + rng.randrange(-2 * reach_ms, 2 * reach_ms + 1)
        a, b = (set(id_keys(RESPONSE, b"x", at, bucket_ms, reach_ms)) for at in (first, second))
        assert a & b


def test_a_response_id_is_claimed_a_third_more_than_once() -> None:
    claims = [len(id_keys(RESPONSE, b"x", NOON_MS + 1000 * i, 3_600_000, 600_000)) for i in range(36_000)]
    assert 1.30 < sum(claims) / len(claims) < 1.37


def test_a_weak_id_joins_only_within_its_trace() -> None:
    one, other = call("a", response_id="chatcmpl-123"), call("b", response_id="chatcmpl-123")
    assert not set(response_keys(one, NOON_MS)) & set(response_keys(other, NOON_MS))
    twin = call("c", response_id="chatcmpl-123", trace_id=one.trace_id)
    assert set(response_keys(one, NOON_MS)) == set(response_keys(twin, NOON_MS))


def test_a_request_id_groups_only_if_the_application_gave_it_and_within_its_scope() -> None:
    given = {"external_request_id": "req_1", "request_id_given": True}
    assert request_keys(call("a", external_request_id="req_1"), NOON_MS) == ()
    assert request_keys(call("a", **given), NOON_MS) == request_keys(call("b", **given), NOON_MS)
    for scope in ({"environment": "dev"}, {"data_mode": "test"}, {"service_name": "other"}):
        assert request_keys(call("a", **given), NOON_MS) != request_keys(call("a", **given, **scope), NOON_MS)
