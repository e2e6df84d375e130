"""OTLP/gRPC, rule by rule: S1–S14 number the demands of OTLP 1.11 on a server."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processor.calls.call import Batch, Outcome, Rejection
from processor.calls.errors import ConfigError, Overloaded, StorageUnavailable
from receiver.diagnosis.problems import told_to_sender
from receiver.grpc import LOGS, METRICS, TELEMETRY, TRACES, serve_grpc
from receiver.telemetry_pb2 import ModelCall, ReportRequest, ReportResponse
from tests.patience import PATIENCE_SECONDS
from tests.receiver.doors import (
    ANY_PORT,
    EXPORT,
    REPORT,
    Doors,
    Meeting,
    Sink,
    bad_request,
    grpc_status,
    open_doors,
    request,
    retry_info,
    span,
)


async def refused(doors: Doors, body: bytes, **options: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await doors.export(body, **options)
    return caught.value


@pytest.mark.parametrize(
    "compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate]
)
async def test_s1_takes_no_compression_and_gzip(compression: grpc.Compression) -> None:
    spans = [span() for _ in range(50)]
    async with open_doors() as doors:
        await doors.export(request(*spans), compression=compression)
        assert doors.sink.span_ids == sorted(each.span_id for each in spans)


async def test_s2_success_leaves_partial_success_unset() -> None:
    async with open_doors() as doors:
        answer = await doors.export(request())
        assert not answer.HasField("partial_success")
        assert answer.SerializeToString() == b""


async def test_s3_counts_rejected_spans_exactly_and_says_why() -> None:
    good, bad = (
        [span() for _ in range(7)],
        [span(span_id=b"\0" * 8), span(trace_id=b"short"), span(span_id=b"")],
    )
    async with open_doors() as doors:
        answer = await doors.export(request(*good[:3], *bad, *good[3:]))
        assert answer.partial_success.rejected_spans == 3
        assert "3 of 10 spans" in answer.partial_success.error_message
        assert doors.sink.span_ids == sorted(each.span_id for each in good)


async def test_s3_counts_what_the_ledger_refuses_beside_what_decoding_refused() -> None:
    late = Rejection(b"", b"", "chat", "too_late", "time: 40 days before its receipt")
    async with open_doors(sink=Sink(also_refused=[late])) as doors:
        answer = await doors.export(request(span(), span(), span(span_id=b"\0" * 8)))
        assert answer.partial_success.rejected_spans == 2
        assert "too_late (1), e.g. time: 40 days" in answer.partial_success.error_message


@pytest.mark.parametrize(
    "empty", [b"", ExportTraceServiceRequest().SerializeToString(), b"\x0a\x00", b"\x0a\x02\x12\x00"]
)
async def test_s5_an_empty_request_is_a_success(empty: bytes) -> None:
    async with open_doors() as doors:
        assert (await doors.export(empty)).SerializeToString() == b""
        assert not doors.sink.calls


async def test_s6_unknown_fields_and_enum_numbers_are_ignored() -> None:
    unknown = b"\xfa\x3e\x03abc"  # field 1007, length 3
    known = span(kind=99)
    body = ExportTraceServiceRequest()
    body.resource_spans.add().scope_spans.add().spans.add().MergeFromString(
        known.SerializeToString() + unknown
    )
    async with open_doors() as doors:
        await doors.export(body.SerializeToString() + unknown)
        assert doors.sink.span_ids == [known.span_id]


@pytest.mark.parametrize("field", ["trace_id", "span_id"])
@pytest.mark.parametrize("size", [0, 1, 7, 9, 15, 17, 32])
async def test_s7_a_span_with_an_id_of_wrong_length_costs_only_itself(field: str, size: int) -> None:
    good = span()
    async with open_doors() as doors:
        answer = await doors.export(request(good, span(**{field: b"\x01" * size})))
        assert answer.partial_success.rejected_spans == 1
        assert doors.sink.span_ids == [good.span_id]


async def test_s10_a_message_above_the_limit_is_refused_for_good() -> None:
    async with open_doors(max_message_bytes=1 << 20) as doors:
        error = await refused(doors, b"x" * ((1 << 20) + 1))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert retry_info(grpc_status(error)) is None
        await doors.export(request())


async def test_s10_holds_after_decompression() -> None:
    async with open_doors(max_message_bytes=1 << 20) as doors:
        error = await refused(doors, b"\0" * (2 << 20), compression=grpc.Compression.Gzip)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert retry_info(grpc_status(error)) is None
        await doors.export(request())


async def test_s10_a_message_just_below_the_limit_passes() -> None:
    big = request(span(attributes={"text": "x" * (1 << 20)}))
    async with open_doors(max_message_bytes=big.ByteSize()) as doors:
        await doors.export(big)
        await doors.export(big, compression=grpc.Compression.Gzip)
        assert len(doors.sink.calls) == 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x07garbage",
        b"\x0a\xff\xff\xff\x7f",
        b"{}",
        b"\x0a\x04\x12\x02\xff\xff",
        b"\x1f\x8bnot gzip",
        b"\xff" * 99,
    ],
)
async def test_s11_undecodable_data_is_invalid_argument_with_the_field(garbage: bytes) -> None:
    async with open_doors() as doors:
        error = await refused(doors, garbage)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        details = bad_request(grpc_status(error))
        assert details is not None
        assert details.field_violations[0].field == "body"
        assert not doors.sink.batches


async def test_s11_damaged_gzip_is_invalid_argument() -> None:
    whole = gzip.compress(request().SerializeToString())
    async with open_doors() as doors:
        for damaged in (whole[:-9], whole[:-4] + b"\0\0\0\0", whole + b"tail"):
            assert (await refused(doors, damaged)).code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("failure", [Overloaded("full"), StorageUnavailable("database away", 30.0)])
async def test_s12_temporary_trouble_is_unavailable_with_retry_info_of_at_most_two_seconds(
    failure: Exception,
) -> None:
    async with open_doors(sink=Sink(failure=failure)) as doors:
        error = await refused(doors, request().SerializeToString())
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        info = retry_info(grpc_status(error))
        assert info is not None
        assert 0 < info.retry_delay.ToTimedelta().total_seconds() <= 2


async def test_s13_an_unexpected_fault_is_unavailable_counted_and_logged_without_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_doors(sink=Sink(failure=KeyError("the prompt text"))) as doors:
        error = await refused(doors, request().SerializeToString())
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert retry_info(grpc_status(error)) is not None
        assert doors.counts.values["faults", "KeyError", "grpc"] == 1
    assert "the prompt text" not in caplog.text + str(error.details())
    assert "KeyError" in caplog.text


async def test_s14_calls_on_one_channel_run_concurrently() -> None:
    async with open_doors(sink=Meeting(50)) as doors:
        await asyncio.gather(*(doors.export(request()) for _ in range(50)))
        assert len({call.span_id for call in doors.sink.calls}) == 50


async def test_s14_frequent_pings_without_calls_are_tolerated() -> None:
    """A raw HTTP/2 client, since gRPC's own sends no ping below ten seconds: five in a row."""
    ping = b"\0\0\x08\x06\0\0\0\0\0" + b"12345678"
    async with open_doors() as doors:
        reader, writer = await doors.connect(doors.grpc.address)
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0")
        answered = 0
        for _ in range(5):
            writer.write(ping)
            answered += await _ping_answers(reader)
            await asyncio.sleep(1.1)
        assert answered == 5


async def _ping_answers(reader: asyncio.StreamReader) -> int:
    """Read frames until a ping is answered; a GOAWAY fails the test."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            head = await reader.readexactly(9)
            await reader.readexactly(int.from_bytes(head[:3], "big"))
            assert head[3] != 7, "the server said GOAWAY"
            if head[3] == 6 and head[4] == 1:
                return 1


async def test_metrics_are_answered_with_the_reason_why_they_do_not_count() -> None:
    async with open_doors() as doors:
        answer = await doors.channel.unary_unary(f"/{METRICS}/Export")(b"\x0a\x00")
        said = ExportMetricsServiceResponse.FromString(answer).partial_success
        assert (said.rejected_data_points, said.error_message) == (0, told_to_sender("metrics"))
        assert doors.counts.values["ignored", "metrics"] == 1
        assert not doors.sink.batches


async def test_logs_without_a_call_are_answered_and_nothing_is_counted() -> None:
    async with open_doors() as doors:
        answer = await doors.channel.unary_unary(f"/{LOGS}/Export")(b"\x0a\x00")
        assert ExportLogsServiceResponse.FromString(answer) == ExportLogsServiceResponse()
        assert not doors.sink.calls


async def test_a_report_is_one_call_or_many() -> None:
    one = ModelCall(external_request_id="r-1", provider="openai", model="gpt-4o-mini", input_tokens=540)
    bad = ModelCall(external_request_id="r-2", input_tokens=-5)
    async with open_doors() as doors:
        report = doors.channel.unary_unary(f"/{TELEMETRY}/Report")
        content = ReportRequest(calls=[one, bad]).SerializeToString()
        answer = ReportResponse.FromString(await report(content, compression=grpc.Compression.Gzip))
        assert (answer.accepted, answer.duplicates) == (1, 0)
        assert [(each.index, each.field) for each in answer.rejected] == [(1, "inputTokens")]
        assert answer.rejected[0].reason == "expected a whole number ≥ 0, got -5"
        assert [call.external_request_id for call in doors.sink.calls] == ["r-1"]


async def test_a_report_over_grpc_has_the_identity_it_has_as_json() -> None:
    call = ModelCall(
        external_request_id=REPORT["externalRequestId"],
        provider="openai",
        model="gpt-4o-mini",
        endpoint_tag="checkout.ai_summary",
        prompt_version="summary_v3",
        user_id="tenant_acme_hash",
        input_tokens=540,
        output_tokens=180,
        latency_ms=892,
        status="success",
        data_mode="real",
        environment="prod",
    )
    call.time.FromJsonString("2026-01-31T12:00:00.5Z")
    async with open_doors() as doors:
        await doors.channel.unary_unary(f"/{TELEMETRY}/Report")(
            ReportRequest(calls=[call]).SerializeToString()
        )
        await doors.post({**REPORT, "time": "2026-01-31T13:00:00.500+01:00"}, "/v1/telemetry")
        first, second = doors.sink.calls
        assert first.report_key == second.report_key
        assert first.time_ns == 1_769_860_800_500_000_000


async def test_health_follows_readiness_and_is_open_to_everybody() -> None:
    states = health_pb2.HealthCheckResponse
    async with open_doors() as doors:
        check = doors.channel.unary_unary("/grpc.health.v1.Health/Check")

        async def state(service: str) -> int:
            content = health_pb2.HealthCheckRequest(service=service).SerializeToString()
            return states.FromString(await check(content)).status

        assert [await state(name) for name in ("", TRACES, TELEMETRY)] == [states.SERVING] * 3
        await doors.grpc.set_ready(False)
        assert await state("") == states.NOT_SERVING


async def test_an_unknown_method_is_unimplemented() -> None:
    async with open_doors() as doors:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await doors.channel.unary_unary(f"/{TRACES}/Nothing")(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_port_in_use_is_an_error_that_names_the_flag() -> None:
    async with open_doors() as doors:
        with pytest.raises(ConfigError, match="--grpc"):
            await serve_grpc(
                doors.config.model_copy(update={"grpc": str(doors.grpc.address)}),
                doors.intake,
                doors.authenticator,
            )


async def test_two_servers_may_share_a_port_when_told_so() -> None:
    async with open_doors(is_shared=True) as doors:
        twin = await serve_grpc(
            doors.config, doors.intake, doors.authenticator, address=doors.grpc.address, is_shared=True
        )
        assert twin.address == doors.grpc.address
        await twin.stop(0)


async def test_a_message_that_never_arrives_is_cut_and_may_be_sent_again() -> None:
    async def stall() -> Any:
        await asyncio.sleep(10 * PATIENCE_SECONDS)
        yield b""

    async with open_doors(body_timeout_seconds=0.3) as doors:
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await doors.channel.stream_unary(EXPORT)(stall())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await doors.export(request())


async def test_a_full_house_sends_senders_away_and_recovers() -> None:
    async with open_doors() as doors:
        with doors.intake.budget.share() as others:
            others.resize(doors.intake.budget.limit - 10)
            error = await refused(doors, request().SerializeToString())
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            assert retry_info(grpc_status(error)) is not None
        await doors.export(request())
        assert doors.intake.budget.used == 0


async def test_an_abandoned_call_gives_its_bytes_back() -> None:
    async with open_doors(sink=Sink(delay_seconds=5)) as doors:
        with pytest.raises(grpc.aio.AioRpcError):
            await doors.channel.unary_unary(EXPORT)(request().SerializeToString(), timeout=0.2)
        await asyncio.sleep(0.2)
        assert doors.intake.budget.used == 0


async def test_stopping_answers_what_is_in_flight() -> None:
    begun = asyncio.Event()

    class Slow(Sink):
        async def consume(self, batch: Batch) -> Outcome:
            begun.set()
            return await super().consume(batch)

    async with open_doors(sink=Slow(delay_seconds=0.5)) as doors:
        call = asyncio.create_task(doors.export(request()))
        await begun.wait()
        await doors.grpc.stop(5)
        assert (await call).SerializeToString() == b""


async def test_listens_on_any_free_port() -> None:
    async with open_doors(grpc=ANY_PORT) as doors:
        assert doors.grpc.address.port > 0
