"""Spans around model calls, in every vocabulary: with usage they wait for their calls, never add to them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.receiver.spans import CHAT, Made, decoded

USED: Mapping[str, object] = {
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
}
WRAPPERS: Mapping[str, dict[str, object]] = {
    "conventions": {**USED, "gen_ai.operation.name": "invoke_agent"},
    "conventions, no model": {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
    },
    "openinference": {**USED, "openinference.span.kind": "AGENT"},
    "langfuse": {**USED, "langfuse.observation.type": "agent"},
    "langsmith": {**USED, "langsmith.span.kind": "chain"},
    "openllmetry": {**USED, "traceloop.span.kind": "workflow"},
    "vercel_ai": {**USED, "ai.operationId": "ai.generateText"},
    "logfire": {**USED, "agent_name": "geo"},
    "sentry": {**USED, "gen_ai.operation.type": "agent"},
    "mlflow": {**USED, "mlflow.spanType": '"AGENT"'},
    "genkit": {**USED, "genkit:type": "flow"},
}


@pytest.mark.parametrize("vocabulary", WRAPPERS)
def test_a_wrapper_with_usage_waits_for_its_calls(vocabulary: str) -> None:
    batch = decoded(Made(WRAPPERS[vocabulary], kind=1))
    (sighting,) = batch.sightings
    assert batch.calls == []
    assert sighting.wrapper
    assert sighting.call is not None
    assert (sighting.call.input_tokens, sighting.call.output_tokens) == (100, 20)


@pytest.mark.parametrize("vocabulary", WRAPPERS)
def test_the_call_inside_of_it_is_the_one_that_counts(vocabulary: str) -> None:
    batch = decoded(
        Made(WRAPPERS[vocabulary], span_id=1, kind=1, end=2000),
        Made(CHAT, span_id=2, parent=1, start=10, end=900),
    )
    assert [call.span_id[-1] for call in batch.calls] == [2]
    assert not any(sighting.wrapper for sighting in batch.sightings)


@pytest.mark.parametrize("vocabulary", sorted(WRAPPERS.keys() - {"vercel_ai"}))
def test_a_wrapper_without_usage_waits_for_nothing(vocabulary: str) -> None:
    """Vercel's wait in any case: a failed call may have the wrapper alone."""
    bare = {key: value for key, value in WRAPPERS[vocabulary].items() if not key.startswith("gen_ai.usage")}
    assert not any(sighting.wrapper for sighting in decoded(Made(bare, kind=1)).sightings)
