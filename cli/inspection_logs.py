"""What the records of one OTLP log payload would become: the calls that count, the rest, and why."""

from __future__ import annotations

from collections.abc import Iterator

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from cli.inspection import (
    Counted,
    Inspection,
    Logs,
    NotCounted,
    Traces,
    inspect_payload,
    received_after,
)
from processor.calls.admission import Admission, admit
from processor.calls.call import Batch
from processor.pricing.book import PriceBook
from processor.pricing.charge import price_call
from receiver.otlp.decode import DEFAULT, DecodeOptions
from receiver.otlp.logs import NAME, decode_logs

NO_CALL = "tells of no model call"


def inspect_any(
    payload: Traces | Logs, book: PriceBook, rules: Admission | None, reading: DecodeOptions = DEFAULT
) -> Inspection:
    """`inspect_payload` or `inspect_logs`, by what the payload holds."""
    if isinstance(payload.message, ExportLogsServiceRequest):
        return inspect_logs(payload, book, rules, reading)
    return inspect_payload(payload, book, rules, reading)


def inspect_logs(
    payload: Logs, book: PriceBook, rules: Admission | None, reading: DecodeOptions = DEFAULT
) -> Inspection:
    """Read, admit and price as the service would, record by record.

    Args:
        rules: the rules of the door; None leaves calls, identities above all, as they were sent.
    """
    found = Inspection([], [])
    for record, alone in _alone(payload.message):
        batch = decode_logs(
            alone, received_after([record.time_unix_nano or record.observed_time_unix_nano]), reading
        )
        _inspect(record, batch, book, rules, found)
    found.not_counted.extend(NotCounted("", r.name, f"{r.reason}: {r.detail}") for r in payload.refused)
    return found


def _inspect(
    record: LogRecord, batch: Batch, book: PriceBook, rules: Admission | None, found: Inspection
) -> None:
    for call in batch.calls:
        refusal = admit(call, rules) if rules is not None else None
        if refusal is None:
            found.counted.append(Counted(call, price_call(call, book)))
            return
        batch.rejections.append(refusal)
    reasons = [f"{r.reason}: {r.detail}" for r in batch.rejections] + [s.reason for s in batch.sightings]
    unread = next((s.unread.keys for s in batch.sightings if s.unread is not None), ())
    found.not_counted.append(NotCounted("", _name(record), reasons[0] if reasons else NO_CALL, unread))


def _alone(request: ExportLogsServiceRequest) -> Iterator[tuple[LogRecord, bytes]]:
    """Each record, and the request that holds it alone."""
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                one = ExportLogsServiceRequest()
                group = one.resource_logs.add(resource=resource.resource)
                group.scope_logs.add(scope=scope.scope, log_records=[record])
                yield record, one.SerializeToString()


def _name(record: LogRecord) -> str:
    named = (pair.value.string_value for pair in record.attributes if pair.key == NAME)
    return record.event_name or next(named, "") or "log record"
