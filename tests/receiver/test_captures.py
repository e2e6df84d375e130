"""Every capture: each billable call found once and read right, every other span left out with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processor.calls.call import ERROR, ESTIMATED, SUCCESS, Batch, Flag, ModelCall
from processor.calls.vocabulary import provider_name
from receiver.otlp.decode import decode
from tests.receiver.captures import CAPTURES, IN_PARTS, Capture

RECEIVED_NS = 1_795_300_000_000_000_000
OTHERWISE = {
    # The conventions' conversation id; no session was declared, the run has one of its own.
    ("pydantic-ai", "session_id"): ("gen_ai.conversation.id",),
    ("pydantic-ai-instr-v2", "session_id"): ("gen_ai.conversation.id",),
    # An agent's name stands before the root span's name, which the case took for the endpoint.
    ("openllmetry-openai-agents", "endpoint"): ("gen_ai.agent.name",),
    # The application's version: never a prompt's, although this case declared it as one.
    ("langfuse-js", "prompt_version"): (None,),
}
"""Where a rule reads a field from another place than the case declares: folder, field → attributes."""
CHAT = {"chat", "text_completion", "generate_content", "responses"}


def by_id(capture: Capture) -> pytest.MarkDecorator:
    return capture.name  # type: ignore[return-value]


def span_ids(body: bytes) -> list[str]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        span.span_id.hex()
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def match(capture: Capture, calls: Sequence[ModelCall]) -> list[tuple[dict[str, Any], ModelCall]]:
    """Pair each billable entry with the one call that is its span or one of its duplicates."""
    left = {call.span_id.hex(): call for call in calls}
    assert len(left) == len(calls)
    pairs = []
    for entry in capture.truth["billable"]:
        ids = [entry["span_id"], *(twin["span_id"] for twin in entry["duplicates"])]
        found = [left.pop(span_id) for span_id in ids if span_id in left]
        assert len(found) == 1, f"{entry['span_name']}: counted {len(found)} times"
        pairs.append((entry, found[0]))
    assert not left, f"counted but not billable: {[c.span_id.hex() for c in left.values()]}"
    return pairs


@pytest.mark.parametrize("capture", CAPTURES, ids=by_id)
def test_every_billable_call_is_counted_once_and_nothing_else(capture: Capture) -> None:
    batch = decode(capture.body, RECEIVED_NS)
    match(capture, batch.calls)
    assert batch.spans == len(span_ids(capture.body))
    assert batch.rejections == []


@pytest.mark.parametrize("capture", CAPTURES, ids=by_id)
def test_every_span_that_is_not_counted_has_a_reason(capture: Capture) -> None:
    batch = decode(capture.body, RECEIVED_NS)
    counted = {call.span_id.hex() for call in batch.calls}
    reasons = {sighting.span_id.hex(): sighting.reason for sighting in batch.sightings}
    genai = {b["span_id"] for e in capture.truth["billable"] for b in e["duplicates"]}
    genai |= {s["span_id"] for s in capture.truth.get("must_not_count", []) if s["usage_it_repeats"]}
    assert counted.isdisjoint(reasons)
    for span_id in genai - counted:
        assert len(reasons[span_id]) > 10


@pytest.mark.parametrize("capture", CAPTURES, ids=by_id)
def test_tokens_are_the_providers(capture: Capture) -> None:
    for entry, call in match(capture, decode(capture.body, RECEIVED_NS).calls):
        check_tokens(entry["expected"], call, "note_estimate" in entry)


def check_tokens(expected: dict[str, Any], call: ModelCall, estimated: bool) -> None:
    if estimated:
        assert call.flags & Flag.ESTIMATE_UNMARKED
        assert call.usage_source == ESTIMATED
        return
    assert call.input_tokens == expected["input_tokens"]
    assert (call.output_tokens or 0) == (expected["output_tokens"] or 0)
    for name, key in (
        ("cache_read_tokens", "cached_input_tokens"),
        ("cache_write_tokens", "cache_write_tokens"),
        ("reasoning_tokens", "reasoning_tokens"),
    ):
        assert (getattr(call, name) or 0) == (expected[key] or 0), name


@pytest.mark.parametrize("capture", CAPTURES, ids=by_id)
def test_model_provider_operation_and_ids(capture: Capture) -> None:
    for entry, call in match(capture, decode(capture.body, RECEIVED_NS).calls):
        expected = entry["expected"]
        check_provider(entry, call)
        assert call.model == (expected["response_model"] or expected["request_model"] or "unknown")
        if entry["carried_by"].get("request_model"):
            assert call.request_model == expected["request_model"]
        if expected["operation"] is not None:
            assert call.operation in (CHAT if expected["operation"] == "chat" else {expected["operation"]})
        if expected["external_request_id"] is not None:
            assert call.response_id == expected["external_request_id"]
            assert call.external_request_id == expected["external_request_id"]
        assert not call.request_id_given


def check_provider(entry: dict[str, Any], call: ModelCall) -> None:
    expected = entry["expected"]["provider"]
    if expected == "azure.openai":  # no span says Azure: the client's name or `openai` stands there
        assert call.provider == "openai"
    elif expected is not None:
        assert call.provider == provider_name(expected)


@pytest.mark.parametrize("capture", CAPTURES, ids=by_id)
def test_status_and_streaming(capture: Capture) -> None:
    for entry, call in match(capture, decode(capture.body, RECEIVED_NS).calls):
        expected = entry["expected"]
        assert call.status == (SUCCESS if expected["status"] == "ok" else ERROR)
        assert call.http_status in (None, expected["http_status"])
        if expected["streaming"] is not None:
            assert call.streaming in (None, expected["streaming"])


@pytest.mark.parametrize("capture", CAPTURES, ids=by_id)
def test_identity_and_context(capture: Capture) -> None:
    for entry, call in match(capture, decode(capture.body, RECEIVED_NS).calls):
        expected = entry["expected"]
        label = {source.field: source.attribute for source in call.sources}
        for name, key in (
            ("user_id", "user_id"),
            ("tenant_id", "tenant_id"),
            ("conversation_id", "session_id"),
            ("prompt_version", "prompt_version"),
            ("endpoint_tag", "endpoint"),
        ):
            if key in expected and label.get(name) not in OTHERWISE.get((capture.path.parent.name, key), ()):
                assert getattr(call, name) == expected[key], name
        assert call.environment == expected["environment"]
        assert call.service_name == expected["service_name"]
        assert call.data_mode == "real"


@pytest.mark.parametrize("capture", IN_PARTS, ids=by_id)
def test_requests_in_parts_count_the_same_calls(capture: Capture) -> None:
    calls: list[ModelCall] = []
    for part in capture.parts:
        batch: Batch = decode(part, RECEIVED_NS)
        calls.extend(batch.calls)
    for entry, call in match(capture, calls):
        check_tokens(entry["expected"], call, "note_estimate" in entry)
