"""Recorded sessions of coding agents, and the stock exporters that send them.

A session is written by hand from the emitter's own source (`source` in its file): attribute names and types
are the emitter's, ids and texts invented. `calls` says what is right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

FOLDER = Path(__file__).parents[1] / "fixtures" / "coding_agents"
CANARY = "CANARY-the-secret-of-the-prompt"
_MS = 1_000_000


@dataclass(frozen=True)
class Session:
    """One agent's session.

    Attributes:
        start_ns: when it begins; what the file says is milliseconds after that.
    """

    name: str
    told: Mapping[str, Any]
    start_ns: int

    @property
    def calls(self) -> Sequence[Mapping[str, Any]]:
        """The model calls of the session, in order of their start."""
        found: Sequence[Mapping[str, Any]] = self.told["calls"]
        return found

    def records(self) -> list[ReadableLogRecord]:
        """Its log events as the SDK hands them to an exporter."""
        scope = InstrumentationScope(*self.told["logScope"])
        return [
            ReadableLogRecord(self._record(told), Resource(self.told["resource"]), scope)
            for told in self.told["records"]
        ]

    def _record(self, told: Mapping[str, Any]) -> LogRecord:
        at = self.start_ns + told["atMs"] * _MS
        return LogRecord(
            timestamp=None if told.get("observedOnly") else at,
            observed_timestamp=at,
            severity_text="INFO",
            severity_number=SeverityNumber.INFO,
            body=told.get("body"),
            attributes=told["attributes"],
        )

    def spans(self) -> list[ReadableSpan]:
        """Its spans, with traces on."""
        return [self._span(told) for told in self.told["spans"]]

    def _span(self, told: Mapping[str, Any]) -> ReadableSpan:
        return ReadableSpan(
            told["name"],
            self._context(told["id"]),
            self._context(told["parent"]) if told["parent"] else None,
            Resource(self.told["resource"]),
            told["attributes"],
            kind=SpanKind.INTERNAL,
            instrumentation_scope=InstrumentationScope(*self.told["spanScope"]),
            status=Status(StatusCode.ERROR if told.get("failed") else StatusCode.UNSET),
            start_time=self.start_ns + told["startMs"] * _MS,
            end_time=self.start_ns + told["endMs"] * _MS,
        )

    def _context(self, number: int) -> SpanContext:
        trace = int.from_bytes(f"{self.name:16.16}".encode())
        return SpanContext(trace ^ self.start_ns, number, False, TraceFlags(1))

    def log_request(self) -> ExportLogsServiceRequest:
        """All its events in one request."""
        return encode_logs(self.records())

    def trace_request(self) -> ExportTraceServiceRequest:
        """All its spans in one request."""
        request: ExportTraceServiceRequest = encode_spans(self.spans())
        return request


def session(name: str, start_ns: int) -> Session:
    """The session of an agent, begun at that time."""
    return Session(name, json.loads((FOLDER / f"{name}.json").read_text()), start_ns)


AGENTS = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
