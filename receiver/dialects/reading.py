"""One span read: is it one billed call, which call, and what tags it holds for the calls below it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from processor.call import UNKNOWN, Flag, ModelCall, Source
from processor.vocabulary import PROVIDERS, provider_name, provider_of_model
from receiver.attributes import as_microseconds, as_microseconds_of_ms
from receiver.dialects.litellm import RAW_REQUEST, provider_response_id
from receiver.dialects.otel_genai import OPERATIONS
from receiver.dialects.outcome import failed, set_outcome
from receiver.dialects.plan import Plan, Reading
from receiver.dialects.shapes import Emitter
from receiver.dialects.table import COUNTS, Origin, Values, Verdict
from receiver.dialects.usage import set_usage
from receiver.wire import Span

SERVER = 2
OUTGOING = frozenset({3, 4})
"""CLIENT and PRODUCER: what is below such a span runs elsewhere; baggage puts tags on all of them."""
_NO_SPAN = bytes(8)
NOT_GENAI = Verdict(False, "carries no model call")
RAW = Verdict(False, "LiteLLM's raw request: belongs to the call on its parent", wrapper=True)
_CALL_TYPES = {
    "chat": "chat",
    "completion": "text_completion",
    "embedding": "embeddings",
    "responses": "responses",
}
"""`llm.request.type` of old OpenLLMetry and LiteLLM."""


_NO_TAGS: Mapping[str, tuple[str, Source]] = MappingProxyType({})


class Seen:
    """A span that was read.

    Attributes:
        resource: the bytes of its Resource.
        call: the call that it is or, for a wrapper, would be; None otherwise.
        twin_of: the span that is counted instead of this one (`receiver.join`).
        twins: spans that proved to be this call.
        taken: tags that a twin knew better, with where they came from.
    """

    __slots__ = (
        "call",
        "end",
        "kind",
        "parent_span_id",
        "plan",
        "raw_name",
        "reading",
        "resource",
        "span_id",
        "start",
        "taken",
        "trace_id",
        "twin_of",
        "twins",
        "verdict",
    )

    def __init__(self, span: Span, resource: bytes, plan: Plan, reading: Reading) -> None:
        self.trace_id = span.trace_id
        self.span_id = span.span_id
        parent = span.parent_span_id
        self.parent_span_id = parent if len(parent) == 8 and parent != _NO_SPAN else b""
        self.raw_name = span.name
        self.kind = span.kind
        self.start = span.start
        self.end = span.end
        self.resource = resource
        self.plan = plan
        self.reading = reading
        self.verdict = NOT_GENAI
        self.call: ModelCall | None = None
        self.twin_of: Seen | None = None
        self.twins: tuple[Seen, ...] = ()
        self.taken: Mapping[str, tuple[str, Source]] = _NO_TAGS

    @property
    def name(self) -> str:
        return self.raw_name.decode("utf-8", "replace")

    @property
    def is_root(self) -> bool:
        return not self.parent_span_id


def read_span(span: Span, emitter: Emitter, received_ns: int, resource: bytes) -> Seen:
    """Read one parsed span by the tables."""
    attributes_of = span.attributes
    plan = emitter.plan(attributes_of)
    reading = plan.read(attributes_of)
    seen = Seen(span, resource, plan, reading)
    is_failed = failed(span.status, reading.values)
    verdict = seen.verdict = _judge(plan, reading.values, seen.raw_name, is_failed)
    if verdict.counts or verdict.wrapper:
        seen.call = _make_call(span, seen, is_failed, received_ns)
    return seen


def _judge(plan: Plan, values: Values, name: bytes, is_failed: bool) -> Verdict:
    """Step 1: the first rule that applies decides."""
    if name == RAW_REQUEST or ("raw_response_id" in values and "otel_operation" not in values):
        return RAW
    for mark, judge in plan.judges:
        verdict = judge(values, is_failed) if mark in values else None
        if verdict is not None:
            return verdict
    if values.get("request_type") in _CALL_TYPES:
        return COUNTS
    used = "input_tokens" in values or "output_tokens" in values
    return COUNTS if used and "request_model" in values else NOT_GENAI


def _make_call(span: Span, seen: Seen, is_failed: bool, received_ns: int) -> ModelCall:
    plan, reading = seen.plan, seen.reading
    values = reading.values
    get = values.get
    provider = get("provider")
    model = get("model")
    if provider is None:
        provider = _unnamed_provider(plan, reading, model)
    request_model = get("request_model")
    if model is not None and "/" in model:
        model = _model_name(model, provider)
    if request_model is not None and "/" in request_model:
        request_model = _model_name(request_model, provider)
    call = ModelCall(
        trace_id=seen.trace_id,
        span_id=seen.span_id,
        parent_span_id=seen.parent_span_id,
        time_ns=seen.start,
        received_ns=received_ns,
        provider=provider or UNKNOWN,
        model=model or UNKNOWN,
        request_model=request_model,
        operation=OPERATIONS.get(get("otel_operation", "")) or _operation(values),
        endpoint_tag=get("endpoint_tag"),
        prompt_version=get("prompt_version"),
        user_id=get("user_id"),
        tenant_id=get("tenant_id"),
        streaming=_streaming(values) if plan.has_streaming else None,
        service_tier=get("service_tier"),
        conversation_id=get("conversation_id"),
        response_id=get("response_id"),
        dialect=plan.dialect,
    )
    _set_times(call, seen, values)
    if plan.has_identifiers:
        _set_identifiers(call, values)
    set_outcome(call, span, values, is_failed)
    rank = set_usage(call, plan, reading)
    call.sources = plan.sources(reading, rank)
    return call


def _unnamed_provider(plan: Plan, reading: Reading, model: object) -> str | None:
    key = plan.key_of(reading, "raw_response_id")
    if key is not None and "raw_response_id" in reading.values:
        named = provider_name(key.attribute.split(".")[1])
        if named is not None:
            return named
    return provider_of_model(model if isinstance(model, str) else None)


def _model_name(model: object, provider: object) -> str:
    """The id without the gateway's `provider/` in front of it."""
    head, _, rest = str(model).partition("/")
    known = PROVIDERS.get(head.lower())
    return rest if rest and known is not None and known == provider else str(model)


def _operation(values: Values) -> str:
    """The operation of spans that do not name one of the conventions."""
    if values.get("oi_kind") == "EMBEDDING" or values.get("langfuse_type") == "embedding":
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


def _set_times(call: ModelCall, seen: Seen, values: Values) -> None:
    length = seen.end - seen.start
    if length > 0 and seen.kind != SERVER:
        call.latency_us = (length + 500) // 1000
    else:  # a SERVER span that LiteLLM wrote on has the request's length, not the model's
        call.flags |= Flag.LATENCY_UNKNOWN
    if seen.plan.has_timings:
        call.time_to_first_token_us = _first_token(values, seen.plan.origin)


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
    response_id = values.get("raw_response_id", call.response_id)
    if response_id is not None:
        call.response_id = provider_response_id(response_id, values.get("litellm_id"))
    if "external_request_id" in values:
        call.external_request_id, call.request_id_given = values["external_request_id"], True
    call.attempt = values.get("attempt")
    call.reported_cost_pico_usd = values.get("reported_cost")
