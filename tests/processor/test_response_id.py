"""Strong response ids name one call anywhere; weak ones only within a trace."""

import pytest

from processor.calls.response_id import is_strong_response_id


@pytest.mark.parametrize(
    "response_id",
    [
        "chatcmpl-AbC123dEf456GhI789",
        "msg_01XFDUDYJgAACzvnptvVoYEL",
        "resp_68a1b2c3d4e5f60718293a4b",
        "chatcmpl-c67ab17d-6956-405d-8916-f2bbf216c724",
        "c67ab17d-6956-405d-8916-f2bbf216c724",
        "gen-1700000000-AbCdEfGhIjKl",
        "a1b2c3d4e5f6",
    ],
)
def test_provider_ids_are_strong(response_id: str) -> None:
    assert is_strong_response_id(response_id)


@pytest.mark.parametrize(
    "response_id",
    [
        "",
        "chatcmpl-",
        "chatcmpl-42",
        "chatcmpl-123456789012",
        "123456789012345",
        "coh-1",
        "cmpl_abcdefghijk",
        "abcdefghijk",
    ],
)
def test_short_ids_and_counters_are_weak(response_id: str) -> None:
    assert not is_strong_response_id(response_id)


def test_only_one_leading_word_is_taken_off() -> None:
    assert not is_strong_response_id("abcdefghijklm-1234")  # the word is long, what it numbers is not
