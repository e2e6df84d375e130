"""`spanledger inspect`: what a payload would become, told before anything is stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typer.testing import CliRunner

from cli.__main__ import build
from processor.calls.errors import BadData
from service.config import load_config
from service.identity_keys import load_identity_rules
from tests.coding_agents.sessions import AGENTS, session
from tests.receiver.captures import CAPTURES, ROOT
from tests.receiver.spans import CHAT, T0, Made, request

VERCEL = ROOT / "vercel-ai-v5" / "stream_anthropic.pb"
TWINS = ROOT / "openinference-anthropic" / "anthropic_using_attributes.pb"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(build(), ["inspect", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_call_is_shown_under_its_public_names_with_price_and_sources() -> None:
    found = json.loads(run("--raw-identities", "--json", str(VERCEL)))
    (call,) = found["calls"]
    assert found["file"] == str(VERCEL)
    assert call["provider"] == "anthropic"
    assert (call["inputTokens"], call["cacheReadTokens"], call["cacheWriteTokens"]) == (3421, 2041, 343)
    assert (call["userId"], call["tenantId"], call["endpointTag"]) == ("user-42", "acme", "answer-capital")
    assert (call["costUsd"], call["priceStatus"], call["usageSource"]) == ("0.00817455", "priced", "provider")
    assert call["dialect"] == "vercel_ai"
    assert call["sources"]["inputTokens"] == "gen_ai.usage.input_tokens"
    assert len(call["spanId"]) == 16
    assert len(call["traceId"]) == 32


@pytest.mark.parametrize(
    ("start_ns", "end_ns"),
    [(123_456_789_000, 124_456_789_000), (1_764_500_000_000_000, 1_764_500_001_000_000), (T0, 0), (0, T0)],
    ids=["monotonic", "microseconds", "no end", "no start"],
)
def test_a_clock_that_knows_no_day_is_shown_as_the_service_takes_it(
    tmp_path: Path, start_ns: int, end_ns: int
) -> None:
    """At the moment of receipt, or at the end that is told; never in 1970."""
    message = request(Made(dict(CHAT), 1))
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.start_time_unix_nano, span.end_time_unix_nano = start_ns, end_ns
    file = tmp_path / "clock.pb"
    file.write_bytes(message.SerializeToString())
    before = datetime.now(UTC)
    (call,) = json.loads(run("--json", str(file)))["calls"]
    shown = datetime.fromisoformat(call["time"])
    if T0 in (start_ns, end_ns):
        assert shown == datetime.fromtimestamp(T0 / 1e9, UTC)
        assert "latency_unknown" in call["flags"]
    else:
        assert before - timedelta(seconds=1) <= shown <= datetime.now(UTC)
        assert "clock_moved" in call["flags"]


def test_every_span_that_is_not_counted_has_a_name_and_a_reason() -> None:
    (left,) = json.loads(run("--raw-identities", "--json", str(TWINS)))["notCounted"]
    assert left["name"] == "messages.create"
    assert "same response id" in left["reason"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"resource_spans": []}', "snake_case"),
        ('{"resource_logs": []}', "snake_case"),
        ('{"resourceMetrics": []}', "metrics"),
        ('{"hello": 1}', "neither resourceSpans nor resourceLogs"),
    ],
)
def test_json_that_holds_no_spans_or_logs_is_refused_with_what_it_holds(
    tmp_path: Path, body: str, reason: str
) -> None:
    file = tmp_path / "payload.json"
    file.write_text(body)
    with pytest.raises(BadData, match=reason):
        run(str(file))


def test_identities_are_shown_as_they_would_be_stored(tmp_path: Path) -> None:
    (call,) = json.loads(run("--data-dir", str(tmp_path), "--json", str(VERCEL)))["calls"]
    assert call["userId"].startswith("h:")
    assert call["tenantId"] == "acme"


def test_looking_at_a_file_makes_no_identity_key(tmp_path: Path) -> None:
    run("--data-dir", str(tmp_path / "data"), "--json", str(VERCEL))
    assert list(tmp_path.iterdir()) == []
    load_identity_rules(load_config(None, {("data_dir",): ("", tmp_path)}, {}))
    arguments = ("--data-dir", str(tmp_path), "--json", str(VERCEL))
    assert run(*arguments) == run(*arguments)


def test_several_files_are_one_json_object_each() -> None:
    lines = run("--raw-identities", "--json", str(VERCEL), str(TWINS)).splitlines()
    assert [json.loads(line)["file"] for line in lines] == [str(VERCEL), str(TWINS)]


def test_the_json_form_of_a_payload_reads_like_its_bytes(tmp_path: Path) -> None:
    message = MessageToDict(ExportTraceServiceRequest.FromString(VERCEL.read_bytes()))
    for resource in message["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                _ids_in_hex(span)
    copy = tmp_path / "payload.json"
    copy.write_text(json.dumps(message))
    one, other = (json.loads(run("--raw-identities", "--json", str(file))) for file in (VERCEL, copy))
    assert one["calls"] == other["calls"]
    assert one["notCounted"] == other["notCounted"]


def _ids_in_hex(span: dict[str, str]) -> None:
    import base64

    for name in ("traceId", "spanId", "parentSpanId"):
        if name in span:
            span[name] = base64.b64decode(span[name]).hex()


def test_a_span_that_cannot_be_read_is_not_counted_and_its_value_is_named(tmp_path: Path) -> None:
    broken = {"traceId": "W47/95gDgQPSabYzgT/GDA==", "spanId": "00f067aa0ba902b7", "name": "chat"}
    file = tmp_path / "payload.json"
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [broken]}]}]}))
    (left,) = json.loads(run("--raw-identities", "--json", str(file)))["notCounted"]
    assert (left["spanId"], left["name"]) == ("00f067aa0ba902b7", "chat")
    assert left["reason"].startswith(
        "bad_trace_id: resourceSpans[0].scopeSpans[0].spans[0].traceId: expected hex"
    )


def test_the_table_shows_fields_sources_and_reasons() -> None:
    shown = run("--raw-identities", str(TWINS))
    for text in (
        "1 counted, 1 not counted",
        "llm.prompt_template.version",
        "capital-v3",
        "not counted because",
    ):
        assert text in shown


def test_a_file_that_is_no_payload_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "notes.pb"
    file.write_bytes(b"\x0a\xffnotes")
    with pytest.raises(BadData, match=r"notes\.pb"):
        run("--raw-identities", str(file))


def test_every_capture_is_told_completely() -> None:
    files = [str(capture.payload) for capture in CAPTURES if capture.body]
    for line in run("--raw-identities", "--json", *files).splitlines():
        found = json.loads(line)
        truth = json.loads(Path(found["file"].removesuffix(".pb") + ".expected.json").read_text())
        assert len(found["calls"]) == truth["billable_count"]
        assert all(len(span["reason"]) > 10 for span in found["notCounted"])
        assert all(call["priceStatus"] for call in found["calls"])


def test_usage_that_no_rule_reads_is_named_and_never_called_nothing(tmp_path: Path) -> None:
    own = Made({"acme.tokens.prompt": 12, "acme.tokens.completion": 3}, span_id=1, scope=("acme.llm", "1"))
    silent = Made({"gen_ai.system": "openai"}, span_id=2)
    plain = Made({"db.system": "postgresql"}, span_id=3)
    payload = tmp_path / "own.pb"
    payload.write_bytes(request(own, silent, plain).SerializeToString())
    unread, named, nothing = json.loads(run("--raw-identities", "--json", str(payload)))["notCounted"]
    assert unread["unreadKeys"] == ["acme.tokens.completion", "acme.tokens.prompt"]
    assert unread["reason"].startswith("unread: no rule reads")
    assert named["reason"].startswith("names GenAI, but")
    assert nothing["reason"] == "nothing of GenAI in it"
    assert "receiver.dialects" in run("--raw-identities", str(payload))


def test_unread_keys_of_a_counted_call_are_named(tmp_path: Path) -> None:
    payload = tmp_path / "call.pb"
    more = {"gen_ai.usage.video_tokens": 5, "gen_ai.request.max_tokens": 100}
    payload.write_bytes(request(Made(CHAT | more)).SerializeToString())
    (call,) = json.loads(run("--raw-identities", "--json", str(payload)))["calls"]
    assert call["unreadKeys"] == ["gen_ai.usage.video_tokens"]
    assert "unread keys" in run("--raw-identities", str(payload))


WRAPPER = {"gen_ai.operation.name": "agent_step", "gen_ai.response.model": "gpt-4o-mini-2024-07-18"} | {
    "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100
}  # fmt: skip


def inspected(tmp_path: Path, *spans: Made) -> Any:
    file = tmp_path / "payload.pb"
    file.write_bytes(request(*spans).SerializeToString())
    return json.loads(run("--raw-identities", "--json", str(file)))


def test_a_wrapper_without_an_inner_call_is_shown_as_the_call_that_it_will_be(tmp_path: Path) -> None:
    found = inspected(tmp_path, Made(WRAPPER, span_id=1), Made(WRAPPER, span_id=2, parent=1))
    (call,) = found["calls"]
    assert (call["spanId"], call["costUsd"], call["flags"]) == (f"{2:016x}", "0.00021", ["promoted"])
    assert [left["spanId"] for left in found["notCounted"]] == [f"{1:016x}"]


def test_a_wrapper_of_a_call_stays_uncounted(tmp_path: Path) -> None:
    found = inspected(tmp_path, Made(WRAPPER, span_id=1), Made(CHAT, span_id=2, parent=1))
    assert [call["spanId"] for call in found["calls"]] == [f"{2:016x}"]


@pytest.mark.parametrize("agent", AGENTS)
def test_a_payload_of_logs_is_read_in_both_its_forms(agent: str, tmp_path: Path) -> None:
    told = session(agent, T0)
    message = told.log_request()
    binary, text = tmp_path / "logs.pb", tmp_path / "logs.json"
    binary.write_bytes(message.SerializeToString())
    text.write_text(json.dumps(MessageToDict(message)))  # without ids there is no base64 in it

    shown = [
        json.loads(line) for line in run("--raw-identities", "--json", str(binary), str(text)).splitlines()
    ]
    assert shown[0]["calls"] == shown[1]["calls"]
    assert len(shown[0]["calls"]) == len(told.calls)
    assert len(shown[0]["notCounted"]) == len(told.records()) - len(told.calls)
    assert {left["reason"] for left in shown[0]["notCounted"]} == {"tells of no model call"}
    assert all("from_log" in call["flags"] for call in shown[0]["calls"])
