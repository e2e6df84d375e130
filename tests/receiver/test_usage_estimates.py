"""Counts that an instrumentation makes up itself: kept, and marked."""

from __future__ import annotations

import pytest

from processor.calls.call import ESTIMATED, PROVIDER, Flag
from tests.receiver.spans import CHAT, read


@pytest.mark.parametrize(
    ("scope", "more", "source"),
    [
        ("openlit.otel.tracing", {"gen_ai.request.is_stream": True}, ESTIMATED),
        ("openlit.instrumentation.openai", {"gen_ai.request.stream": True}, ESTIMATED),
        ("openlit.instrumentation.openai", {"gen_ai.request.stream": False}, PROVIDER),
        (
            "openlit.instrumentation.openai",
            {"gen_ai.request.stream": True, "gen_ai.usage.cache_read.input_tokens": 0},
            PROVIDER,
        ),
        ("@traceloop/instrumentation-openai", {}, ESTIMATED),
        ("opentelemetry.instrumentation.openai.v1", {"gen_ai.is_streaming": True}, PROVIDER),
    ],
)
def test_an_instrumentations_own_estimate_is_not_the_providers_usage(
    scope: str, more: dict[str, object], source: str
) -> None:
    call = read({**CHAT, **more}, scope, "")
    assert call.usage_source == source
    assert bool(call.flags & Flag.ESTIMATE_UNMARKED) == (source == ESTIMATED)
