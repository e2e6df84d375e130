"""One span read: is it one billed call, which call, and what tags it holds for the calls below it."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from processor.calls.admission import LONGEST_CALL_NS, YEAR_2015_NS
from processor.calls.call import UNKNOWN, Flag, ModelCall
from processor.calls.platforms import seller
from processor.calls.regions import is_priced_apart
from processor.calls.service_tiers import standard_tier
from processor.calls.vocabulary import PROVIDERS, provider_name, provider_of_model
from receiver.dialects.litellm import RAW_REQUEST, provider_response_id
from receiver.dialects.otel_genai import operation_name
from receiver.dialects.table import COUNTS, Origin, Values, Verdict
from receiver.otlp.attributes import as_microseconds, as_microseconds_of_ms
from receiver.otlp.outcome import OK, failed, set_failure
from receiver.otlp.read_plan import FieldValues, ReadPlan
from receiver.otlp.shapes import Emitter
from receiver.otlp.unread import may_be_unread, unread_in_events, unread_keys
from receiver.otlp.usage import set_usage
from receiver.otlp.wire import Span

SERVER = 2
OUTGOING = frozenset({3, 4})
"""CLIENT and PRODUCER: what is below such a span runs elsewhere; baggage puts tags on all of them."""
_NO_SPAN = bytes(8)
NOT_GENAI = Verdict(False, "carries no model call", known=False)
RAW = Verdict(False, "LiteLLM's raw request: belongs to the call on its parent", wrapper=True)
_CALL_TYPES = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "responses": "responses",
    "rerank": "rerank",
    "acompletion": "chat",
    "aembedding": "embeddings",
    "aresponses": "responses",
    "arerank": "rerank",
    "moderation": "moderation",
    "amoderation": "moderation",
    "image_generation": "image",
    "aimage_generation": "image",
    "speech": "text_to_speech",
    "aspeech": "text_to_speech",
    "transcription": "speech_to_text",
    "atranscription": "speech_to_text",
}
"""`llm.request.type` of old OpenLLMetry and LiteLLM; LiteLLM's has an `a` before asynchronous calls
(https://github.com/BerriAI/litellm, `litellm/types/utils.py`, `CallTypes`)."""


_SPOKEN_BY_MANY = frozenset({"openai", "anthropic"})
"""Providers whose SDKs talk to others as well, under their name: who answers on the host sends the bill.

Source: https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/ on `gen_ai.provider.name`: it
may be `openai` for every client of OpenAI's SDK; `server.address` says more.
"""
_FINE = (b"", OK)
_MAX_SKETCHES = 256
_LATENCY_UNKNOWN = int(Flag.LATENCY_UNKNOWN)
_CLOCK_MOVED = int(Flag.CLOCK_MOVED)
_REGION_PRICED = int(Flag.REGION_PRICED)
_LONGEST_START_NS = 31 * LONGEST_CALL_NS
"""A start so long before its end is no start (of a monotonic clock, or of a clock that was set later)."""
_head = attrgetter("trace_id", "span_id", "parent_span_id", "name", "kind", "start", "end")


class ReadSpan:
    """A span that was read.

    Attributes:
        resource: the bytes of its Resource.
        call: the call that it is or, for a wrapper, would be; None otherwise.
        counted: the call that is counted, where other spans had a part in it; `call` is what this span says.
        group: all spans of this call, the counted one first; empty where it is alone (dedupe.py).
        details: detail spans below it that belong to this call.
        part: what the span is in a call told by several (`processor.calls.call.UncountedSpan.part`).
        unread: keys that speak of a model call on a span which no rule knows.
    """

    __slots__ = (
        "call",
        "counted",
        "details",
        "end",
        "group",
        "kind",
        "parent_span_id",
        "part",
        "plan",
        "raw_name",
        "reading",
        "resource",
        "span_id",
        "start",
        "trace_id",
        "unread",
        "verdict",
    )

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    raw_name: bytes
    kind: int
    start: int
    end: int

    def __init__(self, span: Span, resource: bytes, plan: ReadPlan, reading: FieldValues) -> None:
        self.trace_id, self.span_id, parent, self.raw_name, self.kind, self.start, self.end = _head(span)
        self.parent_span_id = parent if len(parent) == 8 and parent != _NO_SPAN else b""
        self.resource = resource
        self.plan = plan
        self.reading = reading
        self.verdict = NOT_GENAI
        self.call: ModelCall | None = None
        self.counted: ModelCall | None = None
        self.group: Sequence[ReadSpan] = ()
        self.details: Sequence[ReadSpan] = ()
        self.part = ""
        self.unread: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.raw_name.decode("utf-8", "replace")

    @property
    def is_root(self) -> bool:
        return not self.parent_span_id


class Classification(NamedTuple):
    """What all spans of a plan with the same words in the `DECISIVE` fields have in common."""

    verdict: Verdict
    provider: str
    model: str
    request_model: str | None
    operation: str
    streaming: bool | None


def read_span(raw: bytes, emitter: Emitter, received_ns: int, resource: bytes) -> ReadSpan:
    """Parse one span and read it by the tables. Raises `DecodeError`."""
    span, plan, reading = emitter.read(raw)
    seen = judge_span(span, plan, reading, received_ns, resource)
    if seen.call is None and not seen.verdict.known and may_be_unread(raw):
        scope = plan.origin.scope
        seen.unread = unread_keys(span.attributes, scope) or unread_in_events(span.events, scope)
    return seen


def judge_span(
    span: Span, plan: ReadPlan, reading: FieldValues, received_ns: int, resource: bytes
) -> ReadSpan:
    """Decide whether a span that was read is a call, and which."""
    seen = ReadSpan(span, resource, plan, reading)
    status = span.status
    is_failed = (plan.may_fail or status not in _FINE) and failed(status, reading.values)
    sketch = _sketch(plan, reading, seen.raw_name, is_failed)
    verdict = seen.verdict = sketch.verdict
    if verdict.counts or verdict.wrapper:
        seen.call = _make_call(span, seen, sketch, is_failed, received_ns)
    return seen


def _sketch(plan: ReadPlan, reading: FieldValues, name: bytes, is_failed: bool) -> Classification:
    """Made once for all readings of one form with the same words; what one of them lacks, all do."""
    if name == RAW_REQUEST or plan.by_span_name:
        return _make_sketch(plan, reading, name, is_failed)
    words: tuple[object, ...] = plan.words(reading.row), is_failed
    if not reading.is_whole:
        words += (reading.form,)
    sketch: Classification | None = plan.sketches.get(words)
    if sketch is None:
        if len(plan.sketches) >= _MAX_SKETCHES:
            plan.sketches.clear()
        sketch = plan.sketches[words] = _make_sketch(plan, reading, name, is_failed)
    return sketch


def _make_sketch(plan: ReadPlan, reading: FieldValues, name: bytes, is_failed: bool) -> Classification:
    values = reading.values
    if plan.by_span_name:
        values["span_name"] = name.decode("utf-8", "replace")
    provider, model, request_model = values.get("provider"), values.get("model"), values.get("request_model")
    if plan.biller:
        provider = plan.biller
    else:
        host = values.get("host") if provider is None or provider in _SPOKEN_BY_MANY else None
        provider = host or seller(provider, model) or _unnamed_provider(plan, reading, model)
    if model is not None and "/" in model:
        model = _model_name(model, provider)
    if request_model is not None and "/" in request_model:
        request_model = _model_name(request_model, provider)
    return Classification(
        _judge(plan, values, name, is_failed),
        provider or UNKNOWN,
        model or UNKNOWN,
        request_model,
        operation_name(values.get("otel_operation", "")) or _operation(plan, values),
        _streaming(values) if plan.has_streaming else None,
    )


def _judge(plan: ReadPlan, values: Values, name: bytes, is_failed: bool) -> Verdict:
    """Step 1: the first rule that applies decides."""
    if name == RAW_REQUEST or ("raw_response_id" in values and "otel_operation" not in values):
        return RAW
    for mark, judge in plan.judges:
        verdict = judge(values, is_failed) if not mark or mark in values else None
        if verdict is not None:
            return verdict
    if values.get("request_type") in _CALL_TYPES:
        return COUNTS
    used = "input_tokens" in values or "output_tokens" in values
    return COUNTS if used and "model" in values else NOT_GENAI


def _make_call(
    span: Span, seen: ReadSpan, sketch: Classification, is_failed: bool, received_ns: int
) -> ModelCall:
    plan, reading = seen.plan, seen.reading
    call = ModelCall()  # and then field by field: with twenty keywords it takes 0.8 µs more
    call.trace_id = seen.trace_id
    call.span_id = seen.span_id
    call.parent_span_id = seen.parent_span_id
    call.time_ns = seen.start
    call.received_ns = received_ns
    verdict, call.provider, call.model, call.request_model, call.operation, call.streaming = sketch
    (
        call.endpoint_tag,
        call.prompt_version,
        call.user_id,
        call.tenant_id,
        call.service_tier,
        call.conversation_id,
        call.response_id,
        http_status,
        place,
    ) = plan.call_texts(reading.row)
    call.dialect = plan.dialect
    length = seen.end - seen.start
    is_its_own = plan.is_timed and (seen.kind != SERVER or plan.serves)
    if 0 < length <= LONGEST_CALL_NS and is_its_own and seen.start:
        call.latency_us = (length + 500) // 1000
    else:  # a SERVER span that LiteLLM wrote on has the request's length, not the model's
        call.flags = _LATENCY_UNKNOWN
        _mend_start(call, seen)
    if verdict.flags:
        call.flags |= verdict.flags
    if place and is_priced_apart(call.provider, call.model, place):
        call.flags |= _REGION_PRICED
    if plan.has_timings:
        call.time_to_first_token_us = _first_token(reading.values, plan.origin)
    if plan.has_identifiers:
        _set_identifiers(call, reading.values)
    if http_status is not None and seen.kind != SERVER and 100 <= http_status <= 599:
        call.http_status = http_status  # a SERVER span's own status code is not the model's
    if is_failed:
        set_failure(call, span, reading.values)
    call.sources = plan.sources(reading, set_usage(call, plan, reading, span.attributes))
    return call


def _mend_start(call: ModelCall, seen: ReadSpan) -> None:
    """A call without a recorded start is placed at its end; admission moves it where that is none either."""
    if seen.start >= YEAR_2015_NS and seen.end - seen.start <= _LONGEST_START_NS:
        return
    call.flags |= _CLOCK_MOVED
    if seen.end >= YEAR_2015_NS:
        call.time_ns = seen.start = seen.end  # and so it overlaps with nothing that came in between


def _unnamed_provider(plan: ReadPlan, reading: FieldValues, model: object) -> str | None:
    key = plan.key_of(reading, "raw_response_id")
    if key is not None and "raw_response_id" in reading.values:
        named = provider_name(key.attribute.split(".")[1])
        if named is not None:
            return named
    named = provider_of_model(model if isinstance(model, str) else None)
    scope = plan.origin.scope
    return provider_name(scope.partition(".")[2]) if named is None and scope.startswith("logfire.") else named


def _model_name(model: object, provider: object) -> str:
    """The id without the gateway's `provider/` in front of it."""
    head, _, rest = str(model).partition("/")
    known = PROVIDERS.get(head.lower())
    return rest if rest and known is not None and known == provider else str(model)


def _operation(plan: ReadPlan, values: Values) -> str:
    """The operation of spans that do not name one of the conventions."""
    for mark, calls in plan.call_kinds:
        operation = calls.get(values.get(mark, ""))
        if operation is not None:
            return operation
    if "logfire_embeds" in values:
        return "embeddings"
    vercel = values.get("vercel_operation")
    if isinstance(vercel, str):
        return "embeddings" if "embed" in vercel.lower() else "chat"
    return _CALL_TYPES.get(values.get("request_type", ""), "chat")


def _streaming(values: Values) -> bool | None:
    sent = values.get("streaming")
    if sent is not None:
        return bool(sent)
    vercel = values.get("vercel_operation")
    if isinstance(vercel, str) and vercel.endswith((".doStream", ".doGenerate")):
        return vercel.endswith(".doStream")
    return None


def _first_token(values: Values, origin: Origin) -> int | None:
    if "first_chunk_seconds" in values:
        return as_microseconds(values["first_chunk_seconds"])
    if "first_chunk_ms" in values:
        return as_microseconds_of_ms(values["first_chunk_ms"])
    # OpenLIT writes seconds, Strands milliseconds under the same key.
    read = as_microseconds_of_ms if origin.scope.startswith("strands") else as_microseconds
    return read(values.get("first_token"))


def _set_identifiers(call: ModelCall, values: Values) -> None:
    """Ids and figures that most spans do not carry."""
    response_id = values.get("raw_response_id") or values.get("served_id") or call.response_id
    if response_id is not None:
        call.response_id = provider_response_id(response_id, values.get("litellm_id"))
    if "external_request_id" in values:
        call.external_request_id, call.request_id_given = values["external_request_id"], True
    call.attempt = values.get("attempt")
    call.reported_cost_pico_usd = values.get("reported_cost")
    if "speed" in values:
        call.service_tier = values["speed"]
    elif call.service_tier is None:
        call.service_tier = next((tier for tier in ("priority", "flex") if f"{tier}_tier" in values), None)
    if call.service_tier is None and "asked_tier" in values:
        call.service_tier = values["asked_tier"]
        call.flags |= Flag.TIER_ASSUMED if standard_tier(call.service_tier, call.provider) else 0
    if "geography" in values:
        call.flags |= _REGION_PRICED
    if values.get("paid_extras"):
        call.flags |= Flag.FEES_MISSING
