"""One rule for the same call: however its spans come, they end in the same rows, rollups and journal.

Spans that provoke every rule are sent twice: all in one request, and split, shuffled and repeated over two
receivers with late binding in between. Left out is what the counting rules document as different
(docs/internals/counting-rules.md, "Where a split shows"), and columns that say when or how a call came:
`received_at`, `promoted`, first costs. Requests are compared as a sum, since each is counted where its first
committed call stands (LEDGER §5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.dimensions.cardinality import SERVICE
from tests.receiver.spans import CHAT, Made, request
from tests.sizes import examples
from tests.storage.deliveries import State, differences, new_number, settle, state, stored
from tests.storage.late import Late, late_ledger

STRONG, OTHER, WEAK = "msg_01AbCdEfGhIjKlMn", "msg_02ZyXwVuTsRqPoNm", "chatcmpl-42"
LOSSY, SDK = ("openinference.instrumentation.anthropic", "0.1.5"), ("com.anthropic.sdk.python", "2")
ESTIMATING, PLAIN = ("openlit.otel.tracing", "1.34"), ("test", "1")
CLAUDE = {**CHAT, "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4"}
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHED = {INPUT: 150, "gen_ai.usage.cache_read.input_tokens": 50}
NO_USAGE = {INPUT: None, OUTPUT: None}
WRAPPER = {
    "ai.operationId": "ai.generateText", "ai.model.id": "gpt-4o-mini", "ai.model.provider": "openai.chat",
    "ai.usage.promptTokens": 100, "ai.usage.completionTokens": 20,
}  # fmt: skip
TAGS = ("prompt_version", "tenant.id", "user.id", "session.id", "endpoint_tag")


def review(reading: str) -> Made:
    """The two spans of one Anthropic call that ended in three ways."""
    known = {**CLAUDE, "gen_ai.response.id": STRONG}
    if reading == "A":
        return Made(known, span_id=3, parent=2, trace=b"1", start=5, end=900, scope=LOSSY)
    return Made({**known, **CACHED}, span_id=2, trace=b"1", end=1000, scope=SDK)


@st.composite
def calls(draw: st.DrawFn, span_id: int) -> Made:
    """A call: with a strong, a weak or no id; with the provider's, a part of, estimated or no usage."""
    attributes: dict[str, object] = {**draw(st.sampled_from([CHAT, CLAUDE]))}
    response_id = draw(st.sampled_from([None, None, STRONG, STRONG, OTHER, WEAK]))
    attributes |= {} if response_id is None else {"gen_ai.response.id": response_id}
    attributes |= draw(
        st.sampled_from([{}, {}, CACHED, {"gen_ai.usage.reasoning.output_tokens": 7}, {INPUT: 37}, NO_USAGE])
    )
    attributes |= draw(
        st.sampled_from(
            [{}, {}, {"gen_ai.response.model": "m-2"}, {"gen_ai.request.stream": True},
             {"gen_ai.response.time_to_first_chunk": 0.25}, {"openai.response.service_tier": "flex"}]
        )
    )  # fmt: skip
    attributes |= draw(tags)
    trace = draw(st.sampled_from([b"1", b"1", b"2"]))
    start = draw(st.sampled_from([0, 0, 10, 500, 9_000, 21_000, 40_000, 62_000]))
    return Made(
        {key: value for key, value in attributes.items() if value is not None},
        span_id,
        draw(st.integers(0, 7)),
        trace,
        start=start,
        end=start + draw(st.sampled_from([400, 1_000, 8_000, 25_000])),
        failed=draw(st.sampled_from([False, False, False, True])),
        scope=draw(st.sampled_from([PLAIN, SDK, LOSSY, ESTIMATING])),
    )


tags = st.dictionaries(st.sampled_from(TAGS), st.sampled_from(["x", "y"]), max_size=2)


@st.composite
def around(draw: st.DrawFn, span_id: int) -> Made:
    """What lies around calls: agents with tags, wrappers, LiteLLM's span and its raw requests."""
    kind = draw(st.sampled_from(["agent", "agent", "wrapper", "litellm", "raw"]))
    found: dict[str, Any] = {"trace": draw(st.sampled_from([b"1", b"1", b"2"])), "end": 30_000}
    if kind in ("litellm", "raw"):
        found["trace"] = b"1"
    said = dict(draw(tags))
    parent = draw(st.integers(0, 7))
    if kind == "agent":
        said |= {"gen_ai.operation.name": "invoke_agent"}
        said |= draw(st.sampled_from([{}, {"gen_ai.agent.name": "helper"}, {"genai.environment": "staging"}]))
        return Made(said, span_id, parent, name=f"agent {span_id}", kind=1, **found)
    if kind == "wrapper":
        return Made(dict(WRAPPER), span_id, parent, name="ai.generateText", scope=("ai", ""), **found)
    if kind == "litellm":
        said |= {**CHAT, "litellm.call_id": f"call-{span_id}", "llm.request.type": "completion"}
        return Made(said, span_id, parent, name="litellm_request", scope=("litellm", ""), **found)
    raw = {
        "llm.openai.id": f"chatcmpl-raw{span_id:09x}",
        "llm.openai.usage": "{'prompt_tokens': 100, 'completion_tokens': 20}",
    }
    return Made(raw, span_id, parent, name="raw_gen_ai_request", scope=("litellm", ""), **found)


@st.composite
def traces(draw: st.DrawFn) -> list[Made]:
    """Up to seven spans in two traces, without a cycle of parents."""
    size = draw(st.integers(1, 7))
    spans = [draw(st.one_of(calls(n), calls(n), around(n))) for n in range(1, size + 1)]
    by_id = {span.span_id: span for span in spans}
    for span in spans:
        parent = by_id.get(span.parent)
        if parent is not None and (parent.trace != span.trace or _is_above(span.span_id, parent, by_id)):
            span.parent = 0
    return [span for span in spans if span.name != "raw_gen_ai_request" or _has_call(span, by_id)]


def _is_above(span_id: int, span: Made | None, by_id: dict[int, Made]) -> bool:
    met: set[int] = set()
    while span is not None and span.span_id not in met:
        if span.span_id == span_id:
            return True
        met.add(span.span_id)
        span = by_id.get(span.parent)
    return False


def _has_call(raw: Made, by_id: dict[int, Made]) -> bool:
    """Whether a raw request is below a LiteLLM call; without one it is a wrapper of its own."""
    parent = by_id.get(raw.parent)
    return parent is not None and parent.name == "litellm_request"


class Deliveries:
    """Deliveries of the same spans side by side in one ledger, apart by trace, response id and service."""

    def __init__(self, late: Late) -> None:
        self.late = late
        self._number = 0

    def begin(self) -> None:
        self._number = new_number()

    def own(self, span: Made) -> Made:
        """The span as it is sent in this delivery."""
        number = self._number
        attributes = dict(span.attributes)
        if str(attributes.get("gen_ai.response.id", "")).startswith("msg_"):
            attributes["gen_ai.response.id"] = f"{attributes['gen_ai.response.id']}{number:08x}"
        if "llm.openai.id" in attributes:
            attributes["llm.openai.id"] = f"{attributes['llm.openai.id']}{number:08x}"
        if "external_request_id" in attributes:
            attributes["external_request_id"] = f"{attributes['external_request_id']}{number:08x}"
        trace = number.to_bytes(4, "big") + span.trace.rjust(12, b"t")
        return replace(span, attributes=attributes, trace=trace, resource={"service.name": f"s{number:08x}"})

    def send(self, spans: Sequence[Made], minute: float, receiver: int) -> None:
        self.late.send(*map(self.own, spans), minute=minute, receiver=receiver)

    def settle(self) -> None:
        settle(self.late)

    def state(self) -> State:
        """What the rows say, by span, as every delivery would say it; and the requests in all."""
        suffix = f"{self._number:08x}"
        return state(stored(self.late, suffix).get(suffix, ()), [(suffix, "")])


@pytest.fixture
def deliveries(migrated_database: str) -> Iterator[Deliveries]:
    caps = {SERVICE: 20}  # most deliveries are booked under `__other__`, which must not show in any row
    with late_ledger(migrated_database, caps=caps) as late:
        yield Deliveries(late)


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
BARE = {key: value for key, value in CHAT.items() if key not in NO_USAGE}
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


def ends(
    deliveries: Deliveries, requests: Sequence[Sequence[Made]], bound: Sequence[int] = range(99)
) -> list[Any]:
    """How these requests end otherwise than all spans in one request.

    Args:
        bound: numbers of the requests after which late binding runs.
    """
    deliveries.begin()
    deliveries.send([span for spans in requests for span in spans], 0, 0)
    deliveries.settle()
    whole = deliveries.state()
    deliveries.begin()
    for number, spans in enumerate(requests):
        deliveries.send(spans, 0, 0)
        if number in bound:
            deliveries.late.bind(0)
    deliveries.settle()
    return differences(whole, deliveries.state())


def play(deliveries: Deliveries, spans: list[Made], data: st.DataObject) -> None:
    """Send the spans in drawn pieces, each once or twice, within the window, binding now and then."""
    pieces: list[list[Made]] = []
    for span in data.draw(st.permutations(spans)):
        for _ in range(data.draw(st.sampled_from([1, 1, 1, 2]))):
            if pieces and data.draw(st.booleans()):
                data.draw(st.sampled_from(pieces)).append(span)
            else:
                pieces.append([span])
    minute = 0
    for piece in pieces:
        deliveries.send(piece, minute, data.draw(st.integers(0, 1)))
        minute += data.draw(st.sampled_from([0, 0, 3]))
        if data.draw(st.booleans()):
            deliveries.late.bind(minute)
    deliveries.settle()


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
