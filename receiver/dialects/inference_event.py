"""The conventions' own event of a model call, which carries what its span carries.

It is written inside of the span, so that it is known as the same call by its response id or by its place.

Source:
    https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/ (since 1.38)
"""

from __future__ import annotations

from receiver.dialects.otel_genai import operation_name
from receiver.dialects.table import COUNTS, Dialect, Key, LogEvent, Values, Verdict

NAME = "gen_ai.client.inference.operation.details"


def judge(values: Values, failed: bool) -> Verdict | None:
    if values["inference_event"] != NAME:
        return None
    if operation_name(values.get("otel_operation", "chat")) is None:
        return Verdict(False, f"operation {values['otel_operation']!s} is not a model call")
    ended = failed or not {"input_tokens", "output_tokens", "response_id"}.isdisjoint(values)
    return COUNTS if ended else Verdict(False, "event of a request without its answer")


DIALECT = Dialect(
    name="inference_event",
    mark="inference_event",
    judge=judge,
    events=(LogEvent(NAME),),
    keys=(Key("inference_event", 10, "event.name"),),
)
