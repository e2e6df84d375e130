"""Decoding leaves no reference cycle: nothing collects one while calls come in (service/collector.py)."""

from __future__ import annotations

import gc

from processor.calls.call import ModelCall
from receiver.otlp.decode import decode
from receiver.otlp.logs import decode_logs
from receiver.otlp.read_call import ReadSpan
from tests.coding_agents.sessions import session
from tests.receiver.captures import CAPTURES
from tests.receiver.spans import T0


def spans_held() -> int:
    return sum(isinstance(one, ReadSpan | ModelCall) for one in gc.get_objects())


def test_the_spans_of_every_captured_request_are_freed_with_its_batch() -> None:
    logs = session("claude_code", T0).log_request().SerializeToString()
    gc.collect()
    gc.disable()
    try:
        before = spans_held()
        for capture in CAPTURES:
            decode(capture.body, T0)
        decode_logs(logs, T0)
        assert spans_held() == before
    finally:
        gc.enable()
