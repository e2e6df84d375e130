"""OTLP logs as calls: which records tell of one, what is read, and what is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from processor.calls.call import Batch, Flag, ModelCall
from processor.calls.errors import BadData
from receiver.otlp.logs import EVENTS, NEEDLES, decode_logs, holds_logs
from tests.coding_agents.sessions import AGENTS, CANARY, session
from tests.receiver.spans import T0, any_value, pairs

CLAUDE = {
    "event.name": "api_request",
    "session.id": "s-1",
    "model": "claude-opus-5",
    "input_tokens": 12,
    "output_tokens": 412,
    "cache_read_tokens": 24880,
    "cache_creation_tokens": 1240,
    "duration_ms": 3830,
    "request_id": "req_011CbtJR1bZ4uLs3hmdd96uE",
}


def record(attributes: Mapping[str, object], body: str = "", **fields: Any) -> LogRecord:
    made = LogRecord(**{"time_unix_nano": T0, **fields})
    made.attributes.extend(pairs(attributes))
    if body:
        made.body.CopyFrom(any_value(body))
    return made


def logs(*records: LogRecord, scope: str = "com.anthropic.claude_code.events") -> bytes:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(pairs({"service.name": "claude-code"}))
    made = group.scope_logs.add(log_records=records)
    made.scope.name, made.scope.version = scope, "2.1.216"
    return request.SerializeToString()


def decoded(*records: LogRecord, **options: Any) -> Batch:
    return decode_logs(logs(*records, **options), T0)


def one(*records: LogRecord, **options: Any) -> ModelCall:
    (call,) = decoded(*records, **options).calls
    return call


@pytest.mark.parametrize("agent", AGENTS)
def test_a_session_is_read_call_by_call(agent: str) -> None:
    told = session(agent, T0)
    batch = decode_logs(told.log_request().SerializeToString(), T0)
    assert batch.spans == len(told.records())
    assert not batch.rejections
    assert not batch.sightings
    calls = sorted(batch.calls, key=lambda call: call.time_ns)
    assert len(calls) == len(told.calls)
    for call, right in zip(calls, told.calls, strict=True):
        assert_right(call, right)


def assert_right(call: ModelCall, right: Mapping[str, Any]) -> None:
    """Every figure that the session's file names."""
    assert call.request_model == right["model"]
    assert call.status == right.get("status", "success")
    assert (call.input_tokens, call.output_tokens) == (right.get("input"), right.get("output"))
    assert (call.cache_read_tokens or 0, call.cache_write_tokens or 0) == (
        right.get("cacheRead", 0), right.get("cacheWrite", 0),
    )  # fmt: skip
    assert (call.reasoning_tokens or 0, call.http_status if call.status == "error" else None) == (
        right.get("reasoning", 0), right.get("http"),
    )  # fmt: skip
    assert call.service_tier == right.get("tier")
    assert call.time_ns == T0 + right["startMs"] * 1_000_000
    assert call.flags & Flag.FROM_LOG


@pytest.mark.parametrize("agent", AGENTS)
def test_prompts_and_answers_are_dropped_at_the_door(agent: str) -> None:
    batch = decode_logs(session(agent, T0).log_request().SerializeToString(), T0)
    assert batch.calls
    assert CANARY not in repr(batch)


@pytest.mark.parametrize("agent", AGENTS)
def test_the_same_request_again_is_the_same_calls(agent: str) -> None:
    body = session(agent, T0).log_request().SerializeToString()
    first, again = decode_logs(body, T0).calls, decode_logs(body, T0 + 10**12).calls
    assert [(c.trace_id, c.span_id, c.time_ns) for c in first] == [
        (c.trace_id, c.span_id, c.time_ns) for c in again
    ]
    assert len({(c.trace_id, c.span_id) for c in first}) == len(first)


def test_who_asked_becomes_identity_and_tags() -> None:
    call = one(
        record(
            CLAUDE
            | {
                "user.id": "3b1f", "user.email": "ada@example.com", "organization.id": "org-1",
                "repository": "payments-api", "cost_usd": 0.03055,
            }
        )
    )  # fmt: skip
    assert (call.user_id, call.tenant_id, call.conversation_id) == ("ada@example.com", "org-1", "s-1")
    assert (call.service_name, call.endpoint_tag) == ("claude-code", "payments-api")
    assert call.reported_cost_pico_usd == 30_550_000_000
    assert call.latency_us == 3_830_000
    assert call.provider == "anthropic"


def test_tags_of_the_application_come_first() -> None:
    call = one(
        record(CLAUDE | {"user.email": "ada@example.com", "user_id": "u-1", "endpoint_tag": "refactoring"})
    )
    assert (call.user_id, call.endpoint_tag) == ("u-1", "refactoring")


def test_numbers_may_be_digits() -> None:
    call = one(record({name: str(value) for name, value in CLAUDE.items()}))
    assert (call.input_tokens, call.cache_read_tokens, call.latency_us) == (26132, 24880, 3_830_000)


@pytest.mark.parametrize(
    ("attributes", "fields", "scope"),
    [
        ({"event.name": "api_request"}, {}, "com.anthropic.claude_code.events"),
        ({"event.name": "claude_code.api_request"}, {}, ""),
        ({"event.name": ""}, {"event_name": "claude_code.api_request"}, ""),
        ({"event.name": "api_request"}, {"body": "claude_code.api_request"}, "renamed.by.a.collector"),
    ],
)
def test_an_event_is_known_by_its_field_its_attribute_or_its_body(
    attributes: dict[str, object], fields: dict[str, str], scope: str
) -> None:
    call = one(record(CLAUDE | attributes, **fields), scope=scope)
    assert (call.dialect, call.input_tokens) == ("claude_code", 26132)


def test_a_record_of_another_emitter_with_such_a_name_is_none() -> None:
    batch = decoded(record({"event.name": "api_request", "http.route": "/"}), scope="my.service")
    assert not batch.calls
    assert not batch.sightings


def test_usage_of_an_emitter_that_nobody_knows_is_unread() -> None:
    batch = decoded(
        record({"model": "gpt-4o", "prompt_tokens": 540, "completion_tokens": 80}), scope="my.agent"
    )
    assert not batch.calls
    (sighting,) = batch.sightings
    assert sighting.unread is not None
    assert sighting.unread.keys == ("completion_tokens", "model", "prompt_tokens")
    assert sighting.unread.service_name == "claude-code"


def test_a_record_within_a_span_is_below_it() -> None:
    call = one(record(CLAUDE, trace_id=b"\1" * 16, span_id=b"\2" * 8))
    assert (call.trace_id, call.parent_span_id) == (b"\1" * 16, b"\2" * 8)
    assert len(call.span_id) == 8
    assert call.span_id != b"\2" * 8


DETAILS = {
    "event.name": "gen_ai.client.inference.operation.details",
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
}


def test_the_conventions_event_is_a_call_like_its_span() -> None:
    counts = {"gen_ai.usage.input_tokens": 540, "gen_ai.usage.output_tokens": 80}
    call = one(
        record(DETAILS | counts | {"gen_ai.response.id": "chatcmpl-9f8a7b6c5d4e3f"}), scope="otel.openai"
    )
    assert (call.provider, call.model, call.input_tokens) == ("openai", "gpt-4o-mini", 540)
    assert call.response_id == "chatcmpl-9f8a7b6c5d4e3f"


def test_the_conventions_event_of_a_request_without_answer_is_none() -> None:
    assert not decoded(record(DETAILS), scope="otel.openai").calls
    failed = decoded(record(DETAILS | {"error.type": "RateLimitError"}), scope="otel.openai").calls
    assert [call.status for call in failed] == ["error"]


def test_every_event_that_is_read_is_found_by_its_bytes() -> None:
    for name in EVENTS:
        told = {"event.name": name, "event.kind": "response.completed", "error.message": "m"}
        body = logs(record(told))
        assert any(needle.search(body) for needle in NEEDLES), name


def test_a_record_of_broken_bytes_costs_only_itself() -> None:
    good = logs(record(CLAUDE))
    broken = b"\x0a\x12\x12\x10\x12\x0e\x0a\x7fapi_request\xff"
    batch = decode_logs(good + broken, T0)
    assert len(batch.calls) == 1
    assert [rejection.reason for rejection in batch.rejections] == ["bad_record"]


def test_bytes_that_are_no_request_are_refused() -> None:
    with pytest.raises(BadData, match="ExportLogsServiceRequest"):
        decode_logs(b"\xff\xff", T0)


def test_payloads_of_logs_and_of_traces_are_told_apart() -> None:
    told = session("codex", T0)
    assert holds_logs(told.log_request().SerializeToString())
    assert not holds_logs(told.trace_request().SerializeToString())


def test_an_agents_other_events_with_counts_are_no_unread_usage() -> None:
    turn = {"event.name": "copilot_chat.agent.turn", "gen_ai.usage.input_tokens": 9, "turn.index": 0}
    batch = decoded(record(turn), scope="copilot-chat")
    assert not batch.calls
    assert not batch.sightings


def test_qwen_code_counts_its_thoughts_in_the_answer_and_its_total_says_so() -> None:
    told = {
        "event.name": "qwen-code.api_response", "session.id": "s-1", "model": "qwen3-coder-plus",
        "auth_type": "openai", "input_token_count": 1000, "output_token_count": 200,
        "cached_content_token_count": 400, "thoughts_token_count": 50, "tool_token_count": 0,
        "total_token_count": 1200, "duration_ms": 900,
    }  # fmt: skip
    call = one(record(told), scope="qwen-code")
    assert (call.dialect, call.input_tokens, call.output_tokens) == ("gemini_cli", 1000, 200)
    assert (call.cache_read_tokens, call.reasoning_tokens) == (400, 50)


def test_codex_over_a_websocket_tells_a_failed_request_and_no_other_event() -> None:
    told = {"conversation.id": "c-1", "model": "gpt-5.5", "duration_ms": "120"}
    failed = told | {"event.name": "codex.websocket_request", "success": "false", "error.message": "closed"}
    done = told | {"event.name": "codex.websocket_request", "success": "true"}
    connected = told | {"event.name": "codex.websocket_connect", "error.message": "refused"}
    batch = decoded(record(failed), record(done), record(connected), scope="codex_otel.log_only")
    assert [(call.status, call.model) for call in batch.calls] == [("error", "gpt-5.5")]
    assert not batch.sightings


def test_a_completed_response_whose_usage_was_unreadable_is_no_failure() -> None:
    told = {"event.name": "codex.sse_event", "event.kind": "response.completed", "model": "gpt-5.5",
            "error.message": "failed to parse ResponseCompleted"}  # fmt: skip
    call = one(record(told), scope="codex_otel.log_only")
    assert (call.status, call.input_tokens, call.usage_source) == ("success", None, "missing")


OPENCODE = {
    "event.name": "api_request", "session.id": "ses_1", "model": "gpt-5", "provider": "openai",
    "gen_ai.provider.name": "openai", "agent.name": "build", "cost_usd": 0.0123, "duration_ms": 4200,
    "input_tokens": 100, "output_tokens": 20, "reasoning_tokens": 7, "cache_read_tokens": 50,
    "cache_creation_tokens": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("named", "scope"), [("api_request", "com.opencode"), ("opencode.api_request", "another.plugin")]
)
def test_opencode_counts_the_cache_and_the_reasoning_beside(named: str, scope: str) -> None:
    """Whatever provider it asked: Anthropic's cache as well as the reasoning of OpenAI."""
    call = one(record(OPENCODE | {"event.name": named}), scope=scope)
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens, call.reasoning_tokens) == (
        150, 50, 27, 7,
    )  # fmt: skip
    assert (call.dialect, call.provider, call.model, call.conversation_id) == (
        "opencode", "openai", "gpt-5", "ses_1",
    )  # fmt: skip
    assert (call.latency_us, call.reported_cost_pico_usd) == (4_200_000, 12_300_000_000)
    claude = {"model": "claude-sonnet-4-5", "provider": "anthropic", "gen_ai.provider.name": "anthropic",
              "reasoning_tokens": 0, "cache_creation_tokens": 30}  # fmt: skip
    call = one(record(OPENCODE | {"event.name": named} | claude), scope=scope)
    assert (call.input_tokens, call.cache_write_tokens, call.output_tokens) == (180, 30, 20)
    assert not call.flags & Flag.USAGE_AMBIGUOUS


@pytest.mark.parametrize(("output", "is_open"), [(20, True), (7, True), (6, False)])
def test_reasoning_that_an_older_opencode_may_have_left_in_the_output_is_marked(
    output: int, is_open: bool
) -> None:
    """Nothing on the event tells its version; more reasoning than output cannot be a part of it."""
    call = one(record(OPENCODE | {"output_tokens": output}), scope="com.opencode")
    assert (call.output_tokens, call.reasoning_tokens) == (output + 7, 7)
    assert bool(call.flags & Flag.USAGE_AMBIGUOUS) is is_open


def test_an_error_of_opencode_is_a_failed_call_and_its_other_events_are_none() -> None:
    told = {"session.id": "ses_1", "model": "gpt-5", "provider": "openai", "error": "429 rate limited",
            "duration_ms": 12}  # fmt: skip
    assert one(record(told | {"event.name": "api_error"}), scope="com.opencode").status == "error"
    other = decoded(record({"event.name": "session.totals", "total_tokens": 9000}), scope="com.opencode")
    assert (other.calls, other.sightings) == ([], [])


@pytest.mark.parametrize(("observed", "begins"), [(4_200, 0), (4_250, 0), (0, -4_200), (30, -4_200)])
def test_opencode_tells_when_a_call_began_if_it_was_observed_at_its_end(observed: int, begins: int) -> None:
    made = record(OPENCODE, observed_time_unix_nano=T0 + observed * 1_000_000)
    call = one(made, scope="com.opencode")
    assert (call.time_ns - T0, call.latency_us) == (begins * 1_000_000, 4_200_000)
