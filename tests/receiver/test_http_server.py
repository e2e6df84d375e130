"""OTLP/HTTP, rule by rule: S1–S28 number the demands of OTLP 1.11 on a server."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from typing import Any

import httpx
import pytest
from google.rpc import status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from processor.calls.call import Rejection
from processor.calls.errors import ConfigError, Overloaded, StorageUnavailable
from receiver.diagnosis.problems import told_to_sender
from receiver.http.server import serve_http
from receiver.reports.reports import read_report
from tests.receiver.doors import REPORT, Meeting, Sink, bad_request, json_request, open_doors, request, span

PROTOBUF, JSON = "application/x-protobuf", "application/json"
GZIP = {"content-encoding": "gzip"}


def is_status(response: httpx.Response, code: int, media_type: str) -> status_pb2.Status:
    """Hold an answer to S20 and S22: the code, the encoding, and a Status with a message; give the Status."""
    assert response.status_code == code, response.text
    assert response.headers["content-type"] == media_type
    status = status_pb2.Status()
    if media_type == PROTOBUF:
        status.ParseFromString(response.content)
    else:
        content = response.json()
        status.code, status.message = content["code"], content["message"]
        assert isinstance(content.get("details", []), list)
    assert status.code
    assert status.message
    return status


def traces(response: httpx.Response) -> ExportTraceServiceResponse:
    assert response.status_code == 200, response.text
    return ExportTraceServiceResponse.FromString(response.content)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "Gzip", "x-gzip", "identity"])
async def test_s1_s26_takes_gzip_and_none_in_any_case(coding: str) -> None:
    body = request().SerializeToString()
    content = body if coding == "identity" else gzip.compress(body)
    async with open_doors() as doors:
        response = await doors.post(content, headers={"content-encoding": coding})
        assert not traces(response).HasField("partial_success")
        assert len(doors.sink.calls) == 1


async def test_s1_takes_gzip_of_several_members() -> None:
    body = request().SerializeToString()
    async with open_doors() as doors:
        content = gzip.compress(body[:40]) + gzip.compress(body[40:])
        assert (await doors.post(content, headers=GZIP)).status_code == 200
        assert len(doors.sink.calls) == 1


async def test_s2_success_leaves_partial_success_unset() -> None:
    async with open_doors() as doors:
        assert (await doors.post(request())).content == b""
        assert (await doors.post(json_request())).json() == {}


async def test_s3_counts_rejected_spans_exactly_and_says_why() -> None:
    good, bad = [span() for _ in range(5)], [span(span_id=b"\0" * 8), span(trace_id=b"short")]
    async with open_doors() as doors:
        answer = traces(await doors.post(request(*good, *bad)))
        assert answer.partial_success.rejected_spans == 2
        assert "2 of 7 spans" in answer.partial_success.error_message
        assert doors.sink.span_ids == sorted(each.span_id for each in good)


async def test_s3_the_same_in_json() -> None:
    async with open_doors() as doors:
        response = await doors.post(json_request(spanId="0000000000000000"))
        assert response.status_code == 200
        partial = response.json()["partialSuccess"]
        assert partial["rejectedSpans"] == "1"
        assert partial["errorMessage"]


async def test_s3_a_value_that_its_field_cannot_have_costs_only_its_span_and_is_named() -> None:
    body = json_request()
    spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    broken = [{"key": "server.port", "value": {"intValue": "1e21"}}]
    spans.append({**spans[0], "spanId": "00000000000000ff", "attributes": broken})
    async with open_doors() as doors:
        partial = (await doors.post(body)).json()["partialSuccess"]
        assert partial["rejectedSpans"] == "1"
        assert "1 of 2 spans" in partial["errorMessage"]
        assert "spans[1].attributes[0].value.intValue: expected a whole number" in partial["errorMessage"]
        assert len(doors.sink.calls) == 1


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", PROTOBUF),
        (b"\x0a\x00", PROTOBUF),
        (b"\x0a\x02\x12\x00", PROTOBUF),
        (b"", JSON),
        (b"{}", JSON),
        (b'{"resourceSpans":[]}', JSON),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[]}]}]}', JSON),
    ],
)
async def test_s5_an_empty_request_is_a_success(body: bytes, media_type: str) -> None:
    async with open_doors() as doors:
        response = await doors.post(body, headers={"content-type": media_type})
        assert response.status_code == 200
        assert response.content == (b"" if media_type == PROTOBUF else b"{}")


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
async def test_s20_answers_in_the_encoding_of_the_request(media_type: str) -> None:
    good = request().SerializeToString() if media_type == PROTOBUF else json.dumps(json_request()).encode()
    async with open_doors() as doors:
        accepted = await doors.post(good, headers={"content-type": media_type})
        assert accepted.headers["content-type"] == media_type
        refused = await doors.post(b"\x07", headers={"content-type": media_type})
        is_status(refused, 400, media_type)


@pytest.mark.parametrize("garbage", [b"\x07garbage", b"\x0a\xff\xff\xff\x7f", b"{}", b"\xff" * 99])
async def test_s21_undecodable_protobuf_is_400_with_the_field(garbage: bytes) -> None:
    async with open_doors() as doors:
        status = is_status(await doors.post(garbage), 400, PROTOBUF)
        details = bad_request(status)
        assert details is not None
        assert details.field_violations[0].field == "body"
        assert not doors.sink.batches


async def test_s21_damaged_gzip_is_400() -> None:
    whole = gzip.compress(request().SerializeToString())
    async with open_doors() as doors:
        for damaged in (b"no gzip", b"", whole[:-9], whole[:-4] + b"\0\0\0\0", whole + b"tail"):
            is_status(await doors.post(damaged, headers=GZIP), 400, PROTOBUF)


async def test_s21_gzip_inside_gzip_is_inflated_once_and_then_no_protobuf() -> None:
    async with open_doors() as doors:
        twice = gzip.compress(gzip.compress(request().SerializeToString()))
        is_status(await doors.post(twice, headers=GZIP), 400, PROTOBUF)


async def test_s22_every_refusal_carries_a_status_in_both_encodings() -> None:
    async with open_doors(max_message_bytes=2048) as doors:
        for media_type in (PROTOBUF, JSON):
            headers = {"content-type": media_type}
            is_status(await doors.post(b"\x07", headers=headers), 400, media_type)
            is_status(await doors.post(b"x" * 2049, headers=headers), 413, media_type)
            is_status(await doors.post(b"", "/nothing", headers=headers), 404, media_type)
            is_status(await doors.client.put("/v1/traces", headers=headers), 405, media_type)
            doors.sink.failure = Overloaded("full")
            is_status(await doors.post(b"", headers=headers), 503, media_type)


async def test_s23_a_body_above_the_limit_is_413_before_and_after_decompression() -> None:
    async with open_doors(max_message_bytes=1 << 20) as doors:
        is_status(await doors.post(b"x" * ((1 << 20) + 1)), 413, PROTOBUF)
        is_status(await doors.post(gzip.compress(bytes(2 << 20)), headers=GZIP), 413, PROTOBUF)
        assert (await doors.post(request())).status_code == 200


async def test_s23_a_body_just_below_the_limit_passes() -> None:
    big = request(span(attributes={"text": "x" * (1 << 20)})).SerializeToString()
    async with open_doors(max_message_bytes=len(big)) as doors:
        assert (await doors.post(big)).status_code == 200
        assert (await doors.post(gzip.compress(big), headers=GZIP)).status_code == 200


@pytest.mark.parametrize("failure", [Overloaded("full"), StorageUnavailable("database away", 30.0)])
async def test_s25_temporary_trouble_is_503_with_retry_after_of_at_most_two_seconds(
    failure: Exception,
) -> None:
    async with open_doors(sink=Sink(failure=failure)) as doors:
        response = await doors.post(request())
        is_status(response, 503, PROTOBUF)
        assert 0 < int(response.headers["retry-after"]) <= 2


async def test_s25_an_unexpected_fault_is_503_never_500(caplog: pytest.LogCaptureFixture) -> None:
    async with open_doors(sink=Sink(failure=KeyError("the prompt text"))) as doors:
        response = await doors.post(request())
        is_status(response, 503, PROTOBUF)
        assert doors.counts.values["faults", "KeyError", "http"] == 1
    assert "the prompt text" not in caplog.text + response.text


@pytest.mark.parametrize(
    "media_type",
    ["application/x-protobuf; charset=utf-8", "Application/X-Protobuf", 'application/x-protobuf;a="b"'],
)
async def test_s26_media_types_may_have_parameters_and_any_case(media_type: str) -> None:
    async with open_doors() as doors:
        response = await doors.post(request(), headers={"content-type": media_type})
        assert response.status_code == 200
        assert response.headers["content-type"] == PROTOBUF


async def test_s26_connections_are_kept_and_bodies_may_be_chunked() -> None:
    body = request().SerializeToString()

    async def pieces() -> Any:
        for start in range(0, len(body), 50):
            yield body[start : start + 50]

    async with open_doors() as doors:
        for _ in range(3):
            response = await doors.client.post(
                "/v1/traces", content=pieces(), headers={"content-type": PROTOBUF}
            )
            assert response.status_code == 200
            assert response.headers.get("connection") != "close"
        assert len(doors.sink.calls) == 3


async def test_s28_other_methods_are_405_and_name_post() -> None:
    methods = ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]
    paths = ["/v1/traces", "/v1/telemetry", "/v1/metrics", "/v1/logs"]
    async with open_doors() as doors:
        for method, path in itertools.product(methods, paths):
            response = await doors.client.request(method, path)
            assert response.status_code == 405, (method, path)
            assert response.headers["allow"] == "POST", (method, path)


async def test_s28_other_paths_are_404_and_say_what_is_here() -> None:
    paths = ["/", "/v1", "/v1/traces/", "/v1/spans", "/V1/TRACES", "//v1/traces", "/v1/%00"]
    async with open_doors() as doors:
        for path in paths:
            status = is_status(await doors.post(request(), path), 404, PROTOBUF)
            assert "/v1/traces" in status.message, path


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/protobuf", "application/x-www-form-urlencoded"]
)
async def test_s28_other_types_are_415(media_type: str) -> None:
    async with open_doors() as doors:
        response = await doors.post(request(), headers={"content-type": media_type})
        assert PROTOBUF in is_status(response, 415, JSON).message


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip", "snappy"])
async def test_s28_an_unknown_coding_is_415_and_says_which_is_taken(coding: str) -> None:
    async with open_doors() as doors:
        response = await doors.post(request(), headers={"content-encoding": coding})
        is_status(response, 415, PROTOBUF)
        assert response.headers["accept-encoding"] == "gzip"


async def test_s27_no_cors_header_is_ever_sent() -> None:
    async with open_doors() as doors:
        response = await doors.post(request(), headers={"origin": "https://elsewhere.example"})
        assert not [name for name in response.headers if name.startswith("access-control")]


async def test_metrics_are_answered_with_the_reason_why_they_do_not_count() -> None:
    async with open_doors() as doors:
        response = await doors.post(b"\x0a\x00", "/v1/metrics")
        assert response.status_code == 200
        assert ExportMetricsServiceResponse.FromString(
            response.content
        ).partial_success.error_message == told_to_sender("metrics")
        in_json = (await doors.post({"resourceMetrics": []}, "/v1/metrics")).json()
        assert in_json == {"partialSuccess": {"errorMessage": told_to_sender("metrics")}}
        assert doors.counts.values["ignored", "metrics"] == 2
        assert not doors.sink.batches


async def test_logs_without_a_call_are_answered_and_nothing_is_counted() -> None:
    async with open_doors() as doors:
        response = await doors.post(b"\x0a\x00", "/v1/logs")
        assert ExportLogsServiceResponse.FromString(response.content) == ExportLogsServiceResponse()
        assert (await doors.post({"resourceLogs": []}, "/v1/logs")).json() == {}
        assert not doors.sink.calls


async def test_langfuse_sdks_find_their_path() -> None:
    async with open_doors() as doors:
        response = await doors.post(request(), "/api/public/otel/v1/traces")
        assert response.status_code == 200
        assert len(doors.sink.calls) == 1


async def test_the_public_example_is_accepted_as_it_is() -> None:
    async with open_doors() as doors:
        response = await doors.post(REPORT, "/v1/telemetry")
        assert response.status_code == 200
        assert response.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
        [call] = doors.sink.calls
        assert (call.input_tokens, call.output_tokens, call.latency_us) == (540, 180, 892_000)
        assert call.received_ns > 1_700_000_000_000_000_000


async def test_in_an_array_of_reports_a_bad_one_costs_only_itself() -> None:
    async with open_doors() as doors:
        body = [REPORT, {**REPORT, "inputTokens": -5}, 7, {**REPORT, "attempt": 2, "colour": "red"}]
        response = await doors.post(body, "/v1/telemetry")
        assert response.json() == {
            "accepted": 2,
            "duplicates": 0,
            "rejected": [
                {"index": 1, "field": "inputTokens", "reason": "expected a whole number ≥ 0, got -5"},
                {"index": 2, "field": "", "reason": "expected an object, got a number"},
            ],
            "warnings": ["[3].colour: unknown field; ignored"],
        }
        assert [each.reason for each in doors.sink.batches[0].rejections] == ["bad_field", "bad_field"]


async def test_a_report_that_the_ledger_refuses_is_named_by_its_place() -> None:
    late = {**REPORT, "externalRequestId": "late", "time": "2020-01-01T00:00:00Z"}
    rejection = Rejection(b"", b"", "chat", "too_late", "time: 2000 days", read_report(late, 1).report_key)
    async with open_doors(sink=Sink(also_refused=[rejection])) as doors:
        response = await doors.post([REPORT, late], "/v1/telemetry")
        assert response.json()["rejected"] == [{"index": 1, "field": "time", "reason": "2000 days"}]


async def test_a_duplicate_report_is_counted_as_one() -> None:
    async with open_doors(sink=Sink(duplicates=1)) as doors:
        response = await doors.post(REPORT, "/v1/telemetry")
        assert response.json() == {"accepted": 0, "duplicates": 1, "rejected": []}


async def test_when_no_report_is_usable_the_request_is_400_with_every_field() -> None:
    async with open_doors() as doors:
        response = await doors.post(
            [{**REPORT, "attempt": 0}, {**REPORT, "dataMode": "fake"}], "/v1/telemetry"
        )
        is_status(response, 400, JSON)
        violations = response.json()["details"][0]["fieldViolations"]
        assert [each["field"] for each in violations] == ["[0].attempt", "[1].dataMode"]


@pytest.mark.parametrize(
    "body", [b"", b"7", b"null", b'"text"', b"{", b"[NaN]", b"\xff", b'{"a":' + b"9" * 5000 + b"}"]
)
async def test_a_body_that_is_no_report_is_400(body: bytes) -> None:
    async with open_doors() as doors:
        is_status(await doors.post(body, "/v1/telemetry", {"content-type": JSON}), 400, JSON)


async def test_an_empty_array_of_reports_is_a_success() -> None:
    async with open_doors() as doors:
        assert (await doors.post([], "/v1/telemetry")).json() == {
            "accepted": 0,
            "duplicates": 0,
            "rejected": [],
        }


async def test_reports_are_json_only() -> None:
    async with open_doors() as doors:
        is_status(await doors.post(b"", "/v1/telemetry"), 415, PROTOBUF)


async def test_requests_run_concurrently() -> None:
    async with open_doors(sink=Meeting(50)) as doors:
        responses = await asyncio.gather(*(doors.post(request()) for _ in range(50)))
        assert {response.status_code for response in responses} == {200}


async def test_a_full_house_sends_senders_away_and_recovers() -> None:
    async with open_doors() as doors:
        with doors.intake.budget.share() as others:
            others.resize(doors.intake.budget.limit - 10)
            is_status(await doors.post(request()), 503, PROTOBUF)
        assert (await doors.post(request())).status_code == 200
        assert doors.intake.budget.used == 0


async def test_answered_requests_are_counted_by_signal_and_code() -> None:
    async with open_doors() as doors:
        await doors.post(request())
        await doors.post(b"\x07")
        assert doors.counts.values["requests", "OK", "traces", "http"] == 1
        assert doors.counts.values["requests", "INVALID_ARGUMENT", "traces", "http"] == 1


async def test_a_port_in_use_is_an_error_that_names_the_flag() -> None:
    async with open_doors() as doors:
        taken = doors.http.address
        with pytest.raises(ConfigError, match="--http"):
            await serve_http(doors.config, doors.intake, doors.authenticator, address=taken)


async def test_two_servers_may_share_a_port_when_told_so() -> None:
    async with open_doors(is_shared=True) as doors:
        at = doors.http.address
        twin = await serve_http(doors.config, doors.intake, doors.authenticator, address=at, is_shared=True)
        assert twin.address == at
        await twin.stop(0)


async def test_stopping_answers_what_is_in_flight() -> None:
    async with open_doors(sink=Sink(delay_seconds=0.5)) as doors:
        sending = asyncio.create_task(doors.post(request()))
        await asyncio.sleep(0.2)
        await doors.http.stop(5)
        assert (await sending).status_code == 200


async def test_both_transports_give_their_bytes_back() -> None:
    async with open_doors() as doors:
        await asyncio.gather(doors.post(request()), doors.export(request()))
        assert len(doors.sink.calls) == 2
        assert doors.intake.budget.used == 0
