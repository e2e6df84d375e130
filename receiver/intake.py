"""A request between the wire and the pipeline: inflate, decode, consume, answer; for both transports."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final, NamedTuple, TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from processor.calls.call import Batch, Consume, Outcome, Rejection
from processor.calls.errors import BadData, TooLarge
from receiver.budget import Budget, Share
from receiver.config import ReceiverConfig
from receiver.diagnosis.problems import Finding, clean, findings_in, misread_json, told_to_sender
from receiver.observe import Observer, Silent
from receiver.otlp import json as otlp_json
from receiver.otlp.decode import decode, decode_options
from receiver.otlp.logs import decode_logs
from receiver.reports.fields import FIELDS
from receiver.reports.reports import NothingUsable, Refused, Reports, place, read_body, read_records
from receiver.telemetry_pb2 import ReportRequest, ReportResponse

T = TypeVar("T")
Decode = Callable[[bytes, int], Batch]
"""A serialised `ExportTraceServiceRequest` and the receiver's stamp → what the ledger counts of it."""
Inflate = Callable[[bytes, int], bytes]
"""Undo a body's compression: (body, limit) → content; raises TooLarge and BadData."""

_INLINE_BYTES: Final = 1 << 20
"""Content up to here (2 000 spans, some 35 ms) is decoded on the event loop; a larger one elsewhere."""
_SHOWN_REASONS: Final = 3


class Source(NamedTuple):
    """Where a request came from.

    Attributes:
        transport: grpc or http.
        name: the sender in words; asked only when there is something to say about it.
    """

    transport: str
    name: Callable[[], str]


def plain(body: bytes, limit: int) -> bytes:
    """The body of a request without compression."""
    if len(body) > limit:
        raise TooLarge("body", f"is larger than {limit} bytes")
    return body


def uncounted_metrics() -> ExportMetricsServiceResponse:
    """The answer to metrics: taken, for a sender must not repeat them, and not counted, with the reason.

    Source:
        https://opentelemetry.io/docs/specs/otlp/#partial-success (none rejected with a message is a warning)
    """
    response = ExportMetricsServiceResponse()
    response.partial_success.error_message = told_to_sender("metrics")
    return response


class Intake:
    """The receivers' shared part: one budget of bytes, one lane for large bodies, one consumer.

    Attributes:
        budget: bytes of all requests in flight on both transports.
    """

    def __init__(
        self,
        config: ReceiverConfig,
        consume: Consume,
        decode: Decode = decode,
        observer: Observer | None = None,
    ) -> None:
        self._limit = config.max_message_bytes
        self._consume = consume
        self._decode = decode
        self._decode_logs: Decode = partial(decode_logs, options=decode_options(config))
        self._observer = observer or Silent()
        self.budget = Budget(config.max_bytes_in_flight)
        self._open: dict[object, int] = {}
        # One thread: the loop goes on answering, and only one large body is inflated at a time.
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="large-bodies")

    def oldest_received_ns(self) -> int | None:
        """Receipt of the oldest request that has no answer yet; None without one."""
        return next(iter(self._open.values()), None)

    @contextmanager
    def _receiving(self) -> Iterator[int]:
        """A request from its receipt, whose stamp this yields, to its answer."""
        key, received_ns = object(), time.time_ns()
        self._open[key] = received_ns
        try:
            yield received_ns
        finally:
            del self._open[key]

    def close(self) -> None:
        """End the lane's thread."""
        self._lane.shutdown(wait=False, cancel_futures=True)

    async def traces(
        self, body: bytes, inflate: Inflate, share: Share, source: Source
    ) -> ExportTraceServiceResponse:
        """OTLP protobuf → the answer, after the commit. Raises `PipelineError`."""
        with self._receiving() as received_ns:
            batch = await self._read(body, inflate, lambda content: self._decode(content, received_ns))
            del body
            return await self._export(batch, share, source)

    async def json_traces(
        self, body: bytes, inflate: Inflate, share: Share, source: Source
    ) -> ExportTraceServiceResponse:
        """OTLP/JSON → the answer, after the commit. Raises `PipelineError`."""
        with self._receiving() as received_ns:

            def read(content: bytes) -> tuple[Batch, Finding | None]:
                batch = self._read_json(content, received_ns)
                return batch, None if batch.calls else misread_json(content)

            batch, mistake = await self._read(body, inflate, read)
            del body
            return await self._export(batch, share, source, mistake)

    async def logs(
        self, body: bytes, inflate: Inflate, share: Share, source: Source
    ) -> ExportLogsServiceResponse:
        """OTLP logs, protobuf → the answer, after the commit. Raises `PipelineError`."""
        with self._receiving() as received_ns:
            batch = await self._read(body, inflate, lambda content: self._decode_logs(content, received_ns))
            del body
            return await self._export_logs(batch, share, source)

    async def json_logs(
        self, body: bytes, inflate: Inflate, share: Share, source: Source
    ) -> ExportLogsServiceResponse:
        """OTLP/JSON logs → the answer, after the commit. Raises `PipelineError`."""
        with self._receiving() as received_ns:

            def read(content: bytes) -> tuple[Batch, Finding | None]:
                batch = _read_json_logs(content, received_ns, self._decode_logs)
                return batch, None if batch.calls else misread_json(content)

            batch, mistake = await self._read(body, inflate, read)
            del body
            return await self._export_logs(batch, share, source, mistake)

    async def json_reports(self, body: bytes, inflate: Inflate, share: Share) -> ReportResponse:
        """Direct reports as JSON → the answer, after the commit. Raises `PipelineError`."""
        with self._receiving() as received_ns:
            reports = await self._read(body, inflate, lambda content: read_body(content, received_ns))
            del body
            return await self._report(reports, share)

    async def reports(self, body: bytes, inflate: Inflate, share: Share) -> ReportResponse:
        """A serialised `ReportRequest` → the answer, after the commit. Raises `PipelineError`."""
        with self._receiving() as received_ns:
            reports = await self._read(body, inflate, lambda content: _read_message(content, received_ns))
            del body
            return await self._report(reports, share)

    async def _read(self, body: bytes, inflate: Inflate, read: Callable[[bytes], T]) -> T:
        try:
            content = inflate(body, min(_INLINE_BYTES, self._limit))
        except TooLarge:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._lane, lambda: read(inflate(body, self._limit)))
        return read(content)

    def _read_json(self, content: bytes, received_ns: int) -> Batch:
        """The batch of an OTLP/JSON request, with the spans that could not be read."""
        parsed = otlp_json.parse(content)
        batch = self._decode(parsed.message.SerializeToString(), received_ns)
        batch.rejections += parsed.refused
        batch.spans += len(parsed.refused)
        return batch

    async def _export(
        self, batch: Batch, share: Share, source: Source, mistake: Finding | None = None
    ) -> ExportTraceServiceResponse:
        """Args: mistake: why nothing of the request could be read, where its bytes show it."""
        share.resize(batch.size_bytes)
        outcome = await self._consume(batch)
        response = ExportTraceServiceResponse()
        if outcome.rejections:
            response.partial_success.rejected_spans = len(outcome.rejections)
            response.partial_success.error_message = _summary(outcome.rejections, batch.spans)
        elif mistake is not None:
            response.partial_success.error_message = told_to_sender(mistake.cause)
        self._note(batch, findings_in(batch, outcome) if mistake is None else (mistake,), source)
        return response

    async def _export_logs(
        self, batch: Batch, share: Share, source: Source, mistake: Finding | None = None
    ) -> ExportLogsServiceResponse:
        """Args: mistake: as for spans."""
        share.resize(batch.size_bytes)
        outcome = await self._consume(batch)
        response = ExportLogsServiceResponse()
        if outcome.rejections:
            response.partial_success.rejected_log_records = len(outcome.rejections)
            response.partial_success.error_message = _summary(outcome.rejections, batch.spans, "log records")
        elif mistake is not None:
            response.partial_success.error_message = told_to_sender(mistake.cause)
        findings = findings_in(batch, outcome, nothing="logs") if mistake is None else (mistake,)
        self._note(batch, findings, source)
        return response

    def _note(self, batch: Batch, findings: Iterable[Finding], source: Source) -> None:
        """Say that calls of a service were read, and why something was not counted."""
        self._note_service(batch)
        for found in findings:
            self._observer.note(
                found.cause, source.transport, detail=clean(found.detail), sender=source.name(),
                service=clean(found.service),
            )  # fmt: skip

    def _note_service(self, batch: Batch) -> None:
        if batch.calls:
            self._observer.counted((batch.calls[0].service_name or "",))

    async def _report(self, reports: Reports, share: Share) -> ReportResponse:
        share.resize(reports.batch.size_bytes)
        outcome = await self._consume(reports.batch)
        refused = sorted([*reports.refused, *_refused_later(reports, outcome)])
        if refused and not outcome.accepted and not outcome.duplicates:
            raise NothingUsable(refused)
        self._note_service(reports.batch)
        response = ReportResponse(
            accepted=outcome.accepted, duplicates=outcome.duplicates, warnings=reports.warnings
        )
        for record in refused:
            response.rejected.add(index=record.position, field=record.field, reason=record.reason)
        return response


def _read_json_logs(content: bytes, received_ns: int, decode: Decode) -> Batch:
    """The batch of an OTLP/JSON request of logs, with the records that could not be read."""
    parsed = otlp_json.parse_logs(content)
    batch = decode(parsed.message.SerializeToString(), received_ns)
    batch.rejections.extend(parsed.refused)
    batch.spans += len(parsed.refused)
    return batch


def _read_message(content: bytes, received_ns: int) -> Reports:
    try:
        request = ReportRequest.FromString(content)
    except DecodeError:
        raise BadData("body", "is not a ReportRequest") from None
    records = [
        {
            field.json_name: value.ToJsonString() if field.json_name == "time" else value
            for field, value in call.ListFields()
        }
        for call in request.calls
    ]
    return read_records(records, received_ns, indexed=True)


def _refused_later(reports: Reports, outcome: Outcome) -> list[Refused]:
    """Records that could be read but were refused at the door or by the ledger."""
    positions = {key: list(found) for key, found in reports.positions.items()}
    refused = []
    for rejection in outcome.rejections:
        if not positions.get(rejection.report_key):
            continue  # refused while reading: already known, with its position
        position = positions[rejection.report_key].pop(0)
        name, _, rest = rejection.detail.partition(": ")
        field, reason = (name, rest) if name in FIELDS else ("", rejection.detail)
        where = f"[{position}]" if reports.is_indexed else ""
        refused.append(Refused(position, field, reason, place(where, field)))
    return refused


def _summary(rejections: Sequence[Rejection], spans: int, noun: str = "spans") -> str:
    """`3 of 512 spans refused: bad_span_id (2), e.g. …; too_late (1), e.g. …`."""
    reasons = Counter(rejection.reason for rejection in rejections)
    examples = {rejection.reason: rejection.detail for rejection in reversed(rejections)}
    parts = [
        f"{reason} ({count}), e.g. {examples[reason]}"
        for reason, count in reasons.most_common(_SHOWN_REASONS)
    ]
    more = "; …" if len(reasons) > _SHOWN_REASONS else ""
    text = f"{len(rejections)} of {spans} {noun} refused: {'; '.join(parts)}{more}"
    return text[:1000].encode("utf-8", "replace").decode()
