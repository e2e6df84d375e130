"""Tables of known values: what they remember, what not, and that they answer as reading does."""

from __future__ import annotations

import random

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from receiver.otlp import attributes
from receiver.otlp.fields import KINDS, TEXT
from receiver.otlp.value_cache import ValueCache, known_values

_COUNTS = [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, attributes.MAX_COUNT]
_TEXTS = ["a", "user-1", " padded ", '"quoted"', "None", "", "[Scrubbed due to x]", "ä", "x" * 300, "a\0"]


@pytest.mark.parametrize("count", _COUNTS)
def test_a_count_is_read_alike_the_first_and_the_second_time(count: int) -> None:
    raw = AnyValue(int_value=count).SerializeToString()
    table = known_values("input_tokens")
    assert [table[raw], table[raw]] == [count, count]


@pytest.mark.parametrize("value", [-1, attributes.MAX_COUNT + 1, 2**62])
def test_what_is_no_count_is_left_to_the_closer_look(value: int) -> None:
    assert known_values("input_tokens")[AnyValue(int_value=value).SerializeToString()] is None


@pytest.mark.parametrize("text", _TEXTS)
@pytest.mark.parametrize("field", ["user_id", "model", "response_id", "error_type"])
def test_a_text_is_read_as_its_kind_reads_it(field: str, text: str) -> None:
    raw = AnyValue(string_value=text).SerializeToString()
    expected = KINDS.get(field, TEXT).read(raw)
    assert [known_values(field)[raw], known_values(field)[raw]] == [expected, expected]


def test_bytes_that_are_no_value_say_nothing() -> None:
    draw = random.Random(5)
    for size in (0, 1, 2, 3, 4, 5, 9):
        raw = b"\x0a" + draw.randbytes(size)
        assert known_values("user_id")[raw] == attributes.tag(raw)


def test_a_table_is_bounded_and_keeps_no_long_text() -> None:
    table = ValueCache(len, limit=3)
    for number in range(10):
        assert table[bytes(number + 1)] == number + 1
    assert table[bytes(1000)] == 1000
    assert len(table) <= 3
    assert all(len(raw) < 1000 for raw in table)


def test_ids_are_not_remembered() -> None:
    raw = AnyValue(string_value="resp_1f0c2f5a77c04f13").SerializeToString()
    table = known_values("response_id")
    assert table[raw] == "resp_1f0c2f5a77c04f13"
    assert raw not in table
