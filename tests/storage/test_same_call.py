"""One rule for the same call: however its spans come, they end in the same rows, rollups and journal.

Spans that provoke every rule are sent twice: all in one request, and split, shuffled and repeated over two
receivers with late binding in between. Left out is what the counting rules document as different
(docs/internals/counting-rules.md, "Where a split shows"), and columns that say when or how a call came:
`received_at`, `promoted`, first costs. Requests are compared as a sum, since each is counted where its first
committed call stands (LEDGER §5).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.receiver.spans import CHAT, Made
from tests.sizes import examples
from tests.storage.deliveries import Deliveries, differences, ends, play
from tests.storage.provoking import (
    CACHED,
    CLAUDE,
    ESTIMATING,
    INPUT,
    LOSSY,
    NO_USAGE,
    OTHER,
    OUTPUT,
    SDK,
    STRONG,
    WEAK,
    WRAPPER,
    traces,
)


def review(reading: str) -> Made:
    """The two spans of one Anthropic call that ended in three ways."""
    known = {**CLAUDE, "gen_ai.response.id": STRONG}
    if reading == "A":
        return Made(known, span_id=3, parent=2, trace=b"1", start=5, end=900, scope=LOSSY)
    return Made({**known, **CACHED}, span_id=2, trace=b"1", end=1000, scope=SDK)


@pytest.mark.parametrize("pieces", [["AB"], ["A", "B"], ["B", "A"], ["AB", "A"], ["B", "AB"]], ids=str)
def test_the_same_two_spans_are_the_same_row(deliveries: Deliveries, pieces: list[str]) -> None:
    for minute, piece in enumerate(pieces):
        if minute == 0:
            deliveries.begin()
        deliveries.send([review(reading) for reading in piece], minute, minute % 2)
        deliveries.late.bind(minute)
    deliveries.settle()
    columns = "span_id, input_tokens, cache_read_tokens, flags, latency_ms"
    assert deliveries.late.rows(f"SELECT {columns} FROM genai.model_call") == [  # noqa: S608
        ("0" * 15 + "3", 150, 50, [], 895.0)
    ]


LITELLM = Made({**CHAT, "litellm.call_id": "call-2"}, 2, trace=b"1", name="litellm_request")
LITELLM.scope = ("litellm", "")
RAW = Made({"llm.openai.id": STRONG}, 3, 2, trace=b"1", name="raw_gen_ai_request", scope=("litellm", ""))
AROUND = Made({**CHAT, "gen_ai.response.id": STRONG}, span_id=1, trace=b"1")


@pytest.mark.parametrize("other", [RAW, AROUND], ids=["detail", "call"])
def test_a_span_that_has_its_id_from_another_one_is_counted_once(deliveries: Deliveries, other: Made) -> None:
    one = replace(LITELLM, parent=0 if other is RAW else 1)
    for requests in [([one], [one, other]), ([one, other], [one]), ([one, other], [one, other])]:
        deliveries.begin()
        for minute, spans in enumerate(requests):
            deliveries.send(spans, minute, minute % 2)
            deliveries.late.bind(minute)
        deliveries.settle()
        counted = [row["response_id"] for name, row in deliveries.state().items() if name != "all"]
        assert counted == [STRONG]
        assert deliveries.state()["all"] == {"requests": 1}


def test_a_weak_id_that_is_used_again_joins_no_call_of_another_trace(deliveries: Deliveries) -> None:
    again = [Made({**CHAT, "gen_ai.response.id": WEAK}, n, trace=b"1", start=n * 20_000) for n in (1, 2)]
    for span in again:
        span.end = span.start + 400
    for _ in range(2):  # in the second trace its second call has no other to be taken for
        deliveries.begin()
        for span in again:
            deliveries.send([span], 0, 0)
        assert deliveries.late.rows("SELECT count(*) FROM _genai.sighting WHERE call IS NOT NULL") == [(0,)]
        deliveries.settle()
        assert deliveries.state().keys() == {f"{'74' * 11}31/{n:016x}" for n in (1, 2)} | {"all"}


def test_a_call_that_finds_another_partner_repeats_no_answer(deliveries: Deliveries) -> None:
    """The LiteLLM request is one call first with the span that has the id, then with the other one."""
    plain = Made(dict(CHAT), 1, trace=b"1")
    answer = Made({**CHAT, "gen_ai.response.id": STRONG}, 2, trace=b"1")
    again = replace(answer, span_id=4, parent=2, start=62_000, end=62_400)
    outer = replace(LITELLM, span_id=3, parent=1, end=30_000)
    ends = []
    for requests in ([[plain, answer, outer, again]], [[plain, again], [answer, outer]]):
        deliveries.begin()
        for spans in requests:
            deliveries.send(spans, 0, 0)
        deliveries.settle()
        ends.append(deliveries.state())
    assert differences(*ends) == []


def test_a_call_with_a_weak_id_repeats_no_answer_of_a_partner_that_left(deliveries: Deliveries) -> None:
    """Until its own outer span comes, the LiteLLM request is taken for the inner call: its id is strong."""
    raw = Made({"llm.openai.id": "chatcmpl-raw000000002"}, 2, 1, trace=b"1", name="raw_gen_ai_request")
    raw.attributes["llm.openai.usage"] = "{'prompt_tokens': 100, 'completion_tokens': 20}"
    raw.scope, raw.end = LITELLM.scope, 30_000
    outer = replace(LITELLM, span_id=1, parent=0, end=30_000)
    said = {**CHAT, "gen_ai.response.id": WEAK}
    bare = {key: value for key, value in said.items() if key not in NO_USAGE}
    weak = Made(bare, 4, trace=b"1", start=500, end=25_500, scope=ESTIMATING)
    inner = Made(dict(CHAT), 6, 4, trace=b"1", start=9_000, end=34_000)
    later = Made({**said, **CACHED}, 3, trace=b"1", start=62_000, end=87_000)
    assert ends(deliveries, [[raw], [inner], [outer], [weak], [later]], bound=[0, 1, 3, 4]) == []


def test_an_estimate_is_one_again_when_the_span_that_measured_it_finds_another_partner(
    deliveries: Deliveries,
) -> None:
    """The first two say the same counts, and only the first has them from the provider."""
    outer, streamed = Made(dict(CHAT), 1, trace=b"1"), {**CHAT, "gen_ai.request.stream": True}
    estimate = Made(streamed, 3, 5, trace=b"1", scope=ESTIMATING)
    inner = Made({**CLAUDE, "gen_ai.response.id": WEAK}, 6, 1, trace=b"1", start=40_000, end=40_400)
    assert ends(deliveries, [[outer], [estimate], [replace(inner, scope=SDK)]]) == []


def test_a_span_that_comes_with_a_resend_finds_the_call_that_has_its_id(deliveries: Deliveries) -> None:
    """The failed call inside is known, and the id of the span around it stands for a call elsewhere."""
    answer = Made({**CHAT, "gen_ai.response.id": STRONG}, 2, trace=b"1")
    outer = replace(answer, span_id=6, trace=b"2")
    inner = Made(dict(CHAT), 7, 6, trace=b"2", failed=True)
    assert ends(deliveries, [[answer], [inner], [inner, outer]]) == []


def test_a_call_with_two_ids_repeats_an_answer_by_any_of_them(deliveries: Deliveries) -> None:
    """In whatever order its ids are looked at: they differ between the deliveries."""
    one = Made({**CHAT, "gen_ai.response.id": OTHER}, 1, trace=b"1", end=400)
    around = replace(one, span_id=4)
    inner = Made(dict(CHAT), 5, 4, trace=b"1", end=400)
    again = Made({**CHAT, "gen_ai.response.id": STRONG}, 3, 5, trace=b"1", start=21_000, end=21_400)
    answer = replace(again, span_id=2, parent=0, start=500, end=900)
    for _ in range(6):
        deliveries.begin()
        deliveries.send([one, around, inner, again, answer], 0, 0)
        deliveries.settle()
        flags = {name[-1]: row["flags"] for name, row in deliveries.state().items() if name != "all"}
        assert flags == {"2": [], "3": ["response_repeated"]}


def test_a_nearer_partner_is_found_when_another_row_stands_for_it(deliveries: Deliveries) -> None:
    """The row of the first two begins eighteen seconds before the third, which is nearest to the second."""
    first = Made(dict(CHAT), 1, trace=b"1", start=0, end=10_000)
    second = Made(dict(CHAT), 2, trace=b"2", start=9_000, end=25_000, scope=ESTIMATING)
    third = Made(dict(CHAT), 3, trace=b"3", start=18_000, end=34_000)
    assert ends(deliveries, [[first, second], [third]]) == []


@pytest.mark.parametrize("limit", ["storage.late.alike.MAX_ALIKE", "storage.late.binder.MAX_REACH"])
def test_a_burst_beyond_what_is_searched_loses_no_call(
    deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """Then some calls stay counted twice; within the limits none does."""
    calls = 6
    ones = [Made(dict(CHAT), n, trace=b"1", start=n * 100, end=n * 100 + 900) for n in range(1, calls + 1)]
    others = [
        replace(one, span_id=one.span_id + calls, trace=b"2", start=one.start + 1, scope=ESTIMATING)
        for one in ones
    ]
    counted = []
    for _ in range(2):
        deliveries.begin()
        deliveries.send(ones, 0, 0)
        deliveries.send(others, 0, 1)
        deliveries.settle()
        counted.append(len(deliveries.state()) - 1)
        monkeypatch.setattr(limit, 2 if limit.endswith("ALIKE") else 1)
    assert counted[0] == calls
    assert calls <= counted[1] <= 2 * calls


def test_any_split_order_and_repetition_ends_in_the_same_rows(deliveries: Deliveries) -> None:
    @settings(max_examples=examples(2_000, suite=100), suppress_health_check=list(HealthCheck))
    @given(spans=traces(), data=st.data())
    def check(spans: list[Made], data: st.DataObject) -> None:
        deliveries.begin()
        deliveries.send(spans, 0, 0)
        deliveries.settle()
        whole = deliveries.state()
        deliveries.begin()
        play(deliveries, spans, data)
        assert differences(whole, deliveries.state()) == []

    check()


def test_a_tag_that_another_span_gave_as_well_is_offered_as_its_own_by_no_call(
    deliveries: Deliveries,
) -> None:
    tagged = {"prompt_version": "x", "tenant.id": "x"}
    bare = {key: value for key, value in CHAT.items() if key not in NO_USAGE}
    litellm = replace(LITELLM, attributes={**LITELLM.attributes, **tagged}, span_id=1, parent=5, end=30_000)
    two = Made({**CHAT, **tagged, "gen_ai.response.id": STRONG}, 2, trace=b"1", end=400)
    wrapper = Made(dict(WRAPPER), 3, trace=b"1", name="ai.generateText", end=30_000, scope=("ai", ""))
    four = Made({**bare, "gen_ai.response.id": STRONG}, 4, 1, trace=b"1", end=400)
    five = Made({**CHAT, "prompt_version": "x"}, 5, trace=b"1", end=400)
    six = Made({**bare, INPUT: 37, OUTPUT: 20, "gen_ai.response.id": OTHER}, 6, 4, trace=b"1", end=400)
    seven = Made(dict(CHAT), 7, trace=b"1", end=400)
    assert ends(deliveries, [[litellm, four, six], [seven], [five], [wrapper], [two]], bound=[]) == []


def test_a_call_repeats_no_answer_of_which_the_row_is_merged_into_it(deliveries: Deliveries) -> None:
    """The outer span was counted first, with the id; forty seconds later begins what is inside of it."""
    outer = Made({**CHAT, **CACHED, "gen_ai.response.id": STRONG}, 2, trace=b"1", end=400)
    inner = Made({**CHAT, **CACHED}, 5, 2, trace=b"1", start=40_000, end=40_400)
    assert ends(deliveries, [[outer], [inner, outer]], bound=[]) == []


def test_the_first_call_with_one_of_its_ids_repeats_none(deliveries: Deliveries) -> None:
    """Its other id is known of nobody else; the call that repeats the answer is sent before it."""
    inner = Made({**CHAT, "gen_ai.response.id": STRONG}, 7, 1, trace=b"1", start=500, end=1_500)
    between = replace(LITELLM, span_id=1, parent=5, end=30_000)
    outer = Made({**CHAT, "gen_ai.response.id": OTHER}, 5, trace=b"1", start=9_000, end=17_000)
    again = replace(outer, span_id=3, start=40_000, end=48_000, failed=True)
    assert ends(deliveries, [[again, between, outer], [inner]], bound=[1]) == []


def test_a_duplicate_with_two_ids_leads_to_the_calls_of_both(deliveries: Deliveries) -> None:
    """The plain call makes two answers one; by one of its ids that one is a duplicate of a third."""
    answer = Made({**CHAT, "gen_ai.response.id": OTHER}, 1, trace=b"2", end=400)
    again = Made({**CHAT, "gen_ai.response.id": OTHER}, 2, trace=b"1", start=40_000, end=40_400)
    outer = Made({**CHAT, "gen_ai.response.id": STRONG}, 3, trace=b"1", start=9_000, end=9_400)
    plain = Made(dict(CHAT), 4, 6, trace=b"2", end=400)
    inner = Made({**CHAT, "gen_ai.response.id": STRONG}, 6, 1, trace=b"2", start=21_000, end=21_400)
    spans = [answer, again, outer, plain, inner]
    for first in range(len(spans)):
        turned = spans[first:] + spans[:first]
        assert ends(deliveries, [turned[:2], turned[2:4], turned[4:]], bound=[]) == []
        assert ends(deliveries, [[span] for span in turned]) == []
