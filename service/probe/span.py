"""The probe's request: one span of a model call, sent by the stock OTLP exporter."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final, NamedTuple

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from operations.probe.model import DATA_MODE, ENVIRONMENT, SERVICE
from processor.calls.call import ModelCall
from processor.pricing.charge import price_call
from processor.pricing.load import PriceBook

_PROVIDER, _MODEL = "openai", "gpt-4.1-mini"
_INPUT_TOKENS, _OUTPUT_TOKENS = 100, 10
_LATENCY_NS: Final = 1_000_000


class Certificates(NamedTuple):
    """PEM files for an endpoint that speaks TLS.

    Attributes:
        authority: what its certificate is verified with; None takes the system's authorities.
        chain, key: our own certificate and its private key, where it asks for one.
    """

    authority: Path | None = None
    chain: Path | None = None
    key: Path | None = None


class Target(NamedTuple):
    """Where the request is sent.

    Attributes:
        endpoint: `http://HOST:PORT` or `https://HOST:PORT` of OTLP/gRPC.
        key: an API key with the scope `ingest`; empty where none is needed.
        certificates: for a `https` endpoint.
    """

    endpoint: str
    key: str = ""
    certificates: Certificates = Certificates()


def make_span(start_ns: int) -> ReadableSpan:
    """A call of a model that the price list knows; no environment variable has a say in it."""
    sampled = TraceFlags(TraceFlags.SAMPLED)
    context = SpanContext(secrets.randbits(128), secrets.randbits(64), False, sampled)
    name = f"probe-{secrets.token_hex(12)}"
    return ReadableSpan(
        name=f"chat {_MODEL}",
        context=context,
        kind=SpanKind.CLIENT,
        resource=Resource({"service.name": SERVICE, "deployment.environment.name": ENVIRONMENT}),
        instrumentation_scope=InstrumentationScope(SERVICE),
        attributes={
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": _PROVIDER,
            "gen_ai.request.model": _MODEL, "gen_ai.response.model": _MODEL,
            "gen_ai.response.id": f"chatcmpl-{name}", "gen_ai.usage.input_tokens": _INPUT_TOKENS,
            "gen_ai.usage.output_tokens": _OUTPUT_TOKENS, "endpoint_tag": "spanledger.probe",
            "prompt_version": "probe", "external_request_id": name, "data_mode": DATA_MODE,
            "user.id": "probe", "tenant.id": "probe",
        },
        start_time=start_ns,
        end_time=start_ns + _LATENCY_NS,
    )  # fmt: skip


def expected_cost(start_ns: int, book: PriceBook) -> int | None:
    """What the price list says that the call costs, in whole pico-USD; None where it knows no price."""
    call = ModelCall(
        provider=_PROVIDER, model=_MODEL, time_ns=start_ns, input_tokens=_INPUT_TOKENS,
        output_tokens=_OUTPUT_TOKENS, usage_source="provider",
    )  # fmt: skip
    return price_call(call, book).cost


def send(span: ReadableSpan, target: Target, timeout_seconds: float) -> bool:
    """Export it, with the exporter's own retries; whether the receiver answered OK in time."""
    exporter = OTLPSpanExporter(
        endpoint=target.endpoint,
        insecure=target.endpoint.startswith("http://"),
        credentials=_credentials(target),
        headers=_headers(target),
        timeout=timeout_seconds,
        channel_options=(("grpc.enable_http_proxy", 0),),  # type: ignore[arg-type]  # gRPC wants a number
    )
    try:
        return exporter.export([span]) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()


def _headers(target: Target) -> dict[str, str]:
    """Never none: the exporter would take those of OTEL_EXPORTER_OTLP_HEADERS, secrets for somebody else."""
    return {"x-sent-by": SERVICE, **({"authorization": f"Bearer {target.key}"} if target.key else {})}


def _credentials(target: Target) -> grpc.ChannelCredentials | None:
    """Credentials for TLS; a file that cannot be read is an OSError."""
    if target.endpoint.startswith("http://"):
        return None
    authority, chain, key = (path.read_bytes() if path else None for path in target.certificates)
    return grpc.ssl_channel_credentials(authority, key, chain)
