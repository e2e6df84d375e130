"""Direct reports: every field, every wrong value by its exact name, and the identity of LEDGER §4."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.calls.errors import BadData
from receiver.reports.fields import FIELDS
from receiver.reports.reports import MAX_RECORDS, read_body, read_report
from tests.patience import work
from tests.receiver.doors import REPORT
from tests.receiver.test_otlp_json import JSON_VALUES
from tests.sizes import examples

NOW = 1_790_000_000_000_000_000


def read(**fields: Any) -> Any:
    return read_report({**REPORT, **fields}, NOW)


def body(content: object) -> bytes:
    return json.dumps(content).encode()


def test_the_public_example_is_read_field_by_field() -> None:
    call = read()
    assert (call.external_request_id, call.request_id_given) == (REPORT["externalRequestId"], True)
    assert (call.provider, call.model, call.operation) == ("openai", "gpt-4o-mini", "chat")
    assert (call.endpoint_tag, call.prompt_version, call.user_id) == (
        "checkout.ai_summary",
        "summary_v3",
        "tenant_acme_hash",
    )
    assert (call.input_tokens, call.output_tokens, call.usage_source) == (540, 180, "provider")
    assert (call.latency_us, call.status, call.data_mode, call.environment) == (
        892_000,
        "success",
        "real",
        "prod",
    )
    assert (call.time_ns, call.received_ns, call.dialect) == (0, NOW, "report")
    assert len(call.report_key) == 16
    assert call.cache_read_tokens is None
    assert {source.attribute for source in call.sources} == set(REPORT)


def test_every_public_field_can_be_sent() -> None:
    values: dict[str, Any] = {
        "time": "2026-01-31T12:00:00Z",
        "requestModel": "gpt-4o",
        "operation": "responses",
        "tenantId": "acme",
        "serviceName": "shop",
        "cacheReadTokens": 100,
        "cacheWriteTokens": 20,
        "cacheWrite1hTokens": 10,
        "reasoningTokens": 30,
        "inputAudioTokens": 1,
        "outputAudioTokens": 2,
        "inputImageTokens": 3,
        "outputImageTokens": 4,
        "inputCachedAudioTokens": 1,
        "inputCachedImageTokens": 2,
        "usageSource": "estimated",
        "timeToFirstTokenMs": 120.5,
        "errorType": "timeout",
        "httpStatus": 504,
        "streaming": True,
        "serviceTier": "flex",
        "reportedCostUsd": "0.000891",
        "responseId": "resp_1",
        "conversationId": "c1",
        "attempt": 2,
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "eee19b7ec3c1b174",
        "parentSpanId": "eee19b7ec3c1b175",
    }
    assert set(values) | set(REPORT) == set(FIELDS)
    call = read(**values)
    assert call.time_ns == 1_769_860_800_000_000_000
    assert (call.time_to_first_token_us, call.reported_cost_pico_usd) == (120_500, 891_000_000)
    assert (call.trace_id.hex(), call.span_id.hex()) == (
        "5b8efff798038103d269b633813fc60c",
        "eee19b7ec3c1b174",
    )
    assert (call.status, call.http_status, call.streaming, call.attempt) == ("success", 504, True, 2)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("inputTokens", -5, "expected a whole number ≥ 0, got -5"),
        ("inputTokens", 1.5, "expected a whole number ≥ 0, got 1.5"),
        ("outputTokens", "many", "expected a whole number ≥ 0, got 'many'"),
        ("outputTokens", True, "expected a whole number ≥ 0, got true"),
        ("outputTokens", [1], "expected a whole number ≥ 0, got an array"),
        ("outputTokens", 2**63, "expected a whole number ≥ 0, got 9223372036854775808"),
        ("attempt", 0, "expected a whole number 1–32767, got 0"),
        ("httpStatus", 99, "expected a whole number 100–599, got 99"),
        ("latencyMs", -1, "expected milliseconds ≥ 0, got -1"),
        ("latencyMs", {}, "expected milliseconds ≥ 0, got an object"),
        ("reportedCostUsd", "free", "expected a cost in USD ≥ 0, got 'free'"),
        ("reportedCostUsd", 10**9, "expected a cost in USD ≥ 0, got 1000000000"),
        ("status", "fine", "expected success, error or cancelled, got 'fine'"),
        ("dataMode", "fake", "expected real, test or demo, got 'fake'"),
        ("usageSource", "guess", "expected provider, estimated or missing, got 'guess'"),
        ("usageSource", "missing", "is missing, but inputTokens or outputTokens are there"),
        ("streaming", "yes", "expected true or false, got 'yes'"),
        ("model", 4, "expected a string, got a number"),
        ("userId", 4917012345678, "expected a string, got a number"),
        ("traceId", "abc", "expected 32 hex digits, not all zero, got 'abc'"),
        ("spanId", "0" * 16, "expected 16 hex digits, not all zero, got '0000000000000000'"),
        ("externalRequestId", ["x"], "expected a string, got an array"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field_and_reason(field: str, value: object, reason: str) -> None:
    with pytest.raises(BadData) as caught:
        read_report({**REPORT, field: value}, NOW, "[3]")
    assert str(caught.value) == f"[3].{field}: {reason}"
    assert caught.value.field == f"[3].{field}"


@pytest.mark.parametrize(
    ("sent", "nanoseconds"),
    [
        ("2026-01-31T12:00:00Z", 1_769_860_800_000_000_000),
        ("2026-01-31t12:00:00.5z", 1_769_860_800_500_000_000),
        ("2026-01-31T13:00:00.123456789+01:00", 1_769_860_800_123_456_789),
        ("2026-01-31 07:00:00-05:00", 1_769_860_800_000_000_000),
        (1_769_860_800, 1_769_860_800_000_000_000),
        (1_769_860_800.25, 1_769_860_800_250_000_000),
        (1_769_860_800_000, 1_769_860_800_000_000_000),
        (1_769_860_800_000_001, 1_769_860_800_000_001_000),
        (1_769_860_800_000_000_001, 1_769_860_800_000_000_001),
        ("1769860800000", 1_769_860_800_000_000_000),
    ],
)
def test_time_is_rfc_3339_or_a_number_whose_size_tells_its_unit(sent: object, nanoseconds: int) -> None:
    assert read(time=sent).time_ns == nanoseconds


@pytest.mark.parametrize(
    "sent",
    [
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "now",
        0,
        -1,
        1e30,
        True,
        "9999-99-99T00:00:00Z",
    ],
)
def test_a_time_without_offset_or_sense_is_refused(sent: object) -> None:
    with pytest.raises(BadData, match="time: expected RFC 3339"):
        read(time=sent)


def test_without_request_id_and_time_a_report_is_refused() -> None:
    with pytest.raises(BadData, match="externalRequestId or time"):
        read_report({"provider": "openai", "inputTokens": 5}, NOW)
    assert read_report({"externalRequestId": "a"}, NOW).request_id_given
    assert not read_report({"time": "2026-01-31T12:00:00Z"}, NOW).request_id_given


def test_without_request_id_the_response_id_is_a_label() -> None:
    call = read_report({"time": 1_769_860_800, "responseId": "resp_1"}, NOW)
    assert (call.external_request_id, call.request_id_given) == ("resp_1", False)


def test_spellings_are_normalised() -> None:
    call = read(provider="Azure", environment="Production", dataMode="TEST", status="Canceled")
    assert (call.provider, call.environment, call.data_mode, call.status) == (
        "azure.ai.openai",
        "prod",
        "test",
        "cancelled",
    )
    assert read(provider="litellm").provider == "unknown"


def test_null_and_empty_text_are_absent() -> None:
    call = read(endpointTag=None, promptVersion="", userId=None, environment="", inputTokens=None)
    assert (call.endpoint_tag, call.prompt_version, call.user_id, call.environment) == (
        None,
        None,
        None,
        "prod",
    )
    assert call.input_tokens is None


def test_what_is_missing_follows_from_the_rest() -> None:
    assert read_report({"externalRequestId": "a", "errorType": "timeout"}, NOW).status == "error"
    assert read_report({"externalRequestId": "a"}, NOW).usage_source == "missing"
    assert read_report({"externalRequestId": "a", "outputTokens": 0}, NOW).usage_source == "provider"
    assert read_report({"externalRequestId": "a", "requestModel": "gpt-4o"}, NOW).model == "gpt-4o"


def test_the_same_report_has_the_same_identity_however_it_is_written() -> None:
    reference = read(time="2026-01-31T12:00:00Z")
    again = read_report(dict(reversed({**REPORT, "time": 1_769_860_800_000}.items())), NOW + 10**9)
    assert again.report_key == reference.report_key
    spelled = read(
        time="2026-01-31T13:00:00+01:00", environment="production", latencyMs=892.0, inputTokens="540"
    )
    assert spelled.report_key == reference.report_key


@pytest.mark.parametrize(
    "change", [{"outputTokens": 181}, {"time": 1_769_860_801}, {"errorType": "x"}, {"tenantId": "t"}]
)
def test_a_different_report_under_one_id_is_a_further_attempt(change: dict[str, Any]) -> None:
    assert read(**change).report_key != read().report_key


def test_three_tries_of_0_0_and_720_tokens_are_three_attempts() -> None:
    tries = [read(outputTokens=0, latencyMs=10), read(outputTokens=0, latencyMs=11), read(outputTokens=720)]
    assert len({call.report_key for call in tries}) == 3


def test_with_an_attempt_number_only_the_scope_decides() -> None:
    first = read(attempt=1)
    assert read(attempt=1, outputTokens=999, tenantId="t").report_key == first.report_key
    others = [
        {"attempt": 2},
        {"environment": "dev"},
        {"dataMode": "test"},
        {"serviceName": "s"},
        {"externalRequestId": "b"},
    ]
    assert len({read(**{"attempt": 1, **other}).report_key for other in others} | {first.report_key}) == 6


def test_lone_surrogates_and_huge_numbers_are_handled() -> None:
    reports = read_body(b'{"externalRequestId":"a\\ud800","inputTokens":5}', NOW)
    assert reports.batch.calls[0].external_request_id == "a�"
    refused = read_body(b'[{"externalRequestId":"a","inputTokens":1e999999999}]', NOW).refused
    assert refused[0].field == "inputTokens"


def test_unknown_fields_are_named_and_never_quoted_in_full() -> None:
    reports = read_body(body({**REPORT, "prompt": "the secret text", "x" * 500: 1, "receivedAt": "now"}), NOW)
    assert reports.warnings[0] == "prompt: unknown field; ignored"
    assert reports.warnings[2] == "receivedAt: is set by the receiver; ignored"
    assert "secret" not in str(reports)
    assert max(map(len, reports.warnings)) < 100


def test_warnings_and_records_are_bounded() -> None:
    assert len(read_body(body([{**REPORT, f"f{place}": 1} for place in range(500)]), NOW).warnings) <= 40
    with pytest.raises(BadData, match="at most"):
        read_body(body([0] * (MAX_RECORDS + 1)), NOW)


def test_reading_keeps_the_size_for_the_queue() -> None:
    batch = read_body(body([REPORT] * 10), NOW).batch
    assert batch.spans == 10
    assert batch.size_bytes > 0


@settings(max_examples=examples(150))
@given(
    st.lists(
        st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(max_size=5), JSON_VALUES, max_size=12),
        max_size=5,
    )
)
def test_fuzz_every_record_is_a_call_or_refused_with_a_reason(records: list[dict[str, Any]]) -> None:
    reports = read_body(body(records), NOW)
    assert len(reports.batch.calls) + len(reports.refused) == len(records)
    for call in reports.batch.calls:
        assert 0 <= call.time_ns < 2**63
        assert all(count is None or count >= 0 for count in (call.input_tokens, call.output_tokens))
        assert call.flags == 0
    for refused in reports.refused:
        f"{refused.field} {refused.reason}".encode()


def test_ten_times_the_reports_take_about_ten_times_the_work() -> None:
    """The bound catches a regex or a copy that grows with the body: it would be a hundred times."""
    few, many = body([REPORT] * 100), body([REPORT] * 1000)
    assert work(lambda: read_body(many, NOW)) < 30 * work(lambda: read_body(few, NOW))
