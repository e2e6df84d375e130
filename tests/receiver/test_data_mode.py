"""The data mode as spans tell it: a word that is none counts as real and is marked, whoever says it."""

from __future__ import annotations

import pytest

from processor.calls.call import Batch, Flag, ModelCall, Outcome
from processor.calls.inherit import set_data_mode
from processor.calls.merge import merged
from receiver.diagnosis.problems import Finding, findings_in
from tests.receiver.spans import CHAT, Made, decoded, one_call, read

UNKNOWN = Flag.DATA_MODE_UNKNOWN


@pytest.mark.parametrize(
    ("sent", "mode"),
    [
        ("real", "real"),
        ("LIVE", "real"),
        (" Test ", "test"),
        ("synthetic", "demo"),
        ("null", "real"),
        ("", "real"),
    ],
)
def test_known_words_are_read_in_every_spelling_and_absent_ones_are_real(sent: str, mode: str) -> None:
    call = read({**CHAT, "data_mode": sent})
    assert (call.data_mode, call.flags, call.sent_data_mode) == (mode, 0, "")


@pytest.mark.parametrize("sent", ["prod", "sandbox", "tests", "unknown", "1", "true"])
def test_another_word_counts_as_real_and_is_marked(sent: str) -> None:
    call = read({**CHAT, "data_mode": sent})
    assert (call.data_mode, call.flags, call.sent_data_mode) == ("real", UNKNOWN, sent)


def test_an_ancestors_and_a_resources_word_is_marked_as_well() -> None:
    root = Made({"data_mode": "sandbox"}, span_id=1, kind=1)
    below = one_call(root, Made(CHAT, span_id=2, parent=1))
    assert (below.data_mode, below.flags) == ("real", UNKNOWN)

    resource = {"service.name": "shop", "data_mode": "sandbox"}
    assert one_call(Made(CHAT, resource=resource)).flags == UNKNOWN


def test_an_ancestor_that_comes_alone_is_kept_for_its_data_mode() -> None:
    (seen,) = decoded(Made({"data_mode": "test"}, span_id=1, kind=1)).sightings
    assert dict(seen.tags)["data_mode"] == "test"


def test_a_truth_is_no_known_word() -> None:
    call = read({**CHAT, "data_mode": True})
    assert (call.data_mode, call.flags, call.sent_data_mode) == ("real", UNKNOWN, "true")


def test_the_nearest_word_decides() -> None:
    root = Made({"data_mode": "sandbox"}, span_id=1, kind=1)
    own = one_call(root, Made({**CHAT, "data_mode": "test"}, span_id=2, parent=1))
    assert (own.data_mode, own.flags) == ("test", 0)

    known = Made({"data_mode": "demo"}, span_id=1, kind=1)
    odd = Made({"data_mode": "sandbox"}, span_id=2, parent=1, kind=1)
    call = one_call(known, odd, Made(CHAT, span_id=3, parent=2))
    assert (call.data_mode, call.flags) == ("real", UNKNOWN)

    resource = {"service.name": "shop", "data_mode": "sandbox"}
    better = Made({"data_mode": "test"}, span_id=1, kind=1, resource=resource)
    call = one_call(better, Made(CHAT, span_id=2, parent=1, resource=resource))
    assert (call.data_mode, call.flags, call.sent_data_mode) == ("test", 0, "")


def test_a_better_word_takes_the_mark_away_with_the_mode() -> None:
    call = ModelCall()
    set_data_mode(call, "sandbox")
    assert (call.data_mode, call.flags) == ("real", UNKNOWN)
    set_data_mode(call, "test")
    assert (call.data_mode, call.flags, call.sent_data_mode) == ("test", 0, "")


def test_of_two_spans_of_one_call_the_mark_comes_with_the_mode() -> None:
    plain, marked = read(CHAT), read({**CHAT, "data_mode": "sandbox"})
    call, _ = merged([plain, marked])
    assert (call.flags, call.sent_data_mode) == (UNKNOWN, "sandbox")


def test_the_sender_is_told_once_per_word_and_service() -> None:
    batch: Batch = decoded(*(Made({**CHAT, "data_mode": "sandbox"}, span_id=place) for place in (1, 2)))
    found = list(findings_in(batch, Outcome(2, 0, ())))
    assert found == [Finding("unknown_data_mode", "sandbox", "shop")]
