"""Spans that come again, within the window of late binding or long after it: they change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.receiver.spans import CHAT, Made, request
from tests.sizes import examples
from tests.storage.deliveries import Deliveries, differences, play
from tests.storage.provoking import (
    BARE,
    CACHED,
    ESTIMATING,
    INPUT,
    LOSSY,
    OTHER,
    OUTPUT,
    SDK,
    STRONG,
    WEAK,
    WRAPPER,
    traces,
)


def test_spans_told_side_by_side_are_not_counted_again_when_they_are_resent_alone(
    deliveries: Deliveries,
) -> None:
    """Long after the window nothing is known of a duplicate; the row of its partner is found."""
    one = Made(dict(CHAT), 1, trace=b"1", end=10_000)
    other = Made(dict(CHAT), 2, trace=b"2", start=10, end=9_000, scope=ESTIMATING)
    for requests in ([[one, other]], [[one], [other]]):
        deliveries.begin()
        for spans in requests:
            deliveries.send(spans, 0, 0)
        deliveries.settle()
        for again in (one, other):
            deliveries.send([again], 500, 0)
            deliveries.late.bind(501)
        assert len(deliveries.state()) - 1 == 1


INNER = Made({**CHAT, "gen_ai.response.id": STRONG}, 4, 2, trace=b"1", start=5, end=900)
OUTERMOST = Made({**CHAT, "user.id": "x"}, 1, trace=b"1", end=1_500)
OUTERS = {
    "no id": Made(dict(CHAT), 2, 1, trace=b"1"),
    "no usage": Made(BARE, 2, 1, trace=b"1"),
    "same id": Made({**CHAT, **CACHED, "gen_ai.response.id": STRONG}, 2, 1, trace=b"1"),
    "weak id": Made({**CHAT, "gen_ai.response.id": WEAK}, 2, 1, trace=b"1"),
}


@pytest.mark.parametrize("outer", OUTERS.values(), ids=OUTERS)
@pytest.mark.parametrize("minute", [1, 500], ids=["within the window", "after the window"])
def test_a_span_that_came_with_its_inner_call_is_not_counted_when_it_is_resent(
    deliveries: Deliveries, outer: Made, minute: int
) -> None:
    inner = INNER
    if outer.attributes.get("gen_ai.response.id") == WEAK:
        inner = replace(INNER, attributes=dict(CHAT))
    for again in ([outer], [OUTERMOST], [outer, OUTERMOST], [inner, outer], [inner]):
        deliveries.begin()
        deliveries.send([inner, outer, OUTERMOST], 0, 0)
        deliveries.late.bind(minute)
        whole = deliveries.state()
        if minute > 1:
            deliveries.settle()
            assert differences(whole, deliveries.state()) == []
        deliveries.send(again, minute, 1)
        deliveries.settle()
        deliveries.late.bind(minute + 401)
        assert [name for name in whole if name != "all"] == [f"{'74' * 11}31/{4:016x}"]
        assert differences(whole, deliveries.state()) == []


def test_spans_told_side_by_side_stay_one_call_among_others_when_both_are_resent(
    deliveries: Deliveries,
) -> None:
    """Each is known from two windows then, and still one span."""
    one = Made({**CHAT, "gen_ai.response.id": STRONG}, 1, trace=b"1")
    other = Made(dict(CHAT), 5, trace=b"1", scope=SDK)
    deliveries.begin()
    for span in (one, Made(dict(CHAT), 2, trace=b"1"), other):
        deliveries.send([span], 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    deliveries.send([one, other], 501, 0)
    deliveries.late.bind(502)
    deliveries.late.bind(900)
    assert differences(whole, deliveries.state()) == []


def test_a_span_known_by_its_own_key_lets_nothing_be_settled_anew(deliveries: Deliveries) -> None:
    """LiteLLM tells of two calls as well: when one of them is forgotten, the other takes not its place."""
    inner = Made(dict(CHAT), 3, 2, trace=b"1")
    outer = Made({**CHAT, "gen_ai.response.id": STRONG}, 2, trace=b"1")
    told = [Made({**CHAT, "litellm.call_id": f"call-{n}"}, n, trace=b"1", end=30_000) for n in (4, 6)]
    told = [replace(one, name="litellm_request", scope=("litellm", "")) for one in told]
    deliveries.begin()
    deliveries.send([inner, outer, *told], 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    deliveries.send([outer], 501, 0)
    deliveries.late.bind(502)
    assert differences(whole, deliveries.state()) == []


def test_a_call_that_comes_late_joins_no_two_that_were_counted_apart(deliveries: Deliveries) -> None:
    """The first call is one with a span of LiteLLM that is forgotten, and not with the other that is left."""
    first = Made(dict(CHAT), 3, trace=b"1")
    told = {**CHAT, "litellm.call_id": "call-4"}
    forgotten = Made(told, 4, trace=b"1", end=30_000, name="litellm_request", scope=("litellm", ""))
    left = replace(forgotten, attributes={**told, "gen_ai.response.id": STRONG}, span_id=6)
    last = Made({**CHAT, "gen_ai.response.id": OTHER}, 8, trace=b"2")
    counted = []
    for requests in ([[first, forgotten, left, last]], [[first, forgotten, left], [last]]):
        deliveries.begin()
        for number, spans in enumerate(requests):
            deliveries.send(spans, 500 * number, 0)
            deliveries.settle()
        deliveries.late.bind(900)
        counted.append(sorted(deliveries.state()))
    assert counted[0] == counted[1]


def test_a_tag_stays_when_the_agent_that_gave_it_is_resent_and_its_call_is_looked_at(
    deliveries: Deliveries,
) -> None:
    """Calls like it bring the tagged call in, of whose window nothing is left."""
    agent = Made({"gen_ai.operation.name": "invoke_agent"}, 3, trace=b"1", end=30_000, name="agent 3", kind=1)
    tagged = Made({**CHAT, "prompt_version": "x"}, 2, 3, trace=b"1")
    answers = [Made({**CHAT, "gen_ai.response.id": STRONG}, n, trace=b"1") for n in (5, 7)]
    other_root = replace(agent, span_id=4, name="agent 4")
    alike = Made(dict(CHAT), 6, trace=b"1", scope=SDK)
    deliveries.begin()
    for spans in ([tagged, answers[0]], [agent], [other_root], [alike], [answers[1]]):
        deliveries.send(spans, 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    deliveries.send([agent], 500, 0)
    deliveries.late.bind(501)
    deliveries.send(answers, 501, 0)
    deliveries.late.bind(502)
    assert differences(whole, deliveries.state()) == []


def test_a_resend_of_a_call_that_proved_to_be_another_counts_nothing(deliveries: Deliveries) -> None:
    """The span that is resent was never counted; the row of its id is merged into the call inside."""
    inner = Made(dict(CHAT), 1, 2, trace=b"1")
    outer = Made({**CHAT, "gen_ai.response.id": STRONG}, 2, trace=b"1")
    same = replace(outer, span_id=3)
    deliveries.begin()
    for span in (inner, outer, same):
        deliveries.send([span], 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    for span in (same, outer):
        deliveries.send([span], 501, 0)
        deliveries.late.bind(502)
        assert differences(whole, deliveries.state()) == []


def test_a_call_stays_one_with_the_call_inside_when_both_are_resent_without_what_is_between(
    deliveries: Deliveries,
) -> None:
    """The span between them is known: nothing of it is kept that would show one inside of the other."""
    outer = Made({**CHAT, "gen_ai.response.id": STRONG}, 7, trace=b"1")
    between, inner = Made({**CHAT, **CACHED}, 1, 7, trace=b"1"), Made(dict(CHAT), 4, 1, trace=b"1")
    deliveries.begin()
    for spans in ([between, outer], [inner]):
        deliveries.send(spans, 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    for minute in (500, 501):
        deliveries.send([between, inner, outer], minute, 0)
        deliveries.late.bind(minute + 1)
        assert differences(whole, deliveries.state()) == []


@pytest.mark.parametrize("requests", ["IO O", "O IO", "IO IO O", "OX IO", "IO OX"])
def test_requests_of_one_transaction_count_a_span_with_its_inner_call_once(
    deliveries: Deliveries, requests: str
) -> None:
    made = {"I": INNER, "O": replace(OUTERS["no id"], parent=0), "X": replace(OUTERMOST, span_id=6, parent=2)}
    made["X"].start, made["X"].end = 10, 800
    deliveries.begin()
    deliveries.send([made[name] for name in sorted({*requests} - {" "})], 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    deliveries.begin()
    bodies = [[deliveries.own(made[name]) for name in one] for one in requests.split()]
    deliveries.late.send_bodies(request(*spans).SerializeToString() for spans in bodies)
    deliveries.settle()
    assert differences(whole, deliveries.state()) == []
    deliveries.send([made["O"]], 500, 1)
    deliveries.late.bind(501)
    assert differences(whole, deliveries.state()) == []


@pytest.mark.parametrize("requests", ["WIJ", "W I J", "I J W"])
@pytest.mark.parametrize("again", ["W", "WI", "W I"])
def test_a_wrapper_is_not_counted_when_it_is_resent_without_its_inner_call(
    deliveries: Deliveries, requests: str, again: str
) -> None:
    """Long after the window nothing is known of the wrapper; the key of its span is claimed."""
    said = {**WRAPPER, "ai.usage.promptTokens": 150}  # the sum of what two calls say
    made = {
        "W": Made(said, 2, 0, trace=b"1", end=1_900, name="ai.generateText", scope=("ai", "")),
        "I": replace(INNER, parent=2),
        "J": Made({**BARE, INPUT: 50, OUTPUT: 0}, 5, 2, trace=b"1", start=910, end=1_800),
    }
    deliveries.begin()
    for spans in requests.split():
        deliveries.send([made[name] for name in spans], 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    for spans in again.split():
        deliveries.send([made[name] for name in spans], 500, 1)
        deliveries.late.bind(501)
    deliveries.late.bind(901)
    assert [name for name in whole if name != "all"] == [f"{'74' * 11}31/{n:016x}" for n in (4, 5)]
    assert differences(whole, deliveries.state()) == []


def test_spans_that_come_again_after_the_window_change_nothing(deliveries: Deliveries) -> None:
    @settings(max_examples=examples(500, suite=30), suppress_health_check=list(HealthCheck))
    @given(spans=traces(), data=st.data())
    def check(spans: list[Made], data: st.DataObject) -> None:
        deliveries.begin()
        play(deliveries, spans, data)
        whole = deliveries.state()
        for minute in (500, 501):
            again = [span for span in spans if data.draw(st.booleans())]
            deliveries.send(again, minute, data.draw(st.integers(0, 1)))
            deliveries.late.bind(minute + 1)
        deliveries.late.bind(900)
        assert differences(whole, deliveries.state()) == []

    check()


def test_a_pair_that_is_resent_together_takes_no_third_call(deliveries: Deliveries) -> None:
    """The span around one of the pair is forgotten, a call with the same counts was kept apart."""
    one, third = Made({**CHAT, "gen_ai.response.id": STRONG}, 1, trace=b"1"), Made(dict(CHAT), 4, trace=b"1")
    outer, told = Made(dict(CHAT), 2, trace=b"1"), Made(dict(CHAT), 3, 2, trace=b"1", scope=LOSSY)
    deliveries.begin()
    for spans in ([one], [outer, third], [told]):
        deliveries.send(spans, 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    deliveries.send([one, told], 501, 0)
    deliveries.late.bind(502)
    assert differences(whole, deliveries.state()) == []


def test_calls_around_which_one_is_forgotten_take_no_other_call_when_they_are_resent(
    deliveries: Deliveries,
) -> None:
    """The first call is around two wrappers of its counts: one is the same call, the other of the third."""
    around, strong = Made(dict(CHAT), 1, trace=b"1"), {**CHAT, "gen_ai.response.id": STRONG}
    root, inner, outer = (
        Made({**CHAT, **CACHED}, 3, trace=b"1"),
        Made(dict(CHAT), 2, 4, trace=b"1"),
        Made(strong, 4, 3, trace=b"1"),
    )
    one, other, third = (
        Made(dict(WRAPPER), n, parent, trace=b"1", name="ai.generateText", end=30_000, scope=("ai", ""))
        for n, parent in ((5, 1), (6, 1), (7, 0))
    )
    deliveries.begin()
    for spans in ([around, root], [inner], [third], [outer], [other], [one]):
        deliveries.send(spans, 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    deliveries.send([around, inner, outer, one, other, third], 500, 0)
    deliveries.late.bind(501)
    assert differences(whole, deliveries.state()) == []


def test_a_call_repeats_an_answer_that_is_forgotten_when_its_spans_are_resent(deliveries: Deliveries) -> None:
    answer = Made({**CHAT, "gen_ai.response.id": STRONG}, 1, trace=b"1")
    again = [replace(answer, span_id=n, start=40_000, end=40_400) for n in (2, 3)]
    deliveries.begin()
    for span in (*again, answer):
        deliveries.send([span], 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    deliveries.send(again, 500, 0)
    deliveries.late.bind(501)
    assert differences(whole, deliveries.state()) == []
