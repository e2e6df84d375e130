"""Why nothing of a request is counted, noted at the doors: real servers, stock exporters, raw connections."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import ssl
import subprocess
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

from processor.calls.call import Rejection
from receiver.auth import HashedKeys
from receiver.config import TlsConfig
from receiver.diagnosis.causes import CAUSES
from receiver.diagnosis.problems import clean, host_of_peer, sender_of
from tests.end_to_end.traffic import make_spans
from tests.receiver.doors import EXPORT, REPORT, Doors, Sink, json_request, open_doors, request, span

KEY = "sl_the-one-good-key-of-this-test-0123456789"
WRONG = "sl_qqqwwweeerrrtttyyyuuuiiiooopppaaasss"


def keys() -> HashedKeys:
    return HashedKeys([hashlib.sha256(KEY.encode()).digest()])


def causes(doors: Doors) -> list[tuple[str, str, str]]:
    """Cause, transport and detail of every note."""
    return [note[:3] for note in doors.counts.notes]


def plain_span(scope: str, service: str) -> Any:
    """A request with one span of a web framework."""
    made = request()
    made.resource_spans[0].scope_spans[0].spans[0].CopyFrom(span(name="GET /"))
    del made.resource_spans[0].scope_spans[0].spans[0].attributes[:]
    made.resource_spans[0].scope_spans[0].scope.name = scope
    attribute = made.resource_spans[0].resource.attributes.add(key="service.name")
    attribute.value.string_value = service
    return made


@pytest.mark.parametrize(
    ("headers", "cause", "hint"),
    [
        ({}, "no_key", ""),
        ({"authorization": f"Bearer {WRONG}"}, "unknown_key", "key sl_qqq…"),
        ({"x-api-key": "sl_short"}, "unknown_key", "key sl…"),
        ({"authorization": f"Bearer%20{KEY}"}, "unreadable_key", "`Bearer%20`, not `Bearer` and a space"),
        ({"authorization": KEY}, "unreadable_key", "no `Bearer`"),
        ({"authorization": "Basic YTpi"}, "unreadable_key", "authorization: basic …"),
        ({"authorization": f"Bearer {KEY}", "x-api-key": WRONG}, "unreadable_key", "two different keys"),
    ],
)  # fmt: skip
async def test_a_missing_or_wrong_key_is_noted_by_its_mistake_and_never_in_full(
    headers: dict[str, str], cause: str, hint: str
) -> None:
    async with open_doors(keys()) as doors:
        assert (await doors.post(request(), headers=headers)).status_code == 401
        with pytest.raises(grpc.aio.AioRpcError):
            await doors.export(request(), metadata=list(headers.items()))

        assert causes(doors) == [(cause, "http", hint or "/v1/traces"), (cause, "grpc", hint or "traces")]
        senders = [note[3] for note in doors.counts.notes]
        assert senders[0].startswith("python-httpx/")
        assert senders[1].startswith("grpc-python-asyncio/")
        assert all(sender.endswith(" on this machine") for sender in senders)
        assert KEY[3:] not in str(doors.counts.notes)
        assert WRONG[6:] not in str(doors.counts.notes)


@pytest.mark.parametrize(
    ("path", "headers", "body", "cause", "detail"),
    [
        ("/v1/trace", {}, b"", "wrong_path", "/v1/trace"),
        ("/", {}, b"", "wrong_path", "/"),
        (f"/v1/{WRONG}", {}, b"", "wrong_path", "/v1/sl_qqq…"),
        ("/v1/traces", {"content-type": "text/plain"}, b"x", "wrong_content_type", "text/plain"),
        ("/v1/traces", {"content-encoding": "br"}, b"x", "wrong_encoding", "br"),
        ("/v1/traces", {}, gzip.compress(b"\n\0", mtime=0), "undeclared_gzip", "/v1/traces"),
        ("/v1/traces", {}, b'{"resourceSpans": []}', "json_as_protobuf", "/v1/traces"),
        ("/v1/traces", {"content-type": "application/json"}, b"\n\2\n\0", "protobuf_as_json", "/v1/traces"),
        ("/v1/traces", {}, b"\xff\xff\xff", "unreadable_body", "/v1/traces"),
        ("/v1/traces", {}, b"", "empty", ""),
    ],
)  # fmt: skip
async def test_a_request_that_cannot_be_an_export_is_noted_with_what_it_was(
    path: str, headers: dict[str, str], body: bytes, cause: str, detail: str
) -> None:
    async with open_doors() as doors:
        await doors.post(body, path, headers)
        assert causes(doors) == [(cause, "http", detail)]


async def test_the_answer_to_gzip_without_its_header_says_what_to_add() -> None:
    async with open_doors() as doors:
        answer = await doors.post(gzip.compress(request().SerializeToString(), mtime=0))
        assert answer.status_code == 400
        assert "content-encoding: gzip" in answer.text


async def test_of_a_refused_value_only_its_field_is_noted() -> None:
    async with open_doors() as doors:
        for value in ("CANARY-of-a-prompt", "sl_x"):
            answer = await doors.post(REPORT | {"inputTokens": value}, "/v1/telemetry")
            assert answer.status_code == 400
        await doors.post(json_request(startTimeUnixNano="CANARY-of-a-prompt"))
        assert "CANARY" not in str(doors.counts.notes)
        assert [cause for cause, *_ in causes(doors)] == ["unreadable_body"] * 2 + ["rejected_spans"]
        assert "inputTokens" in doors.counts.notes[0][2]


async def test_a_wrong_method_is_noted() -> None:
    async with open_doors() as doors:
        assert (await doors.client.get("/v1/traces")).status_code == 405
        assert causes(doors) == [("wrong_method", "http", "/v1/traces")]


async def test_a_grpc_method_that_does_not_exist_is_unimplemented_and_noted() -> None:
    async with open_doors() as doors:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await doors.channel.unary_unary("/opentelemetry.proto.collector.trace.v1.Traces/Export")(b"")
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert "TraceService/Export" in str(refused.value.details())
        assert causes(doors) == [
            ("unknown_rpc", "grpc", "/opentelemetry.proto.collector.trace.v1.Traces/Export")
        ]


async def test_grpc_to_the_http_port_is_told_which_port_to_use() -> None:
    async with open_doors() as doors:
        async with grpc.aio.insecure_channel(str(doors.http.address)) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary(EXPORT)(request().SerializeToString(), timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "send gRPC to port 4317" in str(refused.value.details())
        assert causes(doors) == [("grpc_on_http_port", "http", "")]
        assert not doors.sink.batches


async def test_tls_to_a_plain_http_port_is_noted() -> None:
    async with open_doors() as doors:
        exporter = HttpExporter(f"https://{doors.http.address}/v1/traces", timeout=1)
        await asyncio.to_thread(exporter.export, make_spans(1, seed=1))
        await asyncio.to_thread(exporter.shutdown)
        assert set(causes(doors)) == {("tls_on_plain_port", "http", "")}


async def test_what_is_not_http_is_noted() -> None:
    async with open_doors() as doors:
        reader, writer = await doors.connect(doors.http.address)
        writer.write(b"HELLO\r\n\r\n")
        await reader.read()
        assert causes(doors) == [("not_http", "http", "")]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> TlsConfig:
    folder: Path = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
         "-days", "2", "-subj", "/CN=us", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return TlsConfig(certificate=folder / "cert.pem", key=folder / "key.pem")


async def test_plain_http_to_a_tls_port_is_noted(certificate: TlsConfig) -> None:
    async with open_doors(tls=certificate) as doors:
        with pytest.raises(httpx.TransportError):
            await doors.post(request())  # the client of the doors speaks plain HTTP
        assert causes(doors) == [("plain_on_tls_port", "http", "HTTP_REQUEST")]


async def test_a_sender_without_the_certificate_that_is_asked_for_is_noted(certificate: TlsConfig) -> None:
    mutual = certificate.model_copy(update={"client_ca": certificate.certificate})
    trusting = ssl.create_default_context(cafile=str(certificate.certificate))
    async with open_doors(tls=mutual) as doors:
        async with httpx.AsyncClient(trust_env=False, verify=trusting) as stranger:
            with pytest.raises(httpx.TransportError):
                await stranger.post(f"https://{doors.http.address}/v1/traces", content=b"")
        assert causes(doors) == [("failed_handshake", "http", "PEER_DID_NOT_RETURN_A_CERTIFICATE")]


async def test_snake_case_json_is_answered_with_the_key_that_was_ignored() -> None:
    async with open_doors() as doors:
        body = json.dumps(json_request()).replace("resourceSpans", "resource_spans")
        answer = await doors.post(json.loads(body))
        assert answer.status_code == 200
        assert "lowerCamelCase" in answer.json()["partialSuccess"]["errorMessage"]
        assert causes(doors) == [("snake_case", "http", "resource_spans")]


async def test_logs_with_snake_case_keys_are_answered_with_the_key_as_well() -> None:
    async with open_doors() as doors:
        answer = await doors.post({"resource_logs": [{"scope_logs": [{"log_records": [{}]}]}]}, "/v1/logs")
        assert "lowerCamelCase" in answer.json()["partialSuccess"]["errorMessage"]
        assert causes(doors) == [("snake_case", "http", "resource_logs")]


@pytest.mark.parametrize("key", ["traceId", "startTimeUnixNano", "attributes"])
async def test_snake_case_inside_of_a_span_is_noted_when_nothing_could_be_counted(key: str) -> None:
    old, new = {
        "traceId": ('"traceId"', '"trace_id"'),
        "startTimeUnixNano": ('"scopeSpans"', '"scope_spans"'),
        "attributes": ('"stringValue"', '"string_value"'),
    }[key]
    async with open_doors() as doors:
        answer = await doors.post(json.loads(json.dumps(json_request()).replace(old, new)))
        assert answer.status_code == 200
        assert causes(doors) == [("snake_case", "http", new.strip('"'))]


async def test_snake_case_in_a_prompt_is_no_mistake() -> None:
    prompt = {"key": "input.value", "value": {"stringValue": '{"trace_id": "x"}'}}
    async with open_doors() as doors:
        await doors.post(json_request(name="GET /", attributes=[prompt]))
        assert [cause for cause, *_ in causes(doors)] == ["no_genai"]


async def test_ids_in_base64_are_noted() -> None:
    async with open_doors() as doors:
        await doors.post(json_request(traceId="AAAAAAAAAAAAAAAAAAAAAQ==", spanId="AAAAAAAAAAE="))
        assert causes(doors) == [("base64_ids", "http", "traceId")]


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_spans_without_a_model_call_are_noted_with_service_and_scopes(transport: str) -> None:
    async with open_doors() as doors:
        made = plain_span("opentelemetry.instrumentation.fastapi", "shop")
        await (doors.export(made) if transport == "grpc" else doors.post(made))
        [(cause, over, detail, _, service)] = doors.counts.notes
        assert (cause, over, detail, service) == (
            "no_genai", transport, "opentelemetry.instrumentation.fastapi", "shop",
        )  # fmt: skip


async def test_counted_calls_are_no_problem_and_clear_their_service() -> None:
    async with open_doors() as doors:
        made = request()
        made.resource_spans[0].resource.attributes.add(key="service.name").value.string_value = "shop"
        await doors.export(made)
        assert doors.counts.notes == []
        assert doors.counts.services == {"shop"}


async def test_a_call_sent_again_is_said_to_be_there_already() -> None:
    async with open_doors(sink=Sink(duplicates=1)) as doors:
        await doors.export(request())
        assert causes(doors) == [("repeated", "grpc", "")]


async def test_rejected_spans_are_noted_by_reason() -> None:
    rejection = Rejection(b"", b"", "chat", "too_late", "older than 30 days")
    async with open_doors(sink=Sink(also_refused=[rejection])) as doors:
        await doors.export(request())
        assert causes(doors) == [("rejected_spans", "grpc", "too_late")]


async def test_usage_that_no_rule_reads_is_noted_with_its_emitter() -> None:
    async with open_doors() as doors:
        made = plain_span("acme.llm", "shop")
        attribute = made.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="acme.prompt_tokens")
        attribute.value.int_value = 12
        await doors.export(made)
        [(cause, _, detail, _, service)] = doors.counts.notes
        assert (cause, detail, service) == ("unread", "acme.llm", "shop")


@pytest.mark.parametrize("signal", ["metrics", "logs"])
async def test_metrics_and_logs_are_noted_as_such(signal: str) -> None:
    service = {"metrics": "metrics.v1.MetricsService", "logs": "logs.v1.LogsService"}[signal]
    one_empty = b"\x0a\x04\x12\x02\x12\x00"  # a resource, a scope, one metric or record that says nothing
    async with open_doors() as doors:
        await doors.post(one_empty, f"/v1/{signal}")
        await doors.channel.unary_unary(f"/opentelemetry.proto.collector.{service}/Export")(one_empty)
        assert causes(doors) == [(signal, "http", ""), (signal, "grpc", "")]


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("127.0.0.1", "this machine"), ("::1", "this machine"), ("::ffff:127.0.0.1", "this machine"),
        ("10.1.2.3", "10.1.2.3"), ("fd00::7", "fd00::7"), ("8.8.8.8", "a public address"),
    ],
)  # fmt: skip
def test_a_sender_is_named_by_program_and_place_but_no_public_address(host: str, place: str) -> None:
    assert sender_of(host, "OTel\n/1.0 (linux; chttp2)") == f"OTel?/1.0 on {place}"


def test_a_sender_whose_place_is_unknown_is_named_by_its_program_alone() -> None:
    assert (sender_of("", "OTel/1.0"), sender_of("", "")) == ("OTel/1.0", "a client without a name")


@pytest.mark.parametrize(
    ("peer", "host"),
    [("ipv4:127.0.0.1:53412", "127.0.0.1"), ("ipv6:%5B::1%5D:53412", "::1"), ("unix:", "")],
)
def test_the_host_in_grpcs_name_of_a_peer(peer: str, host: str) -> None:
    assert host_of_peer(peer) == host


def test_no_key_survives_in_a_text() -> None:
    assert clean(f"/v1/{KEY}/x") == "/v1/sl_the…/x"
    assert len(clean("x" * 5000)) == 100


def test_every_remedy_can_be_filled_in() -> None:
    for cause in CAUSES.values():
        assert "{" not in cause.remedy.format(grpc="a:1", http="b:2")
