"""The reasons why requests of senders end in no counted call, each with what to change."""

from __future__ import annotations

from typing import Final, NamedTuple


class Cause(NamedTuple):
    """One kind of problem.

    Attributes:
        title: what the sender does, as a plural noun phrase.
        remedy: what to change at the sender; `{grpc}` and `{http}` stand for our addresses.
        is_refused: the request was answered with an error. What was only not counted may be as intended.
    """

    title: str
    remedy: str
    is_refused: bool = True


_HEADER: Final = (
    'OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20sl_…" (in code: `authorization: Bearer sl_…`)'
)

CAUSES: Final[dict[str, Cause]] = {
    "no_key": Cause(
        "requests without an API key",
        f"create a key with `spanledger keys create NAME`, then set {_HEADER}",
    ),
    "unreadable_key": Cause(
        "requests whose key header cannot be read",
        "send exactly one header, `authorization: Bearer sl_…` or `x-api-key: sl_…`; "
        "%20 stands for the space in OTEL_EXPORTER_OTLP_HEADERS only",
    ),
    "unknown_key": Cause(
        "requests with an unknown API key",
        f"`spanledger keys list` shows the keys of this ledger; create one and set {_HEADER}",
    ),
    "revoked_key": Cause(
        "requests with a revoked API key",
        f"create a new key with `spanledger keys create NAME`, then set {_HEADER}",
    ),
    "missing_scope": Cause(
        "requests with a key that may not ingest",
        f"create a key with the scope ingest, `spanledger keys create NAME`, then set {_HEADER}",
    ),
    "grpc_on_http_port": Cause(
        "gRPC connections to the HTTP port",
        "send gRPC to {grpc}, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
    ),
    "http_on_grpc_port": Cause(
        "HTTP requests to the gRPC port",
        "send HTTP to http://{http}, or set OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
    ),
    "tls_on_plain_port": Cause(
        "TLS connections to a port without TLS",
        "use http:// in the endpoint (gRPC: insecure=True), or set receiver.tls in the configuration",
    ),
    "plain_on_tls_port": Cause(
        "unencrypted connections to a TLS port",
        "use https:// in the endpoint (gRPC: insecure=False, or no OTEL_EXPORTER_OTLP_INSECURE)",
    ),
    "failed_handshake": Cause(
        "failed TLS handshakes",
        "let the sender trust the certificate of receiver.tls, and show its own where client_ca is set",
    ),
    "not_http": Cause(
        "connections to the HTTP port that are not HTTP",
        "send OTLP/HTTP to http://{http}/v1/traces, or gRPC to {grpc}",
    ),
    "wrong_path": Cause(
        "requests to a path that does not exist",
        "set OTEL_EXPORTER_OTLP_ENDPOINT=http://{http} without a path, or "
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://{http}/v1/traces with it",
    ),
    "wrong_method": Cause(
        "requests with a wrong HTTP method",
        "send POST to http://{http}/v1/traces",
    ),
    "unknown_rpc": Cause(
        "calls of a gRPC method that does not exist",
        "export traces with OTLP/gRPC: opentelemetry.proto.collector.trace.v1.TraceService/Export",
    ),
    "wrong_content_type": Cause(
        "requests with a wrong content type",
        "set content-type to application/x-protobuf or application/json (/v1/telemetry: application/json)",
    ),
    "wrong_encoding": Cause(
        "requests with an unsupported compression",
        "set OTEL_EXPORTER_OTLP_COMPRESSION=gzip or none",
    ),
    "undeclared_gzip": Cause(
        "gzip bodies without the header that says so",
        "add the header `content-encoding: gzip`, or send the body uncompressed",
    ),
    "json_as_protobuf": Cause(
        "JSON bodies declared as protobuf",
        "set content-type: application/json, or send protobuf (OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)",
    ),
    "protobuf_as_json": Cause(
        "protobuf bodies declared as JSON",
        "set content-type: application/x-protobuf",
    ),
    "snake_case": Cause(
        "OTLP/JSON with snake_case keys, which are ignored",
        "write the keys in lowerCamelCase as OTLP/JSON requires: resourceSpans, traceId, startTimeUnixNano; "
        "in Python, MessageToDict without preserving_proto_field_name",
    ),
    "base64_ids": Cause(
        "OTLP/JSON with ids in base64",
        "write traceId and spanId in hex (32 and 16 digits) as OTLP/JSON requires",
    ),
    "unreadable_body": Cause(
        "requests whose body cannot be read",
        "send an OTLP ExportTraceServiceRequest; `spanledger inspect FILE` reads a saved body",
    ),
    "too_large": Cause(
        "requests above the size limit",
        "send smaller batches (OTEL_BSP_MAX_EXPORT_BATCH_SIZE=512), or raise receiver.max_message_bytes",
    ),
    "metrics": Cause(
        "metrics, which are not counted",
        "calls are read from spans and from the log events of coding agents: set OTEL_TRACES_EXPORTER=otlp "
        "or OTEL_LOGS_EXPORTER=otlp; OTEL_METRICS_EXPORTER=none saves traffic",
        is_refused=False,
    ),
    "logs": Cause(
        "logs without a model call",
        "only the log events that docs/coding-agents.md lists tell of calls; of others calls are read from "
        "spans: set OTEL_TRACES_EXPORTER=otlp; OTEL_LOGS_EXPORTER=none saves traffic",
        is_refused=False,
    ),
    "no_genai": Cause(
        "spans without a model call",
        "add an instrumentation of the model SDK (docs/instrumenting.md); "
        "`spanledger inspect FILE` says how a saved request is read",
        is_refused=False,
    ),
    "rejected_spans": Cause(
        "spans that were rejected",
        "the view genai.quarantine names each span with its reason; so does the answer's partialSuccess",
    ),
    "repeated": Cause(
        "calls that are in the ledger already",
        "send a new call: the same span or report again changes nothing",
        is_refused=False,
    ),
    "unread": Cause(
        "spans with usage that no rule reads",
        "`spanledger unread` prints what to report, or how to map it in the configuration",
        is_refused=False,
    ),
    "empty": Cause(
        "trace requests without a span",
        "check the exporter: OTLP/JSON has its spans under resourceSpans[].scopeSpans[].spans[]",
        is_refused=False,
    ),
    "other_selection": Cause(
        "calls outside of prod and real, which pages and dashboards show by default",
        "choose that environment and data mode on the page, or change the resource attribute "
        "deployment.environment.name or the tag data_mode",
        is_refused=False,
    ),
}
"""Stable word → what it means. A new cause needs a line in docs/instrumenting.md, held by a test."""
