"""Causes of requests that end in no counted call, each with what to change."""

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
        "Requests without an API key",
        f"Create a key with `spanledger keys create NAME`, then set {_HEADER}",
    ),
    "unreadable_key": Cause(
        "Requests with an unreadable key header",
        "Send exactly one header, `authorization: Bearer sl_…` or `x-api-key: sl_…`; "
        "%20 stands for the space in OTEL_EXPORTER_OTLP_HEADERS only",
    ),
    "unknown_key": Cause(
        "Requests with an unknown API key",
        f"`spanledger keys list` shows the keys of this ledger; create one and set {_HEADER}",
    ),
    "revoked_key": Cause(
        "Requests with a revoked API key",
        f"Create a new key with `spanledger keys create NAME`, then set {_HEADER}",
    ),
    "missing_scope": Cause(
        "Requests with a key that may not ingest",
        f"Create a key with the scope ingest, `spanledger keys create NAME`, then set {_HEADER}",
    ),
    "grpc_on_http_port": Cause(
        "gRPC connections to the HTTP port",
        "Send gRPC to {grpc}, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
    ),
    "http_on_grpc_port": Cause(
        "HTTP requests to the gRPC port",
        "Send HTTP to http://{http}, or set OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
    ),
    "tls_on_plain_port": Cause(
        "TLS connections to a port without TLS",
        "Use http:// in the endpoint (gRPC: insecure=True), or set receiver.tls in the configuration",
    ),
    "plain_on_tls_port": Cause(
        "Unencrypted connections to a TLS port",
        "Use https:// in the endpoint (gRPC: insecure=False, or no OTEL_EXPORTER_OTLP_INSECURE)",
    ),
    "failed_handshake": Cause(
        "Failed TLS handshakes",
        "Make the sender trust the certificate of receiver.tls, and present its own where client_ca is set",
    ),
    "not_http": Cause(
        "Connections to the HTTP port that are not HTTP",
        "Send OTLP/HTTP to http://{http}/v1/traces, or gRPC to {grpc}",
    ),
    "wrong_path": Cause(
        "Requests to an unknown path",
        "Set OTEL_EXPORTER_OTLP_ENDPOINT=http://{http} without a path, or "
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://{http}/v1/traces with it",
    ),
    "wrong_method": Cause(
        "Requests with the wrong HTTP method",
        "Send POST to http://{http}/v1/traces",
    ),
    "unknown_rpc": Cause(
        "Calls to an unknown gRPC method",
        "Export traces with OTLP/gRPC: opentelemetry.proto.collector.trace.v1.TraceService/Export",
    ),
    "wrong_content_type": Cause(
        "Requests with the wrong content type",
        "Set content-type to application/x-protobuf or application/json (/v1/telemetry: application/json)",
    ),
    "wrong_encoding": Cause(
        "Requests with an unsupported compression",
        "Set OTEL_EXPORTER_OTLP_COMPRESSION=gzip or none",
    ),
    "undeclared_gzip": Cause(
        "Gzip bodies without a content-encoding header",
        "Add the header `content-encoding: gzip`, or send the body uncompressed",
    ),
    "json_as_protobuf": Cause(
        "JSON bodies declared as protobuf",
        "Set content-type: application/json, or send protobuf (OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)",
    ),
    "protobuf_as_json": Cause(
        "Protobuf bodies declared as JSON",
        "Set content-type: application/x-protobuf",
    ),
    "snake_case": Cause(
        "OTLP/JSON with snake_case keys, which are ignored",
        "Write the keys in lowerCamelCase as OTLP/JSON requires: resourceSpans, traceId, startTimeUnixNano; "
        "in Python, MessageToDict without preserving_proto_field_name",
    ),
    "base64_ids": Cause(
        "OTLP/JSON with ids in base64",
        "Write traceId and spanId in hex (32 and 16 digits) as OTLP/JSON requires",
    ),
    "unreadable_body": Cause(
        "Requests with an unreadable body",
        "Send an OTLP ExportTraceServiceRequest; `spanledger inspect FILE` reads a saved body",
    ),
    "too_large": Cause(
        "Requests above the size limit",
        "Send smaller batches (OTEL_BSP_MAX_EXPORT_BATCH_SIZE=512), or raise receiver.max_message_bytes",
    ),
    "metrics": Cause(
        "OTLP metrics, which are not counted",
        "Calls are read from spans and from the log events of coding agents: set OTEL_TRACES_EXPORTER=otlp "
        "or OTEL_LOGS_EXPORTER=otlp; OTEL_METRICS_EXPORTER=none saves traffic",
        is_refused=False,
    ),
    "logs": Cause(
        "Logs without a model call",
        "Calls are read from the log events listed in docs/coding-agents.md; for anything else send spans: "
        "OTEL_TRACES_EXPORTER=otlp; OTEL_LOGS_EXPORTER=none saves traffic",
        is_refused=False,
    ),
    "no_genai": Cause(
        "Spans without a model call",
        "Add an instrumentation of the model SDK (docs/instrumenting.md); "
        "`spanledger inspect FILE` says how a saved request is read",
        is_refused=False,
    ),
    "rejected_spans": Cause(
        "Rejected spans",
        "The view genai.quarantine names each span with its reason; so does the answer's partialSuccess",
    ),
    "repeated": Cause(
        "Calls already in the ledger",
        "Send a new call: the same span or report again changes nothing",
        is_refused=False,
    ),
    "unread": Cause(
        "Spans with usage that no rule reads",
        "`spanledger unread` prints what to report, or how to map it in the configuration",
        is_refused=False,
    ),
    "empty": Cause(
        "Requests without a span or log record",
        "Check the exporter: OTLP/JSON has its spans under resourceSpans[].scopeSpans[].spans[]",
        is_refused=False,
    ),
    "unknown_data_mode": Cause(
        "Calls with an unknown data mode, counted as real",
        "Set the tag data_mode to real, test or demo; until then their cost is uncertain and totals say "
        '"at least"',
        is_refused=False,
    ),
    "other_selection": Cause(
        "Calls outside prod and real, the default selection of pages and dashboards",
        "Choose that environment and data mode on the page, or change the resource attribute "
        "deployment.environment.name or the tag data_mode",
        is_refused=False,
    ),
}
"""Stable word → what it means. A new cause needs a line in docs/instrumenting.md, held by a test."""
