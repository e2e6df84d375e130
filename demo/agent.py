"""A developer with Claude Code: her days as the log events that it sends, through the stock log exporter.

The events are those of https://code.claude.com/docs/en/monitoring-usage (Claude Code 2.1.216); the clock and
the figures are the plan's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import AttributeValue

from demo import shop, truth
from demo.history import BATCH, HistoryLost
from demo.plan import Plan, PlannedCall, PlannedRequest
from demo.vocabularies import Attributes, http_status

_SCOPE = InstrumentationScope("com.anthropic.claude_code.events", "2.1.216")
_DEVELOPER = {
    "session.id": "8f1f3c1e-7f53-4a36-9d0e-5a1f0c7e2b11",
    "user.id": "3b1f" * 16,
    "user.email": "ada@shop.example",
    "terminal.type": "vscode",
}


def send(
    plan: Plan, exporter: LogRecordExporter, resource: Attributes, progress: Callable[[int], None]
) -> int:
    """Send the developer's part of the days through `exporter`; returns how many events.

    Raises:
        HistoryLost: the exporter gave up on a request.
    """
    told = list(records(plan, resource))
    for first in range(0, len(told), BATCH):
        batch = told[first : first + BATCH]
        if exporter.export(batch) is not LogRecordExportResult.SUCCESS:
            raise HistoryLost(f"{shop.AGENT.service}: the receiver did not take its log events")
        progress(len(batch))
    return len(told)


def event_count(plan: Plan) -> int:
    """How many events `send` will send: one per call."""
    return sum(len(request.calls) for request in plan.requests if request.feature is shop.AGENT)


def records(plan: Plan, resource: Attributes) -> Iterator[ReadableLogRecord]:
    """Her events, in the order of time."""
    here = Resource.create({"service.name": shop.AGENT.service, **resource})
    mine = [request for request in plan.requests if request.feature is shop.AGENT]
    for number, (request, call) in enumerate(((r, c) for r in mine for c in r.calls), start=1):
        event, attributes = _event(request, call)
        said: dict[str, AttributeValue] = {
            **_DEVELOPER,
            "event.name": event,
            "event.sequence": number,
            **attributes,
        }
        record = LogRecord(
            timestamp=call.end_ns, observed_timestamp=call.end_ns, severity_text="INFO",
            severity_number=SeverityNumber.INFO, body=f"claude_code.{event}", attributes=said,
        )  # fmt: skip
        yield ReadableLogRecord(record, here, _SCOPE)


def _event(request: PlannedRequest, call: PlannedCall) -> tuple[str, Attributes]:
    told: dict[str, AttributeValue] = {
        "app.version": request.prompt.version,
        "organization.id": request.tenant,
        "repository": request.feature.tag,
        "model": request.model.name,
        "duration_ms": (call.end_ns - call.start_ns) / 1e6,
        "request_id": "req_" + call.response_id.removeprefix("msg_"),
        "speed": "normal",
        "query_source": "repl_main_thread",
    }
    usage = call.usage
    if usage is None:
        return "api_error", {**told, "status_code": http_status(call), "error": "Try again.", "attempt": 1}
    cost = truth.cost_of(request.model, usage)
    assert cost is not None  # a model with a list price
    return "api_request", {
        **told,
        "input_tokens": usage.input - usage.cache_read - usage.cache_write,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cache_read,
        "cache_creation_tokens": usage.cache_write,
        "cost_usd": cost / 10**12,
    }
