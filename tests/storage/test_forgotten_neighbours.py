"""Spans that come again long after the window without some of their neighbours: what was decided stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tests.receiver.spans import CHAT, Made
from tests.storage.deliveries import Deliveries, differences
from tests.storage.provoking import CACHED, ESTIMATING, LOSSY, OTHER, OUTPUT, SDK, STRONG, WRAPPER


def changed_by(
    deliveries: Deliveries, requests: Iterable[Sequence[Made]], again: Iterable[int]
) -> list[object]:
    """How rows differ after the spans of these ids came again, hours after the requests were settled."""
    spans: dict[int, Made] = {}
    deliveries.begin()
    for request in requests:
        deliveries.send(request, 0, 0)
        spans |= {span.span_id: span for span in request}
    deliveries.settle()
    whole = deliveries.state()
    deliveries.send([spans[number] for number in again], 500, 0)
    deliveries.late.bind(501)
    deliveries.late.bind(900)
    return differences(whole, deliveries.state())


@pytest.mark.parametrize("again", [(1, 4, 5), (4, 5), (6, 5), (1, 6, 5)])
def test_a_root_gives_no_tag_to_a_call_that_is_resent_without_the_span_between_them(
    deliveries: Deliveries, again: tuple[int, ...]
) -> None:
    """Only the root of a line with a gap is above it, and the window knew what stands in this gap."""
    strong = {**CHAT, "gen_ai.response.id": STRONG}
    spans = [
        Made(strong, 1, trace=b"1"),
        Made(dict(CHAT), 2, trace=b"1"),
        Made(strong, 4, 2, trace=b"1"),
        Made(strong, 6, 2, trace=b"1"),
        Made({"gen_ai.operation.name": "invoke_agent"}, 5, trace=b"1", end=30_000, name="agent 5", kind=1),
    ]
    for requests in ([[span] for span in spans], [spans]):
        assert changed_by(deliveries, requests, again) == []


@pytest.mark.parametrize(
    "given", [{"prompt_version": "x"}, CACHED, {"external_request_id": "req-1"}], ids=str
)
@pytest.mark.parametrize("again", [(3, 4), (3,), (4,), (1, 4), (2, 3, 4)])
def test_what_a_span_of_the_same_request_gave_stays_when_the_call_is_resent_without_it(
    deliveries: Deliveries, given: dict[str, Any], again: tuple[int, ...]
) -> None:
    """Ingest does not note who gave what, and the resent span does not say it."""
    strong = {**CHAT, "gen_ai.response.id": STRONG}
    spans = {
        1: Made({**CHAT, **given}, 1, trace=b"1"),
        2: Made(dict(CHAT), 2, trace=b"1"),
        3: Made(strong, 3, 1, trace=b"1"),
        4: Made(strong, 4, trace=b"1"),
    }
    requests = [[spans[number] for number in request] for request in ((1, 3), (2,), (4,))]
    assert changed_by(deliveries, requests, again) == []


@pytest.mark.parametrize("again", [(2,), (2, 5), (5,), (2, 6)])
def test_the_counted_span_of_a_call_stays_when_another_is_resent_without_what_is_between(
    deliveries: Deliveries, again: tuple[int, ...]
) -> None:
    """Without the span between them the outer one, which is shorter, does not show as such."""
    strong = {"gen_ai.response.id": STRONG}
    spans = {
        5: Made(
            {OUTPUT: 20, "litellm.call_id": "call-5"}, 5, 2, trace=b"1", name="litellm_request", end=30_000
        ),
        6: Made({**CHAT, **strong, "tenant.id": "y"}, 6, 5, trace=b"1", start=9_000, end=17_000, scope=LOSSY),
        2: Made({"gen_ai.request.model": "gpt-4o-mini", OUTPUT: 20, **strong}, 2, 7, trace=b"1"),
    }
    spans[5].scope = ("litellm", "")
    assert changed_by(deliveries, [[span] for span in spans.values()], again) == []


@pytest.mark.parametrize("again", [(3, 2, 4), (3, 4), (3, 2), (3,)])
def test_a_row_that_was_taken_back_stays_so_when_the_spans_of_its_call_are_resent(
    deliveries: Deliveries, again: tuple[int, ...]
) -> None:
    """In one request ingest finds that it is the inner call; the one between them looks like both."""
    spans = {
        3: Made(dict(CHAT), 3, trace=b"1"),
        2: Made(dict(CHAT), 2, 4, trace=b"1"),
        4: Made({"gen_ai.operation.name": "chat", "gen_ai.response.id": STRONG}, 4, 3, trace=b"1"),
    }
    requests = [[spans[number] for number in request] for request in ((3, 2), (4,))]
    assert changed_by(deliveries, requests, again) == []


@pytest.mark.parametrize("again", [(4, 5), (5, 2), (4,), (4, 5, 2)])
def test_what_a_row_that_was_taken_back_had_of_another_call_stays_forgotten(
    deliveries: Deliveries, again: tuple[int, ...]
) -> None:
    """Ingest took two spans of a request for one call; then one of them proved to be around a third."""
    strong = {**CHAT, "gen_ai.response.id": STRONG}
    spans = {
        5: Made(strong, 5, trace=b"1", end=25_000),
        2: Made(dict(CHAT), 2, trace=b"1", scope=SDK),
        1: Made({**CHAT, "tenant.id": "x"}, 1, trace=b"1", end=25_000),
        4: Made({**strong, "user.id": "x"}, 4, 2, trace=b"1"),
    }
    requests = [[spans[number] for number in request] for request in ((5,), (2, 1), (4,))]
    assert changed_by(deliveries, requests, again) == []


@pytest.mark.parametrize("first", [4, 3])
@pytest.mark.parametrize("again", [(3,), (4,), (3, 4)])
def test_a_raw_request_that_came_in_a_request_of_its_own_is_not_counted_when_it_is_resent_alone(
    deliveries: Deliveries, first: int, again: tuple[int, ...]
) -> None:
    """Its response id stands for no call that is counted, its own key does."""
    call = Made({**CHAT, "litellm.call_id": "call-4"}, 4, trace=b"1", end=30_000, name="litellm_request")
    raw = {"llm.openai.id": STRONG, "llm.openai.usage": "{'prompt_tokens': 100, 'completion_tokens': 20}"}
    detail = Made(raw, 3, 4, trace=b"1", end=30_000, name="raw_gen_ai_request")
    call.scope = detail.scope = ("litellm", "")
    requests = [[call], [detail]] if first == 4 else [[detail], [call]]
    assert changed_by(deliveries, requests, again) == []


@pytest.mark.parametrize("again", [(3,), (1, 3), (1, 3, 5, 6), (4,), (3, 4)])
def test_a_duplicate_that_is_resent_lets_its_call_take_no_other_that_was_kept_apart(
    deliveries: Deliveries, again: tuple[int, ...]
) -> None:
    """Both calls found their partner by time, or found that there was none."""
    answer = {**CHAT, "gen_ai.response.id": STRONG}
    spans = {
        1: Made({**CHAT, "litellm.call_id": "call-1"}, 1, trace=b"1", end=30_000, name="litellm_request"),
        4: Made(answer, 4, 7, trace=b"1"),
        6: Made({**CHAT, "prompt_version": "x"}, 6, trace=b"1"),
        5: Made(dict(WRAPPER), 5, trace=b"1", end=30_000, name="ai.generateText", scope=("ai", "")),
        3: Made(answer, 3, trace=b"2"),
    }
    spans[1].scope = ("litellm", "")
    for requests in (((1, 4), (6, 5), (3,)), ((1, 4, 6, 5, 3),)):
        sent = [[spans[number] for number in request] for request in requests]
        assert changed_by(deliveries, sent, again) == []


@pytest.mark.parametrize("again", [(1, 2, 4, 5), (5,), (1, 5), (4, 5), (2, 5), (1, 4)])
def test_a_call_that_is_one_with_another_by_time_stays_so_when_the_span_around_that_one_is_resent(
    deliveries: Deliveries, again: tuple[int, ...]
) -> None:
    """The outermost span has the same id as the innermost, and between them is another call."""
    strong = {**CHAT, "gen_ai.response.id": STRONG}
    failed = {**CHAT, **CACHED, "gen_ai.response.id": OTHER}
    spans = {
        1: Made(strong, 1, trace=b"2", start=9_000, end=34_000, scope=ESTIMATING),
        2: Made(failed, 2, 1, trace=b"2", start=21_000, end=21_400, scope=SDK, failed=True),
        4: Made(strong, 4, 2, trace=b"2", start=9_000, end=34_000, scope=ESTIMATING),
        5: Made({**CHAT, "litellm.call_id": "call-5"}, 5, 6, trace=b"1", end=30_000, name="litellm_request"),
    }
    spans[5].scope = ("litellm", "")
    for requests in (((5, 4), (2, 1), (4,)), ((5, 4, 2, 1),)):
        sent = [[spans[number] for number in request] for request in requests]
        assert changed_by(deliveries, sent, again) == []
