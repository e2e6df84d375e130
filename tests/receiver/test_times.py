"""When a call was and how long it took, where the sender's clock says nothing (LEDGER §8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.calls.admission import YEAR_2015_NS, Admission, admit
from processor.calls.call import Flag, ModelCall, Rejection
from processor.calls.identity import identity_rules
from receiver.otlp.decode import decode
from tests.receiver.spans import CHAT, T0, Made, request

SECOND = 10**9
DAY = 86_400 * SECOND
RECEIVED = T0 + 10 * SECOND
UPTIME = 432_000 * SECOND
RULES = Admission(identity_rules([bytes(16)]))
MOVED, UNKNOWN = Flag.CLOCK_MOVED, Flag.LATENCY_UNKNOWN


def stored(start: int, end: int, scope: str = "test", **more: object) -> tuple[ModelCall, Rejection | None]:
    """The call of a span with these times (ns since 1970) as it comes through the door, or why not."""
    sent = request(Made({**CHAT, **more}, scope=(scope, "1")))
    span = sent.resource_spans[0].scope_spans[0].spans[0]
    span.start_time_unix_nano, span.end_time_unix_nano = start, end
    (call,) = decode(sent.SerializeToString(), RECEIVED).calls
    return call, admit(call, RULES)


@pytest.mark.parametrize("start", [0, 1, UPTIME, YEAR_2015_NS - 1, T0 - 32 * DAY])
def test_a_start_that_is_none_books_the_call_at_its_end_and_has_no_latency(start: int) -> None:
    """LiteLLM exports 0 where it recorded no start; a monotonic clock counts from the machine's start."""
    call, refused = stored(start, T0)
    assert refused is None
    assert (call.time_ns, call.claimed_time_ns, call.latency_us) == (T0, T0, None)
    assert call.flags & MOVED
    assert call.flags & UNKNOWN


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 5), (0, UPTIME)])
def test_a_start_that_is_none_without_an_end_books_the_call_at_its_receipt(start: int, end: int) -> None:
    call, refused = stored(start, end)
    assert refused is None
    assert (call.time_ns, call.flags & MOVED) == (RECEIVED, MOVED)


def test_a_clock_that_only_counts_from_elsewhere_still_measures_the_latency() -> None:
    call, _ = stored(UPTIME, UPTIME + 2 * SECOND)
    assert (call.time_ns, call.latency_us) == (RECEIVED, 2_000_000)
    assert call.flags == MOVED


@pytest.mark.parametrize(("length", "latency"), [(DAY, 86_400_000_000), (DAY + 1, None), (30 * DAY, None)])
def test_more_than_a_day_is_no_latency_and_the_start_is_believed(length: int, latency: int | None) -> None:
    call, _ = stored(T0 - length, T0)
    assert (call.time_ns, call.latency_us) == (T0 - length, latency)
    assert call.flags == (0 if latency is not None else UNKNOWN)


def test_a_late_call_without_a_start_is_late_by_its_end() -> None:
    _, refused = stored(0, T0 - 40 * DAY)
    assert refused is not None
    assert refused.reason == "too_late"


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1.0, 1e300, 86_401.0])
def test_a_streams_duration_that_is_none_is_not_reckoned_with(seconds: float) -> None:
    log = {"logfire.span_type": "log", "duration": seconds}
    call, refused = stored(T0, T0, "logfire.openai", **log)
    assert refused is None
    assert (call.time_ns, call.latency_us) == (T0, None)
    assert call.flags & UNKNOWN


TIMES = (
    st.integers(0, 2**64 - 1)
    | st.integers(T0 - 40 * DAY, T0 + DAY)
    | st.sampled_from([0, 1, UPTIME, YEAR_2015_NS])
)


@given(TIMES, TIMES)
def test_no_latency_is_ever_longer_than_a_day_and_no_call_before_2015(start: int, end: int) -> None:
    call, refused = stored(start, end)
    if refused is None:
        assert call.time_ns >= YEAR_2015_NS
        assert call.latency_us is None or 0 <= call.latency_us <= 86_400_000_000
        assert (call.latency_us is None) == bool(call.flags & UNKNOWN)
